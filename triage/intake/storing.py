"""One received object: understood, judged, made durable, recorded, answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from triage.errors import HeaderError, TriageError
from triage.intake.eligibility import judge
from triage.intake.header import read_header
from triage.intake.provider import CANNOT_UNDERSTAND, StoreAnswer
from triage.log import get_logger
from triage.values import ImageState

if TYPE_CHECKING:
    from triage.intake.eligibility import Eligibility
    from triage.intake.provider import StoreRequest
    from triage.intake.spool import IncomingObject, Spool
    from triage.settings import EligibilitySettings
    from triage.store import Receipt, Store
    from triage.values import HeaderFacts

# PS3.4 Table B.2-1; the sender tries again after A700 and gives up after the others.
SUCCESS = 0x0000
OUT_OF_RESOURCES = 0xA700
DOES_NOT_MATCH = 0xA900

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

    store: Store
    spool: Spool
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
        try:
            if self._is_known(facts, incoming):
                incoming.discard()
                return StoreAnswer(SUCCESS)
            return self._record(facts, request)
        except TriageError as error:
            # Also where the store is damaged or read-only: after the repair it is welcome. A
            # file in the spool stays there, because a row that names it may yet be durable.
            raise _Refused(OUT_OF_RESOURCES, str(error)) from error

    def _is_known(self, facts: HeaderFacts, incoming: IncomingObject) -> bool:
        """Whether there is nothing to keep: a report of ours coming back, or the same bytes."""
        uid = facts.sop_instance_uid
        if self.store.is_own_report(uid):
            _log.info("own report left alone", action="own_report_received", report=uid)
            return True
        if self.store.is_known(uid, incoming.sha256):
            _log.info("duplicate left alone", action="duplicate_received", instance=uid)
            return True
        return False

    def _record(self, facts: HeaderFacts, request: StoreRequest) -> StoreAnswer:
        judged = judge(facts, self.eligibility)
        file = self.spool.keep(request.incoming)
        receipt = self.store.record_instance(
            facts,
            file,
            state=judged.state,
            problem=judged.reason,
            calling_ae_title=request.calling_ae_title,
        )
        if receipt.kind == "duplicate":
            self.spool.remove(file)
        _log_stored(facts, judged, receipt, request)
        has_effect = judged.state is not ImageState.HEADER_ONLY
        return StoreAnswer(SUCCESS, "", facts.study_instance_uid if has_effect else "")


def _understood(incoming: IncomingObject) -> HeaderFacts:
    """Return the header of an object that is what the request said that it is."""
    try:
        facts = read_header(incoming.path)
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
    changed = receipt.kind == "new-version"
    log = _log.warning if changed else _log.info
    log(
        "changed instance stored" if changed else "instance stored",
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
