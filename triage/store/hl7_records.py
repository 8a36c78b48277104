"""Frozen records of the results on their way to HL7 receivers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from triage.hl7.values import Message
    from triage.values import DeliveryState


class DoubtKind(Enum):
    """What kind of message named a study with another patient than it has."""

    REPORT = "report"  # a final report: the study stays unread
    ORDER = "order"  # an order, a change of one, or a cancellation: it is not heard


@dataclass(frozen=True, slots=True)
class PatientDoubt:
    """A study that is still to be read, and that a message names with another patient."""

    work_item_uid: str
    kind: DoubtKind
    last_at: datetime


@dataclass(frozen=True, slots=True)
class FedDecision:
    """A decision that a receiver has not been told of yet.

    Attributes:
        decision_id: Which one.
        study_instance_uid: Its study.
        number: Its number among the study's decisions.
        last: Whether no other decision of the study came after it.
    """

    decision_id: int
    study_instance_uid: str
    number: int
    last: bool


@dataclass(frozen=True, slots=True)
class ClaimedResult:
    """A result that a courier holds a lease on.

    Attributes:
        result_id: Which one.
        study_instance_uid: Its study.
        number: The number of the decision that it tells of.
        message: What was tried before; None on the first try.
        attempts: Tries so far, with this one.
    """

    result_id: int
    study_instance_uid: str
    number: int
    message: Message | None
    attempts: int


@dataclass(frozen=True, slots=True)
class ResultRecord:
    """One message to a receiver, for the operators' eyes."""

    result_id: int
    receiver: str
    study_instance_uid: str
    control_id: str
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime
    acknowledged_at: datetime | None
    problem: str
