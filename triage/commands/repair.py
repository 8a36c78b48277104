"""Spool and index: what `triage check` tells of them, and what `triage check --repair` mends."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress

from triage import log as logs
from triage.errors import TriageError
from triage.intake.agreement import DifferenceKind, differences, mend
from triage.settings import LogLevel
from triage.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from triage.intake.agreement import Difference
    from triage.settings import Settings

NAMED = 3  # so many of what only a person can put right are named in the finding

_WORDS = {
    DifferenceKind.ORPHAN: "files without a row",
    DifferenceKind.MISSING: "rows without their file",
    DifferenceKind.DAMAGED: "damaged files",
    DifferenceKind.RETURNED: "files that are there again",
    DifferenceKind.UNREADABLE: "files that cannot be read",
    DifferenceKind.FOREIGN: "things in the spool that are none of its files",
    DifferenceKind.LEFTOVER: "leftovers of broken receptions",
    DifferenceKind.REPORT_MISSING: "reports without their file",
    DifferenceKind.KNOWN_LOST: "images noted as lost, to be sent again",
    DifferenceKind.THUMBNAIL_MISSING: "missing thumbnails",
}


def compare(settings: Settings, *, thorough: bool, repaired: bool) -> str:
    """Say in a clause that spool and index agree.

    Args:
        settings: The site's settings.
        thorough: Read every file and compare its digest.
        repaired: They were mended just now: what still differs is for a person.

    Raises:
        TriageError: They do not agree; the message counts how, and says what to do.
    """
    found: Counter[DifferenceKind] = Counter()
    named: list[str] = []
    with Store.open(settings.state_folder) as store:
        files = store.count_recorded_files()
        for difference in _watched(store, thorough=thorough):
            found[difference.kind] += 1
            if difference.kind.disagrees and len(named) < NAMED:
                named.append(_printable(difference.path))
    if not any(kind.disagrees for kind in found):
        return "; ".join(["they agree", f"recorded files: {files}", *_counted(found)])
    remedy = "the lines above say what to do" if repaired else "run `triage check --repair`"
    raise TriageError("; ".join([*_counted(found), f"such as {', '.join(named)}", remedy]))


def repair(settings: Settings, console: Console, *, thorough: bool) -> str:
    """Make spool and index agree as far as that can be done, and print a line for each file.

    Args:
        settings: The site's settings.
        console: Where the lines go.
        thorough: Read every file and compare its digest.

    Returns:
        What was done, in a clause.

    Raises:
        TriageError: The spool or the index cannot be used as it is.
    """
    # What is printed says what became of each file; only errors of the program come between.
    logs.configure("repair", replace(settings.log, level=LogLevel.ERROR), sys.stderr)
    changed = left = 0
    with Store.open(settings.state_folder) as store:
        for difference in _watched(store, thorough=thorough):
            mending = mend(store, settings.eligibility, difference)
            path = _printable(difference.path)
            console.print(f"  {path}: {mending.line}", markup=False)
            changed += mending.changed
            left += not mending.changed
    return f"{changed} changed, {left} left as they are"


def _watched(store: Store, *, thorough: bool) -> Iterator[Difference]:
    """Yield the differences behind a bar of progress, where there is a terminal."""
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("spool and index", total=store.count_recorded_files())
        yield from differences(store, thorough=thorough, step=lambda: progress.advance(task))


def _counted(found: Counter[DifferenceKind]) -> list[str]:
    return [f"{_WORDS[kind]}: {found[kind]}" for kind in DifferenceKind if found[kind]]


def _printable(path: str) -> str:
    """Return a path as a terminal may show it: whoever put a file there chose its name."""
    return path if path.isprintable() else ascii(path)
