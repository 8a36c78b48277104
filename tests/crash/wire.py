"""A C-STORE SCU of plain bytes: it knows exactly what was sent and what was answered.

PDUs and fragments are of any size that the receiver allows (PS3.8 9.3, Annex E).
"""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, Self

from pynetdicom import build_context
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    MaximumLengthNotification,
)

from tests.crash.films import KINDS

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from types import TracebackType

    from tests.crash.films import Film

LOOPBACK = "127.0.0.1"
PATIENCE_SECONDS = 30.0

_ACCEPT, _DATA, _RELEASE_REQUEST, _RELEASE_REPLY = 0x02, 0x04, 0x05, 0x06
_RELEASE = struct.pack(">BBII", _RELEASE_REQUEST, 0, 4, 0)
_COMMAND, _LAST = 0b01, 0b10
_PDV_HEADER_BYTES = 6
_SMALLEST_PDU_BYTES = 4096
_LARGEST_PDU_BYTES = 131_072
_STATUS = 0x0900


class BrokenAssociationError(ConnectionError):
    """The other end has ended the association, or refused it."""


class Association:
    """One association that stores films; leaving its block closes the connection.

    Args:
        port: Port of the listener on this machine.
        chance: Decides the sizes of PDUs and fragments.

    Raises:
        OSError: There is nobody, or they do not want us.
    """

    def __init__(self, port: int, chance: random.Random) -> None:
        self._chance = chance
        self._messages = 0
        self._socket = socket.create_connection((LOOPBACK, port), PATIENCE_SECONDS)
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.sendall(_request())
            self._largest = self._accepted(self._pdu())
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._socket.close()

    def store(self, film: Film, data_set: bytes) -> int:
        """Store a film and return the answered status.

        Raises:
            OSError: The connection broke: nobody knows whether the film was kept.
        """
        self._socket.sendall(self._message(film, data_set))
        return self._status()

    def store_half(self, film: Film, data_set: bytes) -> None:
        """Send a part of a film, to leave it at that."""
        message = self._message(film, data_set)
        self._socket.sendall(message[: self._chance.randrange(len(message))])

    def release(self) -> None:
        """Release the association and wait for the reply."""
        self._socket.sendall(_RELEASE)
        kind, _ = self._pdu()
        if kind != _RELEASE_REPLY:
            raise BrokenAssociationError(f"a release was answered by PDU type {kind}")

    def _accepted(self, pdu: tuple[int, bytes]) -> int:
        """Return the largest PDU that the acceptor takes."""
        kind, content = pdu
        if kind != _ACCEPT:
            raise BrokenAssociationError(f"the association was answered by PDU type {kind}")
        answer = A_ASSOCIATE_AC()
        answer.decode(struct.pack(">BBI", kind, 0, len(content)) + content)
        primitive = answer.to_primitive()
        results = primitive.presentation_context_definition_results_list
        if refused := [context.context_id for context in results if context.result != 0]:
            raise AssertionError(f"presentation contexts {refused} were refused")
        return primitive.maximum_length_received or _LARGEST_PDU_BYTES

    def _message(self, film: Film, data_set: bytes) -> bytes:
        """Return the PDUs of one C-STORE request."""
        self._messages += 1
        context = 2 * KINDS.index(film.kind) + 1
        largest = self._draw_size(min(self._largest, _LARGEST_PDU_BYTES))
        command = _store_command(film, self._messages)
        fragment = largest if self._chance.random() < 0.7 else self._draw_size(largest)
        pdvs = (
            *_fragments(context, _COMMAND, command, self._chance.choice((largest, 60))),
            *_fragments(context, 0, data_set, fragment),
        )
        return b"".join(_packed(pdvs, largest))

    def _draw_size(self, largest: int) -> int:
        smallest = min(_SMALLEST_PDU_BYTES, largest)
        return int(smallest * (largest / smallest) ** self._chance.random())

    def _status(self) -> int:
        """Return the status of the next response message."""
        command, last = b"", False
        while not last:
            kind, content = self._pdu()
            if kind != _DATA:
                raise BrokenAssociationError(f"an object was answered by PDU type {kind}")
            for control, value in _values(content):
                command += value
                last = bool(control & _LAST)
        return struct.unpack("<H", _elements(command)[_STATUS])[0]

    def _pdu(self) -> tuple[int, bytes]:
        header = self._exactly(6)
        return header[0], self._exactly(int.from_bytes(header[2:]))

    def _exactly(self, count: int) -> bytes:
        """Read as many bytes as that; less means that the other end is gone."""
        received = bytearray()
        while len(received) < count:
            part = self._socket.recv(count - len(received))
            if not part:
                raise BrokenAssociationError("the connection was closed")
            received += part
        return bytes(received)


