"""DICOM messages as bytes, straight from PS3.7 and PS3.8: any part of them can be made wrong.

Nothing here comes from the library that the listener uses. Every builder takes an optional
`length`, which is written instead of the true one.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

VERIFICATION = "1.2.840.10008.1.1"
COMPUTED_RADIOGRAPHY = "1.2.840.10008.5.1.4.1.1.1"
DIGITAL_XRAY = "1.2.840.10008.5.1.4.1.1.1.1"
UPS_PULL = "1.2.840.10008.5.1.4.34.6.3"
IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2"
APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"

# Bits of the message control header (PS3.8 E.2).
COMMAND, LAST = 0b01, 0b10

NO_DATA_SET, A_DATA_SET = 0x0101, 0x0001

SUCCESS, PENDING, CANCELLED, OUT_OF_RESOURCES = 0x0000, 0xFF00, 0xFE00, 0xA700


class PduType(IntEnum):
    """The first byte of a PDU (PS3.8 9.3.1)."""

    ASSOCIATE_RQ = 0x01
    ASSOCIATE_AC = 0x02
    ASSOCIATE_RJ = 0x03
    DATA = 0x04
    RELEASE_RQ = 0x05
    RELEASE_RP = 0x06
    ABORT = 0x07


class Command(IntEnum):
    """Values of Command Field (0000,0100), PS3.7 E.1; an answer has the highest bit set."""

    STORE = 0x0001
    FIND = 0x0020
    ECHO = 0x0030
    CANCEL = 0x0FFF
    ANSWER = 0x8000


class Number(IntEnum):
    """Elements of group 0000 (PS3.7 E.1)."""

    GROUP_LENGTH = 0x0000
    AFFECTED_SOP_CLASS = 0x0002
    COMMAND_FIELD = 0x0100
    MESSAGE_ID = 0x0110
    MESSAGE_ID_ANSWERED = 0x0120
    PRIORITY = 0x0700
    DATA_SET_TYPE = 0x0800
    STATUS = 0x0900
    AFFECTED_SOP_INSTANCE = 0x1000


@dataclass(frozen=True, slots=True)
class Context:
    """A proposed presentation context (PS3.8 9.3.2.2)."""

    identifier: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...] = (IMPLICIT_LITTLE_ENDIAN,)


ECHO, DX, CR, UPS = 1, 3, 5, 7  # presentation context identifiers of CONTEXTS
CONTEXTS = (
    Context(ECHO, VERIFICATION),
    Context(DX, DIGITAL_XRAY),
    Context(CR, COMPUTED_RADIOGRAPHY),
    Context(UPS, UPS_PULL),
)


def pdu(kind: int, content: bytes = b"", length: int | None = None) -> bytes:
    """Return a PDU: type, reserved byte, length, content (PS3.8 9.3.1)."""
    return struct.pack(">BBI", kind, 0, len(content) if length is None else length) + content


def item(kind: int, content: bytes, length: int | None = None) -> bytes:
    """Return an item or sub-item of an association PDU (PS3.8 9.3.2.1 to 9.3.2.3)."""
    return struct.pack(">BBH", kind, 0, len(content) if length is None else length) + content


def association_request(
    contexts: Iterable[Context] = CONTEXTS,
    *,
    called: str = "TRIAGE",
    calling: str = "HOSTILE",
    maximum_bytes: int = 16_384,
    further_user_items: bytes = b"",
) -> bytes:
    """Return an A-ASSOCIATE-RQ (PS3.8 Table 9-11).

    Args:
        contexts: Presentation contexts to propose.
        called: Called AE title.
        calling: Calling AE title.
        maximum_bytes: Maximum length of the P-DATA-TF PDUs that we would take.
        further_user_items: Sub-items behind those for maximum length and implementation.
    """
    head = struct.pack(">HH16s16s32x", 1, 0, called.encode().ljust(16), calling.encode().ljust(16))
    user = (
        item(0x51, struct.pack(">I", maximum_bytes))
        + item(0x52, b"2.25.271828182845904523536")
        + further_user_items
    )
    return pdu(
        PduType.ASSOCIATE_RQ,
        head
        + item(0x10, APPLICATION_CONTEXT.encode())
        + b"".join(map(_context_item, contexts))
        + item(0x50, user),
    )


def _context_item(context: Context) -> bytes:
    syntaxes = b"".join(item(0x40, uid.encode()) for uid in context.transfer_syntaxes)
    head = struct.pack(">B3x", context.identifier)
    return item(0x20, head + item(0x30, context.abstract_syntax.encode()) + syntaxes)


def release_request() -> bytes:
    """Return an A-RELEASE-RQ (PS3.8 Table 9-24)."""
    return pdu(PduType.RELEASE_RQ, bytes(4))


def abort(source: int = 0, reason: int = 0) -> bytes:
    """Return an A-ABORT (PS3.8 Table 9-26)."""
    return pdu(PduType.ABORT, bytes([0, 0, source, reason]))


def pdv(context: int, control: int, content: bytes = b"", length: int | None = None) -> bytes:
    """Return a presentation data value item (PS3.8 9.3.5.1, E.2)."""
    true = len(content) + 2
    return struct.pack(">IBB", true if length is None else length, context, control) + content


def data(*pdvs: bytes, length: int | None = None) -> bytes:
    """Return a P-DATA-TF PDU of some PDVs (PS3.8 Table 9-22)."""
    return pdu(PduType.DATA, b"".join(pdvs), length)


def fragments(context: int, kind: int, content: bytes, largest: int = 16_000) -> Iterator[bytes]:
    """Yield the PDVs of a command set (`kind` COMMAND) or data set (0), the last one marked."""
    starts = range(0, len(content), largest) or range(1)
    for start in starts:
        last = LAST if start == starts[-1] else 0
        yield pdv(context, kind | last, content[start : start + largest])


def message(
    context: int, command: bytes, data_set: bytes | None = None, largest: int = 16_000
) -> list[bytes]:
    """Return a message as P-DATA-TF PDUs of one PDV each."""
    pdvs = list(fragments(context, COMMAND, command, largest))
    if data_set is not None:
        pdvs += fragments(context, 0, data_set, largest)
    return [data(one) for one in pdvs]


def number(value: int) -> bytes:
    """Return the value of a US element."""
    return struct.pack("<H", value)


def uid(text: str) -> bytes:
    """Return the value of a UI element."""
    return text.encode() + b"\0" * (len(text) % 2)


def element(group: int, tag: int, value: bytes, length: int | None = None) -> bytes:
    """Return an element in implicit little endian (PS3.5 7.1.3)."""
    return struct.pack("<HHI", group, tag, len(value) if length is None else length) + value


def command_set(values: Mapping[int, bytes], group_length: int | None = None) -> bytes:
    """Return a command set of some elements (PS3.7 6.3.1)."""
    body = b"".join(element(0, tag, value) for tag, value in sorted(values.items()))
    length = len(body) if group_length is None else group_length
    return element(0, Number.GROUP_LENGTH, struct.pack("<I", length)) + body


def request(kind: int, sop_class: str, message_id: int, data_set_type: int, **more: bytes) -> bytes:
    """Return the command set of a request; keywords are further elements, by names of Number."""
    return command_set(
        {
            Number.AFFECTED_SOP_CLASS: uid(sop_class),
            Number.COMMAND_FIELD: number(kind),
            Number.MESSAGE_ID: number(message_id),
            Number.DATA_SET_TYPE: number(data_set_type),
            **{Number[name.upper()]: value for name, value in more.items()},
        }
    )


def echo_request(message_id: int = 1) -> bytes:
    """Return the command set of a C-ECHO-RQ (PS3.7 9.3.5.1)."""
    return request(Command.ECHO, VERIFICATION, message_id, NO_DATA_SET)


def store_request(instance: str, message_id: int = 1, sop_class: str = DIGITAL_XRAY) -> bytes:
    """Return the command set of a C-STORE-RQ (PS3.7 9.3.1.1)."""
    return request(
        Command.STORE,
        sop_class,
        message_id,
        A_DATA_SET,
        priority=number(0),
        affected_sop_instance=uid(instance),
    )


def find_request(message_id: int = 1) -> bytes:
    """Return the command set of a C-FIND-RQ for work items (PS3.7 9.3.2.1)."""
    return request(Command.FIND, UPS_PULL, message_id, A_DATA_SET, priority=number(0))


def cancel_request(message_id: int = 1) -> bytes:
    """Return the command set of a C-CANCEL-RQ (PS3.7 9.3.2.3)."""
    return command_set(
        {
            Number.COMMAND_FIELD: number(Command.CANCEL),
            Number.MESSAGE_ID_ANSWERED: number(message_id),
            Number.DATA_SET_TYPE: number(NO_DATA_SET),
        }
    )


def film(
    instance: str,
    *,
    study: str = "",
    pixels: bytes = bytes(2048),
    sop_class: str = DIGITAL_XRAY,
    pixel_length: int | None = None,
) -> bytes:
    """Return the data set of a radiograph in implicit little endian, 32 columns wide.

    Args:
        instance: SOP Instance UID.
        study: Study Instance UID; empty for one of its own.
        pixels: Pixel data, 16 bits each.
        sop_class: SOP Class UID.
        pixel_length: Length of the pixel data element instead of the true one.
    """
    return b"".join(
        (
            element(0x0008, 0x0016, uid(sop_class)),
            element(0x0008, 0x0018, uid(instance)),
            element(0x0008, 0x0060, b"DX"),
            element(0x0010, 0x0020, b"P1"),
            element(0x0018, 0x0015, b"CSPINE"),
            element(0x0020, 0x000D, uid(study or f"{instance}.1")),
            element(0x0020, 0x000E, uid(f"{study or instance}.2")),
            element(0x0028, 0x0002, number(1)),
            element(0x0028, 0x0004, b"MONOCHROME2 "),
            element(0x0028, 0x0010, number(min(len(pixels) // 64, 0xFFFF))),
            element(0x0028, 0x0011, number(32)),
            *(element(0x0028, tag, number(value)) for tag, value in _SIXTEEN_BITS),
            element(0x7FE0, 0x0010, pixels, pixel_length),
        )
    )


_SIXTEEN_BITS = ((0x0100, 16), (0x0101, 16), (0x0102, 15), (0x0103, 0))


def query(patient_id: bytes = b"") -> bytes:
    """Return the identifier of a C-FIND, which by default matches every work item."""
    return element(0x0008, 0x0018, b"") + element(0x0010, 0x0020, patient_id)


@dataclass(frozen=True, slots=True)
class Pdu:
    """A PDU that came."""

    kind: int
    content: bytes

    def pdvs(self) -> Iterator[tuple[int, int, bytes]]:
        """Yield context identifier, control header and content of the PDVs of a P-DATA-TF."""
        at = 0
        while at < len(self.content):
            length, context, control = struct.unpack_from(">IBB", self.content, at)
            yield context, control, self.content[at + 6 : at + 4 + length]
            at += 4 + length


@dataclass(frozen=True, slots=True)
class Answer:
    """A message that came."""

    context: int
    command: Mapping[int, bytes]
    data_set: bytes = field(default=b"", repr=False)

    @property
    def status(self) -> int:
        """Its Status (0000,0900)."""
        return self._number(Number.STATUS)

    @property
    def kind(self) -> int:
        """What it is an answer to."""
        return self._number(Number.COMMAND_FIELD) & ~Command.ANSWER

    @property
    def message_id(self) -> int:
        """The Message ID of the request."""
        return self._number(Number.MESSAGE_ID_ANSWERED)

    @property
    def sop_instance(self) -> str:
        """The UID of the instance that it is about."""
        return self.command.get(Number.AFFECTED_SOP_INSTANCE, b"").decode("latin-1").rstrip("\0 ")

    @property
    def has_data_set(self) -> bool:
        """Whether a data set belongs to it."""
        return self._number(Number.DATA_SET_TYPE) != NO_DATA_SET

    def _number(self, tag: int) -> int:
        return int.from_bytes(self.command[tag], "little")


def read_command(encoded: bytes) -> dict[int, bytes]:
    """Return the elements of a command set by their element number."""
    found, at = {}, 0
    while at < len(encoded):
        group, tag, length = struct.unpack_from("<HHI", encoded, at)
        assert group == 0
        found[tag] = encoded[at + 8 : at + 8 + length]
        at += 8 + length
    return found


def accepted_contexts(acceptance: Pdu) -> dict[int, int]:
    """Return the result of each context of an A-ASSOCIATE-AC (PS3.8 Table 9-18), 0 accepted."""
    assert acceptance.kind == PduType.ASSOCIATE_AC, acceptance
    return {
        content[0]: content[2] for kind, content in _items(acceptance.content[68:]) if kind == 0x21
    }


def _items(content: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(content):
        kind, length = struct.unpack_from(">BxH", content, at)
        yield kind, content[at + 4 : at + 4 + length]
        at += 4 + length


def whole_pdus(received: bytes) -> tuple[Sequence[Pdu], bytes]:
    """Return the PDUs at the front of what came, and the rest."""
    found = []
    while len(received) >= 6:
        kind, length = struct.unpack_from(">BxI", received)
        if len(received) < 6 + length:
            break
        found.append(Pdu(kind, received[6 : 6 + length]))
        received = received[6 + length :]
    return found, received
