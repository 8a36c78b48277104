"""One receiver's queue of priorities: ask, compare, note, write, ask again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from triage.delivery.answers import Answer
from triage.delivery.association import PeerError
from triage.delivery.lane import Found, PeerLane, Tools
from triage.log import get_logger
from triage.receivers.choice import Choice, Step, before_asking, choose, confirm
from triage.receivers.receiver import Change, NotTakenError, Standing
from triage.values import ReceiverState

if TYPE_CHECKING:
    import threading
    from datetime import datetime

    from triage.receivers.receiver import Receiver
    from triage.settings import Settings
    from triage.store import ClaimedChange, Store

log = get_logger("receivers")

BATCH = 16
FOUND = "it shows what it was asked for; its answer was lost"


class ReceiverLane(PeerLane):
    """One receiver's queue of priorities.

    Args:
        settings: The site's settings.
        receiver: Where this lane leads.
        store: The outbox.
        stop: Ends the loop.
        tools: Randomness and time.
    """

    def __init__(
        self,
        settings: Settings,
        receiver: Receiver,
        store: Store,
        stop: threading.Event,
        tools: Tools | None = None,
    ) -> None:
        super().__init__(
            settings.delivery,
            store,
            stop,
            tools,
            peer=receiver.name,
            peer_role="receiver",
            owner="receivers",
        )
        self._confirm_seconds = settings.receivers.confirm_seconds
        self._receiver = receiver

    def work(self) -> Found:
        """Carry what is due; rest when the receiver is in trouble."""
        count = self.carry_due()
        if count is None:
            return Found.TROUBLE
        return Found.WORK if count else Found.NOTHING

    def carry_due(self) -> int | None:
        """Claim what is due and carry it.

        Returns:
            How many changes were claimed; None when the receiver is in trouble.
        """
        goes_on = self._until_half_of_the_lease()
        claimed = self._store.claim_receiver_changes(
            self._owner, self.name, BATCH, self._settings.lease_seconds
        )
        for number, change in enumerate(claimed):
            if not goes_on():
                self._hand_back(claimed[number:], "not tried yet", self._store.clock())
                break
            if self._is_done(change):
                continue
            trouble = self._carry_guarded(change)
            self._note_peer(trouble)
            if trouble is not None:
                self._hand_back(claimed[number:], str(trouble), self._after_rest())
                return None
        return len(claimed)

    def _is_done(self, change: ClaimedChange) -> bool:
        """Finish a change that the receiver need not be asked about, even while it is away."""
        choice = before_asking(change.wish, change.ground)
        if choice is not None:
            self._store.receiver_confirmed(change, self._owner, None, choice.why)
        return choice is not None

    def _carry_guarded(self, change: ClaimedChange) -> PeerError | None:
        """Carry one change; return what is wrong with the receiver itself, if anything."""
        try:
            self._carry(change)
        except PeerError as error:
            return error
        except NotTakenError as error:
            self._failed(change, str(error), refused=error.refused, final=error.final)
        except Exception as error:  # top of the loop: one bad study must not hold up the others
            log.exception(
                "priority not carried",
                action="priority_failed",
                destination=self.name,
                study=change.study.study_instance_uid,
            )
            problem = f"an error in this program ({type(error).__name__}); see its log"
            self._failed(change, problem, refused=False)
        return None

    def _carry(self, change: ClaimedChange) -> None:
        if change.state is ReceiverState.PENDING:
            self._put_through(change)
        else:
            self._confirm(change)

    def _put_through(self, change: ClaimedChange) -> None:
        """Compare and set: ask what stands there, note what is to stand there, write."""
        standing = self._standing(change)
        choice = choose(change.wish, change.ground, standing, self._receiver.words)
        if choice.step is Step.WRITE and standing is not None:
            self._write(change, standing, choice.value)
        elif choice.step is Step.DONE:
            found = choice.value == change.ground.intended and change.after == choice.value
            shown = None if standing is None else standing.value
            self._confirmed(change, shown, FOUND if found else choice.why)
        elif choice.step is Step.UNSAID:
            self._store.receiver_unsaid(change, self._owner, choice.why)
        elif choice.step is Step.LEAVE:
            self._leave(change, choice, standing)
        else:
            self._failed(change, choice.why, refused=False)

    def _write(self, change: ClaimedChange, standing: Standing, value: str) -> None:
        asked = Change(
            study=change.study,
            value=value,
            standing=standing,
            reason=change.reason,
            made_at=change.made_at,
            message_id=str(change.receiver_change_id),
        )
        if not self._store.receiver_intends(
            change, self._owner, before=standing.value, after=value
        ):
            # A newer change has come: this one is let go, and that one is claimed next.
            self._hand_back((change,), "", self._store.clock())
            return
        acknowledgement = self._receiver.apply(asked)
        asks = self._receiver.can_be_asked
        self._store.receiver_acknowledged(change, self._owner, acknowledgement.text, final=not asks)
        log.info(
            "priority taken",
            action="priority_taken",
            destination=self.name,
            study=change.study.study_instance_uid,
        )

    def _confirm(self, change: ClaimedChange) -> None:
        """Ask after a write: has the receiver moved the study?"""
        standing = self._standing(change)
        choice = confirm(change.ground, standing)
        if choice.step is Step.DONE:
            self._confirmed(change, choice.value, "")
        elif choice.step is Step.LEAVE:
            self._leave(change, choice, standing)
        else:
            self._not_yet(change)

    def _standing(self, change: ClaimedChange) -> Standing | None:
        return self._receiver.standing(change.study)

    def _confirmed(self, change: ClaimedChange, shown: str | None, why: str) -> None:
        self._store.receiver_confirmed(change, self._owner, shown, why)
        if change.state is ReceiverState.NOT_MOVED:
            log.info(
                "receiver has moved the study at last",
                action="receiver_moved",
                destination=self.name,
                study=change.study.study_instance_uid,
            )

    def _leave(self, change: ClaimedChange, choice: Choice, standing: Standing | None) -> None:
        found = "" if standing is None else standing.value
        self._store.receiver_left(change, self._owner, choice.why, found=found)
        log.info(
            "study left as it stands at the receiver",
            action="receiver_left",
            destination=self.name,
            study=change.study.study_instance_uid,
            reason=choice.why,
        )

    def _not_yet(self, change: ClaimedChange) -> None:
        """Ask again soon; once the bound is over it is an alarm, and is asked about rarely."""
        now = self._store.clock()
        taken = change.acknowledged_at or now
        late = now >= taken + timedelta(seconds=self._confirm_seconds)
        if late and change.state is not ReceiverState.NOT_MOVED:
            log.error(
                "receiver took a priority and did not move the study",
                action="receiver_not_moved",
                destination=self.name,
                study=change.study.study_instance_uid,
                seconds=self._confirm_seconds,
            )
        wait = self._settings.maximum_retry_seconds if late else self._settings.first_retry_seconds
        self._store.receiver_waits(
            change,
            self._owner,
            "the receiver took it, and still shows another priority" if late else "",
            next_attempt_at=now + timedelta(seconds=wait),
            state=ReceiverState.NOT_MOVED if late else ReceiverState.CONFIRMING,
            counts=False,
        )

    def _failed(
        self, change: ClaimedChange, problem: str, *, refused: bool, final: bool = False
    ) -> None:
        again = None
        if not final:
            answer = Answer.REFUSED if refused else Answer.BUSY
            again = self._next_attempt(change.attempts + 1, answer)
        self._store.receiver_waits(change, self._owner, problem, next_attempt_at=again)
        say = log.warning if again is not None else log.error
        say(
            "priority not taken" if again is not None else "priority given up until `triage retry`",
            action="priority_not_taken" if again is not None else "priority_dead",
            destination=self.name,
            study=change.study.study_instance_uid,
            attempts=change.attempts + 1,
            next_attempt_at=again,
        )

    def _hand_back(self, changes: tuple[ClaimedChange, ...], why: str, again: datetime) -> None:
        """Put back what was not tried; that a receiver is away counts against no change."""
        for change in changes:
            self._store.receiver_waits(
                change, self._owner, why, next_attempt_at=again, counts=False
            )
