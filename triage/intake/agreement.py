"""Spool and index held against each other, and brought to agree; safe while listeners run.

The files of the spool and the rows of the index are walked side by side in the order of their
paths: memory holds the names of one folder and one page of rows, however many there are.

Nothing that may be the only copy of an image is removed. A file without a row is recorded. A row
without its file says so, and its image counts as doubt. What is not understood stays where it is,
and is named.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from triage.errors import StoreError, TriageError
from triage.intake.adoption import (
    DAMAGED_SUFFIX,
    SPOOLED_NAME,
    Fault,
    adopt,
    fault_of,
    holding,
    hour_of,
    is_orphan,
    set_damaged_aside,
)
from triage.intake.spool import INCOMING, SPOOL
from triage.log import get_logger
from triage.store.agreement import AdoptionKind
from triage.values import ImageState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from triage.intake.adoption import Adopted
    from triage.settings import EligibilitySettings
    from triage.store import Store
    from triage.store.agreement import RecordedFile

log = get_logger("repair")

_UNFINISHED = "*.part"
_BEING_MADE_SECONDS = 60
_EARLIER_FOLDER = re.compile(r"[0-9a-f]{2}")  # the layout of earlier releases
_NOT_OURS = "lost+found/"  # where the spool is a disk of its own


class DifferenceKind(Enum):
    """How spool and index can differ."""

    ORPHAN = "orphan"  # a file that no row names and no process holds
    MISSING = "missing"  # a row whose file is not there
    DAMAGED = "damaged"  # a row whose file has another size, or other bytes
    RETURNED = "returned"  # a row says that its file is lost, while it is there and whole
    UNREADABLE = "unreadable"  # a file that the system does not let us read
    FOREIGN = "foreign"  # something in the spool that is none of its files
    LEFTOVER = "leftover"  # what a process that is no more had not received to the end
    REPORT_MISSING = "report-missing"  # a report whose file is not there
    KNOWN_LOST = "known-lost"  # a row says that its file is lost, and it is
    THUMBNAIL_MISSING = "thumbnail-missing"  # an image is listed without its picture

    @property
    def disagrees(self) -> bool:
        """Whether spool and index do not agree; the rest is only worth knowing."""
        return self not in (DifferenceKind.KNOWN_LOST, DifferenceKind.THUMBNAIL_MISSING)


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which spool and index differ.

    Attributes:
        path: The file, relative to the state folder.
        row: What the index has of it, if it has anything.
        detail: What the system says, where it does not let us read.
    """

    kind: DifferenceKind
    path: str
    row: RecordedFile | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Mending:
    """What was done about a difference.

    Attributes:
        line: What became of the file, for the operator; UIDs, but nothing of a patient.
        changed: Whether anything was changed.
    """

    difference: Difference
    line: str
    changed: bool = True


_LEFT_ALONE = {
    DifferenceKind.FOREIGN: "is none of the spool's files; move it out of the spool",
    DifferenceKind.REPORT_MISSING: "is missing; restore the folder of reports from a backup",
    DifferenceKind.KNOWN_LOST: "is lost, as the index says; send the image again",
    DifferenceKind.THUMBNAIL_MISSING: "is missing; the list shows the study without a picture",
}
_ADOPTED_AS = {
    AdoptionKind.NEW: "recorded",
    AdoptionKind.NEW_VERSION: "recorded as a new version",
    AdoptionKind.OLDER_VERSION: "recorded as a version that a later one has replaced",
    AdoptionKind.RESTORED: "put in the place of the lost file",
    AdoptionKind.DUPLICATE: "removed, its bytes are recorded already",
    AdoptionKind.OWN_REPORT: "removed, a report of ours that came back",
}


def _nothing() -> None:
    """Tell nobody."""


def differences(
    store: Store, *, thorough: bool = False, step: Callable[[], None] = _nothing
) -> Iterator[Difference]:
    """Yield how the spool and the index differ; nothing is changed.

    What listeners are about to record is no difference: they hold it.

    Args:
        store: The index; its state folder has the spool.
        thorough: Read every file and compare its digest with the recorded one.
        step: Called for every file, as progress.

    Raises:
        StoreError: The spool is as empty as a disk that is not mounted.
    """
    _refuse_empty_spool(store)
    for row, path in side_by_side(store.recorded_files(), spooled(store.state_folder)):
        step()
        if row is not None:
            yield from _of_row(store, row, thorough=thorough)
        elif path is not None:
            yield from _of_file(store, path)
    yield from _leftovers(store)
    for path in store.report_paths():
        if not (store.state_folder / path).exists():
            yield Difference(DifferenceKind.REPORT_MISSING, path)


