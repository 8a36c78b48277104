"""Work items as queries and events show them: the list's line with what readers have set. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from triage.ups.attributes import PERFORMED, PROGRESS, merged
from triage.values import Priority, ReadingClass
from triage.worklist.texts import TextItem, dataset_of
from triage.worklist.ups import (
    UPS_PUSH,
    date_time,
    line_texts,
    said_text,
    value_object,
    work_item_object,
)

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from pydicom.dataelem import DataElement

    from triage.store import StepLine, StepRecord, StepReferences

# Where the priority of a pushed item puts it: whoever pushes it orders it.
CLASS_OF_ORDER: Final = {
    Priority.HIGH: ReadingClass.URGENT_ORDER,
    Priority.MEDIUM: ReadingClass.ROUTINE,
    Priority.LOW: ReadingClass.LIKELY_NORMAL,
}
# Where a priority that is set later puts an item: the first class is the orders' alone.
CLASS_OF_WORD: Final = {
    Priority.HIGH: ReadingClass.SUSPECTED_ABNORMAL,
    Priority.MEDIUM: ReadingClass.ROUTINE,
    Priority.LOW: ReadingClass.LIKELY_NORMAL,
}

# Attributes in the DICOM JSON model.
_CHARACTER_SET: Final = "00080005"
_SOP_CLASS_UID: Final = "00080016"
_SOP_INSTANCE_UID: Final = "00080018"
_MODIFIED_AT: Final = "00404010"
_STATE: Final = "00741000"
_PRIORITY: Final = "00741200"
_WORKLIST_LABEL: Final = "00741202"

# What `present` says of every item, whatever has been set.
_ALWAYS_OURS: Final = (
    "SpecificCharacterSet",
    "SOPClassUID",
    "SOPInstanceUID",
    "ProcedureStepState",
    "ScheduledProcedureStepPriority",
    "ScheduledProcedureStepModificationDateTime",
)


def present(line: StepLine, label: str, references: StepReferences | None = None) -> Dataset:
    """Return a work item as it stands.

    Args:
        line: The line and the step behind it.
        label: Worklist Label of the site.
        references: Images and reports of a study of ours, where they are wanted.

    Returns:
        The whole item; never its Transaction UID.
    """
    item = present_light(line, label, references)
    return dataset_of(item) if isinstance(item, TextItem) else item


def present_light(
    line: StepLine,
    label: str,
    references: StepReferences | None = None,
    wanted: Container[int] | None = None,
) -> Dataset | TextItem:
    """Return what `present` does; as texts, where nobody has said anything of the item.

    That is so of most lines, of which the list itself says all.

    Args:
        line: The line and the step behind it.
        label: Worklist Label of the site.
        references: Images and reports of a study of ours, where they are wanted.
        wanted: These attributes are wanted, others may be left out; all when None.
    """
    step = line.step
    if not is_own(step) or step.attributes:
        return _with_words(line, label, references, wanted)
    item = line_texts(line.ranked, label, references, wanted)
    if step.subject.label:
        item |= said_text("WorklistLabel", step.subject.label)
    return item


def _with_words(
    line: StepLine,
    label: str,
    references: StepReferences | None,
    wanted: Container[int] | None,
) -> Dataset:
    """Return a work item with what readers and pushers have said of it."""
    step = line.step
    item = Dataset()
    if step.study_instance_uid:
        item = dataset_of(line_texts(line.ranked, label, references, wanted))
    outputs = _outputs(item)
    item = merged(item, from_json(_wanted(step.attributes, wanted)))
    _keep_outputs(item, outputs)
    item.SpecificCharacterSet = "ISO_IR 192"
    item.SOPClassUID = UPS_PUSH
    item.SOPInstanceUID = step.work_item_uid
    item.ProcedureStepState = step.state.value
    item.ScheduledProcedureStepPriority = line.ranked.effective_priority.value
    item.ScheduledProcedureStepModificationDateTime = date_time(step.changed_at)
    if step.subject.label:
        item.WorklistLabel = step.subject.label
    return item


def as_ended(item: Dataset) -> Dataset:
    """Return what is kept of the step to read a study once it is no longer that step."""
    kept = merged(item, Dataset())
    for keyword in _ALWAYS_OURS:
        if keyword in kept:
            delattr(kept, keyword)
    return kept


def as_new(attributes: Dataset) -> Dataset:
    """Return what of a step's own attributes holds before anybody has claimed it."""
    kept = merged(attributes, Dataset())
    for keyword in (PROGRESS, PERFORMED):
        if keyword in kept:
            delattr(kept, keyword)
    return kept


