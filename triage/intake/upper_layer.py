"""The DICOM upper layer of one association (PS3.8 9.2), in the thread of the association.

The library runs its state machine in a thread of its own that asks the socket every millisecond,
and hands each PDU on as objects and copies. Here the same state machine is driven by whoever
reads or sends: nothing polls, nothing is handed from thread to thread, and the values of P-DATA
go from the socket's buffer to where they belong. Everything but P-DATA in an established
association is the library's.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Protocol, cast

from pynetdicom.dul import DULServiceProvider
from pynetdicom.fsm import InvalidEventError

from triage.errors import PermanentError, TriageError
from triage.intake.connection import PatienceExhaustedError
from triage.intake.object_stream import Expected, pour
from triage.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from pynetdicom.association import Association
    from pynetdicom.pdu_primitives import (
        A_ABORT,
        A_ASSOCIATE,
        A_P_ABORT,
        A_RELEASE,
        _PDUPrimitiveType,
    )

    from triage.intake.connection import Connection
    from triage.intake.spool import IncomingObject

# States and events of PS3.8 Table 9-10, as the library names them.
_IDLE, _ESTABLISHED, _RELEASE_REQUESTED, _AWAITING_CLOSE = "Sta1", "Sta6", "Sta8", "Sta13"
_CONNECTION_CLOSED, _INVALID_PDU = "Evt17", "Evt19"

_P_DATA_TF = 0x04
_PDU_HEADER = struct.Struct(">BxL")  # type, reserved, length (PS3.8 9.3.1)
_PDV_HEADER = struct.Struct(">LBB")  # item length, context ID, message control header (9.3.5.1)
_PDV_HEADER_IN_ITEM = 2  # of these the item length counts the last two bytes

# PDUs of any other kind are read whole: a request with every context has some 100 KB.
_LARGEST_CONTROL_BYTES = 1024 * 1024

_log = get_logger("listener")


class MessageSink(Protocol):
    """Takes messages, in fragments (PS3.8 Annex E) or as an object's bytes."""

    @property
    def is_within_message(self) -> bool:
        """Whether a message has begun and is not complete."""

    @property
    def incoming(self) -> IncomingObject | None:
        """The object that is being received, if one is."""

    @property
    def context_id(self) -> int:
        """The presentation context of the message that is being received."""

    def complete_object(self) -> None:
        """Take the object that is being received as complete."""

    def open_fragment(self, context_id: int, control: int) -> Callable[[memoryview], object]:
        """Begin a fragment and return what takes its bytes, piece by piece."""

    def close_fragment(self) -> None:
        """End the fragment."""


