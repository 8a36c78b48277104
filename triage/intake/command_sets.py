"""Command sets and the PDUs that carry messages, as bytes (PS3.7 6.3 and E.1, PS3.8 9.3.5)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NO_DATA_SET: Final = 0x0101
A_DATA_SET: Final = 0x0001

# Element numbers of group 0000.
GROUP_LENGTH: Final = 0x0000
AFFECTED_SOP_CLASS_UID: Final = 0x0002
COMMAND_FIELD: Final = 0x0100
MESSAGE_ID: Final = 0x0110
MESSAGE_ID_BEING_RESPONDED_TO: Final = 0x0120
COMMAND_DATA_SET_TYPE: Final = 0x0800
STATUS: Final = 0x0900
ERROR_COMMENT: Final = 0x0902
AFFECTED_SOP_INSTANCE_UID: Final = 0x1000

ELEMENT: Final = struct.Struct("<HHL")  # group, element, length: always implicit VR little endian
UNSIGNED_SHORT: Final = struct.Struct("<H")

_P_DATA_HEADER = struct.Struct(">BxLLBB")  # of a P-DATA-TF PDU with one value (PS3.8 9.3.5)
_P_DATA_TF = 0x04
_VALUE_HEADER_BYTES = 6  # item length, context ID and message control header
_COMMAND, _LAST = 0b01, 0b10  # bits of a message control header (PS3.8 E.2)


def element(number: int, value: bytes) -> bytes:
    """Return an element of a command set."""
    return ELEMENT.pack(0, number, len(value)) + value


def number_element(number: int, value: int) -> bytes:
    """Return an element of a command set whose value is an unsigned short."""
    return element(number, UNSIGNED_SHORT.pack(value))


def text_element(number: int, text: str, padding: str) -> bytes:
    """Return an element of a command set whose value is a text, padded to even length."""
    encoded = text.encode("ascii", "replace")
    return element(number, encoded + padding.encode() * (len(encoded) % 2))


def command_set(elements: Iterable[bytes]) -> bytes:
    """Return a command set of its elements, which must ascend."""
    group = b"".join(elements)
    return element(GROUP_LENGTH, struct.pack("<L", len(group))) + group


def message_pdus(
    context_id: int, command: bytes, data_set: bytes = b"", maximum_pdu_bytes: int = 0
) -> bytes:
    """Return a message as P-DATA-TF PDUs of one value each, one behind the other.

    Args:
        context_id: Its presentation context.
        command: Its command set.
        data_set: Its data set; empty when it has none.
        maximum_pdu_bytes: The longest PDU that the peer takes, without the PDU's own header; 0
            is no limit.
    """
    pdus = [*_fragments(context_id, _COMMAND, command, maximum_pdu_bytes)]
    if data_set:
        pdus += _fragments(context_id, 0, data_set, maximum_pdu_bytes)
    return b"".join(pdus)


def _fragments(context_id: int, kind: int, content: bytes, maximum: int) -> Iterator[bytes]:
    most = maximum - _VALUE_HEADER_BYTES if maximum else len(content)
    for start in range(0, len(content), most):
        fragment = content[start : start + most]
        control = kind | (_LAST if start + most >= len(content) else 0)
        value = len(fragment) + 2  # with context ID and control header
        yield _P_DATA_HEADER.pack(_P_DATA_TF, value + 4, value, context_id, control) + fragment
