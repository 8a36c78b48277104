"""The reading list in a browser, measured: from a commit to the line on the screen.

    python tests/bench/page.py [--studies 1000] [--rounds 20]

Prints, for a list of so many open studies that are all loaded into Chromium: milliseconds from
the commit of a new urgent study until its line is painted; the size of what travels for it; the
browser's long tasks (50 ms and more, W3C Long Tasks) meanwhile, while scrolling, and while running
through the list by keyboard; and what the server takes for the first page and for a change.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from playwright.sync_api import expect, sync_playwright
from rich.console import Console
from rich.table import Table

from tests.web.pages import ARGUMENTS
from tests.web.site import Morning, RunningWeb
from triage.uids import work_item_uid

if TYPE_CHECKING:
    from playwright.sync_api import Page

# A function, of which nothing is returned: Playwright calls what an expression comes to.
_WATCH = """() => {
window.tasks = [];
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) window.tasks.push(one.duration);
}).observe({ type: "longtask", buffered: false });
window.painted = (id) => new Promise((resolve) => {
  const look = () => {
    if (document.getElementById(id)) requestAnimationFrame(() => setTimeout(resolve));
    else requestAnimationFrame(look);
  };
  look();
});
}"""


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--studies", type=int, default=1000)
    words.add_argument("--rounds", type=int, default=20)
    chosen = words.parse_args()
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        sys.exit("Chromium is not installed; on Debian: apt-get install chromium")
    with tempfile.TemporaryDirectory(prefix="bench-page-") as name, sync_playwright() as driver:
        morning = Morning(Path(name))
        for _ in range(chosen.studies):
            morning.receive()
            morning.later(0.05)
        web = RunningWeb(morning.settings(), clock=morning.clock).start()
        browser = driver.chromium.launch(executable_path=program, args=ARGUMENTS)
        try:
            page = browser.new_page(viewport={"width": 1366, "height": 768})
            _measure(page, morning, web, chosen.rounds)
        finally:
            browser.close()
            web.stop()
            morning.store.close()
    return 0


def _measure(page: Page, morning: Morning, web: RunningWeb, rounds: int) -> None:
    began = time.perf_counter()
    page.goto(web.url)
    page.locator("tr.study").first.wait_for()
    first = time.perf_counter() - began
    page.evaluate(_WATCH)
    while page.locator("#more-lines").is_visible():
        count = page.locator("tr.study").count()
        page.keyboard.press("End")
        expect(page.locator("tr.study")).not_to_have_count(count, timeout=60_000)
    loaded = page.locator("tr.study").count()
    loading = page.evaluate("tasks.splice(0)")
    page.keyboard.press("Home")
    sizes = []
    page.on("response", lambda answer: sizes.append(answer) if "/list" in answer.url else None)
    arrivals = [_arrival(page, morning) for _ in range(rounds)]
    arriving = page.evaluate("tasks.splice(0)")
    travelled = [len(answer.body()) for answer in sizes]
    for _ in range(40):
        page.mouse.wheel(0, 1500)
    for _ in range(100):
        page.keyboard.press("j")
    moving = page.evaluate("tasks.splice(0)")
    table = Table("what", "measured", box=None)
    table.add_row(f"first page of {loaded} studies, painted", f"{1000 * first:.0f} ms")
    table.add_row("commit to line on the screen, median", f"{statistics.median(arrivals):.0f} ms")
    table.add_row("  worst", f"{max(arrivals):.0f} ms")
    table.add_row("what travels for it, median", f"{statistics.median(travelled):.0f} bytes")
    table.add_row("long tasks while all lines were loaded", _tasks(loading))
    table.add_row(f"long tasks during {rounds} arrivals", _tasks(arriving))
    table.add_row("long tasks while scrolling and moving", _tasks(moving))
    Console().print(table)


def _arrival(page: Page, morning: Morning) -> float:
    """Return the milliseconds from a commit until its line is painted."""
    committed: list[float] = []
    study = f"1.2.840.{time.time_ns()}"
    waiting = page.evaluate_handle(f"({{done: painted('w-{work_item_uid(study)}')}})")

    def commit() -> None:
        morning.stat_order(study=study)
        committed.append(time.perf_counter())

    thread = threading.Thread(target=commit)
    thread.start()
    waiting.evaluate("(held) => held.done")
    seen = time.perf_counter()
    thread.join()
    return 1000 * (seen - committed[0])


def _tasks(durations: list[float]) -> str:
    if not durations:
        return "none"
    return f"{len(durations)}, the longest {max(durations):.0f} ms"


if __name__ == "__main__":
    sys.exit(main())
