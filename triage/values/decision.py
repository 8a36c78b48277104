"""What a study is decided by, and what follows for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from triage.values.urgency import OrderPriority, Priority, ReadingClass

if TYPE_CHECKING:
    from triage.values.analysis import Analysis, ImageState


class StudyState(Enum):
    """Where a study stands on its way; the transitions are one table in triage.store.states."""

    ARRIVING = "arriving"  # images may still come; the quiet time runs
    COMPLETE = "complete"  # quiet; some of its images may still wait for the worker
    DECIDED = "decided"  # a decision stands, its report is in the outbox


class Mode(Enum):
    """How far a site lets results move its reading list; each step includes the one before."""

    SHADOW = "shadow"  # results are recorded and reported, the order stays as it was
    PROMOTE = "promote"  # suspected abnormal studies are raised
    DEMOTE = "demote"  # likely-normal studies are also lowered


class Outcome(Enum):
    """What the program found out about a study."""

    ABNORMAL = "abnormal"  # a certified or flagged finding: may be raised
    LIKELY_NORMAL = "likely-normal"  # complete, gated, every finding ruled out: may be lowered
    INDETERMINATE = "indeterminate"  # assessed, but neither flagged nor ruled out
    NOT_ASSESSABLE = "not-assessable"  # a gate failed, or an image could not be assessed


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
