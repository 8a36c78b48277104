"""What a receiver of priorities is: one small interface, and the values that go through it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from triage.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from triage.store import ReceiverStudy


@dataclass(frozen=True, slots=True)
class Words:
    """What a receiver can be made to show.

    Attributes:
        raised: Its word for above routine.
        lowered: Its word for below routine; None when it has none.
        urgency: How urgent each word is that may stand there: 0 below routine, 1 routine, 2
            above. A word that is not here is a person's own, and left alone.
    """

    raised: str
    lowered: str | None
    urgency: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Standing:
    """What a receiver shows for a study now.

    Attributes:
        value: The word, in the receiver's own language; empty where it shows none.
        opened: A reader has it open there, or has done with it: its priority moves nothing.
        revision: What the receiver wants to hear again with a write, so that it refuses one
            that somebody else's came before; empty where it knows no such thing.
    """

    value: str
    opened: bool = False
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What a receiver is asked to show from now on.

    Attributes:
        study: The study.
        value: The word.
        standing: What it showed a moment ago.
        reason: Why, in words without patient data.
        made_at: Since when it is asked for, whatever the try.
        message_id: The same for every try of this change, so that a repeated one is known.
    """

    study: ReceiverStudy
    value: str
    standing: Standing
    reason: str
    made_at: datetime
    message_id: str


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """That a receiver took a change: what it answered, in words without patient data."""

    text: str


class NotTakenError(DeliveryError):
    """The receiver answered, and did not take the change.

    Attributes:
        refused: It will refuse the same again; else it may pass.
        final: It must not even be asked again, as after AR (HL7 table 0008).
    """

    def __init__(self, problem: str, *, refused: bool, final: bool = False) -> None:
        super().__init__(problem)
        self.refused = refused
        self.final = final


class Receiver(Protocol):
    """A system whose list takes our priorities.

    `standing` and `apply` raise PeerError when the receiver is away or leaves us without an
    answer, and NotTakenError when it answers that it will not; every wait in them is bounded.
    """

    @property
    def name(self) -> str:
        """Its name in the configuration."""
        ...

    @property
    def words(self) -> Words:
        """What it can be made to show."""
        ...

    @property
    def can_be_asked(self) -> bool:
        """Whether `standing` asks the receiver itself; where not, a change ends with its answer."""
        ...

    def describe(self) -> str:
        """Ask who answers there; one clause, for `triage check`."""
        ...

    def apply(self, change: Change) -> Acknowledgement:
        """Ask the receiver to show a word for a study."""
        ...

    def standing(self, study: ReceiverStudy) -> Standing | None:
        """Ask what the receiver shows for a study; None when it does not have the study."""
        ...
