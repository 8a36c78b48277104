"""The reception: connections are accepted, and wait here until they have said what they want.

One thread looks after all of them. A connection becomes an association, with a thread of its own,
when its request has come in completely; one that says nothing, or something else, costs a socket
and a few bytes, and never a place. There is room for a bounded number: when it is full, the
address that holds most of it loses its oldest.
"""

from __future__ import annotations

import resource
import selectors
import socket
import ssl
import struct
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from triage.intake.tls import handshake_problem, peer_name
from triage.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from triage.intake.ports import Ports

Peer = tuple[str, int] | tuple[str, int, int, int]  # as the socket module names an address

_MOST_WAITING = 512
_LARGEST_REQUEST_BYTES = 1024 * 1024  # one with every context has some 100 KB
_MOST_HELD_BYTES = 32 * 1024 * 1024  # of requests that are not complete, all together
_REQUEST_TYPE = 0x01  # A-ASSOCIATE-RQ (PS3.8 9.3.2)
_PDU_HEADER = struct.Struct(">BxL")
_READ_BYTES = 16_384
_ACCEPT_PAUSE_SECONDS = 0.05
_MOST_ACCEPTED_AT_ONCE = 64

# A-ABORT, source: service provider, reason: unrecognised or unexpected PDU (PS3.8 9.3.8).
_ABORT = bytes.fromhex("0700 00000004 0000 02 01")
# A-ASSOCIATE-RJ, transient, service provider (presentation): local limit exceeded (9.3.4).
_REJECT_FULL = bytes.fromhex("0300 00000004 00 02 03 02")

_log = get_logger("listener")


class Host(Protocol):
    """Takes what the reception lets in."""

    @property
    def is_full(self) -> bool:
        """Whether no more associations can even be talked to."""

    def welcome(self, connection: socket.socket, peer: Peer, request: bytes) -> None:
        """Take a connection over, with the association request that has come over it.

        Raises:
            OSError: The connection has ended already, or there is no room for it.
        """

    def drain(self, alive: Callable[[], None], seconds: float) -> tuple[int, int]:
        """Let associations end; return how many were open and how many had to be aborted."""


@dataclass(slots=True, eq=False)
class _Caller:
    """A connection that has not said yet what it wants."""

    connection: socket.socket
    peer: Peer
    deadline: float
    shakes_hands: bool  # a TLS handshake is under way
    received: bytearray = field(default_factory=bytearray)

    @property
    def address(self) -> str:
        return self.peer[0]

    @property
    def request_is_complete(self) -> bool:
        if len(self.received) < _PDU_HEADER.size:
            return False
        return len(self.received) >= _PDU_HEADER.size + self._announced

    @property
    def is_stranger(self) -> bool:
        """Whether it speaks no DICOM."""
        if not self.received:
            return False
        if self.received[0] != _REQUEST_TYPE:
            return True
        if len(self.received) < _PDU_HEADER.size:
            return False
        return self._announced > _LARGEST_REQUEST_BYTES

    @property
    def _announced(self) -> int:
        return int(_PDU_HEADER.unpack_from(self.received)[1])


