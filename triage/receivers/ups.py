"""Another manager of UPS work items as a receiver: N-SET of a priority, N-CREATE of what it lacks.

A manager may hold a work item of its own for a study, under a UID that only it knows: that one is
looked for by C-FIND. Only where there is none is ours created there, under the UID that it has on
our own list. Every operation names the UPS Push SOP Class (PS3.4 CC.3.1).
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pynetdicom import build_context
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import time
    UnifiedProcedureStepPull,
    UnifiedProcedureStepPush,
)

from triage.delivery.association import Line, PeerError, Trouble, opened, stop_find
from triage.receivers.receiver import Acknowledgement, NotTakenError, Standing, Words
from triage.values import Priority, StepState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pynetdicom.association import Association

    from triage.receivers.receiver import Change
    from triage.settings import DicomPeer, UpsReceiver
    from triage.store import ReceiverStudy

WORDS: Final = Words(
    raised=Priority.HIGH.value,
    lowered=Priority.LOW.value,
    urgency={"LOW": 0, "MEDIUM": 1, "HIGH": 2},
)
NEUTRAL: Final = Priority.MEDIUM.value  # what a work item has on arrival
INTERPRETATION: Final = "110005"  # DCM, "Interpretation": the workitem code of reading

_MOST_MATCHES = 64
_MOST_ANSWERS = 5_000  # of a manager that heeds no key, and answers with all that it has
_ENDED = (StepState.COMPLETED.value, StepState.CANCELED.value)
_PENDING = (0xFF00, 0xFF01)
_NO_SUCH_INSTANCE = (0xC307, 0x0112)
_DUPLICATE = 0x0111
# PS3.7 Annex C: success, and warnings of which the request was carried out all the same.
_TAKEN = (0x0000, 0x0001, 0x0107, 0x0116)
_WARNINGS = range(0xB000, 0xC000)
# PS3.4 Table CC.2.6-2: the step has been claimed, or has ended.
_OPENED = (0xC300, 0xC301, 0xC310)
_REFUSED_FOR_GOOD = (0x0105, 0x0106, 0x0120, 0x0121, 0x0122, 0x0124, 0xC309)


@dataclass(frozen=True, slots=True)
class WorkItem:
    """A work item of the manager's, as far as we have to do with it."""

    uid: str
    state: str
    priority: str


