"""The picture of the reading list at the head of the README, taken anew.

    python tests/pictures/worklist.py [--out deploy/worklist.png] [--dark]

Runs `triage demo --exit` with the bundle that is shipped, opens the page as a reader who has
logged in, takes the third study in hand, and writes what Chromium shows on a laptop's display.
A demonstration's morning lasts a minute: its arrivals are spread over hours, in their order.
To be run whenever the page looks different, and whenever another bundle is shipped.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.web.pages import ARGUMENTS
from tests.web.site import RunningWeb
from triage.settings import load_settings
from triage.store import Store, utc_now
from triage.values import UserRole
from triage.web.access.tokens import new_token, token_hash

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from triage.settings import Settings

DISPLAY = {"width": 1366, "height": 768}
MORNING = timedelta(hours=3, minutes=10)
SINCE = timedelta(minutes=3)  # from the last arrival to the picture
KEPT = timedelta(hours=1)
IN_HAND = 3
COLOURS = 256  # a third of the size, and nothing that is seen
SHOWN = """() => [...document.querySelectorAll(".viewer img")].every((one) => one.complete)
  && [...document.querySelectorAll("tr.study img")].slice(0, 12).every((one) => one.complete)"""


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--out", type=Path, default=ROOT / "deploy" / "worklist.png")
    words.add_argument("--dark", action="store_true")
    chosen = words.parse_args()
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        sys.exit("Chromium is not installed; on Debian: apt-get install chromium")
    with tempfile.TemporaryDirectory(prefix="picture-") as name:
        folder = Path(name) / "demo"
        demo = [sys.executable, "-m", "triage", "demo", "--exit", "--folder", str(folder)]
        subprocess.run(demo, cwd=ROOT, check=True)
        settings = load_settings(folder / "triage.toml")
        last = _spread_arrivals(settings)
        behind = utc_now() - last - SINCE
        web = RunningWeb(settings, clock=lambda: utc_now() - behind).start()
        try:
            with sync_playwright() as driver:
                browser = driver.chromium.launch(executable_path=program, args=ARGUMENTS)
                scheme = "dark" if chosen.dark else "light"
                _take(browser, web.url, _log_in(settings), scheme, chosen.out)
                browser.close()
        finally:
            web.stop()
    _make_small(chosen.out)
    print(chosen.out, f"{chosen.out.stat().st_size / 1000:.0f} kB")
    return 0


def _spread_arrivals(settings: Settings):
    """Let the morning of the demonstration have lasted hours; return its last arrival."""
    with closing(sqlite3.connect(settings.state_folder / "triage.db")) as database, database:
        ends = "SELECT MIN(arrived_at), MAX(arrived_at) FROM work_items"
        first, last = database.execute(ends).fetchone()
        stretch = MORNING.total_seconds() / (last - first)
        spread = "UPDATE work_items SET arrived_at = ?1 - (?1 - arrived_at) * ?2"
        database.execute(spread, (last, stretch))
    with Store.open(settings.state_folder) as store:
        return max(entry.arrived_at for entry in store.worklist_entries())


def _log_in(settings: Settings) -> dict[str, str]:
    """Return the cookie of a reader who has just logged in."""
    token = new_token()
    with Store.open(settings.state_folder) as store:
        store.add_user("anna", (UserRole.READER,), "")
        store.open_session(token_hash(token), "anna", idle=KEPT, longest=KEPT)
    return {"name": "triage-session", "value": token}


def _take(browser: Browser, url: str, cookie: dict[str, str], scheme: str, out: Path) -> None:
    context = browser.new_context(viewport=DISPLAY, color_scheme=scheme, reduced_motion="reduce")
    context.add_cookies([{**cookie, "url": url}])
    page = context.new_page()
    page.goto(url)
    page.locator("tr.study").first.wait_for()
    for _ in range(IN_HAND):
        page.keyboard.press("j")
    line = page.locator("tr.study").nth(IN_HAND - 1)
    page.locator("#viewer .name bdi", has_text=line.locator("a.open").inner_text()).wait_for()
    page.wait_for_function(SHOWN)
    page.screenshot(path=out, animations="disabled")
    context.close()


def _make_small(path: Path) -> None:
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(COLOURS, kmeans=1, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
