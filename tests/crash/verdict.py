"""A state folder held against what was acknowledged: nothing lost, nothing double, nothing loose.

The database is read in a copy: SQLite would tidy up after the crash when the original is opened
and closed here, and that is for the next listener to survive.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from pydicom import dcmread

from triage.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tests.crash.ledger import SentObject
    from triage.store import InstanceRecord

_DATABASE = ("triage.db", "triage.db-wal")
_PREAMBLE_BYTES = 128
_GROUP_LENGTH_BYTES = 12  # of (0002,0000), the first element behind preamble and prefix


class Trouble(StrEnum):
    """What can be wrong."""

    MISSING = "acknowledged, and not there as it was sent"
    NO_FILE = "recorded, and its file is missing"
    DAMAGED = "recorded, and its file is not what was sent"
    DOUBLED = "the same bytes are recorded twice"
    DISORDERED = "its versions are not those sent, in the order of sending"
    UNBEGUN = "recorded, and nobody sent it"
    LOOSE = "a file in the spool that no row names after a start"
    UNFINISHED = "a file in incoming/ that a start has left there"
    DATABASE = "the database is damaged"
    LISTENER = "a listener ended, or did not start, though nobody had killed it"
    SENDER = "a sender saw what none should see"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, and where."""

    trouble: Trouble
    where: str


@dataclass
class Verdict:
    """What one look at a state folder came to.

    Attributes:
        acknowledged: Contents that were acknowledged, of the objects looked at.
        present: Of these, how many are there, whole and in their place.
        named: Paths, relative to the state folder, that the rows of these objects name.
    """

    acknowledged: int = 0
    present: int = 0
    named: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)

    def blame(self, trouble: Trouble, where: str) -> None:
        """Note a fault."""
        self.faults.append(Fault(trouble, where))


def judge(state_folder: Path, sent: Sequence[SentObject]) -> Verdict:
    """Look whether a state folder has what was acknowledged of some objects.

    Args:
        state_folder: The folder; no listener works on it.
        sent: Objects, with all that was sent of each.
    """
    verdict = Verdict()
    with copied_store(state_folder) as store:
        verdict.faults += [Fault(Trouble.DATABASE, line) for line in store.integrity_problems()]
        recorded = records_of(store, {one.study for one in sent})
    for one in sent:
        _judge_object(verdict, state_folder, one, recorded.pop(one.instance, []))
    return verdict


def unbegun(state_folder: Path, sent: Sequence[SentObject]) -> list[Fault]:
    """Return the recorded objects that nobody has sent."""
    known = {one.instance for one in sent}
    with copied_store(state_folder) as store:
        studies = {entry.study_instance_uid for entry in store.worklist_entries()}
        recorded = records_of(store, studies | {one.study for one in sent})
    return [Fault(Trouble.UNBEGUN, uid) for uid in recorded if uid not in known]


def records_of(store: Store, studies: Iterable[str]) -> dict[str, list[InstanceRecord]]:
    """Return what is recorded in some studies: versions in order, by SOP Instance UID."""
    found: defaultdict[str, list[InstanceRecord]] = defaultdict(list)
    for study in studies:
        record = store.study(study)
        for instance in () if record is None else record.instances:
            found[instance.sop_instance_uid].append(instance)
    for versions in found.values():
        versions.sort(key=lambda one: one.version)
    return found


def spooled(state_folder: Path) -> set[str]:
    """Return the files in the spool, relative to the state folder."""
    files = (path for path in (state_folder / "spool").rglob("*") if path.is_file())
    return {str(path.relative_to(state_folder)) for path in files}


def unfinished(state_folder: Path) -> set[str]:
    """Return the names of the files in ``incoming/``."""
    return {path.name for path in (state_folder / "incoming").glob("*")}


def still_loose(state_folder: Path, orphans: Iterable[str]) -> list[str]:
    """Return those of some files in the spool that are there and that no row names."""
    left = [path for path in orphans if (state_folder / path).exists()]
    if not left:
        return []
    studies = {str(_header(state_folder / path).StudyInstanceUID) for path in left}
    with Store.open(state_folder) as store:
        recorded = records_of(store, studies)
    named = {record.path for versions in recorded.values() for record in versions}
    return [path for path in left if path not in named]


@contextmanager
def copied_store(state_folder: Path) -> Iterator[Store]:
    """Open a copy of a state folder's database."""
    with tempfile.TemporaryDirectory() as folder:
        for name in _DATABASE:
            if (state_folder / name).exists():
                shutil.copy(state_folder / name, folder)
        with Store.open(Path(folder)) as store:
            yield store


def _judge_object(
    verdict: Verdict, state_folder: Path, sent: SentObject, versions: Sequence[InstanceRecord]
) -> None:
    verdict.acknowledged += sent.acknowledged
    verdict.named |= {version.path for version in versions}
    digests = [_kept(verdict, state_folder, version) for version in versions]
    for number, content in enumerate(sent.contents, start=1):
        if not content.acknowledged:
            continue
        if content.digest in digests:
            verdict.present += 1
        else:
            verdict.blame(Trouble.MISSING, f"{sent.instance} version {number}")
    _judge_order(verdict, sent, versions, digests)


def _kept(verdict: Verdict, state_folder: Path, version: InstanceRecord) -> str:
    """Return the digest of a recorded data set, empty when its file is gone."""
    path = state_folder / version.path
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        verdict.blame(Trouble.NO_FILE, f"{version.sop_instance_uid}: {version.path}")
        return ""
    if len(content) != version.size_bytes:
        verdict.blame(Trouble.DAMAGED, f"{version.path} has {len(content)} bytes")
    return hashlib.sha256(content[_meta_bytes(content) :]).hexdigest()


def _meta_bytes(content: bytes) -> int:
    """Return where the data set begins behind the Part 10 header (PS3.10 7.1)."""
    start = _PREAMBLE_BYTES + 4
    length = int.from_bytes(content[start + 8 : start + _GROUP_LENGTH_BYTES], "little")
    return start + _GROUP_LENGTH_BYTES + length


def _judge_order(
    verdict: Verdict,
    sent: SentObject,
    versions: Sequence[InstanceRecord],
    digests: Sequence[str],
) -> None:
    """Look whether the versions are the contents in order, with the last one current."""
    whole = [digest for digest in digests if digest]
    begun = [content.digest for content in sent.contents]
    if len(set(whole)) < len(whole):
        verdict.blame(Trouble.DOUBLED, sent.instance)
    for digest, version in zip(digests, versions, strict=True):
        if digest and digest not in begun:
            verdict.blame(Trouble.DAMAGED, f"{sent.instance}: {version.path}")
    there = [digest for digest in begun if digest in whole]
    numbers = [version.version for version in versions]
    current = [version.version for version in versions if not version.superseded]
    in_order = whole == there and numbers == list(range(1, len(versions) + 1))
    if not in_order or current != numbers[-1:]:
        verdict.blame(Trouble.DISORDERED, f"{sent.instance}: {numbers}, current {current}")


def _header(path: Path):
    return dcmread(path, stop_before_pixels=True, specific_tags=["StudyInstanceUID"])
