"""Frozen records of the reading list: its windows, its searches, and the steps behind its lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from triage.store.records import Placement, StandingDecision
    from triage.values import (
        OrderPriority,
        Outcome,
        RankedEntry,
        ReadingClass,
        StepState,
        StudyState,
    )


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the reading order, which stays meaningful when the line itself is gone.

    Attributes:
        effective_class: The class after the waiting cap.
        arrived_at: The arrival.
        work_item_uid: Decides between equal arrivals.
    """

    effective_class: ReadingClass
    arrived_at: datetime
    work_item_uid: str

    @classmethod
    def of(cls, ranked: RankedEntry) -> Position:
        """Return the place of a line; the window `after` it begins with the next one."""
        entry = ranked.entry
        return cls(ranked.effective_class, entry.arrived_at, entry.work_item_uid)


class Sort(Enum):
    """By what the lines of a page are sorted. Urgent orders stand first whatever it is."""

    READING = "reading"  # the reading order: the only one that nobody has to ask for
    ARRIVAL = "arrival"  # first come first
    PATIENT = "patient"  # name
    LOCATION = "location"  # where the patient is, then the reading order


@dataclass(frozen=True, slots=True)
class Moments:
    """A stretch of time, both ends within it; None where it is open."""

    first: datetime | None = None
    last: datetime | None = None


@dataclass(frozen=True, slots=True)
class Days:
    """A stretch of days as DA values (PS3.5 6.2), both within it; empty where it is open."""

    first: str = ""
    last: str = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which lines are wanted, in terms that the database can look up.

    Every field narrows; an empty one constrains nothing. A text field holds patterns, of which
    any may match: `*` stands for any characters, `?` for any one. Names are compared without
    regard to case, one pattern against each of a name's three groups. What is found is never
    less than what a precise comparison (triage.worklist.query) would find; it may be more.

    Attributes:
        work_item_uids: Any of these items.
        study_instance_uids: Any of these studies.
        patient_ids: Patterns of Patient ID.
        patient_names: Patterns of Patient's Name.
        accession_numbers: Patterns of Accession Number.
        patient_locations: The patient is at any of these places.
        claimed_by: Any of these readers has opened it.
        labels: Any of these Worklist Labels; the empty one is the site's own.
        step_states: Any of these states.
        classes: Any of these classes, after the waiting cap.
        outcomes: Any of these outcomes; None for "no result yet".
        birth_dates: The patient was born in any of these.
        starts: Its Scheduled Procedure Step Start is in any of these.
        changes: It was last changed in any of these.
        study_states: The study that it is about is in any of these states, or somebody has set
            attributes of it.
        patient_sexes: The patient is of any of these sexes, or somebody has set attributes of it.
        told_of: Somebody has set attributes of it: a reader, or the system that pushed it.
        arrived_from: At or after this.
        arrived_until: At or before this.
    """

    work_item_uids: tuple[str, ...] = ()
    study_instance_uids: tuple[str, ...] = ()
    patient_ids: tuple[str, ...] = ()
    patient_names: tuple[str, ...] = ()
    accession_numbers: tuple[str, ...] = ()
    patient_locations: tuple[str, ...] = ()
    claimed_by: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    step_states: tuple[StepState, ...] = ()
    classes: tuple[ReadingClass, ...] = ()
    outcomes: tuple[Outcome | None, ...] = ()
    birth_dates: tuple[Days, ...] = ()
    starts: tuple[Moments, ...] = ()
    changes: tuple[Moments, ...] = ()
    study_states: tuple[StudyState, ...] = ()
    patient_sexes: tuple[str, ...] = ()
    told_of: bool = False
    arrived_from: datetime | None = None
    arrived_until: datetime | None = None


EVERYTHING = Selection()


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of the reading order, with the size of the whole open list beside it.

    Attributes:
        entries: The lines, in reading order, each with its position on the whole list.
        total: How many lines the open list has.
        counts: How many of them stand in each class, after the waiting cap.
        overdue: How many the cap has raised.
    """

    entries: tuple[RankedEntry, ...]
    total: int
    counts: Mapping[ReadingClass, int]
    overdue: int


@dataclass(frozen=True, slots=True)
class ShownWindow:
    """What a page shows of the list.

    Attributes:
        window: The lines in the order asked for, urgent orders first, each with its place in the
            reading order; and the size of the whole open list.
        outside: Work items of the urgent orders among them that no selection would show.
        more: There are further lines.
    """

    window: Window
    outside: frozenset[str]
    more: bool


@dataclass(frozen=True, slots=True)
class StepSubject:
    """Whom and what a pushed work item is about, as far as queries ask for it."""

    patient_id: str = ""
    patient_name: str = ""
    accession_number: str = ""
    study_instance_uid: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class NewStep:
    """A work item that another system pushes (N-CREATE).

    Attributes:
        work_item_uid: Its SOP Instance UID.
        reading_class: Where it is to stand.
        attributes: The whole item in the DICOM JSON model (PS3.18 F.2).
        subject: What queries ask for.
        by: Who pushed it.
        reasons: What stands beside the line.
    """

    work_item_uid: str
    reading_class: ReadingClass
    attributes: Mapping[str, Any]
    subject: StepSubject
    by: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepRecord:
    """A work item as its state machine sees it.

    Attributes:
        study_instance_uid: The study of ours behind it, empty when another system pushed it.
        transaction_uid: Of the claim; never told to anybody.
        attributes: What readers and pushers have set, in the DICOM JSON model; empty for none.
        subject: What queries ask for.
        version: Counts the changes of the line, for compare-and-set.
    """

    work_item_uid: str
    study_instance_uid: str
    state: StepState
    transaction_uid: str
    claimed_by: str
    claimed_at: datetime | None
    ended_at: datetime | None
    held_by: str
    reading_class: ReadingClass
    attributes: Mapping[str, Any]
    subject: StepSubject
    changed_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class StepChange:
    """What is to become of a work item; a field that is None stays as it is.

    Attributes:
        by: Who asks for it: an AE title or a user name.
        state: The next state. IN_PROGRESS claims the item for `by`.
        transaction_uid: Of the claim; needed with IN_PROGRESS.
        attributes: Takes the place of all attributes that were set before.
        subject: Of a pushed item.
        reading_class: Sets the priority by hand: the item is held from then on.
        reason: What stands in the history.
        successor: Attributes of the step that takes the place of this one, which is cancelled,
            on the list; None when none does.
        placing: Says where a study belongs that nobody has open any more; None when it stays.
    """

    by: str
    state: StepState | None = None
    transaction_uid: str | None = None
    attributes: Mapping[str, Any] | None = None
    subject: StepSubject | None = None
    reading_class: ReadingClass | None = None
    reason: str = ""
    successor: Mapping[str, Any] | None = None
    placing: Callable[[StandingDecision], Placement] | None = None


@dataclass(frozen=True, slots=True)
class StepStateChange:
    """One line of a work item's history of states."""

    change_id: int
    work_item_uid: str
    changed_at: datetime
    state_before: StepState | None
    state_after: StepState
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class OrderedStudies:
    """The studies that an order is about: by accession number, or one by its UID.

    At least one of the two must be given; where both are, a study must fit both.
    """

    accession_number: str = ""
    study_instance_uid: str = ""


@dataclass(frozen=True, slots=True)
class OrderWord:
    """What an order says of its studies later than with the images.

    Attributes:
        priority: Its priority now; None when it says nothing of it.
        patient_location: Where the patient is; None when it says nothing of it.
        reason: What stands in the ledger.
    """

    priority: OrderPriority | None = None
    patient_location: str | None = None
    reason: str = field(default="the order was changed")
