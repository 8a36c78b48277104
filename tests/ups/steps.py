"""Data sets of work items, as readers and pushers send them."""

from __future__ import annotations

from typing import Any

from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence


def data(**values: Any) -> Dataset:
    """Return a data set of some values; data sets and lists of them become sequences.

    Values are taken as they are: the keys of a query may hold what no attribute could.
    """
    found = Dataset()
    for keyword, value in values.items():
        tag = tag_for_keyword(keyword)
        assert tag is not None, keyword
        items = [value] if isinstance(value, Dataset) else value
        content = Sequence(items) if isinstance(items, list) else items
        found.add(DataElement(tag, dictionary_VR(tag), content, validation_mode=IGNORE))
    return found


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """Return an item of a code sequence."""
    return data(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def reference(study: str, series: str, sop_class: str, sop_instance: str) -> Dataset:
    """Return an item of Input or Output Information."""
    instance = data(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=sop_instance)
    return data(
        TypeOfInstances="DICOM",
        StudyInstanceUID=study,
        SeriesInstanceUID=series,
        ReferencedSOPSequence=[instance],
    )


def make_pushed_step(**values: Any) -> Dataset:
    """Return a complete step for N-CREATE; None leaves an attribute out."""
    chosen: dict[str, Any] = {
        "ScheduledProcedureStepPriority": "MEDIUM",
        "ProcedureStepLabel": "Read it",
        "WorklistLabel": "SECOND OPINIONS",
        "ScheduledProcessingParametersSequence": [],
        "ScheduledStationNameCodeSequence": [],
        "ScheduledStationClassCodeSequence": [],
        "ScheduledStationGeographicLocationCodeSequence": [],
        "ScheduledHumanPerformersSequence": [],
        "ScheduledProcedureStepStartDateTime": "20260302080000",
        "ScheduledWorkitemCodeSequence": [code("110005", "DCM", "Interpretation")],
        "CommentsOnTheScheduledProcedureStep": "",
        "InputReadinessState": "READY",
        "InputInformationSequence": [],
        "StudyInstanceUID": "1.2.777",
        "PatientName": "Pushed^Any",
        "PatientID": "PUSH1",
        "IssuerOfPatientID": "",
        "PatientBirthDate": "19600102",
        "PatientSex": "F",
        "AdmissionID": "",
        "AdmittingDiagnosesDescription": "",
        "AdmittingDiagnosesCodeSequence": [],
        "ReferencedRequestSequence": [data(StudyInstanceUID="1.2.777", AccessionNumber="ACC7")],
        "ProcedureStepState": "SCHEDULED",
        "ProcedureStepProgressInformationSequence": [],
        "UnifiedProcedureStepPerformedProcedureSequence": [],
        **values,
    }
    return data(**{keyword: value for keyword, value in chosen.items() if value is not None})


def performed(**values: Any) -> dict[str, Any]:
    """Return the Performed Procedure Sequence by its keyword."""
    return {"UnifiedProcedureStepPerformedProcedureSequence": data(**values)}


def progress(**values: Any) -> dict[str, Any]:
    """Return the Progress Information Sequence by its keyword."""
    return {"ProcedureStepProgressInformationSequence": data(**values)}


def make_results() -> Dataset:
    """Return the modifications with which a reader meets the requirements of COMPLETED."""
    station = code("WS1", "99TEST", "Workstation 1")
    return data(
        **performed(
            PerformedStationNameCodeSequence=[station],
            PerformedProcedureStepStartDateTime="20260302081000",
            PerformedProcedureStepEndDateTime="20260302081500",
            PerformedWorkitemCodeSequence=[code("110005", "DCM", "Interpretation")],
            OutputInformationSequence=[
                reference("1.2.3.1", "1.2.9.1", "1.2.840.10008.5.1.4.1.1.88.11", "1.2.9.2")
            ],
        )
    )


def make_cancellation() -> Dataset:
    """Return the modifications with which a reader meets the requirements of CANCELED."""
    return data(
        **progress(
            ProcedureStepCancellationDateTime="20260302081000",
            ReasonForCancellation="called away",
            ProcedureStepDiscontinuationReasonCodeSequence=[
                code("110513", "DCM", "Discontinued for unspecified reason")
            ],
        )
    )