class Reception:
    """Accepts connections until it is told to stop.

    Args:
        ports: The listening sockets; closed at the end.
        host: Takes over who has asked for an association.
        tls: How to speak on the port with TLS.
        request_seconds: How long a connection may take to ask (the ARTIM timer, PS3.8 9.1.5).
    """

    def __init__(
        self, ports: Ports, host: Host, tls: ssl.SSLContext | None, request_seconds: float
    ) -> None:
        self._ports = ports
        self._host = host
        self._tls = tls
        self._request_seconds = request_seconds
        self._selector = selectors.DefaultSelector()
        self._callers: dict[_Caller, None] = {}  # in the order in which they came
        self._wake, self._woken = socket.socketpair()
        self._held_bytes = 0
        self._turned_away = 0
        for listening in ports.sockets:
            listening.setblocking(False)
            self._selector.register(listening, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._stopping = False
        _raise_descriptor_limit()

    def run(self) -> None:
        """Accept until stopped; then close the ports and everybody who still waits."""
        try:
            while not self._stopping:
                for key, _ in self._selector.select(self._patience()):
                    self._attend(key)
                self._dismiss_late()
        finally:
            self._close()

    def stop(self) -> None:
        """Ask for the end; to be called by another thread."""
        self._stopping = True
        with suppress(OSError):
            self._wake.send(b"s")

    def drain(self, alive: Callable[[], None], seconds: float) -> tuple[int, int]:
        """Let associations end; return how many were open and how many had to be aborted."""
        return self._host.drain(alive, seconds)

    def _attend(self, key: selectors.SelectorKey) -> None:
        if isinstance(key.data, _Caller):
            if key.data in self._callers:
                self._listen_to(key.data)
        elif key.fileobj is not self._woken:
            self._accept(key.fileobj)  # type: ignore[arg-type]  # a listening socket, as registered

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(_MOST_ACCEPTED_AT_ONCE):
            try:
                connection, where = listening.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return  # another process was faster, or the peer has thought better of it
            except OSError as error:
                self._make_room(error)
                return
            self._receive(connection, where, with_tls=listening is self._ports.tls)

    def _make_room(self, error: OSError) -> None:
        """Go on without descriptors or memory to spare."""
        _log.error("connection not accepted", action="connection_not_accepted", problem=error)
        if self._callers:
            self._dismiss_from_fullest()
        else:
            time.sleep(_ACCEPT_PAUSE_SECONDS)  # all are associations: one of them has to end first

    def _receive(self, connection: socket.socket, peer: Peer, *, with_tls: bool) -> None:
        connection.setblocking(False)
        if with_tls and self._tls is not None:
            try:
                connection = self._tls.wrap_socket(
                    connection, server_side=True, do_handshake_on_connect=False
                )
            except OSError:
                connection.close()
                return
        if len(self._callers) >= _MOST_WAITING:
            self._dismiss_from_fullest()
        deadline = time.monotonic() + self._request_seconds
        caller = _Caller(connection, peer, deadline, shakes_hands=with_tls)
        self._callers[caller] = None
        self._selector.register(connection, selectors.EVENT_READ, caller)
        self._listen_to(caller)

    def _listen_to(self, caller: _Caller) -> None:
        """Go on with a caller as far as that is possible without waiting."""
        try:
            if caller.shakes_hands:
                caller.connection.do_handshake()  # type: ignore[attr-defined]  # a TLS socket
                caller.shakes_hands = False
            while not caller.request_is_complete and not caller.is_stranger:
                received = caller.connection.recv(_READ_BYTES)
                if not received:
                    self._dismiss(caller)
                    return
                caller.received += received
                self._held_bytes += len(received)
        except (BlockingIOError, ssl.SSLWantReadError):
            self._selector.modify(caller.connection, selectors.EVENT_READ, caller)
        except ssl.SSLWantWriteError:
            self._selector.modify(caller.connection, selectors.EVENT_WRITE, caller)
        except OSError as error:
            if isinstance(error, ssl.SSLError):
                _log.warning(
                    "no TLS connection",
                    action="tls_failed",
                    address=caller.address,
                    reason=handshake_problem(error),
                )
            self._dismiss(caller)
        else:
            self._let_in(caller)
        while self._held_bytes > _MOST_HELD_BYTES:
            self._dismiss_from_fullest(lambda held: len(held.received))

    def _let_in(self, caller: _Caller) -> None:
        if caller.is_stranger:
            _log.warning(
                "connection is not DICOM", action="connection_not_dicom", address=caller.address
            )
            self._dismiss(caller, _ABORT)
        elif self._host.is_full:
            self._dismiss(caller, _REJECT_FULL)
        else:
            self._forget(caller)
            if isinstance(caller.connection, ssl.SSLSocket):
                _log.info(
                    "TLS connection",
                    action="tls_accepted",
                    address=caller.address,
                    certificate=peer_name(caller.connection),
                )
            caller.connection.setblocking(True)
            try:
                self._host.welcome(caller.connection, caller.peer, bytes(caller.received))
            except OSError:
                caller.connection.close()

    def _dismiss_late(self) -> None:
        now = time.monotonic()
        while self._callers and (oldest := next(iter(self._callers))).deadline <= now:
            if oldest.received:
                _log.warning(
                    "caller given up",
                    action="caller_given_up",
                    address=oldest.address,
                    reason="the association request did not come in time",
                )
            self._dismiss(oldest)
        if self._turned_away:
            _log.warning(
                "callers turned away", action="callers_turned_away", count=self._turned_away
            )
            self._turned_away = 0

    def _dismiss_from_fullest(self, weight: Callable[[_Caller], int] = lambda _caller: 1) -> None:
        """Dismiss the oldest caller of the address that takes most of the room."""
        room: Counter[str] = Counter()
        for caller in self._callers:
            room[caller.address] += weight(caller)
        fullest, _ = room.most_common(1)[0]
        self._dismiss(next(one for one in self._callers if one.address == fullest and weight(one)))
        self._turned_away += 1

    def _dismiss(self, caller: _Caller, last_words: bytes = b"") -> None:
        self._forget(caller)
        with suppress(OSError):
            if last_words:
                caller.connection.send(last_words)
        caller.connection.close()

    def _forget(self, caller: _Caller) -> None:
        del self._callers[caller]
        self._held_bytes -= len(caller.received)
        self._selector.unregister(caller.connection)

    def _patience(self) -> float | None:
        """Return how long nothing needs to be done, in seconds."""
        if not self._callers:
            return None
        return max(0.0, next(iter(self._callers)).deadline - time.monotonic())

    def _close(self) -> None:
        self._ports.close()
        for caller in list(self._callers):
            self._dismiss(caller)
        self._selector.close()
        self._wake.close()
        self._woken.close()


def _raise_descriptor_limit() -> None:
    """Allow this process as many open files as it may have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
