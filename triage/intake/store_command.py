"""The command set of a C-STORE, read and answered as bytes (PS3.7 9.3.1, E.1).

One comes with every object, and through the library's objects it costs as much as storing a small
image does. What is not exactly as expected is left to the library, which knows the rest.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_C_STORE_RQ, _C_STORE_RSP = 0x0001, 0x8001
_NO_DATA_SET = 0x0101

# Element numbers of group 0000.
_GROUP_LENGTH = 0x0000
_AFFECTED_SOP_CLASS_UID = 0x0002
_COMMAND_FIELD = 0x0100
_MESSAGE_ID = 0x0110
_MESSAGE_ID_BEING_RESPONDED_TO = 0x0120
_COMMAND_DATA_SET_TYPE = 0x0800
_STATUS = 0x0900
_ERROR_COMMENT = 0x0902
_AFFECTED_SOP_INSTANCE_UID = 0x1000

_ELEMENT = struct.Struct("<HHL")  # group, element, length: always implicit VR little endian
_UNSIGNED_SHORT = struct.Struct("<H")
_LONGEST_UID = 64

_P_DATA_HEADER = struct.Struct(">BxLLBB")  # of a P-DATA-TF PDU with one value (PS3.8 9.3.5)
_P_DATA_TF = 0x04
_LAST_COMMAND_FRAGMENT = 0b11
COMMENT_CHARACTERS = 64  # Error Comment (0000,0902) is an LO


@dataclass(frozen=True, slots=True)
class StoreCommand:
    """What a C-STORE-RQ says about the object that follows."""

    message_id: int
    sop_class_uid: str
    sop_instance_uid: str


def read_store_command(encoded: bytes) -> StoreCommand | None:
    """Read the command set of a C-STORE-RQ with a data set; None when it is anything else."""
    elements = _elements(encoded)
    if elements is None:
        return None
    number = {key: _unsigned_short(elements.get(key)) for key in _NUMBERS}
    sop_class, instance = (_uid(elements.get(key)) for key in _UIDS)
    message_id = number[_MESSAGE_ID]
    if number[_COMMAND_FIELD] != _C_STORE_RQ or message_id is None:
        return None
    if number[_COMMAND_DATA_SET_TYPE] in (None, _NO_DATA_SET):
        return None
    if sop_class is None or instance is None:
        return None
    return StoreCommand(message_id, sop_class, instance)


def store_response(command: StoreCommand, context_id: int, status: int, comment: str) -> bytes:
    """Return the P-DATA-TF PDU with the C-STORE-RSP to a request."""
    elements = [
        _element(_AFFECTED_SOP_CLASS_UID, _even(command.sop_class_uid, "\0")),
        _element(_COMMAND_FIELD, _UNSIGNED_SHORT.pack(_C_STORE_RSP)),
        _element(_MESSAGE_ID_BEING_RESPONDED_TO, _UNSIGNED_SHORT.pack(command.message_id)),
        _element(_COMMAND_DATA_SET_TYPE, _UNSIGNED_SHORT.pack(_NO_DATA_SET)),
        _element(_STATUS, _UNSIGNED_SHORT.pack(status)),
        _element(_ERROR_COMMENT, _even(comment[:COMMENT_CHARACTERS], " ")) if comment else b"",
        _element(_AFFECTED_SOP_INSTANCE_UID, _even(command.sop_instance_uid, "\0")),
    ]
    group = b"".join(elements)
    command_set = _element(_GROUP_LENGTH, struct.pack("<L", len(group))) + group
    value = len(command_set) + 2  # with context ID and control header
    header = _P_DATA_HEADER.pack(_P_DATA_TF, value + 4, value, context_id, _LAST_COMMAND_FRAGMENT)
    return header + command_set


_NUMBERS = (_COMMAND_FIELD, _MESSAGE_ID, _COMMAND_DATA_SET_TYPE)
_UIDS = (_AFFECTED_SOP_CLASS_UID, _AFFECTED_SOP_INSTANCE_UID)


def _elements(encoded: bytes) -> dict[int, bytes] | None:
    """Return the values of the command set by element number; None when it is damaged."""
    found: dict[int, bytes] = {}
    position, end = 0, len(encoded)
    while position < end:
        if end - position < _ELEMENT.size:
            return None
        group, element, length = _ELEMENT.unpack_from(encoded, position)
        position += _ELEMENT.size
        if group != 0 or length > end - position or element in found:
            return None
        found[element] = encoded[position : position + length]
        position += length
    return found


def _unsigned_short(value: bytes | None) -> int | None:
    if value is None or len(value) != _UNSIGNED_SHORT.size:
        return None
    return int(_UNSIGNED_SHORT.unpack(value)[0])


def _uid(value: bytes | None) -> str | None:
    """Return a UID without its padding, be it right or wrong; None when it is too long for one."""
    plain = (value or b"").rstrip(b"\0 ")
    return plain.decode("ascii", "replace") if len(plain) <= _LONGEST_UID else None


def _element(number: int, value: bytes) -> bytes:
    return _ELEMENT.pack(0, number, len(value)) + value


def _even(text: str, padding: str) -> bytes:
    encoded = text.encode("ascii", "replace")
    return encoded + padding.encode() * (len(encoded) % 2)
