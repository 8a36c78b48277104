"""A site of the receivers' tests: a store on a clock that tests move, and a receiver to order."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tests.factories import DIGEST, Clock, make_facts, record
from triage.conclude import place_standing
from triage.delivery.association import PeerError, Trouble
from triage.delivery.lane import Tools
from triage.receivers.lane import ReceiverLane
from triage.receivers.receiver import Acknowledgement, NotTakenError, Standing, Words
from triage.settings import DecisionSettings, DeliverySettings, ReceiverSettings, Settings
from triage.store import Placement, Store
from triage.values import Decision, ImageState, Mode, Outcome, ReadingClass

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from triage.receivers.receiver import Change, Receiver
    from triage.store import ReceiverChangeRecord, ReceiverStudy

CONFIRM_SECONDS = 60.0
HOUR = 3600.0
WORDS = Words("HIGH", "LOW", {"": 1, "LOW": 0, "MEDIUM": 1, "HIGH": 2, "STAT": 2})
DELIVERY = DeliverySettings(
    first_retry_seconds=5, maximum_retry_seconds=300, maximum_attempts=3, lease_seconds=120
)
CLASSES = {
    Outcome.ABNORMAL: ReadingClass.SUSPECTED_ABNORMAL,
    Outcome.LIKELY_NORMAL: ReadingClass.LIKELY_NORMAL,
    Outcome.INDETERMINATE: ReadingClass.ROUTINE,
}


@dataclass
class ScriptedReceiver:
    """A receiver that shows what it is told, unless a test says otherwise.

    Attributes:
        shown: What stands there, by Study Instance UID; a study that is not here is not there.
        opened: The studies that a reader has open there.
        writes: Every change that reached it, in order: study and word.
        away: Whether it gives no answer at all.
        deaf: It acknowledges, and moves nothing.
        mute: It does what it is asked, and its acknowledgement gets lost.
        refusal: What it answers to every write, None for yes.
        during_write: Called when a change has reached it, before it is carried out.
    """

    name: str = "scripted"
    words: Words = WORDS
    can_be_asked: bool = True
    shown: dict[str, str] = field(default_factory=dict)
    opened: set[str] = field(default_factory=set)
    writes: list[tuple[str, str]] = field(default_factory=list)
    away: bool = False
    deaf: bool = False
    mute: bool = False
    refusal: NotTakenError | None = None
    during_write: Callable[[], None] = lambda: None

    def describe(self) -> str:
        """Say who answers."""
        return "a script"

    def standing(self, study: ReceiverStudy) -> Standing | None:
        """Say what it shows."""
        self._answer()
        uid = study.study_instance_uid
        return Standing(self.shown[uid], uid in self.opened) if uid in self.shown else None

    def apply(self, change: Change) -> Acknowledgement:
        """Show a word, or do worse."""
        self._answer()
        uid = change.study.study_instance_uid
        self.writes.append((uid, change.value))
        self.during_write()
        if self.refusal is not None:
            raise self.refusal
        if not self.deaf:
            self.shown[uid] = change.value
        if self.mute:
            raise PeerError(Trouble.BROKEN, "no answer came")
        return Acknowledgement("taken")

    def _answer(self) -> None:
        if self.away:
            raise PeerError(Trouble.AWAY, "nobody answers")


class Site:
    """A store with receivers, and hands that play listener, worker, clock and person."""

    def __init__(self, folder: Path, *receivers: Receiver) -> None:
        self.clock = Clock()
        self.settings = replace(
            Settings(state_folder=folder),
            decision=DecisionSettings(Mode.DEMOTE, undemoted_share=0.0),
            delivery=DELIVERY,
            receivers=ReceiverSettings(confirm_seconds=CONFIRM_SECONDS),
        )
        self.receivers = {receiver.name: receiver for receiver in receivers}
        self.start()

    def start(self) -> None:
        """Start the program, for the first time or again."""
        self.store = Store.open(self.settings.state_folder, self.clock)
        self.store.know_receivers(list(self.receivers))
        self.lanes = {name: self.lane(receiver) for name, receiver in self.receivers.items()}

    def lane(self, receiver: Receiver) -> ReceiverLane:
        """Return a lane to a receiver."""
        tools = Tools(jitter=lambda: 0.0)
        return ReceiverLane(self.settings, receiver, self.store, threading.Event(), tools)

    def study(self, uid: str = "1.2.1", outcome: Outcome | None = None, **facts: object) -> str:
        """Receive a study, and decide it where an outcome is given; return its UID."""
        record(self.store, make_facts(uid, **facts), state=ImageState.NOT_ELIGIBLE)
        for receiver in self.receivers.values():
            if isinstance(receiver, ScriptedReceiver):
                receiver.shown.setdefault(uid, "MEDIUM")
        if outcome is not None:
            self.decide(uid, outcome)
        return uid

    def decide(self, uid: str, outcome: Outcome) -> None:
        """Decide a study."""
        self.store.association_released([uid])
        snapshot = self.store.snapshot(uid)
        urgent = snapshot.evidence.order_priority.urgent
        placed = ReadingClass.URGENT_ORDER if urgent else CLASSES[outcome]
        decision = Decision(outcome, placed, ("a reason",), ("spondylosis",))
        assert self.store.record_decision(
            snapshot,
            decision,
            Placement(placed, decision.reasons, outcome),
            None,
            mode=Mode.DEMOTE,
            spared=False,
            bundle_digest=DIGEST,
            destinations=(),
            threshold="spondylosis=1.25",
        )

    def revert(self) -> None:
        """Pull the brake."""
        self.store.pause("a test")

    def resume(self) -> None:
        """Let the brake go."""
        self.store.resume(lambda stands: place_standing(self.settings, stands))

    def carry(self, name: str = "scripted") -> int | None:
        """Carry all that is due at a receiver; return what the last pass came to."""
        while count := self.lanes[name].carry_due():
            pass
        return count

    def carry_for(self, seconds: float, name: str = "scripted", step: float = 5.0) -> None:
        """Let time pass, carrying whatever falls due."""
        for _ in range(int(seconds / step)):
            self.carry(name)
            self.clock.advance(step)
        self.carry(name)

    def changes(self, uid: str = "1.2.1", name: str = "scripted") -> list[ReceiverChangeRecord]:
        """Return the rows of a study at a receiver."""
        return [one for one in self.store.receiver_changes_of(uid) if one.receiver == name]

    def states(self, uid: str = "1.2.1", name: str = "scripted") -> list[str]:
        """Return the states of these rows, oldest first."""
        return [one.state.value for one in self.changes(uid, name)]
