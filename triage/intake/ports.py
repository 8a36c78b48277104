"""The ports of the listener: opened once, shared by every process that listens.

The supervisor opens them and its listeners inherit them: one queue of connections for all, from
which whoever is free takes the next, and which stays while a listener is started anew, so that no
peer is refused for it. A listener that runs alone opens them itself.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from triage.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from triage.settings import ListenerSettings

PORTS_FD = "TRIAGE_PORTS_FD"  # "5,6": descriptors of the port without TLS and of that with it
_BACKLOG = 512
_NONE = "-"


@dataclass(frozen=True, slots=True)
class Ports:
    """Listening sockets; None where there is no such port."""

    plain: socket.socket | None
    tls: socket.socket | None

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """Those that there are."""
        return tuple(one for one in (self.plain, self.tls) if one is not None)

    @property
    def number(self) -> int:
        """The number of the port, of that with TLS where there is no other."""
        return int(self.sockets[0].getsockname()[1])

    @property
    def inheritance(self) -> dict[str, str]:
        """What a process that inherits the sockets has to be told by its environment."""
        numbers = (_NONE if one is None else str(one.fileno()) for one in (self.plain, self.tls))
        return {PORTS_FD: ",".join(numbers)}

    def close(self) -> None:
        """Close them in this process."""
        for one in self.sockets:
            one.close()


def open_ports(settings: ListenerSettings, environment: Mapping[str, str]) -> Ports:
    """Return the ports of the listener, inherited where there is something to inherit.

    Raises:
        TransientError: A port cannot be opened.
    """
    if PORTS_FD in environment:
        plain, tls = (
            None if number == _NONE else _inherited(int(number))
            for number in environment[PORTS_FD].split(",")
        )
        return Ports(plain, tls)
    return Ports(
        _opened(settings.address, settings.port, "port") if settings.accept_without_tls else None,
        _opened(settings.address, settings.tls_port, "tls_port") if settings.tls_port else None,
    )


def _inherited(descriptor: int) -> socket.socket:
    os.set_inheritable(descriptor, False)
    return socket.socket(fileno=descriptor)


def _opened(address: str, port: int, key: str) -> socket.socket:
    try:
        family, _, _, _, where = socket.getaddrinfo(
            address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(where)
            listening.listen(_BACKLOG)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise TransientError(
            f"the listener cannot open {address}:{port}: {error.strerror}; stop the program that"
            f" holds the port, or set listener.address and listener.{key}"
        ) from error
    listening.setblocking(False)
    return listening
