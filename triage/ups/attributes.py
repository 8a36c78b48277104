"""What N-CREATE and N-SET may say, and what a final state asks for: PS3.4 Table CC.2.5-3, pure.

Strict in what decides (states, identity, what can be compared), tolerant in the rest: what the
table wants to be there, though it may be empty, is added empty. What cannot be kept is dropped,
and whoever sent it is told by a warning: private elements, bulk data, and whatever this system
knows better of its own studies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydicom.datadict import dictionary_has_tag, dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.valuerep import VR

from triage.ups.statuses import (
    COERCED,
    CREATED_MODIFIED,
    INVALID_ATTRIBUTE_VALUE,
    MISSING_ATTRIBUTE,
    MISSING_ATTRIBUTE_VALUE,
    NOT_CREATED_SCHEDULED,
    ONLY_CREATED_SCHEDULED,
    SUCCESS,
    UNSUPPORTED_ATTRIBUTES,
)
from triage.values import Priority, StepState
from triage.worklist.matching import is_date_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom.tag import BaseTag

PROGRESS: Final = "ProcedureStepProgressInformationSequence"
PERFORMED: Final = "UnifiedProcedureStepPerformedProcedureSequence"

# Attribute, and its requirement types (SCU/SCP) in N-CREATE and in N-SET; "-" is not allowed.
# What the table does not name, and the UPS IOD has, is optional in both.
_TABLE: Final = (
    ("ScheduledProcedureStepPriority", "1/1", "3/1"),
    ("ProcedureStepLabel", "1/1", "3/1"),
    ("WorklistLabel", "2/1", "3/1"),
    ("ScheduledProcessingParametersSequence", "2/2", "3/2"),
    ("ScheduledStationNameCodeSequence", "2/2", "3/2"),
    ("ScheduledStationClassCodeSequence", "2/2", "3/2"),
    ("ScheduledStationGeographicLocationCodeSequence", "2/2", "3/2"),
    ("ScheduledHumanPerformersSequence", "2C/2C", "3/2"),
    ("ScheduledProcedureStepStartDateTime", "1/1", "3/1"),
    ("ExpectedCompletionDateTime", "3/1", "3/1"),
    ("ScheduledWorkitemCodeSequence", "2/2", "3/1"),
    ("CommentsOnTheScheduledProcedureStep", "2/2", "3/1"),
    ("InputReadinessState", "1/1", "3/1"),
    ("InputInformationSequence", "2/2", "3/2"),
    ("StudyInstanceUID", "1C/2", "3/2"),
    ("PatientName", "2/2", "-"),
    ("PatientID", "1C/2", "-"),
    ("IssuerOfPatientID", "2/2", "-"),
    ("IssuerOfPatientIDQualifiersSequence", "2/2", "-"),
    ("PatientBirthDate", "2/2", "-"),
    ("PatientSex", "2/2", "-"),
    ("AdmissionID", "2/2", "-"),
    ("IssuerOfAdmissionIDSequence", "2/2", "-"),
    ("AdmittingDiagnosesDescription", "2/2", "-"),
    ("AdmittingDiagnosesCodeSequence", "2/2", "-"),
    ("ReferencedRequestSequence", "2/2", "-"),
    ("ReplacedProcedureStepSequence", "1C/1C", "-"),
    ("ProcedureStepState", "1/1", "-"),
    (PROGRESS, "2/2", "3/2"),
    (PERFORMED, "2/2", "3/2"),
)

# Path, and the Final State Code of Table CC.2.5-1: R for both final states, P for COMPLETED,
# X for CANCELED. What is conditional (RC) cannot be judged from here.
_FINAL: Final = (
    (("ScheduledProcedureStepPriority",), "R"),
    (("ScheduledProcedureStepModificationDateTime",), "R"),
    (("ScheduledProcedureStepStartDateTime",), "R"),
    (("InputReadinessState",), "R"),
    ((PROGRESS, "ProcedureStepCancellationDateTime"), "X"),
    ((PROGRESS, "ProcedureStepDiscontinuationReasonCodeSequence"), "X"),
    ((PERFORMED, "PerformedStationNameCodeSequence"), "P"),
    ((PERFORMED, "PerformedProcedureStepStartDateTime"), "P"),
    ((PERFORMED, "PerformedWorkitemCodeSequence"), "P"),
    ((PERFORMED, "PerformedProcedureStepEndDateTime"), "P"),
    ((PERFORMED, "OutputInformationSequence"), "P"),
)
_CODES_OF_STATE = {StepState.COMPLETED: "RP", StepState.CANCELED: "RX"}

_ENUMERATED: Final = {
    "ScheduledProcedureStepPriority": frozenset(priority.value for priority in Priority),
    "InputReadinessState": frozenset({"INCOMPLETE", "UNAVAILABLE", "READY"}),
}
_ONE_ITEM: Final = frozenset({PROGRESS, PERFORMED})
# A new step has neither progress nor results (both "shall be empty").
_EMPTY_AT_FIRST: Final = frozenset({PROGRESS, PERFORMED, "TransactionUID"})
# They belong to the operation, not to the step; whoever sends them back does no harm.
_NEVER_KEPT: Final = frozenset(
    {
        "SpecificCharacterSet",
        "TimezoneOffsetFromUTC",
        "SOPClassUID",
        "SOPInstanceUID",
        "TransactionUID",
        "ScheduledProcedureStepModificationDateTime",
    }
)
# Of the steps to read our own studies: nobody knows better which images there are.
_KNOWN_HERE: Final = frozenset(
    {"InputInformationSequence", "InputReadinessState", "StudyInstanceUID"}
)
_BULK_VRS: Final = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_DEEPEST_LEVEL: Final = 8


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a request to create or to change a step comes to.

    Attributes:
        status: Of the answer, a failure or not.
        attributes: What to keep; empty after a failure.
        keywords: What is at fault, or was not kept as it was sent.
    """

    status: int
    attributes: Dataset
    keywords: tuple[str, ...] = ()


