"""Adoption: a file of the spool that no row names is recorded; it is never removed unrecorded.

Such a file is whole, because a listener moves only flushed files into the spool. It may have no
row because the listener was killed before it answered, because the store failed and the sender
was told so, or because the database was restored from a backup that is older than the spool.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING

from triage.errors import HeaderError, TriageError
from triage.intake.eligibility import judge
from triage.intake.header import read_header
from triage.intake.spool import SPOOL, sync_folder
from triage.log import get_logger
from triage.store import Arrival, StoredFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from triage.settings import EligibilitySettings
    from triage.store import Store
    from triage.store.agreement import Adoption, RecordedFile
    from triage.values import HeaderFacts

DAMAGED_SUFFIX = ".damaged"
SPOOLED_NAME = re.compile(r"[0-9A-Za-z_][\w.-]*\.dcm", re.ASCII)
_HOUR_FORMAT = "%Y%m%dT%H"
_HOUR_SECONDS = 3600

_log = get_logger("listener")


class Fault(Enum):
    """What can be wrong with a recorded file."""

    MISSING = "missing"  # it is not there
    DAMAGED = "damaged"  # it has another size, or other bytes


@dataclass(frozen=True, slots=True)
class Adopted:
    """What became of a file that no row named.

    Attributes:
        path: The file, relative to the state folder.
        facts: Its header, where it was read.
        adoption: What the store made of it; None when it was left alone.
        problem: Why it was left alone; empty when another process sees to it.
    """

    path: str
    facts: HeaderFacts | None = None
    adoption: Adoption | None = None
    problem: str = ""


@dataclass(slots=True)
class AdoptionCounts:
    """How many files without a row were found, and what became of them.

    Attributes:
        adopted: They have a row now.
        removed: Their bytes were recorded already, or they are reports of ours that came back.
        left: They stay without a row, and the log says why.
    """

    adopted: int = 0
    removed: int = 0
    left: int = 0


def _nothing() -> None:
    """Tell nobody."""


def adopt_orphans(
    store: Store,
    eligibility: EligibilitySettings,
    *,
    newest: int = 2,
    step: Callable[[], None] = _nothing,
) -> AdoptionCounts:
    """Record what earlier listeners moved into the spool and could not record any more.

    Looks only where a listener that was just killed can have written: at the newest folders.
    The whole spool is looked at by `triage.intake.agreement`.

    Args:
        store: The index; its state folder has the spool.
        eligibility: The site's rules.
        newest: How many folders of an hour to look at.
        step: Called after every file that has no row, as a sign of life.
    """
    counts = AdoptionCounts()
    folders = (store.state_folder / SPOOL).iterdir()
    hours = sorted(one.name for one in folders if hour_of(one.name) is not None and one.is_dir())
    for hour in hours[-newest:]:
        for path in _without_row(store, f"{SPOOL}/{hour}"):
            _count(counts, _adopt_or_leave(store, eligibility, path))
            step()
    return counts


def adopt(store: Store, eligibility: EligibilitySettings, path: str) -> Adopted:
    """Record a file of the spool that no row names; durable on return.

    Args:
        store: The index.
        eligibility: The site's rules.
        path: The file, relative to the state folder.

    Raises:
        OSError: The file cannot be read, or not be made durable.
        TriageError: The store does not take it now.
    """
    file_path = store.state_folder / path
    with holding(file_path) as handle:
        # Its listener holds a file until its row is durable: only now is it known to have none.
        if handle is None or store.file_at(path) is not None:
            return Adopted(path)
        try:
            facts = read_header(file_path)
        except HeaderError as error:
            return Adopted(path, problem=f"{error}; move it out of the spool")
        file = StoredFile(path, os.fstat(handle).st_size, _digest(handle))
        _make_durable(file_path, handle)
        _set_damaged_twins_aside(store, facts, file.sha256)
        judged = judge(facts, eligibility)
        arrival = Arrival(facts, file, judged.state, judged.reason)
        adoption = store.adopt_instance(arrival, lambda recorded: _is_older(store, path, recorded))
        if adoption is not None and not adoption.takes_file:
            file_path.unlink()
    return Adopted(path, facts, adoption)


def is_orphan(store: Store, path: str) -> bool:
    """Whether no row names a file of the spool, and no process is about to record it.

    Raises:
        OSError: It cannot be opened.
    """
    with holding(store.state_folder / path) as handle:
        return handle is not None and store.file_at(path) is None


@contextmanager
def holding(path: Path) -> Iterator[int | None]:
    """Hold a file as a listener does; yields None when another holds it, or when it is gone.

    Raises:
        OSError: It cannot be opened.
    """
    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        yield None
        return
    try:
        yield handle if _lock(handle) and _is_named(path, handle) else None
    finally:
        os.close(handle)


def fault_of(store: Store, row: RecordedFile, *, thorough: bool) -> Fault | None:
    """Return what is wrong with a recorded file, None when it is whole.

    Args:
        store: The index; its state folder has the spool.
        row: What the index has of the file.
        thorough: Read the file and compare its digest, not only its size.

    Raises:
        OSError: It is there, but cannot be read.
    """
    path = store.state_folder / row.path
    try:
        if path.stat().st_size != row.size_bytes:
            return Fault.DAMAGED
        if not thorough:
            return None
        with path.open("rb") as stream:
            whole = hashlib.file_digest(stream, "sha256").hexdigest() == row.sha256
    except (FileNotFoundError, NotADirectoryError):
        return Fault.MISSING
    return None if whole else Fault.DAMAGED


def set_damaged_aside(path: Path) -> None:
    """Take a damaged file out of the way, under a name that nothing looks at; it is kept.

    The object is then taken when it is sent again, and what is left of it is never taken for it.

    Raises:
        OSError: It cannot be renamed.
    """
    path.rename(path.with_name(path.name + DAMAGED_SUFFIX))
    sync_folder(path.parent)


def hour_of(folder: str) -> datetime | None:
    """Return the hour (UTC) that a folder of the spool is named for, None for another name."""
    try:
        hour = datetime.strptime(folder, _HOUR_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None
    return hour if hour.strftime(_HOUR_FORMAT) == folder else None


def _lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_named(path: Path, handle: int) -> bool:
    """Whether a path still names an open file: it may be moved or removed before it is locked."""
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False


def _digest(handle: int) -> str:
    with os.fdopen(os.dup(handle), "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _make_durable(path: Path, handle: int) -> None:
    """Flush the file and its name: the sender may be told that we have it, once it has a row.

    Whoever moved it there may have been killed before the folder was flushed.
    """
    os.fsync(handle)
    sync_folder(path.parent)
    sync_folder(path.parent.parent)


def _set_damaged_twins_aside(store: Store, facts: HeaderFacts, sha256: str) -> None:
    """See to it that these bytes are not taken for recorded when their file is worthless."""
    for twin in store.twins(facts, sha256):
        if fault_of(store, twin, thorough=True) is Fault.DAMAGED:
            set_damaged_aside(store.state_folder / twin.path)


def _is_older(store: Store, path: str, recorded: RecordedFile) -> bool:
    """Whether a file came before a recorded one.

    Where that is not known it counts as older: the recorded version was acknowledged, and doubt
    changes nothing.
    """
    theirs = _written_at(store.state_folder / recorded.path)
    if theirs is None:
        theirs = recorded.received_at.timestamp()
    ours = _written_at(store.state_folder / path)
    return ours is None or ours <= theirs


def _written_at(path: Path) -> float | None:
    """Return when a file was received, in seconds since 1970.

    The name of its folder bounds it, because a file that was copied back from a backup may have
    lost its time.
    """
    try:
        written = path.stat().st_mtime
    except OSError:
        return None
    hour = hour_of(path.parent.name)
    if hour is None:
        return written
    begin = hour.timestamp()
    return min(max(written, begin), begin + _HOUR_SECONDS)


def _without_row(store: Store, folder: str) -> list[str]:
    recorded = store.paths_in(folder)
    names = sorted(path.name for path in (store.state_folder / folder).iterdir())
    paths = (f"{folder}/{name}" for name in names if SPOOLED_NAME.fullmatch(name))
    return [path for path in paths if path not in recorded]


def _adopt_or_leave(store: Store, eligibility: EligibilitySettings, path: str) -> Adopted:
    try:
        adopted = adopt(store, eligibility, path)
    except OSError as error:
        adopted = Adopted(path, problem=f"cannot be read or flushed: {error.strerror}")
    except TriageError as error:
        adopted = Adopted(path, problem=str(error))
    except Exception:  # noqa: BLE001 - top of the loop: no file may keep a listener from starting
        _log.exception("adoption failed", action="adoption_failed")
        adopted = Adopted(path, problem="the program failed on it")
    _log_adopted(adopted)
    return adopted


def _log_adopted(adopted: Adopted) -> None:
    if adopted.problem:
        problem = f"{adopted.path}: {adopted.problem}"
        _log.warning("file left without a row", action="orphan_left", problem=problem)
    elif adopted.facts is not None and adopted.adoption is not None:
        _log.warning(
            "file without a row adopted",
            action="orphan_adopted",
            kind=adopted.adoption.kind,
            study=adopted.facts.study_instance_uid or None,
            instance=adopted.facts.sop_instance_uid,
        )


def _count(counts: AdoptionCounts, adopted: Adopted) -> None:
    if adopted.problem:
        counts.left += 1
    elif adopted.adoption is not None:
        counts.adopted += adopted.adoption.takes_file
        counts.removed += not adopted.adoption.takes_file
