"""Lines of the reading list as Unified Procedure Steps (PS3.3 B.26, PS3.4 Annex CC): pure.

The list is read and claimed by others; here a line becomes the data set that C-FIND, N-GET and
UPS-RS return, before what readers have set is laid over it (triage.ups.items). Every attribute of
Type 2 that this system knows nothing about is there and empty, as PS3.4 Table CC.2.5-3 asks.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from triage.values import ImageState, StudyState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from triage.store import InstanceRecord, ReportRecord, StudyRecord
    from triage.values import RankedEntry, WorklistEntry

UPS_PUSH = "1.2.840.10008.5.1.4.34.6.1"  # the SOP class of every work item, whatever the context
INTERPRETATION = ("110005", "DCM", "Interpretation")  # CID 9231
STEP_LABEL = "Read cervical spine radiographs"

_EMPTY_SEQUENCES = (
    "ScheduledProcessingParametersSequence",
    "ScheduledStationNameCodeSequence",
    "ScheduledStationClassCodeSequence",
    "ScheduledStationGeographicLocationCodeSequence",
    "ScheduledHumanPerformersSequence",
    "ProcedureStepProgressInformationSequence",
    "AdmittingDiagnosesCodeSequence",
)
_EMPTY_TEXTS = ("IssuerOfPatientID", "AdmissionID", "AdmittingDiagnosesDescription")
_LONGEST_COMMENT = 10_240  # VR LT


def work_item(ranked: RankedEntry, label: str) -> Dataset:
    """Build the work item of one line, without the images and reports that it refers to.

    Args:
        ranked: The line at its place.
        label: Worklist Label (0074,1202).
    """
    entry = ranked.entry
    item = Dataset()
    _put(item, "SpecificCharacterSet", "ISO_IR 192")
    _put(item, "SOPClassUID", UPS_PUSH)
    _put(item, "SOPInstanceUID", entry.work_item_uid)
    _put_schedule(item, ranked, label)
    _put_patient(item, entry)
    _put(item, "StudyInstanceUID", entry.study_instance_uid)
    _put(item, "ReferencedRequestSequence", [_request(entry)])
    _put(item, "ProcedureStepState", entry.step_state.value)
    _put(item, "UnifiedProcedureStepPerformedProcedureSequence", [])
    for keyword in _EMPTY_SEQUENCES:
        _put(item, keyword, [])
    for keyword in _EMPTY_TEXTS:
        _put(item, keyword, "")
    return item


def references(study: StudyRecord) -> Dataset:
    """Return the images to read (Input Information) and the reports (Output Information).

    Args:
        study: The history of the study of a work item.
    """
    images = [
        record
        for record in study.instances
        if not record.superseded and record.state is not ImageState.HEADER_ONLY
    ]
    found = Dataset()
    _put(found, "InputInformationSequence", _inputs(study.entry.study_instance_uid, images))
    reports = [decision.report for decision in study.decisions if decision.report is not None]
    if reports:
        outputs = _outputs(study.entry.study_instance_uid, reports)
        performed = _dataset(OutputInformationSequence=outputs)
        _put(found, "UnifiedProcedureStepPerformedProcedureSequence", [performed])
    return found


def _put_schedule(item: Dataset, ranked: RankedEntry, label: str) -> None:
    entry = ranked.entry
    arriving = entry.study_state is StudyState.ARRIVING
    value, scheme, meaning = INTERPRETATION
    code = _dataset(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)
    _put(item, "ScheduledProcedureStepPriority", ranked.effective_priority.value)
    _put(item, "ScheduledProcedureStepModificationDateTime", date_time(entry.changed_at))
    _put(item, "ProcedureStepLabel", STEP_LABEL)
    _put(item, "WorklistLabel", label)
    _put(item, "ScheduledProcedureStepStartDateTime", date_time(entry.arrived_at))
    _put(item, "ScheduledWorkitemCodeSequence", [code])
    _put(item, "CommentsOnTheScheduledProcedureStep", _comment(ranked))
    _put(item, "InputReadinessState", "INCOMPLETE" if arriving else "READY")


def _comment(ranked: RankedEntry) -> str:
    """Say why the study stands where it does."""
    overdue = ("waited for the cap",) if ranked.overdue else ()
    return "; ".join((*overdue, *ranked.entry.reasons))[:_LONGEST_COMMENT]


def _put_patient(item: Dataset, entry: WorklistEntry) -> None:
    _put(item, "PatientName", entry.patient_name)
    _put(item, "PatientID", entry.patient_id)
    _put(item, "PatientBirthDate", entry.patient_birth_date)
    _put(item, "PatientSex", entry.patient_sex)


def _request(entry: WorklistEntry) -> Dataset:
    return _dataset(
        StudyInstanceUID=entry.study_instance_uid,
        AccessionNumber=entry.accession_number,
        RequestedProcedureID="",
        RequestedProcedureDescription=entry.study_description,
        RequestedProcedureCodeSequence=[],
        RequestingService="",
    )


def _inputs(study_instance_uid: str, records: Iterable[InstanceRecord]) -> list[Dataset]:
    return [
        _reference(
            study_instance_uid,
            record.facts.series_instance_uid,
            record.sop_class_uid,
            record.sop_instance_uid,
        )
        for record in records
    ]


def _outputs(study_instance_uid: str, reports: Iterable[ReportRecord]) -> list[Dataset]:
    return [
        _reference(
            study_instance_uid,
            report.series_instance_uid,
            report.sop_class_uid,
            report.sop_instance_uid,
        )
        for report in reports
    ]


def _reference(study: str, series: str, sop_class: str, sop_instance: str) -> Dataset:
    """Build one item of Referenced Instances and Access (PS3.3 Table 10-3b)."""
    referenced = _dataset(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=sop_instance)
    return _dataset(
        TypeOfInstances="DICOM",
        StudyInstanceUID=study,
        SeriesInstanceUID=series,
        ReferencedSOPSequence=[referenced],
    )


def date_time(moment: datetime) -> str:
    """Return a DT value in UTC (PS3.5 6.2)."""
    return moment.astimezone(UTC).strftime("%Y%m%d%H%M%S.%f+0000")


def _dataset(**values: str | list[Dataset]) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        _put(item, keyword, value)
    return item


def _put(item: Dataset, keyword: str, value: str | list[Dataset]) -> None:
    """Add an element without judging its value: patient data are returned as they came."""
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    content = Sequence(value) if isinstance(value, list) else value
    item.add(DataElement(tag, dictionary_VR(tag), content, validation_mode=IGNORE))
