"""An order system (RIS) as a receiver: told over HL7, known by the orders that it sends.

It is never asked: what it shows follows from its last message about the order, and from what it
has answered to ours. HL7 has no word below routine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from triage.delivery.association import PeerError, Trouble
from triage.errors import DeliveryError, DeliveryRefusedError
from triage.hl7.mllp import Connection, send
from triage.hl7.priority import RAISED, ROUTINE, priority_message
from triage.hl7.values import PRIORITIES, AcknowledgementCode
from triage.receivers.receiver import Acknowledgement, NotTakenError, Standing, Words

if TYPE_CHECKING:
    from triage.receivers.receiver import Change
    from triage.settings import Hl7Receiver
    from triage.store import ReceiverStudy, Store

_URGENT, _ROUTINE = 2, 1
WORDS: Final = Words(
    raised=RAISED,
    lowered=None,
    urgency={
        code: _URGENT if priority.urgent else _ROUTINE for code, priority in PRIORITIES.items()
    },
)


class OrderSystem:
    """One order system.

    Args:
        receiver: Where it is, and how it wants to be spoken to.
        store: It knows the orders.
        timeout_seconds: Patience with it.
    """

    words: Words = WORDS
    can_be_asked: bool = False

    def __init__(self, receiver: Hl7Receiver, store: Store, timeout_seconds: float) -> None:
        self._receiver = receiver
        self._store = store
        self._timeout_seconds = timeout_seconds

    @property
    def name(self) -> str:
        """Its name in the configuration."""
        return self._receiver.name

    def describe(self) -> str:
        """Open a connection, with TLS where that is asked for; MLLP has no echo."""
        with Connection(self._receiver, self._timeout_seconds):
            return f"{self._receiver.address}:{self._receiver.port} takes connections"

    def standing(self, study: ReceiverStudy) -> Standing | None:
        """Return what its last message says; None when no order of the study has come."""
        order = self._store.hl7_order(study.study_instance_uid)
        if order is None:
            return None
        return Standing(order.shown_code or ROUTINE, opened=order.read or order.cancelled)

    def apply(self, change: Change) -> Acknowledgement:
        """Send the order again with another priority; a retry is the same to the byte."""
        uid = change.study.study_instance_uid
        order = self._store.hl7_order(uid)
        if order is None:
            raise NotTakenError("no order of this study has come over HL7", refused=False)
        try:
            message = priority_message(order, change, self._receiver, change.made_at)
        except DeliveryRefusedError as error:
            raise NotTakenError(str(error), refused=True, final=True) from error
        # Before it is sent: what comes back must not be taken for the wish of a person.
        self._store.note_priority_told(uid, change.value, taken=False)
        try:
            answer = send(message, self._receiver, self._timeout_seconds)
        except DeliveryError as error:
            raise PeerError(Trouble.AWAY, str(error)) from error
        if answer.code is not AcknowledgementCode.AA:
            never = answer.code is AcknowledgementCode.AR
            raise NotTakenError(answer.problem, refused=never, final=never)
        self._store.note_priority_told(uid, change.value, taken=True)
        return Acknowledgement(f"AA {message.control_id}")
