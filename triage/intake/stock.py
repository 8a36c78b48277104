"""The stock path: associations as the library runs them, on nothing but what it documents.

It is taken where the library is not the one that the hot path was built upon. It keeps every
promise but those of speed and memory: an object is held in memory while it is received.
"""

from __future__ import annotations

import threading
import time
from socketserver import BaseServer
from typing import TYPE_CHECKING, Any, cast

from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # made at import time
from pynetdicom.transport import ThreadedAssociationServer

from triage.intake.services import CANNOT_UNDERSTAND, StoreRequest
from triage.intake.spool import ObjectIdentity
from triage.intake.store_command import COMMENT_CHARACTERS
from triage.log import get_logger

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable

    from pynetdicom.ae import ApplicationEntity
    from pynetdicom.association import Association
    from pynetdicom.dimse_primitives import C_STORE
    from pynetdicom.events import Event

    from triage.intake.ports import Ports
    from triage.intake.services import Services

_ACCEPT_POLL_SECONDS = 0.2
_JOIN_SECONDS = 0.05
_ABORT_SECONDS = 2.0

_log = get_logger("listener")


class _InheritingServer(ThreadedAssociationServer):
    """The library's server on a socket that is open already."""

    daemon_threads = True

    def __init__(self, *arguments: Any, listening: socket.socket, **keys: Any) -> None:  # noqa: ANN401 - handed on
        self._listening = listening
        super().__init__(*arguments, **keys)

    def server_bind(self) -> None:
        """Take the socket that is open, in place of the new one."""
        unused, self.socket = self.socket, self._listening
        if unused is not None:
            unused.close()
        self.server_address = self._listening.getsockname()

    def server_activate(self) -> None:
        """Do nothing: the socket listens."""

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - socketserver's signature
        """Log what went wrong before there was an association."""
        _log.exception("connection failed", action="connection_failed")


class StockReception:
    """Accepts connections until it is told to stop; as `triage.intake.reception.Reception`.

    Args:
        ports: The listening sockets; closed at the end.
        entity: The application entity that peers call.
        tls: How to speak on the port with TLS.
        services: What associations do their work with.
        left: Called with each association that has ended.
    """

    def __init__(
        self,
        ports: Ports,
        entity: ApplicationEntity,
        tls: ssl.SSLContext | None,
        services: Services,
        left: Callable[[Association], None],
    ) -> None:
        self._services = services
        self._left = left
        self._studies: dict[Association, set[str]] = {}
        entity.add_supported_context(Verification)  # the library wants one; `Gate` says which
        handlers = [
            *services.handlers,
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_RELEASED, self._released),
            (evt.EVT_CONN_CLOSE, self._ended),
        ]
        self._servers = [
            entity.make_server(
                listening.getsockname()[:2],
                evt_handlers=handlers,
                ssl_context=tls if listening is ports.tls else None,
                server_class=_InheritingServer,
                listening=listening,
            )
            for listening in ports.sockets
        ]
        self._entity = entity

    def run(self) -> None:
        """Accept until stopped; then close the ports."""
        accepting = [
            threading.Thread(target=server.serve_forever, args=(_ACCEPT_POLL_SECONDS,), daemon=True)
            for server in self._servers
        ]
        for one in accepting:
            one.start()
        for one in accepting:
            one.join()
        for server in self._servers:
            server.server_close()

    def stop(self) -> None:
        """Ask for the end; to be called by another thread."""
        for server in self._servers:
            BaseServer.shutdown(server)  # the library's own wants it in a list of its own

    def drain(self, alive: Callable[[], None], seconds: float) -> tuple[int, int]:
        """Let associations end; return how many were open and how many had to be aborted."""
        opened = len(self._established())
        self._wait(alive, seconds)
        cut_off = self._established()
        for association in cut_off:
            association.abort(block=False)
        self._wait(alive, _ABORT_SECONDS)
        return opened, len(cut_off)

    def _wait(self, alive: Callable[[], None], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (still_open := self._established()) and time.monotonic() < deadline:
            alive()
            still_open[0].join(_JOIN_SECONDS)

    def _established(self) -> list[Association]:
        return [one for one in self._entity.active_associations if one.is_established]

    def _store(self, event: Event) -> Dataset:
        """Answer a C-STORE (EVT_C_STORE)."""
        request, association = cast("C_STORE", event.request), event.assoc
        identity = ObjectIdentity(
            str(request.AffectedSOPClassUID),
            str(request.AffectedSOPInstanceUID),
            str(event.context.transfer_syntax),
        )
        status = Dataset()
        if request.DataSet is None:
            status.Status = CANNOT_UNDERSTAND
            return status
        incoming = self._services.spool.receive(identity)
        incoming.write(request.DataSet.getvalue())
        answer = self._services.store(
            StoreRequest(incoming, association.requestor.ae_title.strip())
        )
        if answer.study_instance_uid:
            self._studies.setdefault(association, set()).add(answer.study_instance_uid)
        status.Status = answer.status
        if answer.comment:
            status.ErrorComment = answer.comment[:COMMENT_CHARACTERS]
        return status

    def _released(self, event: Event) -> None:
        self._services.released(self._studies.get(event.assoc, set()))

    def _ended(self, event: Event) -> None:
        self._studies.pop(event.assoc, None)
        self._left(event.assoc)
