"""The edge to a storage peer: C-STORE as SCU, with every answer told apart (PS3.4 Annex B).

Nothing here waits to try again or keeps state: `send` says for every object what became of it,
and what, if anything, is wrong with the peer itself. triage.delivery.backoff decides what next.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pydicom
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_context
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import time
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
)

from triage.delivery.answers import SOP_CLASS_NOT_SUPPORTED, Answer, ObjectResult, judge
from triage.delivery.association import Line, PeerError, answers_echo, opened
from triage.report import as_comprehensive
from triage.uids import comprehensive_report_uid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pydicom.dataset import Dataset
    from pynetdicom.association import Association
    from pynetdicom.presentation import PresentationContext

    from triage.settings import Destination

# An object on which the peer hangs up costs the objects after it a new association, not their
# turn. A peer that hangs up on this many in a row, without one answer, is itself in trouble.
FRUITLESS_ASSOCIATIONS = 2


@dataclass(frozen=True, slots=True)
class Transfer:
    """What became of all objects, in the order that they were given, and of the peer.

    Attributes:
        results: One for each path.
        trouble: Set when something is wrong with the peer itself; objects may be unsent then.
    """

    results: tuple[ObjectResult, ...]
    trouble: PeerError | None


def send(
    destination: Destination,
    calling_ae_title: str,
    paths: Sequence[Path],
    timeout_seconds: float,
    keep_going: Callable[[], bool] = lambda: True,
) -> Transfer:
    """Send DICOM files to one destination and wait for each answer.

    One association carries them all, unless the peer hangs up on an object: then the objects
    after it get a new one.

    Args:
        destination: The peer.
        calling_ae_title: Our own AE title.
        paths: DICOM files, each at most once.
        timeout_seconds: Bound on each wait for the peer: connection, association, answer.
        keep_going: Asked before each object; once it says no, the rest is left unsent.

    Returns:
        What became of them; a peer that takes nothing is a result, not an exception.
    """
    letters = [_read(path) for path in paths]
    results = {letter.path: letter.fault for letter in letters if letter.fault is not None}
    sendable = [letter for letter in letters if letter.fault is None]
    line = Line(destination, calling_ae_title, timeout_seconds)
    tried, trouble = _send_all(line, sendable, keep_going)
    results.update({result.path: result for result in tried})
    reason = "the courier was asked to stop" if trouble is None else str(trouble)
    unsent = (ObjectResult(path, Answer.UNSENT, problem=reason) for path in paths)
    return Transfer(tuple(results.get(result.path, result) for result in unsent), trouble)


@dataclass(frozen=True, slots=True)
class _Letter:
    """A file that was read for sending, or the reason why it cannot be sent."""

    path: Path
    dataset: Dataset
    fault: ObjectResult | None = None

    @property
    def sop_class(self) -> UID:
        return UID(self.dataset.SOPClassUID)

    @property
    def transfer_syntax(self) -> UID:
        return UID(self.dataset.file_meta.TransferSyntaxUID)


def _read(path: Path) -> _Letter:
    try:
        letter = _Letter(path, pydicom.dcmread(path))
        _ = letter.sop_class, letter.dataset.SOPInstanceUID, letter.transfer_syntax
    except FileNotFoundError:
        return _faulty(path, Answer.REFUSED, "is gone; restore it, then run `triage retry`")
    except OSError as error:
        return _faulty(path, Answer.BUSY, f"cannot be read ({error.strerror}); check the disk")
    except (InvalidDicomError, AttributeError):
        return _faulty(path, Answer.REFUSED, "is no whole DICOM file; restore it")
    return letter


def _faulty(path: Path, answer: Answer, problem: str) -> _Letter:
    fault = ObjectResult(path, answer, problem=f"the file {path.name} {problem}")
    return _Letter(path, pydicom.Dataset(), fault)


def _send_all(
    line: Line, letters: Sequence[_Letter], keep_going: Callable[[], bool]
) -> tuple[list[ObjectResult], PeerError | None]:
    """Send through as many associations as it takes; results of those that were tried."""
    results: list[ObjectResult] = []
    fruitless = 0
    while len(results) < len(letters) and keep_going():
        before = len(results)
        try:
            _send_some(line, letters[before:], keep_going, results)
        except PeerError as error:
            return results, error
        answered = any(result.status is not None for result in results[before:])
        fruitless = 0 if answered else fruitless + 1
        if fruitless >= FRUITLESS_ASSOCIATIONS:
            return results, line.broken()
    return results, None


def _send_some(
    line: Line,
    letters: Sequence[_Letter],
    keep_going: Callable[[], bool],
    results: list[ObjectResult],
) -> None:
    """Send over one association as far as it goes, and append to `results` as answers come.

    Raises:
        PeerError: The peer is away, or hung up and answers no echo either. The object that it
            hung up on has no result then: it is not to blame.
    """
    with opened(line, _contexts(letters)) as association:
        unanswered = _hand_over(association, letters, keep_going, results)
    if unanswered is None:
        return
    if not answers_echo(line):
        raise line.broken()
    problem = f"{line.peer} hung up on this object, or did not answer; it answers otherwise"
    results.append(ObjectResult(unanswered.path, Answer.BUSY, problem=problem))


def _hand_over(
    association: Association,
    letters: Sequence[_Letter],
    keep_going: Callable[[], bool],
    results: list[ObjectResult],
) -> _Letter | None:
    """Send until all is sent or the association ends; return what got no answer, if any."""
    for number, letter in enumerate(letters, start=1):
        ended = bool(association.accepted_contexts) and not association.is_established
        if ended or not keep_going():
            return None
        result = _store(association, letter, number)
        if result is None:
            return letter
        results.append(result)
    return None


def _contexts(letters: Sequence[_Letter]) -> list[PresentationContext]:
    """Return what to propose: each object's class, and the plainer class beside 3D reports."""
    plain: list[str | UID] = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
    wanted: dict[tuple[UID, UID | None], list[str | UID]] = defaultdict(list)
    for letter in letters:
        syntax = letter.transfer_syntax
        if syntax.is_compressed:
            wanted[letter.sop_class, syntax] = [syntax]
            continue
        wanted[letter.sop_class, None] = plain
        if letter.sop_class == Comprehensive3DSRStorage:
            wanted[ComprehensiveSRStorage, None] = plain
    return [build_context(sop_class, syntaxes) for (sop_class, _), syntaxes in wanted.items()]


