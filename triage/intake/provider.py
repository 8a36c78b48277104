"""pynetdicom's acceptor, with a data phase of our own for C-STORE.

What differs from the library: the data set of a C-STORE goes from the PDU straight into a file
of the spool (never into memory, never decoded), what a peer may make us hold in memory is
bounded, a broken message ends its association and nothing else, and every C-STORE is answered.
"""

from __future__ import annotations

import contextlib
import io
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pynetdicom import evt
from pynetdicom._globals import MODE_ACCEPTOR
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_FIND, C_STORE
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.transport import AssociationSocket, RequestHandler, ThreadedAssociationServer

from triage.errors import PermanentError
from triage.intake.spool import ObjectIdentity
from triage.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from pynetdicom.ae import ApplicationEntity
    from pynetdicom.dimse_primitives import DimseServiceType
    from pynetdicom.presentation import PresentationContext

    from triage.intake.spool import IncomingObject, Spool

CANNOT_UNDERSTAND = 0xC000  # PS3.4 Table B.2-1

# Bits of the Message Control Header (PS3.8 E.2).
_COMMAND = 0b01
_LAST_FRAGMENT = 0b10

_LARGEST_MESSAGE_BYTES = 4 * 1024 * 1024  # of commands, queries and everything but C-STORE
_LARGEST_NEGOTIATION_BYTES = 1024 * 1024  # an A-ASSOCIATE-RQ with every context has some 100 KB
_PDV_ITEM_BYTES = 6
_COMMENT_CHARACTERS = 64  # Error Comment (0000,0902) is an LO

_log = get_logger("listener")


@dataclass(frozen=True, slots=True)
class StoreRequest:
    """One object that a peer has sent completely and that waits for its answer."""

    incoming: IncomingObject
    calling_ae_title: str


@dataclass(frozen=True, slots=True)
class StoreAnswer:
    """The answer to a C-STORE: status of PS3.4 Table B.2-1, and a comment for the sender's log.

    Attributes:
        study_instance_uid: The study that the object was stored to; empty when it was not, or
            when it has no effect on one.
    """

    status: int
    comment: str = ""
    study_instance_uid: str = ""


@dataclass(frozen=True, slots=True)
class _ReceivedStore:
    """A C-STORE message in the queue between the receiving and the serving thread."""

    command: C_STORE
    incoming: IncomingObject


class StreamingDimse(DIMSEServiceProvider):
    """A DIMSE provider that streams the data sets of C-STORE requests into the spool."""

    def __init__(self, assoc: IntakeAssociation, spool: Spool) -> None:
        super().__init__(assoc)
        self._spool = spool
        self._incoming: IncomingObject | None = None
        self._open: list[IncomingObject] = []
        self._message_bytes = 0

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Process the PDVs of one P-DATA-TF PDU; a broken message ends the association."""
        try:
            for context_id, pdv in primitive.presentation_data_value_list:
                self._receive_pdv(context_id, pdv)
        except Exception as error:  # noqa: BLE001 - top of the receiving loop: one peer's bytes never end the thread
            _log.warning(
                "message not understood",
                action="message_not_understood",
                peer=self.assoc.requestor.ae_title,
                problem=error,
            )
            self.discard_all()
            self.dul.event_queue.put("Evt19")  # PS3.8 9.2.3: unrecognised or invalid PDU

    def discard_all(self) -> None:
        """Remove every object that was not answered; called when the association ends."""
        for incoming in self._open:
            incoming.discard()
        self._open.clear()

    def answered(self, incoming: IncomingObject) -> None:
        """Forget an object that has been answered; its file is somebody else's by now."""
        self._open.remove(incoming)

    def _receive_pdv(self, context_id: int, pdv: bytes) -> None:
        control = pdv[0]
        if self._incoming is None:
            self._receive_message(context_id, pdv)
            return
        if control & _COMMAND:
            raise PermanentError("a command came in the middle of an object")
        self._incoming.write(memoryview(pdv)[1:])
        if control & _LAST_FRAGMENT:
            self._queue(self._incoming)

    def _receive_message(self, context_id: int, pdv: bytes) -> None:
        """Let the library collect the message, up to the data set of a C-STORE."""
        self._message_bytes += len(pdv)
        if self._message_bytes > _LARGEST_MESSAGE_BYTES:
            raise PermanentError("a message is larger than any command or query is")
        single = P_DATA()
        single.presentation_data_value_list.append((context_id, pdv))
        super().receive_primitive(single)
        if self.message is None:
            self._message_bytes = 0
        elif isinstance(self.message, C_STORE_RQ):
            self._begin_object(context_id)

    def _begin_object(self, context_id: int) -> None:
        command = cast("C_STORE_RQ", self.message).command_set
        context = self.assoc._accepted_cx[context_id]  # noqa: SLF001 - the library has no public way from an ID
        identity = ObjectIdentity(
            sop_class_uid=str(command.get("AffectedSOPClassUID", "")),
            sop_instance_uid=str(command.get("AffectedSOPInstanceUID", "")),
            transfer_syntax_uid=str(context.transfer_syntax[0]),
        )
        self._incoming = self._spool.receive(identity)
        self._open.append(self._incoming)

    def _queue(self, incoming: IncomingObject) -> None:
        message = cast("C_STORE_RQ", self.message)
        command = cast("C_STORE", message.message_to_primitive())
        received = _ReceivedStore(command, incoming)
        self.msg_queue.put((cast("int", message.context_id), cast("DimseServiceType", received)))
        self._incoming = self.message = None
        self._message_bytes = 0


