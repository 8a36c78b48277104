"""DIMSE messages: the data set of a C-STORE goes into the spool, all others to the library."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import C_STORE_RQ, DIMSEMessage
from pynetdicom.dimse_primitives import C_CANCEL
from pynetdicom.pdu_primitives import P_DATA

from triage.errors import PermanentError
from triage.intake.object_stream import COMMAND, LAST_FRAGMENT
from triage.intake.spool import ObjectIdentity
from triage.intake.store_command import StoreCommand, read_store_command

if TYPE_CHECKING:
    from collections.abc import Callable

    from pynetdicom.association import Association
    from pynetdicom.dimse_primitives import DimsePrimitiveType, DimseServiceType

    from triage.intake.spool import IncomingObject, Spool
    from triage.intake.upper_layer import UpperLayer

_WHOLE_COMMAND = COMMAND | LAST_FRAGMENT

_LARGEST_MESSAGE_BYTES = 1024 * 1024  # of commands, queries and everything but C-STORE
_MOST_WAITING = 16  # messages that a peer may send before the first of them is answered
_MOST_CANCELLED = 10


@dataclass(frozen=True, slots=True)
class ReceivedStore:
    """A C-STORE request whose object has been received completely."""

    command: StoreCommand
    incoming: IncomingObject


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that waits to be served, and the ID of its presentation context."""

    message: DimseServiceType | ReceivedStore
    context_id: int


class StreamingDimse(DIMSEServiceProvider):
    """Puts messages together from their fragments.

    Attributes:
        waiting: Messages that are complete, in order.
    """

    def __init__(self, association: Association, spool: Spool) -> None:
        super().__init__(association)
        self.waiting: deque[Waiting] = deque()
        self._spool = spool
        self._command: StoreCommand | None = None
        self._incoming: IncomingObject | None = None
        self._unanswered: list[IncomingObject] = []
        self._context_id = 0
        self._control = 0
        self._fragment = bytearray()
        self._message_bytes = 0

    @property
    def incoming(self) -> IncomingObject | None:
        """The object that is being received, if one is."""
        return self._incoming

    @property
    def context_id(self) -> int:
        """The presentation context of the message that is being received."""
        return self._context_id

    @property
    def is_within_message(self) -> bool:
        """Whether a message has begun and is not complete."""
        return self.message is not None or self._incoming is not None

    def open_fragment(self, context_id: int, control: int) -> Callable[[memoryview], object]:
        """Begin a fragment and return what takes its bytes, piece by piece.

        Raises:
            PermanentError: Such a fragment cannot come now.
        """
        if self._incoming is not None:
            if control & COMMAND:
                raise PermanentError("a command came in the middle of an object")
            if context_id != self._context_id:
                raise PermanentError("an object changed its presentation context")
        self._context_id, self._control = context_id, control
        return self._take if self._incoming is None else self._incoming.write

    def close_fragment(self) -> None:
        """End the fragment; with the last one the message is complete and waits."""
        if self._incoming is None:
            fragment = bytes(self._fragment)
            self._fragment.clear()
            self._take_fragment(fragment)
        elif self._control & LAST_FRAGMENT:
            self.complete_object()

    def complete_object(self) -> None:
        """The object that is being received is complete, and waits."""
        if self._incoming is not None and self._command is not None:
            received = ReceivedStore(self._command, self._incoming)
            self._incoming = self._command = None
            self._wait(received, self._context_id)

    def answered(self, incoming: IncomingObject) -> None:
        """Forget an object that has been answered; its file is somebody else's by now."""
        self._unanswered.remove(incoming)

    def discard_all(self) -> None:
        """Remove every object that was not answered; called when the association ends."""
        for incoming in self._unanswered:
            incoming.discard()
        self._unanswered.clear()

    def send_msg(self, primitive: DimsePrimitiveType, context_id: int) -> None:
        """Send a message; then read what the peer has sent meanwhile: it may be a C-CANCEL."""
        super().send_msg(primitive, context_id)
        self._listen()

    def send_encoded(self, pdus: bytes) -> None:
        """Send a message that is encoded already, as P-DATA-TF PDUs; then do the same."""
        cast("UpperLayer", self.dul).send_data(pdus)
        self._listen()

    def _listen(self) -> None:
        upper_layer = cast("UpperLayer", self.dul)
        while self._may_listen(upper_layer) and upper_layer.has_more:
            upper_layer.receive()

    def _may_listen(self, upper_layer: UpperLayer) -> bool:
        crowded = len(self.waiting) >= _MOST_WAITING // 2  # the rest may wait on its way to us
        return upper_layer.is_alive() and not upper_layer.given_up and not crowded

    def _take(self, piece: memoryview) -> None:
        self._message_bytes += len(piece)
        if self._message_bytes > _LARGEST_MESSAGE_BYTES:
            raise PermanentError("a message is larger than any command or query is")
        self._fragment += piece

    def _take_fragment(self, fragment: bytes) -> None:
        if self.message is None and self._control & _WHOLE_COMMAND == _WHOLE_COMMAND:
            command = read_store_command(fragment)
            if command is not None:
                self._begin_object(command)
                return
        self._add_to_message(fragment)

    def _add_to_message(self, fragment: bytes) -> None:
        """Let the library collect the message, up to the data set of a C-STORE."""
        self.message = self.message or DIMSEMessage()
        single = P_DATA()
        single.presentation_data_value_list.append(
            (self._context_id, bytes([self._control]) + fragment)
        )
        if self.message.decode_msg(single, self.assoc):
            self._queue(self.message)
        elif isinstance(self.message, C_STORE_RQ):
            command_set = self.message.encoded_command_set.getvalue()
            command = read_store_command(command_set)
            if command is None:
                raise PermanentError("the request to store an object is damaged")
            self.message = None
            self._begin_object(command)

    def _begin_object(self, command: StoreCommand) -> None:
        context = self.assoc._accepted_cx.get(self._context_id)  # noqa: SLF001 - the library has no public way from an ID
        if context is None:
            raise PermanentError("an object came in a presentation context that was not accepted")
        identity = ObjectIdentity(
            command.sop_class_uid, command.sop_instance_uid, str(context.transfer_syntax[0])
        )
        self._message_bytes = 0
        self._command, self._incoming = command, self._spool.receive(identity)
        self._unanswered.append(self._incoming)

    def _queue(self, message: DIMSEMessage) -> None:
        primitive = message.message_to_primitive()
        self.message = None
        self._message_bytes = 0
        if not isinstance(primitive, C_CANCEL):
            self._wait(primitive, self._context_id)
        elif len(self.cancel_req) < _MOST_CANCELLED:
            self.cancel_req[cast("int", primitive.MessageIDBeingRespondedTo)] = primitive

    def _wait(self, message: DimseServiceType | ReceivedStore, context_id: int) -> None:
        if len(self.waiting) >= _MOST_WAITING:
            raise PermanentError("too many messages came before the first was answered")
        self.waiting.append(Waiting(message, context_id))
