"""Asking for orders: every new study's urgency, of the worklists that know it, within a bound.

A decision waits for the answer at most as long as the settings say, counted from the study's
first image. An answer that comes later is heard all the same: the study is then placed anew.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from triage.conclude import place_standing
from triage.delivery.association import PeerError
from triage.delivery.backoff import rest_seconds
from triage.delivery.lane import Found, Lane, Tools
from triage.log import get_logger
from triage.receivers.modality_worklist import ask
from triage.receivers.receiver import NotTakenError
from triage.store import OrderedStudies, OrderWord
from triage.values import OrderPriority

if TYPE_CHECKING:
    import threading

    from triage.settings import ModalityWorklist, Settings
    from triage.store import OrderQuestion, Store

log = get_logger("receivers")

BATCH = 16
_URGENCY = tuple(OrderPriority)


class AskingLane(Lane):
    """The questions that wait for an answer.

    Args:
        settings: The site's settings.
        store: Where the questions come from, and the answers go.
        stop: Ends the loop.
        tools: Randomness and time.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        stop: threading.Event,
        tools: Tools | None = None,
    ) -> None:
        delivery = settings.delivery
        super().__init__(
            "modality-worklists",
            store,
            stop,
            patience_seconds=8 * delivery.timeout_seconds * len(settings.modality_worklists),
            trouble_seconds=delivery.first_retry_seconds,
            tools=tools,
        )
        self._settings = settings
        self._failures: dict[str, int] = {}
        self._rests_until: dict[str, float] = {}

    def work(self) -> Found:
        """Ask what is to be asked; a worklist that is away rests, and holds up no other."""
        return Found.WORK if self.ask_due() else Found.NOTHING

    def ask_due(self) -> int:
        """Ask for the orders that are to be asked for; return how many."""
        questions = self._store.orders_to_ask(BATCH)
        for question in questions:
            if self._stop.is_set():
                break
            self._begin()
            self._ask(question)
        return len(questions)

    def _ask(self, question: OrderQuestion) -> None:
        """Ask every worklist; the most urgent answer counts."""
        answers = [self._ask_one(one, question) for one in self._settings.modality_worklists]
        heard = [answer for answer in answers if answer is not None]
        if len(heard) == len(answers) or any(answer.urgent for answer in heard):
            self._hear(question, min(heard, key=_URGENCY.index))
            return
        delivery = self._settings.delivery
        rest = rest_seconds(question.attempts + 1, delivery, self._tools.jitter())
        again = self._store.clock() + timedelta(seconds=rest)
        self._store.order_unanswered(question, next_attempt_at=again)

    def _ask_one(self, worklist: ModalityWorklist, question: OrderQuestion) -> OrderPriority | None:
        """Ask one worklist; None when it cannot say. One that is away rests, and delays nobody."""
        if self._rests_until.get(worklist.name, 0.0) > self._tools.monotonic():
            return None
        calling = self._settings.listener.ae_title
        patience = min(self._settings.delivery.timeout_seconds, worklist.wait_seconds)
        try:
            answer = ask(worklist, calling, question, patience)
        except PeerError as error:
            self._rest(worklist.name, error)
            return None
        except NotTakenError as error:
            self._note(worklist.name, error)
            return None
        if self._failures.pop(worklist.name, 0):
            log.info("worklist is back", action="worklist_back", destination=worklist.name)
        return answer

    def _rest(self, name: str, error: PeerError) -> None:
        self._note(name, error)
        rest = rest_seconds(self._failures[name], self._settings.delivery, self._tools.jitter())
        self._rests_until[name] = self._tools.monotonic() + rest

    def _note(self, name: str, error: PeerError | NotTakenError) -> None:
        """Count the times in a row that a worklist could not say; log the first."""
        self._failures[name] = self._failures.get(name, 0) + 1
        if self._failures[name] == 1:
            log.warning(
                "worklist does not say how urgent orders are",
                action="worklist_silent",
                destination=name,
                problem=error,
            )

    def _hear(self, question: OrderQuestion, answer: OrderPriority) -> None:
        """Take over what was answered; an order that is not known there says nothing."""
        if answer is not OrderPriority.UNKNOWN and _URGENCY.index(answer) < _URGENCY.index(
            question.order_priority
        ):
            self._store.set_order(
                OrderedStudies(study_instance_uid=question.study_instance_uid),
                OrderWord(priority=answer, reason="the modality worklist says so"),
                lambda stands: place_standing(self._settings, stands),
            )
        self._store.order_answered(question, answer)
        log.info(
            "order known",
            action="order_known",
            study=question.study_instance_uid,
            order_priority=answer.value,
        )