class BoundedSocket(AssociationSocket):
    """A socket that reads at full speed and never more than a PDU may have.

    Args:
        assoc: The association.
        client_socket: The accepted socket.
        maximum_bytes: The longest PDU that is read.
    """

    def __init__(
        self, assoc: IntakeAssociation, client_socket: socket.socket, maximum_bytes: int
    ) -> None:
        super().__init__(assoc, client_socket=client_socket)
        self._maximum_bytes = maximum_bytes

    def recv(self, nr_bytes: int) -> bytearray:
        """Return so many bytes, fewer only when the connection ends.

        Raises:
            PermanentError: The peer announced a longer PDU than it may send.
        """
        if nr_bytes > self._maximum_bytes:
            raise PermanentError("a PDU is longer than the peer was told that it may be")
        connection = cast("socket.socket", self.socket)
        received = bytearray(nr_bytes)
        rest = memoryview(received)
        while rest:
            count = connection.recv_into(rest)
            if count == 0:
                return received[: nr_bytes - len(rest)]
            rest = rest[count:]
        # Senders with Nagle on (DCMTK) wait for the acknowledgement of a message's last but one
        # segment; the kernel falls back to delaying it unless told again.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return received

    def _shutdown_socket(self) -> None:
        """Close the connection, also when the peer has left already."""
        connection = self.socket
        if connection is None:
            return
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()


class IntakeAssociation(Association):
    """One association that peers send objects over.

    Attributes:
        studies: Studies that objects were stored to over it.
    """

    dimse: StreamingDimse

    def __init__(
        self,
        ae: ApplicationEntity,
        spool: Spool,
        store: Callable[[StoreRequest], StoreAnswer],
    ) -> None:
        super().__init__(ae, MODE_ACCEPTOR)
        self.dimse = StreamingDimse(self, spool)
        self.studies: set[str] = set()
        self._store = store

    def run_reactor(self) -> None:
        """Run the association to its end, and leave nothing unfinished behind."""
        try:
            super().run_reactor()
        finally:
            self.dimse.discard_all()

    def _bind_defaults(self) -> None:
        _bind_intervention_handlers(self)

    def _serve_request(self, msg: DimseServiceType | _ReceivedStore, context_id: int) -> None:
        if isinstance(msg, _ReceivedStore):
            request = StoreRequest(msg.incoming, self.requestor.ae_title.strip())
            answer = self._store(request)
            self.dimse.answered(msg.incoming)
            if answer.study_instance_uid:
                self.studies.add(answer.study_instance_uid)
            self._answer(msg.command, answer, context_id)
        elif isinstance(msg, C_STORE):
            empty = StoreAnswer(CANNOT_UNDERSTAND, "the request has no data set")
            self._answer(msg, empty, context_id)
        else:
            super()._serve_request(_complete(msg), context_id)

    def _answer(self, command: C_STORE, answer: StoreAnswer, context_id: int) -> None:
        if command.MessageID is None:
            self.abort()  # there is nothing that an answer could refer to
            return
        response = C_STORE()
        response.MessageIDBeingRespondedTo = command.MessageID
        response.AffectedSOPClassUID = command.AffectedSOPClassUID
        response.AffectedSOPInstanceUID = command.AffectedSOPInstanceUID
        response.Status = answer.status
        if answer.comment:
            comment = answer.comment[:_COMMENT_CHARACTERS]
            response.ErrorComment = comment  # type: ignore[assignment]  # declared as None there
        self.dimse.send_msg(response, context_id)


