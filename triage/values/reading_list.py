"""One line of the reading list, and its place under the waiting cap."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from triage.values.urgency import OrderPriority, Priority, ReadingClass

if TYPE_CHECKING:
    from datetime import datetime

    from triage.values.decision import Outcome, StudyState


class StepState(Enum):
    """Procedure Step State (0074,1000) of a work item, PS3.4 CC.1.1."""

    SCHEDULED = "SCHEDULED"  # waits for a reader
    IN_PROGRESS = "IN PROGRESS"  # a reader has claimed it
    COMPLETED = "COMPLETED"  # read: off the open list, still found by query and history
    CANCELED = "CANCELED"  # not to be read any more: off the open list, still found

    @property
    def final(self) -> bool:
        """Whether nothing follows this state."""
        return self in (StepState.COMPLETED, StepState.CANCELED)


@dataclass(frozen=True, slots=True)
class WorklistEntry:
    """One line of the reading worklist: a study as the list shows it.

    Attributes:
        work_item_uid: SOP Instance UID of the UPS work item.
        study_instance_uid: Study Instance UID; of an item that another system pushed, the study
            that it names, empty when it names none.
        arrived_at: When the first image of the study was stored, or the item pushed.
        reading_class: Class set by order and decision, before the waiting cap.
        outcome: Outcome of the decision that stands, None while there is none.
        study_state: Where the study stands.
        order_priority: What the order says.
        image_count: Images received.
        report_uids: SOP Instance UIDs of the reports so far, oldest first.
        thumbnail: Name of the thumbnail file under the state folder, empty when none.
        changed_at: Last time that anything about the line changed.
        step_state: Procedure Step State of the work item.
        claimed_by: AE title or user name of the reader who opened it, empty while nobody has.
        claimed_at: When it was opened.
        held_by: Who set its priority by hand, empty when nobody has.
        patient_location: Where the patient is, as the order says.
        ended_at: When it was completed or cancelled, None while it is open.
        version: Counts the changes of the line, for compare-and-set.
    """

    work_item_uid: str
    study_instance_uid: str
    arrived_at: datetime
    reading_class: ReadingClass
    reasons: tuple[str, ...]
    outcome: Outcome | None
    study_state: StudyState
    order_priority: OrderPriority
    patient_name: str
    patient_id: str
    patient_birth_date: str
    patient_sex: str
    accession_number: str
    study_description: str
    study_date: str
    image_count: int
    report_uids: tuple[str, ...]
    thumbnail: str
    changed_at: datetime
    step_state: StepState = StepState.SCHEDULED
    claimed_by: str = ""
    claimed_at: datetime | None = None
    held_by: str = ""
    patient_location: str = ""
    ended_at: datetime | None = None
    version: int = 1

    @property
    def priority(self) -> Priority:
        """The UPS priority before the waiting cap."""
        return self.reading_class.priority

    @property
    def opened(self) -> bool:
        """Whether a person has laid hands on it: no result, brake or cap moves it any more."""
        return self.claimed_at is not None or self.ended_at is not None or self.held_by != ""


def class_after_cap(
    reading_class: ReadingClass,
    arrived_at: datetime,
    claimed_at: datetime | None,
    held_by: str,
    now: datetime,
    cap_seconds: float,
) -> ReadingClass:
    """Return the class in which the list shows a study.

    A study that has waited for the cap stands among the suspected abnormal. One that has been
    opened stays where it stood when it was opened; one whose priority a person has set stays
    where that person put it.

    Args:
        reading_class: The class that order and result give it, or a person.
        arrived_at: Its arrival.
        claimed_at: When it was opened, None while it is not.
        held_by: Who set its priority by hand, empty when nobody has.
        now: When the list is read.
        cap_seconds: The waiting cap.
    """
    if held_by:
        return reading_class
    waited = ((claimed_at or now) - arrived_at).total_seconds()
    # A clock that was set back must not make a study look as if it came from the future.
    if max(0.0, waited) < cap_seconds:
        return reading_class
    return min(reading_class, ReadingClass.SUSPECTED_ABNORMAL)


@dataclass(frozen=True, slots=True)
class RankedEntry:
    """A worklist entry at its place: what triage.worklist.order makes of an entry and the time.

    Attributes:
        entry: The entry.
        position: 1 for the study to read next; 0 for one that has ended, and where nobody
            counted.
        effective_class: The class after the waiting cap.
        waited_seconds: Seconds from arrival until now, or until it ended.
        cap_seconds: The waiting cap; at or beyond it the study is raised.
        overdue: Whether the cap has raised this study.
    """

    entry: WorklistEntry
    position: int
    effective_class: ReadingClass
    waited_seconds: float
    cap_seconds: float
    overdue: bool

    @classmethod
    def at(
        cls, position: int, entry: WorklistEntry, now: datetime, cap_seconds: float
    ) -> RankedEntry:
        """Return an entry at a place, as it is shown at a time under a cap."""
        effective = class_after_cap(
            entry.reading_class, entry.arrived_at, entry.claimed_at, entry.held_by, now, cap_seconds
        )
        waited = ((entry.ended_at or now) - entry.arrived_at).total_seconds()
        return cls(
            entry=entry,
            position=position,
            effective_class=effective,
            waited_seconds=max(0.0, waited),
            cap_seconds=cap_seconds,
            overdue=effective is not entry.reading_class,
        )

    @property
    def effective_priority(self) -> Priority:
        """The UPS priority after the waiting cap."""
        return self.effective_class.priority
