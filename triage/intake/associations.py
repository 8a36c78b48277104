"""The associations of one process: how they begin, who is there, and how they end."""

from __future__ import annotations

import errno
import threading
import time
from typing import TYPE_CHECKING

from pynetdicom import evt
from pynetdicom.transport import AddressInformation

from triage.intake.association import IntakeAssociation
from triage.intake.connection import Connection, Patience

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from pynetdicom.ae import ApplicationEntity
    from pynetdicom.association import Association

    from triage.intake.reception import Peer
    from triage.intake.services import Services
    from triage.settings import ListenerSettings

_BEING_REFUSED = 32  # associations that may be under way beyond the limit, to be told so
_ABORT_SECONDS = 2.0
_POLL_SECONDS = 0.05


class Associations:
    """Begins associations, each in a thread of its own, and ends them.

    Args:
        entity: The application entity that peers call.
        settings: The site's limits.
        services: What associations do their work with.
        left: Called with each association that has ended.
    """

    def __init__(
        self,
        entity: ApplicationEntity,
        settings: ListenerSettings,
        services: Services,
        left: Callable[[Association], None],
    ) -> None:
        self._entity = entity
        self._services = services
        self._left = left
        self._most = settings.maximum_associations + _BEING_REFUSED
        self._patience = Patience(
            settings.idle_timeout_seconds,
            settings.network_timeout_seconds,
            settings.minimum_bytes_per_second,
        )
        self._open: set[IntakeAssociation] = set()
        self._turn = threading.Lock()

    @property
    def is_full(self) -> bool:
        """Whether no more associations can even be talked to."""
        return len(self._open) >= self._most

    def welcome(self, connection: socket.socket, peer: Peer, request: bytes) -> None:
        """Begin an association of a connection over which its request has come.

        Raises:
            OSError: The connection has ended already, or there is no thread to be had.
        """
        association = IntakeAssociation(self._entity, self._services, self._ended)
        association.name = f"association@{peer[0]}:{peer[1]}"
        association.set_socket(
            Connection(association, connection, self._patience, self._is_crowded, request)
        )
        acceptor = association.acceptor
        acceptor.maximum_length = self._entity.maximum_pdu_size
        acceptor.ae_title = self._entity.ae_title
        acceptor.address_info = AddressInformation.from_tuple(connection.getsockname())
        acceptor.implementation_class_uid = self._entity.implementation_class_uid
        acceptor.implementation_version_name = self._entity.implementation_version_name
        association.requestor.address_info = AddressInformation.from_tuple(peer)
        evt.trigger(association, evt.EVT_CONN_OPEN, {"address": peer})
        with self._turn:
            self._open.add(association)
        try:
            association.start()
        except RuntimeError as error:
            self._ended(association)
            raise OSError(errno.EAGAIN, str(error)) from error

    def drain(self, alive: Callable[[], None], seconds: float) -> tuple[int, int]:
        """Let open associations end, and abort those that do not in time.

        Returns:
            How many were open, and how many were aborted.
        """
        open_at_first = len(self._open)
        self._wait(alive, seconds)
        cut_off = self._snapshot()
        for association in cut_off:
            association.end("the listener stops")
        self._wait(alive, _ABORT_SECONDS)
        return open_at_first, len(cut_off)

    def _is_crowded(self) -> bool:
        """Whether those who leave had better make room."""
        return len(self._open) > self._most - _BEING_REFUSED // 2

    def _ended(self, association: IntakeAssociation) -> None:
        self._left(association)
        with self._turn:
            self._open.discard(association)

    def _snapshot(self) -> list[IntakeAssociation]:
        with self._turn:
            return list(self._open)

    def _wait(self, alive: Callable[[], None], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (still_open := self._snapshot()) and time.monotonic() < deadline:
            alive()
            still_open[0].join(_POLL_SECONDS)
