"""What was found, told over MLLP: one lane a receiver, with the courier's patience.

AA ends a message; AE is tried again, longer apart each time, and given up with an alarm after
`maximum_attempts`; AR is given up at once. A receiver that is away costs no message a try. A
message that is sent again, also after a lost acknowledgement or a dead courier, is the same to
the byte, with the same MSH-10: the receiver knows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from triage.delivery.answers import Answer
from triage.delivery.lane import Found, PeerLane, Tools
from triage.delivery.results import is_worth_telling, request_of
from triage.errors import DeliveryError, DeliveryRefusedError, SettingsError, TriageError
from triage.hl7.mllp import Connection
from triage.hl7.results import result_message
from triage.hl7.values import AcknowledgementCode
from triage.log import get_logger
from triage.vision.bundle import Bundle, default_bundle_folder

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from triage.hl7.values import Acknowledgement, Message
    from triage.settings import Hl7Receiver, Settings
    from triage.store import ClaimedResult, Store

log = get_logger("courier")

BATCH = 16  # messages of one claim, and so of one connection


@dataclass(frozen=True, slots=True)
class Pass:
    """What one look at the queue came to: how many messages were tried, and what was wrong."""

    tried: int
    trouble: TriageError | None = None


class ResultLane(PeerLane):
    """One receiver's queue of results.

    Args:
        settings: The site's settings.
        receiver: Who is told.
        store: The queue.
        stop: Ends the loop.
        tools: Randomness and time.
    """

    def __init__(
        self,
        settings: Settings,
        receiver: Hl7Receiver,
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
            peer_role="destination",
            owner="courier",
            kind="hl7",
        )
        self._bundle_folder = settings.worker.bundle or default_bundle_folder()
        self._bundle: Bundle | None = None
        self._receiver = receiver

    def work(self) -> Found:
        """Tell what is due; rest when the receiver is in trouble."""
        done = self.deliver_due()
        if done is None:
            return Found.NOTHING
        return Found.WORK if done.trouble is None else Found.TROUBLE

    def deliver_due(self) -> Pass | None:
        """Queue what was decided, claim what is due, send it, record what became of it.

        Returns:
            What became of it; None when nothing was due.
        """
        self._feed()
        claimed = self._store.claim_results(
            self._owner, self._receiver.name, BATCH, self._settings.lease_seconds
        )
        return self._deliver(claimed) if claimed else None

    def _feed(self) -> None:
        """Queue what was decided since the last look."""
        name = self._receiver.name
        self._store.open_result_feed(name)
        while told := self._store.decisions_to_tell(name):
            for one in told:
                study = self._store.study(one.study_instance_uid)
                worth = study is not None and one.last and is_worth_telling(study, one.number)
                self._store.tell_decision(name, one, worth_telling=worth)

    def _deliver(self, claimed: Sequence[ClaimedResult]) -> Pass:
        """Send what was claimed over one connection; what was not tried goes back."""
        waiting = [(one, message) for one in claimed if (message := self._written(one))]
        if not waiting:
            return Pass(len(claimed))
        try:
            connection = Connection(self._receiver, self._settings.timeout_seconds)
        except (DeliveryError, SettingsError) as error:
            self._note_peer(error)
            self._hand_back(waiting, str(error), resting=True)
            return Pass(0, error)
        self._note_peer(None)
        with connection:
            tried = self._send(connection, waiting)
        self._hand_back(waiting[tried:], "", resting=False)
        return Pass(tried, None if connection.usable else DeliveryError("the connection was lost"))

    def _send(
        self, connection: Connection, waiting: Sequence[tuple[ClaimedResult, Message]]
    ) -> int:
        """Send over an open connection as long as it can be used; return how many were tried."""
        tried = 0
        goes_on = self._until_half_of_the_lease()
        while tried < len(waiting) and connection.usable and goes_on():
            one, message = waiting[tried]
            self._record(one, message, connection.send(message))
            tried += 1
        return tried

    def _written(self, one: ClaimedResult) -> Message | None:
        """Return the message of a result, made and kept on the first try; None when it cannot be.

        A message that cannot be made is given up by name, and stops no other.
        """
        if one.message is not None:
            return one.message
        try:
            message = self._made(one)
        except DeliveryRefusedError as error:
            self._give_up(one, str(error))
            return None
        except TriageError as error:
            self._retry(one, str(error))
            return None
        except Exception as error:  # one result that breaks this program must not stop the others
            log.exception(
                "result not written", action="result_failed", study=one.study_instance_uid
            )
            self._retry(one, f"an error in this program ({type(error).__name__}); see its log")
            return None
        return message if self._store.result_written(one.result_id, self._owner, message) else None

    def _made(self, one: ClaimedResult) -> Message:
        if self._bundle is None:
            self._bundle = Bundle.load(self._bundle_folder)
        study = self._store.study(one.study_instance_uid)
        if study is None:
            raise DeliveryRefusedError("the study of this result is not known any more")
        request = request_of(study, one.number, self._bundle)
        order = self._store.hl7_order(one.study_instance_uid)
        return result_message(request, study.entry, order, self._receiver)

    def _record(
        self, one: ClaimedResult, message: Message, acknowledgement: Acknowledgement
    ) -> None:
        if acknowledgement.code is AcknowledgementCode.AA:
            self._store.result_acknowledged(one.result_id, self._owner)
            log.info(
                "result told",
                action="result_told",
                destination=self._receiver.name,
                study=one.study_instance_uid,
                control_id=message.control_id,
                attempts=one.attempts,
            )
        elif acknowledgement.code is AcknowledgementCode.AR:
            self._give_up(one, acknowledgement.problem)
        else:
            self._retry(one, acknowledgement.problem)

    def _retry(self, one: ClaimedResult, problem: str) -> None:
        again = self._next_attempt(one.attempts, Answer.BUSY)
        if again is None:
            self._give_up(one, problem)
            return
        self._store.result_failed(one.result_id, self._owner, problem, next_attempt_at=again)
        log.warning(
            "result not told",
            action="result_not_told",
            destination=self._receiver.name,
            study=one.study_instance_uid,
            attempts=one.attempts,
            problem=problem,
            next_attempt_at=again,
        )

    def _give_up(self, one: ClaimedResult, problem: str) -> None:
        self._store.result_failed(one.result_id, self._owner, problem, next_attempt_at=None)
        log.error(
            "result given up until `triage retry`",
            action="result_dead",
            destination=self._receiver.name,
            study=one.study_instance_uid,
            attempts=one.attempts,
            problem=problem,
        )

    def _hand_back(
        self, waiting: Sequence[tuple[ClaimedResult, Message]], problem: str, *, resting: bool
    ) -> None:
        again = self._after_rest() if resting else self._store.clock()
        for one, _ in waiting:
            self._store.result_failed(
                one.result_id,
                self._owner,
                problem,
                next_attempt_at=again,
                counts=False,
            )