def _request() -> bytes:
    """Return an A-ASSOCIATE-RQ that proposes a context for every kind of film."""
    request = A_ASSOCIATE()
    request.application_context_name = "1.2.840.10008.3.1.1.1"
    request.calling_ae_title, request.called_ae_title = "MODALITY", "TRIAGE"
    largest = MaximumLengthNotification()
    largest.maximum_length_received = _LARGEST_PDU_BYTES
    implementation = ImplementationClassUIDNotification()
    implementation.implementation_class_uid = "2.25.7"
    request.user_information = [largest, implementation]
    contexts = [build_context(kind.sop_class_uid, kind.syntax) for kind in KINDS]
    for number, context in enumerate(contexts):
        context.context_id = 2 * number + 1
    request.presentation_context_definition_list = contexts
    pdu = A_ASSOCIATE_RQ()
    pdu.from_primitive(request)
    return pdu.encode()


def _store_command(film: Film, message: int) -> bytes:
    """Return the command set of a C-STORE-RQ (PS3.7 9.3.1)."""
    elements = b"".join(
        (
            _element(0x0002, _even(film.kind.sop_class_uid)),
            _element(0x0100, struct.pack("<H", 0x0001)),  # Command Field: C-STORE-RQ
            _element(0x0110, struct.pack("<H", message % 65_536)),
            _element(0x0700, struct.pack("<H", 0)),  # Priority: medium
            _element(0x0800, struct.pack("<H", 0x0001)),  # a data set follows
            _element(0x1000, _even(film.instance)),
        )
    )
    return _element(0x0000, struct.pack("<I", len(elements))) + elements


def _element(number: int, value: bytes) -> bytes:
    return struct.pack("<HHI", 0x0000, number, len(value)) + value


def _even(uid: str) -> bytes:
    return uid.encode() + b"\0" * (len(uid) % 2)


def _elements(command: bytes) -> dict[int, bytes]:
    """Return the values of a command set by element number."""
    found: dict[int, bytes] = {}
    while command:
        _, number, length = struct.unpack_from("<HHI", command)
        found[number] = command[8 : 8 + length]
        command = command[8 + length :]
    return found


def _fragments(context: int, control: int, content: bytes, largest: int) -> Iterator[bytes]:
    """Cut content into PDVs that are each, with their headers, at most so large."""
    step = largest - _PDV_HEADER_BYTES
    for start in range(0, len(content), step):
        value = content[start : start + step]
        last = _LAST if start + step >= len(content) else 0
        yield struct.pack(">IBB", len(value) + 2, context, control | last) + value


def _packed(pdvs: tuple[bytes, ...], largest: int) -> Iterator[bytes]:
    """Put as many PDVs into each P-DATA-TF PDU as it may hold."""
    waiting: list[bytes] = []
    size = 0
    for pdv in pdvs:
        if waiting and size + len(pdv) > largest:
            yield _data_pdu(waiting, size)
            waiting, size = [], 0
        waiting.append(pdv)
        size += len(pdv)
    yield _data_pdu(waiting, size)


def _data_pdu(pdvs: list[bytes], size: int) -> bytes:
    return struct.pack(">BBI", _DATA, 0, size) + b"".join(pdvs)


def _values(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Return control header and value of each PDV of a PDU."""
    while content:
        length, _, control = struct.unpack_from(">IBB", content)
        yield control, content[_PDV_HEADER_BYTES : 4 + length]
        content = content[4 + length :]