class UpperLayer(DULServiceProvider):
    """The library's upper layer, driven by the association's own thread.

    Args:
        association: The association.
        maximum_pdu_bytes: The longest P-DATA-TF that the peer may send; 0 is no limit.
    """

    def __init__(self, association: Association, maximum_pdu_bytes: int) -> None:
        super().__init__(association)
        self._maximum_pdu_bytes = maximum_pdu_bytes
        self.given_up = ""  # why the peer is given up; empty while it is not

    def start(self) -> None:
        """Begin; there is no thread to start."""
        self.assoc._dul_ready.set()  # noqa: SLF001 - the association waits for the library's thread
        self._settle()

    def is_alive(self) -> bool:
        """Whether the transport connection is still of use."""
        return not self._kill_thread

    def stop_dul(self) -> bool:
        """End the transport connection, whatever state it is in; always succeeds."""
        if self.state_machine.current_state == _AWAITING_CLOSE:
            self._connection.linger()
        if self.state_machine.current_state != _IDLE:
            self._connection.close()
        self._settle()
        self._kill_thread = True
        return True

    def forget(self) -> None:
        """Give back what the transport connection held; called once, when all is over."""
        self._connection.forget()

    def send_pdu(self, primitive: _PDUPrimitiveType) -> None:
        """Send a primitive now; where the association has ended it is dropped."""
        if self.state_machine.current_state in (_IDLE, _AWAITING_CLOSE):
            return
        super().send_pdu(primitive)
        self._settle()

    def send_data(self, pdus: bytes) -> None:
        """Send P-DATA-TF PDUs that are encoded already (actions DT-1 and AR-7)."""
        if self.state_machine.current_state in (_ESTABLISHED, _RELEASE_REQUESTED):
            self._connection.send(pdus)
            self._settle()

    def receive_pdu(
        self,
        wait: bool = False,
        timeout: float | None = None,  # noqa: ARG002 - the library's signature
    ) -> A_ASSOCIATE | A_RELEASE | A_ABORT | A_P_ABORT | None:
        """Return the next primitive for the user; with `wait`, read until there can be one."""
        while wait and self.to_user_queue.empty() and self._may_go_on:
            self.receive()
        return super().receive_pdu(wait=False)

    def receive(self) -> None:
        """Wait for one PDU and do what follows from it.

        When the peer is given up, `given_up` tells why, and nothing else has happened.
        """
        try:
            self._receive_pdu()
        except PatienceExhaustedError as error:
            self.given_up = str(error)
        except OSError:
            if not self.given_up:
                self.event_queue.put(_CONNECTION_CLOSED)
        except Exception as error:  # noqa: BLE001 - top of the receiving loop: one peer's bytes never end more than their association
            self._not_understood(error)
        self._settle()

    def give_up(self, reason: str) -> None:
        """Give the peer up and wake whoever waits for it; to be called by another thread."""
        self.given_up = reason
        self._connection.interrupt()

    @property
    def has_more(self) -> bool:
        """Whether the peer has sent something that was not read."""
        return self._may_go_on and self._connection.ready

    @property
    def _may_go_on(self) -> bool:
        ended = self.state_machine.current_state in (_IDLE, _AWAITING_CLOSE)
        return not (ended or self.given_up)

    @property
    def _connection(self) -> Connection:
        return cast("Connection", self.socket)

    @property
    def _sink(self) -> MessageSink:
        return cast("MessageSink", self.assoc.dimse)

    def _receive_pdu(self) -> None:
        connection, sink = self._connection, self._sink
        if sink.incoming is not None:
            expected = Expected(sink.context_id, self._maximum_pdu_bytes)
            if pour(connection, sink.incoming, expected):
                sink.complete_object()
                return
        if not sink.is_within_message:
            connection.await_request()
        kind, length = _PDU_HEADER.unpack(connection.peek(_PDU_HEADER.size))
        if kind == _P_DATA_TF and self.state_machine.current_state == _ESTABLISHED:
            connection.piece(_PDU_HEADER.size)
            self._receive_data(length)
            return
        if length > _LARGEST_CONTROL_BYTES:
            raise PermanentError("a PDU is longer than any of its kind")
        pdu, event = self._decode_pdu(connection.recv(_PDU_HEADER.size + length))
        self._recv_pdu.put(pdu)
        self.event_queue.put(event)

    def _receive_data(self, length: int) -> None:
        """Pass the presentation data values of one P-DATA-TF PDU on as they come."""
        if self._maximum_pdu_bytes and length > self._maximum_pdu_bytes:
            raise PermanentError("a PDU is longer than the peer was told that it may be")
        connection, sink = self._connection, self._sink
        left = length
        while left > 0:
            if left < _PDV_HEADER.size:
                raise PermanentError("a PDU ends within a presentation data value")
            item, context_id, control = _PDV_HEADER.unpack(connection.recv(_PDV_HEADER.size))
            value = item - _PDV_HEADER_IN_ITEM
            left -= _PDV_HEADER.size + value
            if value < 0 or left < 0:
                raise PermanentError("a presentation data value does not fit into its PDU")
            take = sink.open_fragment(context_id, control)
            while value > 0:
                piece = connection.piece(value)
                take(piece)
                value -= len(piece)
            sink.close_fragment()

    def _settle(self) -> None:
        """Let the state machine act on everything that has happened, until nothing is left."""
        while True:
            while not self.event_queue.empty():
                self._act(self.event_queue.get())
            if not self._process_recv_primitive():
                return

    def _act(self, event: str) -> None:
        if event == _CONNECTION_CLOSED and self.state_machine.current_state == _IDLE:
            return  # closed by ourselves, after an A-ABORT
        try:
            self.state_machine.do_action(event)
        except InvalidEventError:
            # What cannot happen in this state has come too late: the association is ending.
            self.to_provider_queue.queue.clear()
        except Exception as error:
            # The library decodes some of a request only in the action that follows from it.
            if event == _INVALID_PDU:
                raise
            self._not_understood(error)

    def _not_understood(self, error: Exception) -> None:
        _log.warning(
            "message not understood",
            action="message_not_understood",
            peer=self.assoc.requestor.ae_title,
            problem=error,
            exc_info=None if isinstance(error, TriageError) else error,
        )
        self.event_queue.put(_INVALID_PDU)
