"""Work items are created, and what they say is changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pydicom.dataset import Dataset

from triage.store import NewStep, StepChange, StepSubject
from triage.uids import is_uid, new_uid
from triage.ups import statuses
from triage.ups.answers import Answer, comment_of, crowded, refused
from triage.ups.attributes import merged, priority_of, to_create, to_set
from triage.ups.items import (
    CLASS_OF_ORDER,
    CLASS_OF_WORD,
    from_json,
    is_own,
    subject_texts,
    to_json,
)
from triage.ups.machine import after, change_of_attributes
from triage.ups.reports import first_reports, reports_of_change
from triage.ups.searching import StepSearch
from triage.ups.steps import TRIES, events_of
from triage.ups.subscriptions import GLOBAL_UIDS
from triage.values import Priority, ReadingClass, StepState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from triage.store import StepLine, StepRecord

_LONGEST_ATTRIBUTES: Final = 1_000_000  # characters of JSON that others may leave with one item
_PRIORITY: Final = "ScheduledProcedureStepPriority"


class StepWriting(StepSearch):
    """N-CREATE and N-SET, CreateWorkitem and UpdateWorkitem."""

    def create(self, work_item_uid: str, attributes: Dataset, by: str) -> Answer:
        """Put a work item on the list (N-CREATE, PS3.4 CC.2.5; POST /workitems).

        Args:
            work_item_uid: Its SOP Instance UID; empty to be given one.
            attributes: All of it; `ProcedureStepState` must be SCHEDULED.
            by: AE title or user name of who pushes it.

        Returns:
            SUCCESS, CREATED_MODIFIED with the item as it is kept, DUPLICATE_SOP_INSTANCE,
            NOT_CREATED_SCHEDULED, MISSING_ATTRIBUTE, MISSING_ATTRIBUTE_VALUE,
            INVALID_ATTRIBUTE_VALUE, INVALID_SOP_INSTANCE or RESOURCE_LIMITATION for more than
            there is room for.
        """
        uid = work_item_uid or new_uid()
        if not is_uid(uid) or uid in GLOBAL_UIDS:
            return Answer(statuses.INVALID_SOP_INSTANCE, comment="SOPInstanceUID")
        judged = to_create(attributes, self._label)
        if not statuses.was_done(judged.status):
            return refused(judged.status, judged.keywords, uid)
        kept = judged.attributes
        priority = priority_of(kept)
        reading_class = CLASS_OF_ORDER[priority] if priority else ReadingClass.ROUTINE
        del kept.ScheduledProcedureStepPriority
        told = to_json(kept)
        if _is_too_long(told):
            return Answer(statuses.RESOURCE_LIMITATION, work_item_uid=uid)
        new = NewStep(
            work_item_uid=uid,
            reading_class=reading_class,
            attributes=told,
            subject=StepSubject(**subject_texts(kept)),
            by=by,
            reasons=(f"pushed by {by}",),
        )
        shown = merged(kept, Dataset())
        shown.ProcedureStepState = StepState.SCHEDULED.value
        if not self._store.create_step_telling(new, events_of(first_reports(shown))):
            return Answer(statuses.DUPLICATE_SOP_INSTANCE, work_item_uid=uid)
        if judged.status == statuses.SUCCESS:
            return Answer(statuses.SUCCESS, work_item_uid=uid)
        return replace(
            self.retrieve(uid), status=judged.status, comment=comment_of(judged.keywords)
        )

    def update(
        self, work_item_uid: str, modifications: Dataset, transaction_uid: str, by: str
    ) -> Answer:
        """Set attributes of a work item (N-SET, CC.2.6; POST /workitems/{uid}).

        A priority that is set counts as a person's word: nothing moves the item any more. Only
        the urgency of an order stays as it was ordered.

        Args:
            work_item_uid: Its SOP Instance UID.
            modifications: What to set; each replaces the whole attribute.
            transaction_uid: Of the claim while the item is IN PROGRESS, empty while it is
                SCHEDULED.
            by: AE title or user name of who asks.

        Returns:
            SUCCESS, UNSUPPORTED_ATTRIBUTES or COERCED (done, but for some attributes), or
            UNKNOWN_WORK_ITEM, WRONG_TRANSACTION_UID, NOT_IN_PROGRESS, NO_LONGER_UPDATED,
            ONLY_CREATED_SCHEDULED, INVALID_ATTRIBUTE_VALUE, MISSING_ATTRIBUTE_VALUE.
        """
        for _ in range(TRIES):
            line = self._line(work_item_uid)
            state = None if line is None else line.step.state
            recorded = "" if line is None else line.step.transaction_uid
            transition = after(state, change_of_attributes(transaction_uid, recorded))
            if line is None or transition.status != statuses.SUCCESS:
                return Answer(transition.status, work_item_uid=work_item_uid)
            answered = self._update(line, modifications, by)
            if answered is not None:
                return answered
        return crowded(work_item_uid)

    def _update(self, line: StepLine, modifications: Dataset, by: str) -> Answer | None:
        """Set attributes; None when the item has changed meanwhile."""
        step, standing = line.step, self._whole(line)
        judged = to_set(standing, modifications, is_own=is_own(step))
        if not statuses.was_done(judged.status):
            return refused(judged.status, judged.keywords, step.work_item_uid)
        changes = judged.attributes
        wanted = priority_of(changes)
        if wanted is not None:
            del changes.ScheduledProcedureStepPriority
        if wanted is not None and _is_ordered_urgently(line) and wanted is not Priority.HIGH:
            # The urgency of an order is taken back where it was ordered.
            judged = replace(judged, status=statuses.COERCED, keywords=(_PRIORITY,))
            wanted = None
        moved = wanted is not None and wanted is not line.ranked.effective_priority
        attributes = to_json(merged(from_json(step.attributes), changes))
        if _is_too_long(attributes):
            return Answer(statuses.RESOURCE_LIMITATION, work_item_uid=step.work_item_uid)
        change = StepChange(
            by=by,
            attributes=attributes,
            subject=_subject(step, changes),
            reading_class=CLASS_OF_WORD[wanted] if wanted and moved else None,
        )
        reports = reports_of_change(standing, merged(standing, changes), ())
        if not self._change(step, change, reports):
            return None
        return Answer(judged.status, None, comment_of(judged.keywords), step.work_item_uid)


def _is_too_long(attributes: Mapping[str, Any]) -> bool:
    return len(str(attributes)) > _LONGEST_ATTRIBUTES


def _is_ordered_urgently(line: StepLine) -> bool:
    """Whether the order of a study of ours is urgent."""
    return is_own(line.step) and line.ranked.entry.order_priority.urgent


def _subject(step: StepRecord, changes: Dataset) -> StepSubject | None:
    """Return what queries ask for after a change, None when it stays as it is."""
    texts = subject_texts(changes)
    label = texts["label"] or step.subject.label
    study = step.subject.study_instance_uid
    if not is_own(step) and "StudyInstanceUID" in changes:
        study = texts["study_instance_uid"]
    found = replace(step.subject, label=label, study_instance_uid=study)
    return None if found == step.subject else found
