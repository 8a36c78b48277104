"""Telling an order system that a study was raised, or put back: one message, now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from triage.errors import DeliveryRefusedError
from triage.hl7.mllp import send
from triage.hl7.priority import priority_message, wanted_code
from triage.hl7.values import AcknowledgementCode

if TYPE_CHECKING:
    from triage.hl7.priority import Change
    from triage.hl7.values import Acknowledgement
    from triage.settings import Hl7Receiver
    from triage.store import Store


def tell_priority(
    store: Store,
    study_instance_uid: str,
    change: Change,
    receiver: Hl7Receiver,
    timeout_seconds: float,
) -> Acknowledgement | None:
    """Tell a receiver what a change of a study's priority means for its order.

    Called again with the same change, it sends the same message with the same number.

    Args:
        store: It knows the study's last order.
        study_instance_uid: The study.
        change: What moved it.
        receiver: Who is told.
        timeout_seconds: Patience with the receiver.

    Returns:
        What the receiver answered; None when there was nothing to tell (see priority_message).

    Raises:
        DeliveryError: The receiver cannot be reached; nothing was sent.
        DeliveryRefusedError: No order came for the study, or it cannot be repeated as it came.
        SettingsError: A certificate or key cannot be used.
    """
    order = store.hl7_order(study_instance_uid)
    if order is None or not order.message:
        raise DeliveryRefusedError(
            "no order came for this study over HL7, and there is nothing to repeat: let the RIS"
            " send its orders to [hl7] too"
        )
    message = priority_message(order, change, receiver)
    if message is None:
        return None
    # Before it is sent: what comes back must not be taken for the wish of a person.
    code = wanted_code(order, change.class_after)
    store.note_priority_told(study_instance_uid, code, taken=False)
    answer = send(message, receiver, timeout_seconds)
    if answer.code is AcknowledgementCode.AA:
        store.note_priority_told(study_instance_uid, code, taken=True)
    return answer