@dataclass(slots=True)
class UpsManager:
    """A manager of UPS work items.

    Args:
        settings: Who it is.
        calling_ae_title: Our own AE title.
        label: Worklist Label of what we create.
        timeout_seconds: Bound on each wait for it.
    """

    settings: UpsReceiver
    calling_ae_title: str
    label: str
    timeout_seconds: float
    words: Words = WORDS
    can_be_asked: bool = True

    @property
    def name(self) -> str:
        """Its name in the configuration."""
        return self.settings.name

    def describe(self) -> str:
        """Ask who answers; what `triage check` tells of it.

        Raises:
            PeerError: Nobody answers, or it refuses us.
            NotTakenError: It serves no UPS.
        """
        with self._session():
            pass
        return f"{self.settings.ae_title} at {self.settings.address} takes UPS operations"

    def standing(self, study: ReceiverStudy) -> Standing | None:
        """Ask what the manager shows for a study; None while it has no work item for it."""
        with self._session() as association:
            items = self._find(association, study)
        if not items:
            return Standing(NEUTRAL) if self.settings.creates_work_items else None
        waiting = [item for item in items if item.state == StepState.SCHEDULED.value]
        shown = sorted({item.priority for item in waiting or items})
        return Standing("/".join(shown), opened=not waiting)

    def apply(self, change: Change) -> Acknowledgement:
        """Have the manager show a priority for a study."""
        with self._session() as association:
            items = self._find(association, change.study)
            waiting = [item for item in items if item.state == StepState.SCHEDULED.value]
            if not items:
                self._create(association, change)
                return Acknowledgement(
                    f"N-SET {self._set(association, change.study.work_item_uid, change.value):04X}"
                )
            if not waiting:
                raise NotTakenError(f"{self.name}: a reader has opened it", refused=False)
            statuses = [self._set(association, item.uid, change.value) for item in waiting]
        return Acknowledgement(f"N-SET {max(statuses):04X}")

    @contextmanager
    def _session(self) -> Iterator[Association]:
        try:
            with opened(self._line(), _contexts()) as association:
                _need(association, self.name)
                yield association
        except RuntimeError as error:  # the library's word for: it has hung up meanwhile
            raise self._line().broken() from error

    def _find(self, association: Association, study: ReceiverStudy) -> list[WorkItem]:
        """Return the work items to read a study: our own if it is there, else the manager's.

        One that has ended may have been cancelled unread, and another be there in its place.
        """
        own = self._get(association, study.work_item_uid)
        if own is None:
            return self._search(association, study)
        if own.state not in _ENDED:
            return [own]
        return self._search(association, study) or [own]

    def _get(self, association: Association, uid: str) -> WorkItem | None:
        wanted = [Tag("ProcedureStepState"), Tag("ScheduledProcedureStepPriority")]
        status, found = association.send_n_get(
            wanted, UnifiedProcedureStepPush, uid, meta_uid=UnifiedProcedureStepPull
        )
        code = self._answered(status)
        if code in _NO_SUCH_INSTANCE:
            return None
        self._judge("N-GET", code)
        return _work_item(found or Dataset(), uid)

    def _search(self, association: Association, study: ReceiverStudy) -> list[WorkItem]:
        found: list[WorkItem] = []
        answers = association.send_c_find(_query(study), UnifiedProcedureStepPull)
        for number, (status, identifier) in enumerate(answers, start=1):
            code = self._answered(status)
            if code not in _PENDING:
                self._judge("C-FIND", code)
            elif identifier is not None and _is_of(identifier, study):
                found.append(_work_item(identifier, str(identifier.get("SOPInstanceUID", ""))))
            if code in _PENDING and (len(found) > _MOST_MATCHES or number > _MOST_ANSWERS):
                stop_find(association, answers, UnifiedProcedureStepPull)
                raise NotTakenError(self._too_many(len(found)), refused=True)
        return found

    def _too_many(self, matching: int) -> str:
        if matching > _MOST_MATCHES:
            return f"{self.name} names more than {_MOST_MATCHES} work items for this study"
        return (
            f"{self.name} answers with more than {_MOST_ANSWERS} work items of other studies: let"
            " it match Study Instance UID"
        )

    def _set(self, association: Association, uid: str, priority: str) -> int:
        changed = Dataset()
        changed.ScheduledProcedureStepPriority = priority
        status, _ = association.send_n_set(
            changed, UnifiedProcedureStepPush, uid, meta_uid=UnifiedProcedureStepPull
        )
        code = self._answered(status)
        self._judge("N-SET", code)
        return code

    def _create(self, association: Association, change: Change) -> None:
        """Create what the manager lacks, with the priority of any order.

        A priority of a new item is the word of who orders: ours must not stand among urgent
        orders there. It is set afterwards; should we die in between, the next try sets it.
        """
        status, _ = association.send_n_create(
            new_work_item(change.study, NEUTRAL, self.label),
            UnifiedProcedureStepPush,
            change.study.work_item_uid,
        )
        code = self._answered(status)
        if code == _DUPLICATE:  # created since we asked: what it shows is asked for once more
            raise NotTakenError(f"{self.name} has the work item by now", refused=False)
        self._judge("N-CREATE", code)

    def _answered(self, status: Dataset) -> int:
        if "Status" not in status:
            raise self._line().broken()
        return int(status.Status)

    def _judge(self, operation: str, code: int) -> None:
        """Raise what a status means that is neither success nor a warning."""
        if code in _TAKEN or code in _WARNINGS:
            return
        if code in _OPENED:
            raise NotTakenError(f"{self.name}: a reader has opened it", refused=False)
        raise NotTakenError(
            f"{self.name} answered {operation} with status {code:04X}",
            refused=code in _REFUSED_FOR_GOOD,
        )

    def _line(self) -> Line:
        return line_to(self.settings, self.calling_ae_title, self.timeout_seconds)


def line_to(peer: DicomPeer, calling_ae_title: str, timeout_seconds: float) -> Line:
    """Return how a DICOM system of the configuration is reached."""
    return Line(peer, peer.calling_ae_title or calling_ae_title, timeout_seconds)