class _RefusedError(Exception):
    """An attribute is refused."""

    def __init__(self, status: int, keyword: str) -> None:
        super().__init__(keyword)
        self.judgement = Judgement(status, Dataset(), (keyword,))


def to_create(attributes: Dataset, label: str) -> Judgement:
    """Judge the attributes of a new work item (N-CREATE, CC.2.5).

    Args:
        attributes: As they came.
        label: Worklist Label for an item that brings none.

    Returns:
        All that is to be kept of the new item; its state is no part of it.
    """
    if _text(attributes, "ProcedureStepState") != StepState.SCHEDULED.value:
        return Judgement(NOT_CREATED_SCHEDULED, Dataset(), ("ProcedureStepState",))
    try:
        kept, changed = _kept(attributes, _NEVER_KEPT | {"ProcedureStepState"})
        changed += [word for word in _EMPTY_AT_FIRST if _has_value(attributes, word)]
        for keyword in _EMPTY_AT_FIRST & set(kept.dir()):
            del kept[keyword]
        _complete(kept, label)
        _check_values(kept)
    except _RefusedError as refused:
        return refused.judgement
    return Judgement(CREATED_MODIFIED if changed else SUCCESS, kept, tuple(sorted(set(changed))))


def to_set(standing: Dataset, modifications: Dataset, *, is_own: bool) -> Judgement:
    """Judge the modifications of a work item (N-SET, CC.2.6).

    Args:
        standing: The item as it stands.
        modifications: As they came.
        is_own: Whether it is the item of a study of ours.

    Returns:
        Those modifications that are to be kept; each replaces the whole attribute.
    """
    state = _text(modifications, "ProcedureStepState")
    if state == StepState.SCHEDULED.value != _text(standing, "ProcedureStepState"):
        return Judgement(ONLY_CREATED_SCHEDULED, Dataset(), ("ProcedureStepState",))
    ours = _KNOWN_HERE if is_own else frozenset[str]()
    try:
        fixed = _fixed(standing, modifications)
        kept, dropped = _kept(modifications, _NEVER_KEPT | fixed | ours)
        _check_set(kept)
        _check_values(kept)
    except _RefusedError as refused:
        return refused.judgement
    coerced = [word for word in ours if _differs(standing, modifications, word)]
    status = COERCED if coerced else UNSUPPORTED_ATTRIBUTES if dropped else SUCCESS
    return Judgement(status, kept, tuple(sorted({*coerced, *dropped})))


def unmet(item: Dataset, state: StepState) -> tuple[str, ...]:
    """Return the attributes that a step lacks before it may have a final state (CC.2.5.1.1).

    Args:
        item: The work item.
        state: COMPLETED or CANCELED.
    """
    codes = _CODES_OF_STATE[state]
    return tuple(path[-1] for path, code in _FINAL if code in codes and not _reaches(item, path))


def merged(standing: Dataset, changes: Dataset) -> Dataset:
    """Return a step's attributes with changes laid over them."""
    found = Dataset()
    for element in (*standing, *changes):
        found[element.tag] = element
    return found


def priority_of(attributes: Dataset) -> Priority | None:
    """Return the priority that attributes name, None when they name none."""
    value = _text(attributes, "ScheduledProcedureStepPriority")
    return Priority(value) if value else None


def _complete(kept: Dataset, label: str) -> None:
    """Add what a new item must have, as far as it may be empty.

    Raises:
        _RefusedError: It lacks what only its sender knows.
    """
    for keyword, requirement, _ in _TABLE:
        theirs, _, ours = requirement.partition("/")
        if keyword == "ProcedureStepState":
            continue
        if theirs == "1" and not _has_value(kept, keyword):
            missing = MISSING_ATTRIBUTE_VALUE if keyword in kept else MISSING_ATTRIBUTE
            raise _RefusedError(missing, keyword)
        if ours in ("2", "1") and keyword not in kept and theirs != "3":
            _put_empty(kept, keyword)
    if not _has_value(kept, "WorklistLabel"):
        kept.WorklistLabel = label