def side_by_side(
    rows: Iterable[RecordedFile], paths: Iterable[str]
) -> Iterator[tuple[RecordedFile | None, str | None]]:
    """Pair two streams in the order of their paths, holding one of each and no more.

    Args:
        rows: Recorded files by path.
        paths: Paths of files, in the same order.

    Yields:
        A row and its path, or either one alone.
    """
    left, right = iter(rows), iter(paths)
    row, path = next(left, None), next(right, None)
    while row is not None or path is not None:
        if path is None or (row is not None and row.path < path):
            yield row, None
            row = next(left, None)
        elif row is None or path < row.path:
            yield None, path
            path = next(right, None)
        else:
            yield row, path
            row, path = next(left, None), next(right, None)


def spooled(state_folder: Path) -> Iterator[str]:
    """Yield the path of everything in the spool in order, relative to the state folder."""
    spool = state_folder / SPOOL
    for name in _in_order(spool):
        folder = name.removesuffix("/")
        if folder == name or not _is_spool_folder(folder):
            yield f"{SPOOL}/{name}"
            continue
        for inner in _in_order(spool / folder):
            yield f"{SPOOL}/{folder}/{inner}"


def mend(store: Store, eligibility: EligibilitySettings, difference: Difference) -> Mending:
    """Bring spool and index to agree about one difference, where that can be done.

    Args:
        store: The index.
        eligibility: The site's rules, for images that are adopted.
        difference: As `differences` yielded it; what it says is looked at again.

    Raises:
        TriageError: The index cannot be written now, or not at all.
    """
    try:
        return _mended(store, eligibility, difference)
    except TriageError:
        raise
    except OSError as error:
        return _left(difference, f"cannot be mended ({error.strerror})")
    except Exception as error:  # body of the mending loop: no file stops the others
        log.exception("file not mended", action="mending_failed", kind=difference.kind.value)
        return _left(difference, f"cannot be mended, the program failed ({type(error).__name__})")


def _mended(store: Store, eligibility: EligibilitySettings, difference: Difference) -> Mending:
    kind, row = difference.kind, difference.row
    if kind is DifferenceKind.ORPHAN:
        return _adopted(difference, adopt(store, eligibility, difference.path))
    if kind in (DifferenceKind.MISSING, DifferenceKind.DAMAGED) and row is not None:
        return _note_lost(store, difference, row)
    if kind is DifferenceKind.RETURNED and row is not None:
        return _take_back(store, difference, row)
    if kind is DifferenceKind.LEFTOVER:
        return _remove_leftover(store, difference)
    if kind is DifferenceKind.UNREADABLE:
        return _left(difference, f"cannot be read ({difference.detail})")
    return _left(difference, _LEFT_ALONE[kind])


def _in_order(folder: Path) -> list[str]:
    """Return the names in a folder as their paths are ordered; folders end in a slash."""
    try:
        with os.scandir(folder) as entries:
            names = [f"{one.name}/" if one.is_dir() else one.name for one in entries]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(
            f"the folder {folder} cannot be read: {error.strerror}; mend its owner or its disk"
        ) from error
    return sorted(name for name in names if name != _NOT_OURS and not name.endswith(DAMAGED_SUFFIX))


def _is_spool_folder(name: str) -> bool:
    return hour_of(name) is not None or _EARLIER_FOLDER.fullmatch(name) is not None


def _refuse_empty_spool(store: Store) -> None:
    """Refuse to take every image for lost because a disk is not mounted."""
    recorded = next(store.recorded_files(page_rows=1), None)
    if recorded is not None and not _in_order(store.state_folder / SPOOL):
        raise StoreError(
            f"{store.state_folder / SPOOL} is empty, though files in it are recorded; mount its"
            " disk or restore it from a backup. If it is lost for good, start the service and"
            " send it an image: then those before it are taken for lost"
        )