def new_work_item(study: ReceiverStudy, priority: str, label: str) -> Dataset:
    """Return what N-CREATE says of a study (PS3.4 Table CC.2.5-3)."""
    item = Dataset()
    item.SpecificCharacterSet = "ISO_IR 192"
    item.TransactionUID = ""
    item.ProcedureStepState = StepState.SCHEDULED.value
    item.ScheduledProcedureStepPriority = priority
    item.ProcedureStepLabel = label
    item.WorklistLabel = label
    item.ScheduledProcedureStepStartDateTime = study.first_arrival.strftime("%Y%m%d%H%M%S+0000")
    item.ScheduledWorkitemCodeSequence = Sequence([_interpretation()])
    item.InputReadinessState = "READY"
    item.CommentsOnTheScheduledProcedureStep = ""
    item.StudyInstanceUID = study.study_instance_uid
    item.PatientName = study.patient_name
    item.PatientID = study.patient_id
    item.PatientBirthDate = study.patient_birth_date
    item.PatientSex = study.patient_sex
    item.IssuerOfPatientID = ""
    item.AdmissionID = ""
    item.AdmittingDiagnosesDescription = ""
    item.ReferencedRequestSequence = Sequence([_request(study)])
    for keyword in _EMPTY_SEQUENCES:
        setattr(item, keyword, Sequence())
    return item


_EMPTY_SEQUENCES: Final = (
    "AdmittingDiagnosesCodeSequence",
    "InputInformationSequence",
    "IssuerOfAdmissionIDSequence",
    "IssuerOfPatientIDQualifiersSequence",
    "ProcedureStepProgressInformationSequence",
    "ScheduledProcessingParametersSequence",
    "ScheduledStationClassCodeSequence",
    "ScheduledStationGeographicLocationCodeSequence",
    "ScheduledStationNameCodeSequence",
    "UnifiedProcedureStepPerformedProcedureSequence",
)


def _request(study: ReceiverStudy) -> Dataset:
    request = Dataset()
    request.StudyInstanceUID = study.study_instance_uid
    request.AccessionNumber = study.accession_number
    request.IssuerOfAccessionNumberSequence = Sequence()
    request.RequestingService = ""
    request.RequestedProcedureDescription = study.study_description
    request.RequestedProcedureCodeSequence = Sequence()
    request.RequestedProcedureID = ""
    return request


def _interpretation() -> Dataset:
    code = Dataset()
    code.CodeValue = INTERPRETATION
    code.CodingSchemeDesignator = "DCM"
    code.CodeMeaning = "Interpretation"
    return code


def _query(study: ReceiverStudy) -> Dataset:
    query = Dataset()
    query.SOPInstanceUID = ""
    query.ProcedureStepState = ""
    query.ScheduledProcedureStepPriority = ""
    query.StudyInstanceUID = study.study_instance_uid
    request = Dataset()
    request.StudyInstanceUID = ""
    request.AccessionNumber = ""
    query.ReferencedRequestSequence = Sequence([request])
    code = Dataset()
    code.CodeValue = code.CodingSchemeDesignator = ""
    query.ScheduledWorkitemCodeSequence = Sequence([code])
    return query


def _is_of(item: Dataset, study: ReceiverStudy) -> bool:
    """Whether a manager's answer is about reading this study: not every manager matches keys."""
    requests = item.get("ReferencedRequestSequence") or ()
    named = [item.get("StudyInstanceUID"), *(one.get("StudyInstanceUID") for one in requests)]
    codes = [one.get("CodeValue") for one in item.get("ScheduledWorkitemCodeSequence") or ()]
    known = [code for code in codes if code]
    return study.study_instance_uid in named and (not known or INTERPRETATION in known)


def _work_item(item: Dataset, uid: str) -> WorkItem:
    return WorkItem(
        uid,
        str(item.get("ProcedureStepState", "")),
        str(item.get("ScheduledProcedureStepPriority", "")),
    )


def _contexts() -> list[Any]:
    return [build_context(one) for one in (UnifiedProcedureStepPush, UnifiedProcedureStepPull)]


def _need(association: Association, name: str) -> None:
    accepted = {context.abstract_syntax for context in association.accepted_contexts}
    if not {UnifiedProcedureStepPush, UnifiedProcedureStepPull} <= accepted:
        raise PeerError(
            Trouble.UNWELCOME, f"{name} does not serve UPS Push and Pull; check its configuration"
        )
