"""A peer at the level of its socket: it sends any bytes and reads what is answered."""

from __future__ import annotations

import itertools
import select
import socket
import struct
import time
from typing import TYPE_CHECKING, Self

from tests.hostile import pdus
from tests.hostile.pdus import COMMAND, LAST, Answer, Pdu, PduType

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

LOOPBACK = "127.0.0.1"
PATIENCE_SECONDS = 20.0
_READ_BYTES = 1 << 16

_numbers = itertools.count(time.time_ns())


def new_uid() -> str:
    """Return a UID that no other object has."""
    return f"2.25.{next(_numbers)}"


class Ended(Exception):  # noqa: N818 - what many tests wait for is no error
    """The other end has closed the connection."""


class Wire:
    """A connection to the listener.

    Args:
        port: The listener's port.
        source: Address of the loopback network to call from.
        narrow: Whether it takes little at a time: the other end's buffer then stays small too.
        patience_seconds: How long an answer may take.
    """

    def __init__(
        self,
        port: int,
        *,
        source: str = LOOPBACK,
        narrow: bool = False,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self.socket = socket.socket()
        try:
            if narrow:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
            self.socket.settimeout(patience_seconds)
            self.socket.bind((source, 0))
            self.socket.connect((LOOPBACK, port))
        except OSError:
            self.socket.close()
            raise
        self._received = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; what is still under way goes."""
        self.socket.close()

    def reset(self) -> None:
        """Break the connection off: the other end gets a RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def send(self, pieces: bytes | Iterable[bytes]) -> None:
        """Send bytes as they are.

        Raises:
            Ended: The other end does not take them any more.
        """
        try:
            self.socket.sendall(pieces if isinstance(pieces, bytes) else b"".join(pieces))
        except (ConnectionResetError, BrokenPipeError) as error:
            raise Ended from error

    def push(self, pieces: bytes | Iterable[bytes]) -> bool:
        """Send bytes as far as they are taken, and return whether all were."""
        try:
            self.send(pieces)
        except (Ended, TimeoutError):
            return False
        return True

    def trickle(self, content: bytes, *, piece: int, every_seconds: float) -> bool:
        """Send bytes a few at a time, as a slow link brings them.

        Returns:
            Whether all went; the other end may answer or close before.
        """
        return all(
            self.push(content[start : start + piece])
            and (not self.says_something(every_seconds) or start + piece >= len(content))
            for start in range(0, len(content), piece)
        )

    def says_something(self, seconds: float) -> bool:
        """Wait so long for the other end to send something or to close."""
        return bool(select.select([self.socket], [], [], seconds)[0])

    def receive(self) -> Pdu:
        """Return the next PDU.

        Raises:
            Ended: There is none, the connection is closed.
            TimeoutError: The other end is silent.
        """
        head = self._take(6)
        return Pdu(head[0], self._take(int.from_bytes(head[2:])))

    def _take(self, count: int) -> bytes:
        while len(self._received) < count:
            try:
                more = self.socket.recv(_READ_BYTES)
            except ConnectionResetError as error:
                raise Ended from error
            if not more:
                raise Ended
            self._received += more
        taken = bytes(self._received[:count])
        del self._received[:count]
        return taken

    def until_end(self) -> list[Pdu]:
        """Return what comes until the other end closes.

        Raises:
            TimeoutError: It does not close.
        """
        found = []
        while True:
            try:
                found.append(self.receive())
            except Ended:
                return found

    def request_association(self, *contexts: pdus.Context, calling: str = "HOSTILE") -> Pdu:
        """Send an A-ASSOCIATE-RQ and return its answer."""
        self.send(pdus.association_request(contexts or pdus.CONTEXTS, calling=calling))
        return self.receive()

    def associate(self, *contexts: pdus.Context) -> Self:
        """Associate, with every context accepted."""
        answer = self.request_association(*contexts)
        assert set(pdus.accepted_contexts(answer).values()) == {0}
        return self

    def answer(self) -> Answer:
        """Return the next message, whose PDVs may come in any number of PDUs.

        Raises:
            Ended: There is none: an A-ABORT, or the end of the connection.
        """
        command, data_set = bytearray(), bytearray()
        while True:
            received = self.receive()
            if received.kind == PduType.ABORT:
                raise Ended
            assert received.kind == PduType.DATA, received
            for context, control, content in received.pdvs():
                (command if control & COMMAND else data_set).extend(content)
                if control & LAST:
                    found = Answer(context, pdus.read_command(bytes(command)), bytes(data_set))
                    if not control & COMMAND or not found.has_data_set:
                        return found

    def echo(self, message_id: int = 1) -> int:
        """Send a C-ECHO and return its status."""
        self.send(pdus.message(pdus.ECHO, pdus.echo_request(message_id)))
        return self.answer().status

    def store(self, instance: str = "", encoded: bytes = b"") -> int:
        """Send a C-STORE of a film, by default a new one, and return its status."""
        instance = instance or new_uid()
        encoded = encoded or pdus.film(instance)
        self.send(pdus.message(pdus.DX, pdus.store_request(instance), encoded))
        answer = self.answer()
        assert answer.sop_instance == instance
        return answer.status

    def release(self) -> None:
        """End the association in order."""
        self.send(pdus.release_request())
        assert [one.kind for one in self.until_end()] == [PduType.RELEASE_RP]
        self.close()
