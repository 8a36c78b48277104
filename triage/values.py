"""The frozen values that the rooms of the house exchange.

Names follow DICOM keywords (PS3.6) where the standard has one. Times are UTC and
aware; UIDs are plain strings. Nothing here does I/O, and nothing here imports from
another room.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class Outcome(Enum):
    """What the program found out about a study."""

    ABNORMAL = "abnormal"  # a certified or flagged finding: may be raised
    LIKELY_NORMAL = "likely-normal"  # complete, gated, every finding ruled out: may be lowered
    INDETERMINATE = "indeterminate"  # assessed, but neither flagged nor ruled out
    NOT_ASSESSABLE = "not-assessable"  # a gate failed, or an image could not be assessed


class Priority(Enum):
    """Scheduled Procedure Step Priority (0074,1200), PS3.3 C.30.2."""

    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"


class OrderPriority(Enum):
    """How urgent the people who ordered the examination said that it is (0040,1003)."""

    STAT = "STAT"
    HIGH = "HIGH"
    ROUTINE = "ROUTINE"
    MEDIUM = "MEDIUM"
    LOW = "LOW"
    UNKNOWN = "UNKNOWN"  # absent, empty, or not a defined term

    @property
    def urgent(self) -> bool:
        """Whether the order itself asks to be read before routine work."""
        return self in (OrderPriority.STAT, OrderPriority.HIGH)

    @property
    def reading_class(self) -> ReadingClass:
        """The class that the order alone gives a study: nothing is lowered by an order."""
        return ReadingClass.URGENT_ORDER if self.urgent else ReadingClass.ROUTINE


class Mode(Enum):
    """How far a site lets results move its reading list; each step includes the one before."""

    SHADOW = "shadow"  # results are recorded and reported, the order stays as it was
    PROMOTE = "promote"  # suspected abnormal studies are raised
    DEMOTE = "demote"  # likely-normal studies are also lowered


class UserRole(Enum):
    """What a person or a machine that logs in may do; one may have several."""

    READER = "reader"  # reads studies: claims them, and says whether a call was right
    OPERATOR = "operator"  # runs the service: queues, peers, the brake


class Verdict(Enum):
    """What a reader says about a decision of the program."""

    AGREE = "agree"  # the call was right
    DISAGREE = "disagree"  # the call was wrong
    UNDO = "undo"  # takes the reader's last verdict back; both stay in the history


class ReadingClass(IntEnum):
    """The first key of the reading order; a smaller number is read earlier."""

    URGENT_ORDER = 0  # the order says STAT or HIGH: above anything an algorithm says
    SUSPECTED_ABNORMAL = 1  # raised by a finding, or by the waiting cap
    ROUTINE = 2  # everything that nothing has moved
    LIKELY_NORMAL = 3  # lowered

    @property
    def priority(self) -> Priority:
        """The UPS priority that goes with the class."""
        return _PRIORITY_OF_CLASS[self]


_PRIORITY_OF_CLASS = {
    ReadingClass.URGENT_ORDER: Priority.HIGH,
    ReadingClass.SUSPECTED_ABNORMAL: Priority.HIGH,
    ReadingClass.ROUTINE: Priority.MEDIUM,
    ReadingClass.LIKELY_NORMAL: Priority.LOW,
}


class StudyState(Enum):
    """Where a study stands on its way; the transitions are one table in triage.store.states."""

    ARRIVING = "arriving"  # images may still come; the quiet time runs
    COMPLETE = "complete"  # quiet; some of its images may still wait for the worker
    DECIDED = "decided"  # a decision stands, its report is in the outbox


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


class ImageState(Enum):
    """Where an image stands in the worker queue."""

    QUEUED = "queued"  # waits for a worker
    CLAIMED = "claimed"  # a worker holds a lease on it
    ANALYSED = "analysed"  # gates and scores are recorded
    SET_ASIDE = "set-aside"  # failed for good or too often: its study stays neutral
    NOT_ELIGIBLE = "not-eligible"  # an image that no model takes: its study stays neutral
    HEADER_ONLY = "header-only"  # no image for reading (SR, PR, KO ...): no effect on the study


class DeliveryState(Enum):
    """Where an outbox row stands."""

    PENDING = "pending"  # due at next_attempt_at
    SENDING = "sending"  # a courier holds a lease on it
    STORED = "stored"  # the destination answered success or a warning
    DEAD = "dead"  # tries are used up or the peer refused for good: `triage retry` revives it


class Wish(Enum):
    """What we want a receiver of priorities to show for a study."""

    RAISED = "raised"  # suspected abnormal, or beyond the waiting cap: above routine
    AS_IT_WAS = "as-it-was"  # what stood there before us
    LOWERED = "lowered"  # likely normal: below routine

    @classmethod
    def of(cls, reading_class: ReadingClass) -> Wish:
        """Return what a class of the reading list asks of receivers.

        An urgent order asks for nothing: whoever shows the order shows its urgency already, and
        what we had changed there we take back.
        """
        return _WISH_OF_CLASS.get(reading_class, cls.AS_IT_WAS)


_WISH_OF_CLASS = {
    ReadingClass.SUSPECTED_ABNORMAL: Wish.RAISED,
    ReadingClass.LIKELY_NORMAL: Wish.LOWERED,
}


class ReceiverState(Enum):
    """Where a priority on its way to a receiver stands."""

    PENDING = "pending"  # due at next_attempt_at
    CONFIRMING = "confirming"  # taken; the receiver is asked whether it moved the study
    CONFIRMED = "confirmed"  # the receiver was asked afterwards, and shows it
    TOLD = "told"  # taken by a receiver that cannot be asked what it shows
    NOT_MOVED = "not-moved"  # taken, and the receiver shows another: an alarm, asked on
    LEFT = "left"  # a person has edited it there, or a reader has opened it: not ours to move
    UNSAID = "unsaid"  # the receiver has no word for it (HL7 has nothing below routine)
    SUPERSEDED = "superseded"  # a newer change came before this one was through
    DEAD = "dead"  # tries are used up or refused for good: `triage retry` revives it

    @property
    def live(self) -> bool:
        """Whether something is still to be done about it."""
        return self in (ReceiverState.PENDING, ReceiverState.CONFIRMING, ReceiverState.NOT_MOVED)

    @property
    def alarming(self) -> bool:
        """Whether a person has to look."""
        return self in (ReceiverState.NOT_MOVED, ReceiverState.DEAD)


@dataclass(frozen=True, slots=True)
class HeaderFacts:
    """What intake reads from the header of one instance, bounded and tolerant.

    Absent or unreadable attributes are empty strings, None, or empty tuples. Text is
    decoded by Specific Character Set (0008,0005) with replacement of what does not decode.
    """

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    transfer_syntax_uid: str
    modality: str = ""
    body_part_examined: str = ""
    view_position: str = ""
    view_codes: tuple[str, ...] = ()  # code values of View Code Sequence (0054,0220)
    anatomic_codes: tuple[str, ...] = ()  # code values of Anatomic Region Sequence (0008,2218)
    image_type: tuple[str, ...] = ()
    presentation_intent_type: str = ""
    photometric_interpretation: str = ""
    rows: int = 0
    columns: int = 0
    bits_allocated: int = 0
    samples_per_pixel: int = 0
    number_of_frames: int = 1
    has_pixel_data: bool = False
    burned_in_annotation: str = ""
    patient_name: str = ""
    patient_id: str = ""
    patient_birth_date: str = ""  # DA as received
    patient_sex: str = ""
    patient_age_years: float | None = None  # Patient's Age, else birth date against study date
    accession_number: str = ""
    study_id: str = ""
    study_date: str = ""
    study_time: str = ""
    study_description: str = ""
    series_description: str = ""
    manufacturer: str = ""
    institution_name: str = ""
    order_priority: OrderPriority = OrderPriority.UNKNOWN


@dataclass(frozen=True, slots=True)
class GateResult:
    """One gate's answer about one image.

    Attributes:
        gate: Name of the gate, stable across versions (``"header.view"``, ``"pixels.blur"`` ...).
        passed: False means that the image is outside what the models were certified for.
        reason: One clause for a person, without patient data.
        value: What was measured, where the gate measures.
        limit: The bound that the value was held against.
    """

    gate: str
    passed: bool
    reason: str = ""
    value: float | None = None
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """What one model of the bundle says about one finding in one image.

    Attributes:
        finding: Name of the finding in the bundle.
        member: Name of the model (ensemble member).
        raw: The model's uncalibrated output (a logit); ordering and rule-out use this.
        probability: ``raw`` after temperature scaling, in [0, 1]; for display only.
    """

    finding: str
    member: str
    raw: float
    probability: float


@dataclass(frozen=True, slots=True)
class Analysis:
    """All that the worker found out about one image with one bundle."""

    bundle_digest: str
    gates: tuple[GateResult, ...]
    scores: tuple[Score, ...]

    @property
    def failed_gates(self) -> tuple[GateResult, ...]:
        """The gates that did not pass, in gate order."""
        return tuple(gate for gate in self.gates if not gate.passed)


@dataclass(frozen=True, slots=True)
class ConceptCode:
    """A coded concept: value, scheme and meaning always together (PS3.3 8.8)."""

    value: str
    scheme: str
    meaning: str


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """The thresholds of one finding, on the raw score (a logit).

    Attributes:
        finding: Name of the finding in the bundle.
        flag: At or above this mean over the members, an image is suspected abnormal.
        rule_out: Strictly below this for every member, the finding is ruled out; None when
            the certificate does not hold, and then nothing is ever ruled out.
        display_flag: ``flag`` as a probability, for people and reports.
        display_rule_out: ``rule_out`` as a probability.
        decides: False for a finding that only describes another one: nothing is raised by it,
            and nothing waits for it to be ruled out.
    """

    finding: str
    flag: float
    rule_out: float | None
    display_flag: float
    display_rule_out: float | None
    decides: bool = True


@dataclass(frozen=True, slots=True)
class FindingDefinition:
    """A finding that a bundle looks for: its name, its words, its code.

    Attributes:
        name: Plain and lower-case, unique in the bundle; a level may follow behind a colon.
        title: "Cervical spondylosis", in words for the list and the report.
        code: What is found.
        site: Where in the cervical spine, None for the spine as a whole.
        of: Name of the finding that this one describes more closely, for instance level by
            level; empty for a finding that decides.
    """

    name: str
    title: str
    code: ConceptCode
    site: ConceptCode | None = None
    of: str = ""


@dataclass(frozen=True, slots=True)
class BundleIdentity:
    """Who the algorithm is, wherever a result names it (PS3.3 C.7.5.1, IHE AIR).

    Attributes:
        name: Manufacturer's Model Name.
        manufacturer: Manufacturer.
        version: Software Versions.
        digest: SHA-256 over the whole bundle, 64 hex digits.
        device_uid: Device UID, derived from the digest: another model, another UID.
        intended_use: One sentence that goes wherever a result goes.
    """

    name: str
    manufacturer: str
    version: str
    digest: str
    device_uid: str
    intended_use: str


@dataclass(frozen=True, slots=True)
class ImageEvidence:
    """One image of a study as the decision sees it."""

    sop_instance_uid: str
    state: ImageState
    analysis: Analysis | None = None
    problem: str = ""  # why it was set aside or found not eligible


@dataclass(frozen=True, slots=True)
class StudyEvidence:
    """All that is known of a study when it is decided.

    Attributes:
        study_instance_uid: Study Instance UID.
        complete: True when no further image is expected (quiet time over).
        images: Every instance received for the study.
        order_priority: What the order says.
    """

    study_instance_uid: str
    complete: bool
    images: tuple[ImageEvidence, ...]
    order_priority: OrderPriority = OrderPriority.UNKNOWN


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows for a study; the pure result of triage.decision.decide.

    Attributes:
        outcome: One of the four outcomes.
        reading_class: The first key of the reading order under the site's mode.
        reasons: Clauses for a person, most telling first, without patient data.
        flagged: Names of the findings at or above their flag threshold.
    """

    outcome: Outcome
    reading_class: ReadingClass
    reasons: tuple[str, ...]
    flagged: tuple[str, ...] = ()

    @property
    def priority(self) -> Priority:
        """The work item's priority: it follows from the class."""
        return self.reading_class.priority


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