def _store(association: Association, letter: _Letter, number: int) -> ObjectResult | None:
    """Store one object, as Comprehensive SR where the peer takes no 3D; None without an answer."""
    accepted = {context.abstract_syntax for context in association.accepted_contexts}
    plainer = letter.sop_class == Comprehensive3DSRStorage and ComprehensiveSRStorage in accepted
    if letter.sop_class in accepted:
        result = _exchange(association, letter, number)
        declined = result is not None and result.status == SOP_CLASS_NOT_SUPPORTED
        if not (declined and plainer):
            return result
    elif not plainer:
        problem = f"the peer accepts no objects of the class {letter.sop_class.name}"
        return ObjectResult(letter.path, Answer.REFUSED, problem=problem)
    uid = comprehensive_report_uid(str(letter.dataset.SOPInstanceUID))
    fallback = replace(letter, dataset=as_comprehensive(letter.dataset, uid))
    return _exchange(association, fallback, number)


def _exchange(association: Association, letter: _Letter, number: int) -> ObjectResult | None:
    """Send one C-STORE-RQ and judge its answer; None when there was no answer."""
    try:
        response = association.send_c_store(letter.dataset, msg_id=number)
    except RuntimeError:  # the association has ended since the last answer
        return None
    except (ValueError, AttributeError):
        # The exception's own text may quote values of the data set: patient data.
        problem = f"the file {letter.path.name} cannot be encoded for the peer; look at it"
        return ObjectResult(letter.path, Answer.REFUSED, problem=problem)
    if "Status" not in response:
        return None
    status = int(response.Status)
    answer, meaning = judge(status)
    uid = str(letter.dataset.SOPInstanceUID) if answer is Answer.STORED else ""
    problem = "" if status == 0 else f"status {status:04X}: {meaning}"
    return ObjectResult(letter.path, answer, status, uid, problem)
