"""The transport of one association: a socket, read through one buffer with bounded patience."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pynetdicom.transport import AssociationSocket

if TYPE_CHECKING:
    from collections.abc import Callable

    from pynetdicom.association import Association

# Large enough for four PDUs of the size that is proposed, small enough to stay in the processor's
# second cache between the socket, the digest and the file: 256 KB cost a fifth more of the
# kernel's time, 1 MB a third more.
BUFFER_BYTES = 512 * 1024
_LINGER_SECONDS = 1.0
_LINGER_STEP_SECONDS = 0.05
_LINGER_BYTES = 64 * 1024 * 1024


class ConnectionEndedError(OSError):
    """The peer has closed the connection, or it broke."""


class PatienceExhaustedError(OSError):
    """The peer is given up; the message says why."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a peer is waited for.

    Attributes:
        idle_seconds: For the next request.
        link_seconds: For the next byte within a request: after that the link counts as dead.
        minimum_bytes_per_second: What a slow link must reach, over `link_seconds`.
    """

    idle_seconds: float
    link_seconds: float
    minimum_bytes_per_second: int


def _never() -> bool:
    return False


class Connection(AssociationSocket):
    """A socket that reads at full speed into one buffer and hands out pieces of it.

    Args:
        association: The association that it belongs to.
        client_socket: The accepted socket; its time-outs are set here.
        patience: How long the peer is waited for.
        in_a_hurry: Whether others need our thread more than the peer our last words.
        received: What has been read from the socket before.
    """

    def __init__(
        self,
        association: Association,
        client_socket: socket.socket,
        patience: Patience,
        in_a_hurry: Callable[[], bool] = _never,
        received: bytes = b"",
    ) -> None:
        super().__init__(association, client_socket=client_socket)
        self._patience = patience
        self._in_a_hurry = in_a_hurry
        self._buffer = bytearray(max(BUFFER_BYTES, len(received)))
        self._buffer[: len(received)] = received
        self._view = memoryview(self._buffer)
        self._start, self._end = 0, len(received)
        self._window_began, self._window_bytes = time.monotonic(), 0
        client_socket.settimeout(patience.link_seconds)
        self._is_tcp = client_socket.family in (socket.AF_INET, socket.AF_INET6)
        if self._is_tcp:
            client_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client_socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def await_request(self) -> None:
        """Wait for the first byte of whatever comes next; here a peer may take its time.

        Raises:
            ConnectionEndedError: The connection has ended.
            PatienceExhaustedError: Nothing came.
        """
        if self._start == self._end:
            self._fill(self._patience.idle_seconds, "nothing was asked for too long")
        self._window_began, self._window_bytes = time.monotonic(), 0

    def peek(self, count: int) -> memoryview:
        """Return the next few bytes without passing them; they stand until the next reading.

        Raises:
            ConnectionEndedError: The connection has ended.
            PatienceExhaustedError: They do not come, or too slowly.
        """
        while self._end - self._start < count:
            self._fill_within_request()
        return self._view[self._start : self._start + count]

    def span(self, count: int) -> tuple[memoryview, int, int]:
        """Return the whole buffer, and from where to where it is filled: at least `count` bytes.

        What has been used of it is passed by `pass_to`; it stands until the next reading.

        Raises:
            ConnectionEndedError: The connection has ended.
            PatienceExhaustedError: They do not come, or too slowly.
        """
        while self._end - self._start < count:
            self._fill_within_request()
        return self._view, self._start, self._end

    def pass_to(self, position: int) -> None:
        """Pass the bytes of the buffer up to a position."""
        self._start = position

    def piece(self, most: int) -> memoryview:
        """Return and pass what is there, at least one byte; it stands until the next reading.

        Args:
            most: Not more bytes than this.

        Raises:
            ConnectionEndedError: The connection has ended.
            PatienceExhaustedError: Nothing comes, or too slowly.
        """
        if self._start == self._end:
            self._fill_within_request()
        end = min(self._start + most, self._end)
        found = self._view[self._start : end]
        self._start = end
        return found

    def recv(self, nr_bytes: int) -> bytearray:
        """Return exactly so many bytes.

        Raises:
            ConnectionEndedError: The connection has ended.
            PatienceExhaustedError: They do not come, or too slowly.
        """
        received = bytearray()
        while len(received) < nr_bytes:
            received += self.piece(nr_bytes - len(received))
        return received

    def send(self, bytestream: bytes) -> None:
        """Send bytes; a peer that does not take them in time has ended its connection."""
        connection = self.socket
        if connection is None:
            return
        try:
            connection.settimeout(self._patience.link_seconds)
            connection.sendall(bytestream)
        except OSError:
            self.event_queue.put("Evt17")  # as the overridden method does

    @property
    def ready(self) -> bool:
        """Whether something can be read at once."""
        connection = self.socket
        if self._start < self._end or connection is None:
            return self._start < self._end
        return _has_more(connection)

    def linger(self) -> None:
        """Let the peer read our last words: closing with bytes unread would take them back."""
        connection = self._socket
        if connection is None:
            return
        deadline = time.monotonic() + _LINGER_SECONDS
        left = _LINGER_BYTES
        with contextlib.suppress(OSError):
            _shut_down(connection, socket.SHUT_WR)
            connection.settimeout(_LINGER_STEP_SECONDS)
            while left > 0 and time.monotonic() < deadline and not self._in_a_hurry():
                with contextlib.suppress(TimeoutError):
                    count = connection.recv_into(self._view)
                    if count == 0:
                        return
                    left -= count

    def forget(self) -> None:
        """Give the buffer back: the association is garbage that Python collects only later."""
        self._start = self._end = 0
        self._view = memoryview(b"")
        self._buffer = bytearray()

    def interrupt(self) -> None:
        """Wake the thread that reads; to be called by another thread."""
        connection = self._socket
        if connection is not None:
            with contextlib.suppress(OSError):
                _shut_down(connection, socket.SHUT_RD)

    @property
    def _socket(self) -> socket.socket | None:
        return self.socket

    def _fill_within_request(self) -> None:
        self._fill(self._patience.link_seconds, "the link is dead")
        now = time.monotonic()
        seconds = now - self._window_began
        if seconds < self._patience.link_seconds:
            return
        if self._window_bytes < seconds * self._patience.minimum_bytes_per_second:
            raise PatienceExhaustedError("the sender is too slow")
        self._window_began, self._window_bytes = now, 0

    def _fill(self, seconds: float, otherwise: str) -> None:
        """Read once; the rest of what was read before moves to the front."""
        connection = self._socket
        if connection is None:
            raise ConnectionEndedError("the connection is closed")
        if self._start:
            rest = self._end - self._start
            self._buffer[:rest] = self._buffer[self._start : self._end]
            self._start, self._end = 0, rest
        if connection.gettimeout() != seconds:
            connection.settimeout(seconds)
        try:
            count = connection.recv_into(self._view[self._end :])
            if isinstance(connection, ssl.SSLSocket):
                count = self._fill_with_records(connection, count)
        except TimeoutError as error:
            raise PatienceExhaustedError(otherwise) from error
        if count == 0:
            raise ConnectionEndedError("the connection has ended")
        self._end += count
        self._window_bytes += count
        if self._is_tcp and self._end < len(self._buffer):
            # All is read that has come. Senders with Nagle on (DCMTK) wait for the acknowledgement
            # of a message's last but one segment, which the kernel delays unless told again.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def _fill_with_records(self, connection: ssl.SSLSocket, count: int) -> int:
        """Read on while there is more: TLS hands out no more than a record of 16 KB at a time.

        Returns:
            How many bytes have been read in all.
        """
        room = len(self._buffer) - self._end
        while 0 < count < room and _has_more(connection):
            more = connection.recv_into(self._view[self._end + count :])
            if more == 0:
                break
            count += more
        return count

    def _shutdown_socket(self) -> None:
        """Close the connection, also when the peer has left already."""
        connection = self._socket
        if connection is None:
            return
        with contextlib.suppress(OSError):
            _shut_down(connection, socket.SHUT_RDWR)
        connection.close()


def _has_more(connection: socket.socket) -> bool:
    """Whether something can be read of a socket at once."""
    if isinstance(connection, ssl.SSLSocket) and connection.pending():
        return True
    # The library asks select(), which takes no descriptor beyond 1023.
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def _shut_down(connection: socket.socket, how: int) -> None:
    # That of a TLS socket would give up the encryption first, and send the rest in clear text.
    socket.socket.shutdown(connection, how)
