"""A query for work items, as far as the database can look it up. Pure.

What comes out never finds less than the query itself: triage.worklist.query matches it precisely
against the items that are found.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

from pydicom.multival import MultiValue

from triage.errors import PermanentError
from triage.store import Days, Moments, Selection
from triage.values import ReadingClass, StepState, StudyState
from triage.worklist.matching import days, moments
from triage.worklist.query import matches
from triage.worklist.ups import INCOMPLETE, unvaried

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_STATES: Final = {state.value: state for state in StepState}


def selection_of(query: Dataset, label: str) -> Selection:
    """Return what the database can look up of a query.

    Args:
        query: Its keys.
        label: Worklist Label of the site; in the database it is empty.
    """
    requests = query.get("ReferencedRequestSequence") or ()
    return Selection(
        work_item_uids=_exact(query, "SOPInstanceUID"),
        study_instance_uids=_exact(query, "StudyInstanceUID"),
        patient_ids=_patterns(query, "PatientID"),
        patient_names=_patterns(query, "PatientName"),
        accession_numbers=_patterns(requests[0], "AccessionNumber") if requests else (),
        labels=_labels(query, label),
        step_states=_states(query),
        classes=_classes(query),
        birth_dates=_days(query, "PatientBirthDate"),
        starts=_moments(query, "ScheduledProcedureStepStartDateTime"),
        changes=_moments(query, "ScheduledProcedureStepModificationDateTime"),
        study_states=_study_states(query),
        patient_sexes=_exact(query, "PatientSex"),
        told_of=not matches(query, unvaried(label)),
    )


def _study_states(query: Dataset) -> tuple[StudyState, ...]:
    """Return the states of studies of which an Input Readiness State is told."""
    readiness = _patterns(query, "InputReadinessState")
    return (StudyState.ARRIVING,) if readiness == (INCOMPLETE,) else ()


def _days(query: Dataset, keyword: str) -> tuple[Days, ...]:
    """Return the days that a key asks for; none where only the precise comparison can tell."""
    try:
        return tuple(Days(*days(text)) for text in _patterns(query, keyword))
    except PermanentError:
        return ()  # whoever asks is told so when the items are compared


def _moments(query: Dataset, keyword: str) -> tuple[Moments, ...]:
    try:
        return tuple(Moments(*moments(text)) for text in _patterns(query, keyword))
    except PermanentError:
        return ()


def _states(query: Dataset) -> tuple[StepState, ...]:
    texts = _patterns(query, "ProcedureStepState")
    known = tuple(_STATES[text] for text in texts if text in _STATES)
    # With a wildcard among them, only the precise comparison can tell.
    return known if len(known) == len(texts) else ()


def _classes(query: Dataset) -> tuple[ReadingClass, ...]:
    texts = _patterns(query, "ScheduledProcedureStepPriority")
    known = {one.priority.value for one in ReadingClass}
    if not set(texts) <= known:
        return ()
    return tuple(one for one in ReadingClass if one.priority.value in texts)


def _labels(query: Dataset, label: str) -> tuple[str, ...]:
    texts = _patterns(query, "WorklistLabel")
    if any(mark in text for text in texts for mark in "*?"):
        return ()
    return (*texts, "") if label in texts else texts


def _exact(query: Dataset, keyword: str) -> tuple[str, ...]:
    """Return whole values that are asked for; with a wildcard among them, none."""
    texts = _patterns(query, keyword)
    return () if any(mark in text for text in texts for mark in "*?") else texts


def _patterns(query: Dataset, keyword: str) -> tuple[str, ...]:
    """Return the values of a key, none where it is universal."""
    if keyword not in query:
        return ()
    value = query[keyword].value
    values = value if isinstance(value, MultiValue) else [value]
    texts = [unicodedata.normalize("NFC", str(one)).strip() for one in values if one]
    found = tuple(text for text in texts if text)
    return () if found == ("*",) else found
