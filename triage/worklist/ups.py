"""Lines of the reading list as Unified Procedure Steps (PS3.3 B.26, PS3.4 Annex CC): pure.

The list is read and claimed by others; here a line becomes the item that C-FIND, N-GET and
UPS-RS return, before what readers have set is laid over it (triage.ups.items). Every attribute of
Type 2 that this system knows nothing about is there and empty, as PS3.4 Table CC.2.5-3 asks.
"""

from __future__ import annotations

from datetime import UTC
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement

from triage.values import StudyState
from triage.worklist.texts import TextElement, TextItem

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping
    from collections.abc import Sequence as Listed
    from datetime import datetime

    from triage.store import ObjectReference, StepReferences
    from triage.values import RankedEntry, WorklistEntry

    # A text, or the items of a sequence.
    Value = str | Listed[Mapping[str, "Value"]]
    # Name in the DICOM JSON model, tag, VR, then either what every item says or what tells it.
    _Laid = tuple[str, int, str, Mapping[str, Any] | None, Callable[[RankedEntry], Value] | None]

UPS_PUSH = "1.2.840.10008.5.1.4.34.6.1"  # the SOP class of every work item, whatever the context
INTERPRETATION = {  # CID 9231
    "CodeValue": "110005",
    "CodingSchemeDesignator": "DCM",
    "CodeMeaning": "Interpretation",
}
INCOMPLETE = "INCOMPLETE"  # Input Readiness State of a study of which images may still come
STEP_LABEL = "Read cervical spine radiographs"

_LONGEST_COMMENT = 10_240  # VR LT
_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


def line_texts(
    ranked: RankedEntry,
    label: str,
    references: StepReferences | None = None,
    wanted: Container[int] | None = None,
) -> TextItem:
    """Return the work item of one line as texts.

    Args:
        ranked: The line at its place.
        label: Worklist Label (0074,1202).
        references: Its images and reports, where they are wanted.
        wanted: Only these attributes; all of them when None.
    """
    item = TextItem()
    for tag, vr, told in _TOLD_OF_LINE:
        if wanted is None or tag in wanted:
            item[tag] = _text_element(tag, vr, told(ranked))
    for tag, element in unvaried(label).items():
        if wanted is None or tag in wanted:
            item[tag] = element
    if references is not None:
        item |= _texts(_referring(ranked.entry.study_instance_uid, references))
    return item


@cache
def unvaried(label: str) -> TextItem:
    """Return what every work item of ours says alike, as long as nobody has said more of it.

    Args:
        label: Worklist Label (0074,1202).
    """
    return _texts({"WorklistLabel": label, **_UNVARIED})


def said_text(keyword: str, text: str) -> TextItem:
    """Return one attribute of an item, to be laid over others."""
    return _texts({keyword: text})


def work_item_object(
    ranked: RankedEntry, label: str, references: StepReferences | None = None
) -> dict[str, Any]:
    """Return a work item as an object of the DICOM JSON model (PS3.18 F.2), tags ascending.

    Args:
        ranked: The line at its place.
        label: Worklist Label (0074,1202).
        references: Its images and reports, where they are wanted.
    """
    item = {
        name: alike if told is None else _told(tag, vr, told(ranked))
        for name, tag, vr, alike, told in _layout(label)
    }
    if references is None:
        return item
    referring = _object(_referring(ranked.entry.study_instance_uid, references))
    return dict(sorted((item | referring).items()))


@cache
def _layout(label: str) -> tuple[_Laid, ...]:
    """Return what an item says, by ascending tags: what is alike in all, or what tells it."""
    alike = _object({"WorklistLabel": label, **_UNVARIED})
    laid = [(name, 0, "", one, None) for name, one in alike.items()]
    of_line = [(*_attribute(keyword), told) for keyword, told in _OF_LINE.items()]
    return tuple(sorted(laid + [(name, tag, vr, None, told) for tag, vr, name, told in of_line]))


def _referring(study_instance_uid: str, references: StepReferences) -> dict[str, Value]:
    found: dict[str, Value] = {
        "InputInformationSequence": [
            _reference(study_instance_uid, one) for one in references.images
        ]
    }
    if references.reports:
        outputs = [_reference(study_instance_uid, one) for one in references.reports]
        performed = {"OutputInformationSequence": outputs}
        found["UnifiedProcedureStepPerformedProcedureSequence"] = [performed]
    return found


def _comment(ranked: RankedEntry) -> str:
    """Say why the study stands where it does."""
    overdue = ("waited for the cap",) if ranked.overdue else ()
    return "; ".join((*overdue, *ranked.entry.reasons))[:_LONGEST_COMMENT]


def _request(entry: WorklistEntry) -> Mapping[str, Value]:
    return {
        "StudyInstanceUID": entry.study_instance_uid,
        "AccessionNumber": entry.accession_number,
        "RequestedProcedureID": "",
        "RequestedProcedureDescription": entry.study_description,
        "RequestedProcedureCodeSequence": (),
        "RequestingService": "",
    }