def present_object(
    line: StepLine, label: str, references: StepReferences | None = None
) -> dict[str, Any]:
    """Return what `present` does in the DICOM JSON model (PS3.18 F.2)."""
    step = line.step
    if references is not None and step.attributes:
        return object_of(present(line, label, references))
    item = work_item_object(line.ranked, label, references) if is_own(step) else {}
    if is_own(step) and not step.attributes:
        return item | _own_label(step)
    item |= step.attributes
    item |= _always_ours(line) | _own_label(step)
    return dict(sorted(item.items()))


def _own_label(step: StepRecord) -> dict[str, Any]:
    """Return the Worklist Label of an item that has another one than the site's."""
    label = step.subject.label
    return {_WORKLIST_LABEL: {"vr": "LO", "Value": [label]}} if label else {}


def _always_ours(line: StepLine) -> dict[str, Any]:
    """Return what an item says whatever has been set: what a line of ours says by itself."""
    said = {
        _CHARACTER_SET: ("CS", "ISO_IR 192"),
        _SOP_CLASS_UID: ("UI", UPS_PUSH),
        _SOP_INSTANCE_UID: ("UI", line.step.work_item_uid),
        _STATE: ("CS", line.step.state.value),
        _PRIORITY: ("CS", line.ranked.effective_priority.value),
        _MODIFIED_AT: ("DT", date_time(line.step.changed_at)),
    }
    return {name: {"vr": vr, "Value": [value]} for name, (vr, value) in said.items()}


def _wanted(attributes: Mapping[str, Any], wanted: Container[int] | None) -> Mapping[str, Any]:
    if wanted is None:
        return attributes
    return {name: value for name, value in attributes.items() if int(name, 16) in wanted}


def from_json(found: Mapping[str, Any]) -> Dataset:
    """Return a data set from its DICOM JSON model (PS3.18 F.2)."""
    return Dataset.from_json(dict(found)) if found else Dataset()


def to_json(dataset: Dataset) -> dict[str, Any]:
    """Return the DICOM JSON model of a data set.

    Raises:
        ValueError: It has a value that is not of its type.
    """
    return dataset.to_json_dict()


def object_of(item: Dataset) -> dict[str, Any]:
    """Return a data set in the DICOM JSON model: attributes ascending, empty ones without value."""
    return {f"{one.tag:08X}": _attribute(one) for one in item if one.tag.element}


def _attribute(element: DataElement) -> dict[str, Any]:
    if element.VR == "SQ":
        items = [object_of(item) for item in element.value]
        return {"vr": "SQ", "Value": items} if items else {"vr": "SQ"}
    return value_object(element)


def subject_texts(item: Dataset) -> dict[str, str]:
    """Return what queries ask for of a pushed item, by the names of triage.store.StepSubject."""
    requests = item.get("ReferencedRequestSequence") or ()
    return {
        "patient_id": _text(item, "PatientID"),
        "patient_name": _text(item, "PatientName"),
        "accession_number": _text(requests[0], "AccessionNumber") if requests else "",
        "study_instance_uid": _text(item, "StudyInstanceUID"),
        "label": _text(item, "WorklistLabel"),
    }


def is_own(step: StepRecord) -> bool:
    """Whether it is the step to read a study of ours."""
    return step.study_instance_uid != ""


def _text(dataset: Dataset, keyword: str) -> str:
    return str(dataset.get(keyword) or "").strip()


def _outputs(item: Dataset) -> list[Dataset]:
    """Return the reports of ours that an item refers to."""
    performed = item.get(PERFORMED) or ()
    return [one for each in performed for one in each.get("OutputInformationSequence") or ()]


def _keep_outputs(item: Dataset, outputs: list[Dataset]) -> None:
    """Put our reports before the results that a reader has set."""
    performed = item.get(PERFORMED) or ()
    if not outputs or not performed:
        return
    theirs = performed[0].get("OutputInformationSequence") or ()
    known = [one for one in theirs if one not in outputs]
    first = merged(performed[0], Dataset())
    first.OutputInformationSequence = Sequence([*outputs, *known])
    setattr(item, PERFORMED, Sequence([first]))
