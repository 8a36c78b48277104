"""Work items as queries and events show them: the list's line with what readers have set. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from triage.ups.attributes import PERFORMED, PROGRESS, merged
from triage.values import Priority, ReadingClass
from triage.worklist.ups import UPS_PUSH, date_time, work_item

if TYPE_CHECKING:
    from collections.abc import Mapping

    from triage.store import StepLine, StepRecord

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


# What `present` says of every item, whatever has been set.
_ALWAYS_OURS: Final = (
    "SpecificCharacterSet",
    "SOPClassUID",
    "SOPInstanceUID",
    "ProcedureStepState",
    "ScheduledProcedureStepPriority",
    "ScheduledProcedureStepModificationDateTime",
)


def present(line: StepLine, label: str, references: Dataset | None = None) -> Dataset:
    """Return a work item as it stands.

    Args:
        line: The line and the step behind it.
        label: Worklist Label of the site.
        references: Input and Output Information of a study of ours, where they are wanted; see
            triage.worklist.ups.references.

    Returns:
        The whole item; never its Transaction UID.
    """
    step = line.step
    said = from_json(step.attributes)
    item = work_item(line.ranked, label) if step.study_instance_uid else Dataset()
    if references is not None:
        item = merged(item, references)
    outputs = _outputs(item)
    item = merged(item, said)
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


def from_json(found: Mapping[str, Any]) -> Dataset:
    """Return a data set from its DICOM JSON model (PS3.18 F.2)."""
    return Dataset.from_json(dict(found)) if found else Dataset()


def to_json(dataset: Dataset) -> dict[str, Any]:
    """Return the DICOM JSON model of a data set.

    Raises:
        ValueError: It has a value that is not of its type.
    """
    return dataset.to_json_dict()


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
