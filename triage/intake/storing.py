"""One received object: understood, judged, made durable, recorded, answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from triage.errors import HeaderError, TriageError
from triage.intake.eligibility import judge
from triage.intake.header import read_header
from triage.intake.services import (
    CANNOT_UNDERSTAND,
    DOES_NOT_MATCH,
    OUT_OF_RESOURCES,
    SUCCESS,
    StoreAnswer,
)
from triage.log import get_logger
from triage.values import ImageState

if TYPE_CHECKING:
    from triage.intake.eligibility import Eligibility
    from triage.intake.group_commit import GroupCommit
    from triage.intake.services import StoreRequest
    from triage.intake.spool import IncomingObject
    from triage.settings import EligibilitySettings
    from triage.store import Receipt
    from triage.values import HeaderFacts

_log = get_logger("listener")


class _Refused(Exception):  # noqa: N818 - no error of the program: it becomes an answer
    """An object is not kept; carries the answer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class StorageProvider:
    """Answers C-STORE requests for one state folder.

    Success means that the file and its row are durable (or were before).
    """

    commits: GroupCommit
    eligibility: EligibilitySettings

    def __call__(self, request: StoreRequest) -> StoreAnswer:
        """Keep one object and return the answer; never raises."""
        try:
            return self._keep(request)
        except _Refused as refused:
            status, reason = refused.status, refused.reason
        except Exception:  # noqa: BLE001 - top of the serving loop: the peer is answered whatever happens
            status, reason = OUT_OF_RESOURCES, "an internal error"
            _log.exception("storing failed", action="storing_failed")
        request.incoming.discard()
        _log.warning(
            "object refused",
            action="object_refused",
            status=status,
            reason=reason,
            peer=request.calling_ae_title,
            sop_class=request.incoming.identity.sop_class_uid,
            instance=request.incoming.identity.sop_instance_uid,
            bytes=request.incoming.size_bytes,
        )
        return StoreAnswer(status, reason)

    def _keep(self, request: StoreRequest) -> StoreAnswer:
        incoming = request.incoming
        if incoming.problem:
            raise _Refused(OUT_OF_RESOURCES, incoming.problem)
        facts = _understood(incoming)
        judged = judge(facts, self.eligibility)
        try:
            receipt = self.commits.keep(incoming, facts, judged, request.calling_ae_title)
        except TriageError as error:
            # Also where the store is damaged or read-only: after the repair it is welcome.
            raise _Refused(OUT_OF_RESOURCES, str(error)) from error
        _log_stored(facts, judged, receipt, request)
        counts = receipt.takes_file and judged.state is not ImageState.HEADER_ONLY
        return StoreAnswer(SUCCESS, "", facts.study_instance_uid if counts else "")


def _understood(incoming: IncomingObject) -> HeaderFacts:
    """Return the header of an object that is what the request said that it is."""
    try:
        facts = read_header(incoming)
    except HeaderError as error:
        raise _Refused(CANNOT_UNDERSTAND, str(error)) from error
    identity = incoming.identity
    if facts.sop_class_uid != identity.sop_class_uid.rstrip("\0 "):
        raise _Refused(DOES_NOT_MATCH, "its SOP Class UID is not that of the request")
    if facts.sop_instance_uid != identity.sop_instance_uid.rstrip("\0 "):
        raise _Refused(DOES_NOT_MATCH, "its SOP Instance UID is not that of the request")
    return facts


def _log_stored(
    facts: HeaderFacts, judged: Eligibility, receipt: Receipt, request: StoreRequest
) -> None:
    if receipt.kind == "own-report":
        _log.info(
            "own report left alone", action="own_report_received", report=facts.sop_instance_uid
        )
        return
    if receipt.kind == "duplicate":
        _log.info(
            "duplicate left alone", action="duplicate_received", instance=facts.sop_instance_uid
        )
        return
    remarkable = {"new-version": "changed instance stored", "restored": "lost file restored"}
    log = _log.warning if receipt.kind in remarkable else _log.info
    log(
        remarkable.get(receipt.kind, "instance stored"),
        action="instance_stored",
        kind=receipt.kind,
        version=str(receipt.version),
        study=facts.study_instance_uid or None,
        instance=facts.sop_instance_uid,
        sop_class=facts.sop_class_uid,
        modality=facts.modality or None,
        state=judged.state,
        reason=judged.reason,
        peer=request.calling_ae_title,
        bytes=request.incoming.size_bytes,
    )