def _of_row(store: Store, row: RecordedFile, *, thorough: bool) -> Iterator[Difference]:
    """Yield what is wrong with a recorded file."""
    try:
        fault = fault_of(store, row, thorough=thorough or row.is_lost)
    except OSError as error:
        yield Difference(DifferenceKind.UNREADABLE, row.path, row, error.strerror or "")
        return
    if row.is_lost:
        if fault is None:
            yield Difference(DifferenceKind.RETURNED, row.path, row)
        elif not row.superseded:
            yield Difference(DifferenceKind.KNOWN_LOST, row.path, row)
    elif fault is not None and store.file_at(row.path) is not None:
        yield Difference(DifferenceKind(fault.value), row.path, row)
    if row.thumbnail and not (store.state_folder / row.thumbnail).exists():
        yield Difference(DifferenceKind.THUMBNAIL_MISSING, row.thumbnail, row)


def _of_file(store: Store, path: str) -> Iterator[Difference]:
    """Yield what is wrong with something in the spool that was not seen in the index."""
    if not SPOOLED_NAME.fullmatch(path.rpartition("/")[2]):
        yield Difference(DifferenceKind.FOREIGN, path)
        return
    try:
        if is_orphan(store, path):
            yield Difference(DifferenceKind.ORPHAN, path)
    except OSError as error:
        yield Difference(DifferenceKind.UNREADABLE, path, detail=error.strerror or "")


def _leftovers(store: Store) -> Iterator[Difference]:
    for path in sorted((store.state_folder / INCOMING).glob(_UNFINISHED)):
        with holding(path) as handle:
            left = handle is not None and not _is_being_made(store, handle)
        if left:
            yield Difference(DifferenceKind.LEFTOVER, f"{INCOMING}/{path.name}")


def _is_being_made(store: Store, handle: int) -> bool:
    """Whether a listener may have made a file this moment, and not locked it yet."""
    status = os.fstat(handle)
    age_seconds = store.clock().timestamp() - status.st_mtime
    return status.st_size == 0 and age_seconds < _BEING_MADE_SECONDS


def _adopted(difference: Difference, adopted: Adopted) -> Mending:
    if adopted.problem:
        return _left(difference, adopted.problem)
    if adopted.adoption is None or adopted.facts is None:
        return _solved(difference)
    facts = adopted.facts
    became = _ADOPTED_AS[adopted.adoption.kind]
    return Mending(
        difference, f"{became}: {_image(facts.sop_instance_uid, facts.study_instance_uid)}"
    )


def _note_lost(store: Store, difference: Difference, row: RecordedFile) -> Mending:
    """Let the row of a file say that it is gone; what is left of it is kept, out of the way."""
    fault = fault_of(store, row, thorough=difference.kind is DifferenceKind.DAMAGED)
    if fault is None or store.file_at(row.path) is None:
        return _solved(difference)
    if fault is Fault.DAMAGED:
        set_damaged_aside(store.state_folder / row.path)
    state = store.mark_file_lost(row.instance_id, row.path)
    if state is None:
        return _solved(difference)
    image = _image(row.sop_instance_uid, row.study_instance_uid)
    if row.superseded:
        return Mending(difference, f"{fault.value}; noted, a later version stands: {image}")
    done = "set aside" if state is ImageState.SET_ASIDE else f"noted, it stays {state.value}"
    return Mending(difference, f"{fault.value}; {done}, send the image again: {image}")


def _take_back(store: Store, difference: Difference, row: RecordedFile) -> Mending:
    """Take back that a file is lost."""
    if fault_of(store, row, thorough=True) is not None:
        return _solved(difference)
    state = store.file_returned(row.instance_id, row.path)
    if state is None:
        return _solved(difference)
    image = _image(row.sop_instance_uid, row.study_instance_uid)
    return Mending(difference, f"is there again, its image is {state.value}: {image}")


def _remove_leftover(store: Store, difference: Difference) -> Mending:
    path = store.state_folder / difference.path
    with holding(path) as handle:
        if handle is None or _is_being_made(store, handle):
            return _solved(difference)
        path.unlink()
    return Mending(difference, "removed, its sender was never told that we have it")


def _image(sop_instance_uid: str, study_instance_uid: str) -> str:
    of_study = f" of study {study_instance_uid}" if study_instance_uid else ""
    return f"instance {sop_instance_uid}{of_study}"


def _solved(difference: Difference) -> Mending:
    return Mending(difference, "agrees by now", changed=False)


def _left(difference: Difference, why: str) -> Mending:
    return Mending(difference, why, changed=False)
