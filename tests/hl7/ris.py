"""A RIS that does as it is told: a real MLLP peer, in a thread, with a script."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import hl7

from tests.peers import LOOPBACK, Peer

if TYPE_CHECKING:
    import ssl

BEGIN, END = b"\x0b", b"\x1c\r"
Answer = Callable[["Ris", socket.socket, bytes], None]


def field(message: bytes, name: str) -> str:
    """Return a field of a message as python-hl7 reads it: "MSH.F10"."""
    return str(hl7.parse(message.decode())[name])


def number_of(message: bytes) -> str:
    """Return MSH-10."""
    return message.split(b"|")[9].decode()


def acknowledgement(number: str, code: str = "AA", *, further: str = "") -> bytes:
    """Return an acknowledgement in its frame."""
    text = (
        "MSH|^~\\&|RIS|HOSPITAL|CSPINE-TRIAGE||20260302||ACK|A1|P|2.5.1\r"
        f"MSA|{code}|{number}|Müller, Änne is not here\r{further}"
    )
    return BEGIN + text.encode() + END


def accept(_ris, connection, message):
    """Answer AA."""
    connection.sendall(acknowledgement(number_of(message)))


def answer(code: str, further: str = "") -> Answer:
    """Return what answers with a code."""
    return lambda _ris, connection, message: connection.sendall(
        acknowledgement(number_of(message), code, further=further)
    )


def hang_up(_ris, connection, _message):
    """Take the message, and end the connection without a word: the acknowledgement is lost."""
    connection.shutdown(socket.SHUT_RDWR)


def keep_silent(ris, _connection, _message):
    """Take the message and say nothing until the test ends."""
    ris.ended.wait(30)


def answer_the_last(ris, connection, message):
    """Answer the message before once more, and only then this one."""
    before = ris.received[-2] if len(ris.received) > 1 else message
    late = acknowledgement(number_of(before) + "X")
    connection.sendall(late + acknowledgement(number_of(message)))


def answer_in_pieces(_ris, connection, message):
    """Answer byte by byte, with stray bytes before the frame."""
    for byte in b"\r\n" + acknowledgement(number_of(message)):
        connection.sendall(bytes([byte]))


def answer_nonsense(_ris, connection, _message):
    """Answer something that is no HL7."""
    connection.sendall(BEGIN + b"HTTP/1.1 200 OK" + END)


def answer_without_end(_ris, connection, _message):
    """Answer more than any acknowledgement has."""
    connection.sendall(BEGIN + b"M" * 200_000)


class Ris(Peer):
    """An MLLP server that answers each message by the next line of its script, then with AA.

    Attributes:
        received: Every message, repeated ones included.
    """

    def __init__(
        self, script: Iterable[Answer] = (), *, port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        self._script = iter(script)
        self._tls = tls
        self._listening = socket.create_server((LOOPBACK, port))
        self.port = int(self._listening.getsockname()[1])
        self.received: list[bytes] = []
        self.connections = 0
        self.ended = threading.Event()
        self.changed = threading.Condition()
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def numbers(self) -> list[str]:
        """MSH-10 of every message, in order."""
        return [number_of(message) for message in self.received]

    def wait_until(self, condition: Callable[[Ris], bool], seconds: float = 30.0) -> None:
        """Wait until the RIS is as the condition says."""
        with self.changed:
            assert self.changed.wait_for(lambda: condition(self), seconds)

    def stop(self) -> None:
        """Close everything."""
        self.ended.set()
        for one in (self._listening, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:  # stopped
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._converse, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _converse(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            held = b""
            with connection:
                while received := connection.recv(65_536):
                    held += received
                    while END in held:
                        frame, _, held = held.partition(END)
                        self._answer(connection, frame.removeprefix(BEGIN))

    def _answer(self, connection: socket.socket, message: bytes) -> None:
        with self.changed:
            self.received.append(message)
            behave = next(self._script, accept)
            self.changed.notify_all()
        behave(self, connection, message)
