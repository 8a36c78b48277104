"""One association that peers send objects over: one thread from its request to its end."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, cast

from pynetdicom import evt
from pynetdicom._globals import MODE_ACCEPTOR
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_FIND, C_STORE

from triage.errors import TriageError
from triage.intake.admission import UPS_CLASSES
from triage.intake.find_command import FindCommand, find_response
from triage.intake.messages import ReceivedStore, StreamingDimse, Waiting
from triage.intake.services import CANNOT_UNDERSTAND, SUCCESS, FindRequest, StoreRequest
from triage.intake.store_command import store_response
from triage.intake.upper_layer import UpperLayer
from triage.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from pynetdicom.ae import ApplicationEntity
    from pynetdicom.dimse_primitives import DimseServiceType

    from triage.intake.services import Services

_LEAST_PDU_BYTES = 8  # the library fails below it, and ends the association

_log = get_logger("listener")


class IntakeAssociation(Association):
    """The library's association, with an upper layer and a C-STORE of our own.

    What differs: it runs in one thread that never polls; the data set of a C-STORE goes from the
    socket straight into a file of the spool, never into memory, never decoded; what a peer may
    make us hold is bounded; a broken message ends its association and nothing else; and every
    C-STORE is answered.

    Args:
        entity: The application entity that the peer calls.
        services: What it does its work with.
        ended: Called by its thread when it has ended.
    """

    dimse: StreamingDimse
    dul: UpperLayer

    def __init__(
        self,
        entity: ApplicationEntity,
        services: Services,
        ended: Callable[[IntakeAssociation], None],
    ) -> None:
        super().__init__(entity, MODE_ACCEPTOR)
        self.dul = UpperLayer(self, entity.maximum_pdu_size)
        self.acse_timeout = entity.acse_timeout  # the library keeps it in the upper layer
        self.dimse = StreamingDimse(self, services.spool)
        self._studies: set[str] = set()
        self._services = services
        self._ended = ended
        for handler in services.handlers:
            self.bind(*handler)

    def run_reactor(self) -> None:
        """Run the association to its end, and leave nothing unfinished behind."""
        try:
            super().run_reactor()
        except Exception as error:  # noqa: BLE001 - top of the thread: one association never ends more than itself
            self._abandon(error)
        finally:
            self.dimse.discard_all()
            self.dul.stop_dul()
            self.dul.forget()
            self._ended(self)

    def _abandon(self, error: Exception) -> None:
        if self.acceptor.primitive is None:
            # The library trips over some requests only while it answers them.
            _log.warning(
                "request not understood",
                action="request_not_understood",
                address=self.requestor.address,
                problem=error,
                exc_info=None if isinstance(error, TriageError) else error,
            )
        else:
            _log.exception("association failed", action="association_failed")
        self.abort(block=False)

    def end(self, reason: str) -> None:
        """Have the association abort as soon as it is not busy; to be called by another thread."""
        self.dul.give_up(reason)

    def _bind_defaults(self) -> None:
        """Bind the library's default handlers but for those that put each PDU into words."""
        for event in evt._INTERVENTION_EVENTS:  # noqa: SLF001 - as the overridden method does
            self.bind(event, evt.get_default_handler(event))

    def _run_reactor(self) -> None:
        """Receive and serve until the association ends."""
        while not self._kill:
            self.dul.receive()
            while self.dimse.waiting and self.is_established:
                self._serve(self.dimse.waiting.popleft())
            if self.is_established and self.acse.is_release_requested():
                self._release()
            elif self.acse.is_aborted():
                self._end_aborted()
            elif self.dul.given_up:
                self._give_up(self.dul.given_up)
            elif not self.dul.is_alive():
                self.kill()

    def _release(self) -> None:
        self.acse.send_release(is_response=True)
        self.is_released = True
        self.is_established = False
        evt.trigger(self, evt.EVT_RELEASED, {})
        self._services.released(self._studies)
        self.kill()

    def _end_aborted(self) -> None:
        self.dul.receive_pdu(wait=False)
        self.is_aborted = True
        self.is_established = False
        evt.trigger(self, evt.EVT_ABORTED, {})
        self.kill()

    def _give_up(self, reason: str) -> None:
        _log.warning(
            "peer given up",
            action="peer_given_up",
            peer=self.requestor.ae_title.strip(),
            address=self.requestor.address,
            reason=reason,
        )
        self.abort()

    def _serve(self, waiting: Waiting) -> None:
        message = waiting.message
        if isinstance(message, ReceivedStore):
            self._serve_store(message, waiting.context_id)
        elif isinstance(message, C_STORE) and message.is_valid_request:
            self._refuse_empty(message, waiting.context_id)
        elif isinstance(message, C_FIND) and (command := self._find_command(message, waiting)):
            self._serve_find(message, command)
        elif _complete(message).is_valid_request:
            self._serve_request(message, waiting.context_id)
        else:
            # The library would be silent, and its peer wait until it loses its patience.
            self._give_up("a message lacks what every request of its kind has, or is an answer")

    def _serve_store(self, received: ReceivedStore, context_id: int) -> None:
        request = StoreRequest(received.incoming, self.requestor.ae_title.strip())
        answer = self._services.store(request)
        self.dimse.answered(received.incoming)
        if answer.study_instance_uid:
            self._studies.add(answer.study_instance_uid)
        self.dul.send_data(
            store_response(received.command, context_id, answer.status, answer.comment)
        )

    def _find_command(self, request: C_FIND, waiting: Waiting) -> FindCommand | None:
        """Return what a query for work items says; None of any other, which the library knows."""
        maximum = self.dimse.maximum_pdu_size or 0
        is_whole = _complete(request).is_valid_request and request.Status is None
        is_known = request.AffectedSOPClassUID in UPS_CLASSES
        is_accepted = waiting.context_id in self._accepted_cx
        if not (is_whole and is_known and is_accepted) or 0 < maximum < _LEAST_PDU_BYTES:
            return None
        return FindCommand(
            cast("int", request.MessageID),
            str(request.AffectedSOPClassUID),
            waiting.context_id,
            maximum,
        )

    def _serve_find(self, request: C_FIND, command: FindCommand) -> None:
        """Send what a query finds, item by item, as the library's C-FIND SCP does."""
        self.dimse.cancel_req.clear()  # what was cancelled before is none of this
        answers = self._services.find(
            FindRequest(
                cast("io.BytesIO", request.Identifier).getvalue(),
                str(self._accepted_cx[command.context_id].transfer_syntax[0]),
                self.requestor.ae_title.strip(),
                lambda: self.dimse.cancel_req.pop(command.message_id, None) is not None,
            )
        )
        for status, identifier in answers:
            if self._is_ending():
                return
            self.dimse.send_encoded(find_response(command, status, identifier))
            if not identifier:
                return
        self.dimse.send_encoded(find_response(command, SUCCESS))
        self.dimse.cancel_req.clear()

    def _is_ending(self) -> bool:
        """Whether nobody waits for answers any more."""
        gone = not self.dul.is_alive() or bool(self.dul.given_up)
        return gone or self.acse.is_aborted() or self.acse.is_release_requested()

    def _refuse_empty(self, request: C_STORE, context_id: int) -> None:
        """Answer a request to store an object that brings none; the library would not."""
        response = C_STORE()
        response.MessageIDBeingRespondedTo = request.MessageID
        response.AffectedSOPClassUID = request.AffectedSOPClassUID
        response.AffectedSOPInstanceUID = request.AffectedSOPInstanceUID
        response.Status = CANNOT_UNDERSTAND
        self.dimse.send_msg(response, context_id)


def _complete(message: DimseServiceType) -> DimseServiceType:
    """Give a query without an identifier an empty one: the library would leave it unanswered."""
    if isinstance(message, C_FIND) and message.MessageID is not None and message.Status is None:
        message.Identifier = message.Identifier or io.BytesIO()
    return message