# What every work item says alike, whatever its line; nothing of it until somebody says more.
_UNVARIED: Final[Mapping[str, Value]] = {
    "SpecificCharacterSet": "ISO_IR 192",
    "SOPClassUID": UPS_PUSH,
    "ProcedureStepLabel": STEP_LABEL,
    "ScheduledWorkitemCodeSequence": (INTERPRETATION,),
    **dict.fromkeys(
        (
            "ScheduledProcessingParametersSequence",
            "ScheduledStationNameCodeSequence",
            "ScheduledStationClassCodeSequence",
            "ScheduledStationGeographicLocationCodeSequence",
            "ScheduledHumanPerformersSequence",
            "ProcedureStepProgressInformationSequence",
            "AdmittingDiagnosesCodeSequence",
        ),
        (),
    ),
    **dict.fromkeys(("IssuerOfPatientID", "AdmissionID", "AdmittingDiagnosesDescription"), ""),
}

# What it says of its line.
_OF_LINE: Final[Mapping[str, Callable[[RankedEntry], Value]]] = {
    "SOPInstanceUID": lambda ranked: ranked.entry.work_item_uid,
    "ScheduledProcedureStepPriority": lambda ranked: ranked.effective_priority.value,
    "ScheduledProcedureStepModificationDateTime": lambda ranked: date_time(ranked.entry.changed_at),
    "ScheduledProcedureStepStartDateTime": lambda ranked: date_time(ranked.entry.arrived_at),
    "CommentsOnTheScheduledProcedureStep": _comment,
    "InputReadinessState": lambda ranked: (
        INCOMPLETE if ranked.entry.study_state is StudyState.ARRIVING else "READY"
    ),
    "PatientName": lambda ranked: ranked.entry.patient_name,
    "PatientID": lambda ranked: ranked.entry.patient_id,
    "PatientBirthDate": lambda ranked: ranked.entry.patient_birth_date,
    "PatientSex": lambda ranked: ranked.entry.patient_sex,
    "StudyInstanceUID": lambda ranked: ranked.entry.study_instance_uid,
    "ReferencedRequestSequence": lambda ranked: (_request(ranked.entry),),
    "ProcedureStepState": lambda ranked: ranked.entry.step_state.value,
    # Empty until there are reports, or somebody has read the study.
    "UnifiedProcedureStepPerformedProcedureSequence": lambda _ranked: (),
}


def _reference(study_instance_uid: str, one: ObjectReference) -> Mapping[str, Value]:
    """Return one item of Referenced Instances and Access (PS3.3 Table 10-3b)."""
    return {
        "TypeOfInstances": "DICOM",
        "StudyInstanceUID": study_instance_uid,
        "SeriesInstanceUID": one.series_instance_uid,
        "ReferencedSOPSequence": [
            {
                "ReferencedSOPClassUID": one.sop_class_uid,
                "ReferencedSOPInstanceUID": one.sop_instance_uid,
            }
        ],
    }


def date_time(moment: datetime) -> str:
    """Return a DT value in UTC (PS3.5 6.2)."""
    at = moment.astimezone(UTC)
    day = f"{at.year:04}{at.month:02}{at.day:02}"
    return f"{day}{at.hour:02}{at.minute:02}{at.second:02}.{at.microsecond:06}+0000"


def _texts(values: Mapping[str, Value]) -> TextItem:
    item = TextItem()
    for keyword, value in values.items():
        tag, vr, _ = _attribute(keyword)
        item[tag] = _text_element(tag, vr, value)
    return item


def _text_element(tag: int, vr: str, value: Value) -> TextElement:
    if isinstance(value, str):
        return TextElement.of(tag, vr, value)
    return TextElement(tag, vr, tuple(_texts(one) for one in value))


def _object(values: Mapping[str, Value]) -> dict[str, Any]:
    found = {}
    for keyword, value in values.items():
        tag, vr, name = _attribute(keyword)
        found[name] = _told(tag, vr, value)
    return found


def _told(tag: int, vr: str, value: Value) -> dict[str, Any]:
    """Return one attribute of the DICOM JSON model; one that is empty has no Value."""
    if not value:
        return {"vr": vr}
    if not isinstance(value, str):
        return {"vr": vr, "Value": [_object(one) for one in value]}
    if "\\" in value:  # several values, where the VR allows them
        return value_object(DataElement(tag, vr, value, validation_mode=IGNORE))
    if vr == "PN":
        groups = dict(zip(_NAME_GROUPS, value.rstrip("=").split("="), strict=False))
        return {"vr": vr, "Value": [groups]} if any(groups.values()) else {"vr": vr}
    return {"vr": vr, "Value": [value]}


def value_object(element: DataElement) -> dict[str, Any]:
    """Return an attribute of the DICOM JSON model; a value that cannot be told is left out.

    The list is shown although one header of it is damaged.
    """
    try:
        return element.to_json_dict(None, 0)
    except (LookupError, OverflowError, TypeError, ValueError):
        return {"vr": element.VR}


@cache
def _attribute(keyword: str) -> tuple[int, str, str]:
    """Return tag and VR of an attribute, and its name in the DICOM JSON model."""
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    return tag, dictionary_VR(tag), f"{tag:08X}"


_TOLD_OF_LINE: Final = tuple((*_attribute(keyword)[:2], told) for keyword, told in _OF_LINE.items())