def _check_set(kept: Dataset) -> None:
    """Refuse an empty value for what must have one."""
    for keyword, _, requirement in _TABLE:
        if requirement == "3/1" and keyword in kept and not _has_value(kept, keyword):
            raise _RefusedError(MISSING_ATTRIBUTE_VALUE, keyword)


def _check_values(kept: Dataset) -> None:
    """Refuse values that nobody could use: unknown words, times that are none, items too many."""
    for keyword, allowed in _ENUMERATED.items():
        if keyword in kept and _text(kept, keyword) not in allowed:
            raise _RefusedError(INVALID_ATTRIBUTE_VALUE, keyword)
    for keyword in _ONE_ITEM:
        if keyword in kept and len(kept[keyword].value or ()) > 1:
            raise _RefusedError(INVALID_ATTRIBUTE_VALUE, keyword)
    for element in _every_element(kept):
        if element.VR == "DT" and not all(is_date_time(text) for text in _texts(element)):
            raise _RefusedError(INVALID_ATTRIBUTE_VALUE, element.keyword)


def _fixed(standing: Dataset, modifications: Dataset) -> frozenset[str]:
    """Return the attributes that N-SET must leave alone.

    Raises:
        _RefusedError: One of them would change.
    """
    fixed = [keyword for keyword, _, requirement in _TABLE if requirement == "-"]
    for keyword in fixed:
        if _differs(standing, modifications, keyword):
            raise _RefusedError(INVALID_ATTRIBUTE_VALUE, keyword)
    return frozenset(fixed)


def _differs(standing: Dataset, modifications: Dataset, keyword: str) -> bool:
    """Whether modifications have another value; an absent one and an empty one are the same."""
    if keyword not in modifications:
        return False
    given = modifications[keyword].value
    if keyword not in standing:
        return bool(given)
    return bool(given or standing[keyword].value) and given != standing[keyword].value


def _kept(
    attributes: Dataset, without: frozenset[str], level: int = 0
) -> tuple[Dataset, list[str]]:
    """Return what can be kept of a data set, and the names of what cannot.

    Raises:
        _RefusedError: It is nested deeper than any step.
    """
    kept, dropped = Dataset(), []
    for element in attributes:
        keyword = keyword_for_tag(element.tag)
        if element.tag.element == 0 or (keyword in without and level == 0):
            continue
        if not _is_kept(element.tag, element.VR):
            dropped.append(keyword or str(element.tag))
        elif element.VR == "SQ":
            if level == _DEEPEST_LEVEL:
                raise _RefusedError(INVALID_ATTRIBUTE_VALUE, keyword)
            found = [_kept(item, without, level + 1) for item in element.value or ()]
            kept.add(DataElement(element.tag, "SQ", Sequence([item for item, _ in found])))
            dropped += [name for _, names in found for name in names]
        else:
            kept.add(element)
    return kept, dropped


def _is_kept(tag: BaseTag, vr: str) -> bool:
    # The VR must be the standard's, or what is matched and merged would not be what it says.
    known = not tag.is_private and dictionary_has_tag(tag)
    return known and vr not in _BULK_VRS and vr in dictionary_VR(tag).split(" or ")


def _every_element(dataset: Dataset) -> Iterator[DataElement]:
    for element in dataset:
        yield element
        if element.VR == "SQ":
            for item in element.value:
                yield from _every_element(item)


def _reaches(item: Dataset, path: tuple[str, ...]) -> bool:
    """Whether there is a value at the end of a path through the first items of sequences."""
    for keyword in path[:-1]:
        if not _has_value(item, keyword):
            return False
        item = item[keyword].value[0]
    return _has_value(item, path[-1])


def _has_value(dataset: Dataset, keyword: str) -> bool:
    if keyword not in dataset:
        return False
    element = dataset[keyword]
    return bool(element.value) if element.VR == "SQ" else bool(_texts(element))


def _text(dataset: Dataset, keyword: str) -> str:
    """Return a value as text, empty when there is none or more than one."""
    texts = _texts(dataset[keyword]) if keyword in dataset else []
    return texts[0] if len(texts) == 1 else ""


def _texts(element: DataElement) -> list[str]:
    values = element.value if isinstance(element.value, MultiValue) else [element.value]
    texts = [str(value).strip() for value in values if value is not None]
    return [text for text in texts if text]


def _put_empty(dataset: Dataset, keyword: str) -> None:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    vr = dictionary_VR(tag)
    dataset.add(DataElement(tag, vr, Sequence() if vr == VR.SQ else ""))