def _complete(message: DimseServiceType) -> DimseServiceType:
    """Give a query without an identifier an empty one: the library would leave it unanswered."""
    if isinstance(message, C_FIND) and message.MessageID is not None and message.Status is None:
        message.Identifier = message.Identifier or io.BytesIO()
    return message


class IntakeRequestHandler(RequestHandler):
    """Makes an association of an accepted connection."""

    server: IntakeServer

    def _create_association(self) -> IntakeAssociation:
        """Do what the library does, but for its copy of every supported context.

        The contexts of an association are set from its request (triage.intake.admission).
        """
        association = IntakeAssociation(self.ae, self.server.spool, self.server.store)
        association._server = self.server  # noqa: SLF001 - as the overridden method does
        association.name = f"AcceptorThread@{self.client_address[0]}:{self.client_address[1]}"
        association.set_socket(self._bounded_socket(association))
        association.acceptor.maximum_length = self.ae.maximum_pdu_size
        association.acceptor.ae_title = self.server.ae_title
        association.acceptor.address_info = self.local
        association.acceptor.implementation_class_uid = self.ae.implementation_class_uid
        association.acceptor.implementation_version_name = self.ae.implementation_version_name
        association.requestor.address_info = self.remote
        self.server.bind_handlers(association)
        return association

    def _bounded_socket(self, association: IntakeAssociation) -> BoundedSocket:
        connection = cast("socket.socket", self.request)
        # A peer that falls silent within a PDU would else hold its threads for ever.
        connection.settimeout(self.ae.network_timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        longest = max(self.ae.maximum_pdu_size + _PDV_ITEM_BYTES, _LARGEST_NEGOTIATION_BYTES)
        return BoundedSocket(association, connection, longest)


class IntakeServer(ThreadedAssociationServer):
    """The listening socket.

    Args:
        ae: The application entity.
        address: Where to listen.
        ae_title: The called AE title.
        contexts: Not used: see `triage.intake.admission`.
        ssl_context: TLS of the connections.
        evt_handlers: Handlers of events.
        spool: Where objects go while they are received.
        store: Answers a complete object.
    """

    request_queue_size = 128
    daemon_threads = True

    def __init__(
        self,
        ae: ApplicationEntity,
        address: tuple[str, int],
        ae_title: str,
        contexts: list[PresentationContext],
        ssl_context: Any | None = None,  # noqa: ANN401 - the ssl module is the library's choice
        evt_handlers: list[evt.EventHandlerType] | None = None,
        *,
        spool: Spool,
        store: Callable[[StoreRequest], StoreAnswer],
    ) -> None:
        self.spool = spool
        self.store = store
        super().__init__(
            ae, address, ae_title, contexts, ssl_context, evt_handlers, IntakeRequestHandler
        )

    def bind_handlers(self, association: IntakeAssociation) -> None:
        """Bind the server's handlers to a new association."""
        for event, bound in self._handlers.items():
            pairs = [bound] if event.is_intervention else bound
            for handler, arguments in cast("list[tuple[Callable[..., Any], Any]]", pairs):
                association.bind(event, handler, arguments)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - socketserver's signature
        """Log what went wrong before there was an association."""
        _log.exception("connection failed", action="connection_failed")

    def _bind_defaults(self) -> None:
        _bind_intervention_handlers(self)


def _bind_intervention_handlers(target: IntakeAssociation | IntakeServer) -> None:
    """Bind the library's default handlers but for those that put each PDU into words."""
    for event in evt._INTERVENTION_EVENTS:  # noqa: SLF001 - as the overridden methods do
        target.bind(event, evt.get_default_handler(event))
