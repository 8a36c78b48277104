"""The demonstration from beginning to end: start, send, wait, show, check."""

from __future__ import annotations

import contextlib
import signal
import tempfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from triage.commands.console import open_page
from triage.demo.checks import Run, all_checks
from triage.demo.morning import Item, read_plan, send, start_drawing
from triage.demo.stage import Daemon, demonstration_settings, running_daemon
from triage.errors import PermanentError, TriageError
from triage.loopback import LoopbackPacs
from triage.store import Store
from triage.values import DeliveryState, ReadingClass, StudyState
from triage.worklist.order import rank
from triage.worklist.terminal import render_worklist

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from triage.values import WorklistEntry

WORK_SECONDS = 300.0  # far more than a morning takes on two slow cores
POLL_SECONDS = 0.2
SAFETY = (
    "Not for diagnosis: every film here is a phantom, and the model bundle that comes along is"
    " trained on phantoms alone."
)


def demonstrate(*, folder: Path | None, web_port: int, seed: int, exit_at_end: bool) -> int:
    """Run the demonstration.

    Args:
        folder: Where everything goes; None makes a new folder.
        web_port: Port of the page; 0 takes a free one.
        seed: Another seed, another morning.
        exit_at_end: End by itself, instead of staying up until Ctrl-C.

    Returns:
        0 when everything was as it should be, else 1.
    """
    console = open_page()
    folder = _new_folder(folder)
    console.print(f"[bold]A morning of cervical spine films.[/] {SAFETY}")
    console.print(f"Everything is in {folder}", markup=False)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_interruptible())
        pacs = LoopbackPacs(folder / "pacs").start()
        stack.callback(pacs.stop)
        drawing = start_drawing(folder / "films", seed)
        stack.callback(drawing.kill)
        settings = demonstration_settings(folder, pacs.ae_title, pacs.port, web_port)
        with console.status("starting the daemon, drawing the films"):
            daemon = stack.enter_context(running_daemon(folder, settings))
            daemon.wait_until_ready()
            console.print(f"The worklist page, live: [bold]{daemon.page}[/]")
            items = read_plan(drawing, folder / "films")
        store = stack.enter_context(Store.open(settings.state_folder))
        failed = _play(console, Run(daemon, store, pacs, items, {}))
        _tell_where(console, daemon, pacs)
        if not exit_at_end:
            console.print("Ctrl-C ends it.")
            with contextlib.suppress(KeyboardInterrupt):
                threading.Event().wait()
    return 1 if failed else 0


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGTERM end the demonstration as Ctrl-C does: with everything stopped in order.

    Both are set: a shell that starts something in the background has it ignore Ctrl-C.
    """
    asked = (signal.SIGINT, signal.SIGTERM)
    before = {one: signal.signal(one, signal.default_int_handler) for one in asked}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _new_folder(folder: Path | None) -> Path:
    if folder is None:
        return Path(tempfile.mkdtemp(prefix="cspine-triage-demo-"))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise PermanentError(f"{folder} is not an empty folder; name another one for --folder")
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


def _play(console: Console, run: Run) -> int:
    """Send the morning, wait for what follows, show it; return how many checks failed."""
    prompt = [item for item in run.items if not item.late]
    late = [item for item in run.items if item.late]
    statuses: dict[str, int] = {}
    with _progress(console) as progress:
        _send(progress, "sending films", run, prompt, statuses)
        _wait(progress, "deciding and reporting", run, {item.study: 1 for item in prompt})
        _send(progress, "sending a late film", run, late, statuses)
        _wait(progress, "reporting again", run, {item.study: 2 for item in late})
    _show_lists(console, run)
    failed = 0
    console.print()
    for check in all_checks(replace(run, statuses=statuses)):
        mark = "[green]yes[/]" if check.holds else "[red]NO[/] "
        console.print(f"{mark} {check.claim} ({check.seen})")
        failed += not check.holds
    return failed


def _progress(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description:<22}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=console)


def _send(
    progress: Progress,
    title: str,
    run: Run,
    items: Sequence[Item],
    statuses: dict[str, int],
) -> None:
    task = progress.add_task(title, total=len(items))
    for number, (item, status) in enumerate(send(run.daemon.settings, items)):
        statuses[f"{number} {item.path.name}"] = status
        progress.advance(task)


def _wait(progress: Progress, title: str, run: Run, reports: dict[str, int]) -> None:
    """Wait until each study has so many reports in the PACS.

    Raises:
        TriageError: That took too long, or the daemon ended.
    """
    task = progress.add_task(title, total=len(reports))
    for done in _until_done(run, reports):
        progress.update(task, completed=done)


def _until_done(run: Run, reports: dict[str, int]) -> Iterator[int]:
    watcher = run.store.watcher()
    never = threading.Event()
    waited = 0.0
    while (done := _count_done(run, reports)) < len(reports):
        yield done
        if run.daemon.process.poll() is not None:
            raise TriageError(f"the daemon has ended; see {run.daemon.log}")
        waited += 0.0 if watcher.wait(POLL_SECONDS, never) else POLL_SECONDS
        if waited > WORK_SECONDS:
            left = len(reports) - done
            raise TriageError(f"{left} studies are without report; see {run.daemon.log}")
    yield done
    watcher.close()


def _count_done(run: Run, reports: dict[str, int]) -> int:
    stored: dict[str, int] = {}
    for one in run.pacs.received():
        stored[one.study_instance_uid] = stored.get(one.study_instance_uid, 0) + 1
    decided = {
        entry.study_instance_uid
        for entry in run.store.worklist_entries()
        if entry.study_state is StudyState.DECIDED
    }
    sending = sum(
        count
        for (_, state), count in run.store.counts().deliveries.items()
        if state is DeliveryState.SENDING
    )
    done = sum(study in decided and stored.get(study, 0) >= due for study, due in reports.items())
    # The PACS has an object a moment before the outbox row says so.
    return min(done, len(reports) - 1) if sending else done


def _show_lists(console: Console, run: Run) -> None:
    entries = run.store.worklist_entries()
    now = run.store.clock()
    cap_seconds = run.daemon.settings.worklist.waiting_cap_minutes * 60
    before = rank([_unassessed(entry) for entry in entries], now, cap_seconds)
    after = rank(entries, now, cap_seconds)
    for title, ranked in (
        ("before: first come, first served", before),
        ("after: the reading list, with the reasons", after),
    ):
        console.rule(title)
        console.print(render_worklist(ranked, width=console.width, colour=console.is_terminal))
    stood = {one.entry.study_instance_uid: one.position for one in before}
    gained = [stood[one.entry.study_instance_uid] - one.position for one in after]
    up, down = sum(gain > 0 for gain in gained), sum(gain < 0 for gain in gained)
    console.print(f"moved up: {up}, moved down: {down}")


def _unassessed(entry: WorklistEntry) -> WorklistEntry:
    """Return a line of the list as it would stand without any order or result."""
    return replace(entry, reading_class=ReadingClass.ROUTINE, reasons=(), outcome=None)


def _tell_where(console: Console, daemon: Daemon, pacs: LoopbackPacs) -> None:
    console.print()
    console.print(f"worklist page   {daemon.page}", markup=False)
    console.print(f"reports (SR)    {pacs.folder}", markup=False)
    console.print(f"configuration   {daemon.config}", markup=False)
    console.print(f"log             {daemon.log}", markup=False)
    console.print(f"try             triage --config {daemon.config} worklist", markup=False)
    console.print(f"                triage --config {daemon.config} status", markup=False)
    console.print(f"                triage --config {daemon.config} revert", markup=False)
    console.print(
        f"                triage --config {daemon.config} user add NAME --role reader",
        markup=False,
    )
