"""Frozen records of the receivers: what is known of a study there, and what is on its way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from triage.values import ReceiverState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from triage.values import OrderPriority, Wish


@dataclass(frozen=True, slots=True)
class ReceiverStudy:
    """A study as a receiver may have to be told of it."""

    study_instance_uid: str
    work_item_uid: str
    accession_number: str
    patient_id: str
    patient_name: str
    patient_birth_date: str
    patient_sex: str
    study_description: str
    order_priority: OrderPriority
    first_arrival: datetime


@dataclass(frozen=True, slots=True)
class Ground:
    """What is known of a study at a receiver: the ground of compare-and-set.

    Attributes:
        original: What stood there before we first wrote; None while it was never asked.
        known: What it showed when it last was as we knew; None likewise.
        intended: What we have begun to write and have not yet seen there; None for nothing.
    """

    original: str | None = None
    known: str | None = None
    intended: str | None = None


@dataclass(frozen=True, slots=True)
class ClaimedChange:
    """A priority change of which a lane holds the lease.

    Attributes:
        attempts: Tries so far that count against it, without this one.
        after: What the receiver was asked to show, once it was asked.
        acknowledged_at: When it took the change, None while it has not.
    """

    receiver_change_id: int
    receiver: str
    study: ReceiverStudy
    wish: Wish
    state: ReceiverState
    reason: str
    made_at: datetime
    attempts: int
    after: str
    acknowledged_at: datetime | None
    ground: Ground


@dataclass(frozen=True, slots=True)
class ReceiverChangeRecord:
    """One row of the outbox of priorities, for people to look at.

    Attributes:
        change_id: The line of the ledger that it carries out; None where only the brake puts
            back what stands at the receiver.
        before: What the receiver showed.
        after: What it was asked to show.
        acknowledgement: What it answered.
    """

    receiver_change_id: int
    change_id: int | None
    receiver: str
    study_instance_uid: str
    wish: Wish
    reason: str
    bundle_digest: str
    threshold: str
    made_at: datetime
    state: ReceiverState
    attempts: int
    next_attempt_at: datetime
    before: str
    after: str
    acknowledgement: str
    acknowledged_at: datetime | None
    confirmed_at: datetime | None
    problem: str


@dataclass(frozen=True, slots=True)
class ReceiverStanding:
    """What is known of a study at a receiver, for people to look at.

    Attributes:
        left_at: Since when it is not ours to move there; None while it is.
        found: What stood there then.
    """

    receiver: str
    study_instance_uid: str
    wish: Wish
    ground: Ground
    left_at: datetime | None
    left_because: str
    found: str


@dataclass(frozen=True, slots=True)
class ReceiverCounts:
    """How many changes stand where, by receiver and state."""

    changes: Mapping[tuple[str, ReceiverState], int]

    @property
    def alarms(self) -> int:
        """How many need a person."""
        return sum(number for (_, state), number in self.changes.items() if state.alarming)

    def alarms_of(self, receiver: str) -> int:
        """How many at one receiver need a person."""
        return self.number(receiver, *(state for state in ReceiverState if state.alarming))

    def number(self, receiver: str, *states: ReceiverState) -> int:
        """How many changes at one receiver stand in any of some states."""
        return sum(self.changes.get((receiver, state), 0) for state in states)


@dataclass(frozen=True, slots=True)
class ReceiverRow:
    """How it goes with one receiver, for the operators' eyes.

    Attributes:
        name: As in the configuration.
        configured: Whether it still is.
        waiting: Changes on their way.
        moved: Changes that it shows, or took where it cannot be asked.
        left: Changes that were not made because a person's hand was on the study there.
        alarms: Changes that need a person.
        last_taken: When it last took a change.
    """

    name: str
    configured: bool
    waiting: int
    moved: int
    left: int
    alarms: int
    last_taken: datetime | None
