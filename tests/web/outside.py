"""What other systems have said of a study: recorded by the verbs that the lanes to them use."""

from __future__ import annotations

from datetime import timedelta

from triage.hl7.values import Message
from triage.values import ReceiverState

COURIER = "courier"
LATER = timedelta(minutes=1)


def hl7_answers(morning, receiver, *problems) -> None:
    """Let a receiver take what is decided, or refuse it with a problem, one message each."""
    for message, problem in zip(_messages(morning, receiver), problems, strict=True):
        if problem:
            morning.store.result_failed(message, COURIER, problem, next_attempt_at=None)
        else:
            morning.store.result_acknowledged(message, COURIER)


def hl7_is_away(morning, receiver, problem) -> None:
    """Let a receiver be away when it is to be told what is decided."""
    for message in _messages(morning, receiver):
        later = morning.now + LATER
        morning.store.result_failed(message, COURIER, problem, next_attempt_at=later, counts=False)


def _messages(morning, receiver) -> list[int]:
    """Claim a message for each decision that a receiver has not been told of."""
    store = morning.store
    for told in store.decisions_to_tell(receiver):
        store.tell_decision(receiver, told, worth_telling=True)
    claimed = [one.result_id for one in store.claim_results(COURIER, receiver, 100, 60)]
    for number in claimed:
        store.result_written(number, COURIER, Message(f"M{number}", b"MSH|"))
    return claimed


def receiver_takes(morning, receiver, *, shows=True) -> None:
    """Let a receiver take every priority that waits for it, and show it, or show another one."""
    store = morning.store
    for change in store.claim_receiver_changes(COURIER, receiver, 100, 60):
        store.receiver_intends(change, COURIER, before="none", after="HIGH")
        store.receiver_acknowledged(change, COURIER, "200 OK", final=False)
    for change in store.claim_receiver_changes(COURIER, receiver, 100, 60):
        if shows:
            store.receiver_confirmed(change, COURIER, "HIGH")
        else:
            store.receiver_waits(
                change,
                COURIER,
                "it shows none and not HIGH",
                next_attempt_at=morning.now + LATER,
                state=ReceiverState.NOT_MOVED,
            )


def receiver_refuses(morning, receiver, problem) -> None:
    """Let a receiver refuse every priority that waits for it, for good."""
    store = morning.store
    for change in store.claim_receiver_changes(COURIER, receiver, 100, 60):
        store.receiver_waits(change, COURIER, problem, next_attempt_at=None)


def receiver_is_away(morning, receiver, problem) -> None:
    """Let a receiver be away when priorities are to be set there."""
    store = morning.store
    for change in store.claim_receiver_changes(COURIER, receiver, 100, 60):
        later = morning.now + LATER
        store.receiver_waits(change, COURIER, problem, next_attempt_at=later, counts=False)
