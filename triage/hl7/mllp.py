"""MLLP: where a message begins and ends on a stream of bytes, and the client that sends one.

A frame is 0x0B, the message, 0x1C 0x0D (HL7 v2.5.1 appendix C). Whatever else comes on the
stream is skipped, within bounds; a frame that grows too long is given up.
"""

from __future__ import annotations

import socket
import ssl
import time
from typing import TYPE_CHECKING, Final, Self

from triage.errors import DeliveryError
from triage.hl7.messages import read_acknowledgement
from triage.hl7.values import Acknowledgement, AcknowledgementCode
from triage.intake.tls import client_context, handshake_problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from triage.hl7.values import Message
    from triage.settings import Hl7Receiver

BEGIN: Final = b"\x0b"
END: Final = b"\x1c\r"
_CHUNK_BYTES: Final = 65_536
_LONGEST_ANSWER_BYTES: Final = 65_536
_NO_ANSWER: Final = "the connection ended, or stayed silent, before the message was acknowledged"


class TooLongError(Exception):
    """A frame is longer than the bound; `head` is its beginning."""

    def __init__(self, head: bytes) -> None:
        super().__init__()
        self.head = head


def framed(content: bytes) -> bytes:
    """Return a message in its frame."""
    return BEGIN + content + END


class Frames:
    """Finds frames in a stream of bytes.

    Args:
        longest_bytes: A longer message is given up.
    """

    def __init__(self, longest_bytes: int) -> None:
        self._longest = longest_bytes
        self._held = bytearray()
        self._searched = 0

    @property
    def begun(self) -> bool:
        """Whether a message has begun that has not ended."""
        return bool(self._held)

    def feed(self, received: bytes) -> None:
        """Take what came; what stands before a frame is dropped."""
        self._held += received
        self._drop_strays()

    def next(self) -> bytes | None:
        """Return the next whole message; None when there is none yet.

        Raises:
            TooLongError: The message under way is longer than the bound.
        """
        end = self._held.find(END, self._searched)
        if end < 0:
            self._searched = max(0, len(self._held) - 1)
            if len(self._held) > self._longest:
                raise TooLongError(bytes(self._held[1 : self._longest]))
            return None
        if end > self._longest:
            raise TooLongError(bytes(self._held[1 : self._longest]))
        content = bytes(self._held[1:end])
        # A sender that gave up in the middle of a message and began anew: what it left must
        # never become part of another patient's order.
        content = content[content.rfind(BEGIN) + 1 :]
        del self._held[: end + len(END)]
        self._searched = 0
        self._drop_strays()
        return content

    def _drop_strays(self) -> None:
        if self._held and self._held[0] != BEGIN[0]:
            begin = self._held.find(BEGIN)
            del self._held[: begin if begin >= 0 else len(self._held)]


def send(message: Message, receiver: Hl7Receiver, timeout_seconds: float) -> Acknowledgement:
    """Send one message over a connection of its own, and wait for its acknowledgement.

    Args:
        message: The message.
        receiver: Where it goes.
        timeout_seconds: How long to wait for the connection, and for the acknowledgement.

    Returns:
        AE also when no answer came: whether the message arrived is then not known, and sent
        again it has the same number.

    Raises:
        DeliveryError: The receiver cannot be reached; the message was not sent.
        SettingsError: A certificate or key cannot be used.
    """
    with Connection(receiver, timeout_seconds) as connection:
        return connection.send(message)


class Connection:
    """An open connection to a receiver.

    Args:
        receiver: Whom to call.
        timeout_seconds: Patience with each of its answers.
        monotonic: A clock that never goes back, in seconds.

    Raises:
        DeliveryError: The receiver cannot be reached.
        SettingsError: A certificate or key cannot be used.
    """

    def __init__(
        self,
        receiver: Hl7Receiver,
        timeout_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._timeout_seconds = timeout_seconds
        self._monotonic = monotonic
        self._frames = Frames(_LONGEST_ANSWER_BYTES)
        self._socket = _connected(receiver, timeout_seconds)
        self.usable = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._socket.close()

    def send(self, message: Message) -> Acknowledgement:
        """Send a message and wait for its acknowledgement; answers to others are skipped."""
        try:
            self._socket.settimeout(self._timeout_seconds)
            self._socket.sendall(framed(message.content))
            return self._acknowledgement(message.control_id)
        except (OSError, TooLongError):
            # Nothing more can be told apart on this connection.
            self.usable = False
            return Acknowledgement(AcknowledgementCode.AE, _NO_ANSWER)

    def _acknowledgement(self, number: str) -> Acknowledgement:
        deadline = self._monotonic() + self._timeout_seconds
        while True:
            while (content := self._frames.next()) is not None:
                if (answer := read_acknowledgement(content, number)) is not None:
                    return answer
            left = deadline - self._monotonic()
            if left <= 0:
                raise TimeoutError
            self._socket.settimeout(left)
            received = self._socket.recv(_CHUNK_BYTES)
            if not received:
                raise ConnectionResetError
            self._frames.feed(received)


def _connected(receiver: Hl7Receiver, timeout_seconds: float) -> socket.socket:
    context = client_context(receiver) if receiver.tls else None
    try:
        connection = socket.create_connection((receiver.address, receiver.port), timeout_seconds)
    except OSError as error:
        raise DeliveryError(
            f"{receiver.name} takes no connection at {receiver.address}:{receiver.port}"
            f" ({error.strerror or 'no answer'})"
        ) from error
    if context is None:
        return connection
    try:
        name = receiver.tls_server_name or receiver.address
        return context.wrap_socket(connection, server_hostname=name)
    except OSError as error:
        connection.close()
        raise DeliveryError(
            f"{receiver.name} speaks no TLS that we trust: {_why(error)}"
        ) from error


def _why(error: OSError) -> str:
    return handshake_problem(error) if isinstance(error, ssl.SSLError) else "the handshake ended"
