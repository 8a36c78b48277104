"""The command set of a C-STORE, read and answered as bytes (PS3.7 9.3.1, E.1).

One comes with every object, and through the library's objects it costs as much as storing a small
image does. What is not exactly as expected is left to the library, which knows the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

from triage.intake.command_sets import (
    AFFECTED_SOP_CLASS_UID,
    AFFECTED_SOP_INSTANCE_UID,
    COMMAND_DATA_SET_TYPE,
    COMMAND_FIELD,
    ELEMENT,
    ERROR_COMMENT,
    MESSAGE_ID,
    MESSAGE_ID_BEING_RESPONDED_TO,
    NO_DATA_SET,
    STATUS,
    UNSIGNED_SHORT,
    command_set,
    message_pdus,
    number_element,
    text_element,
)

_C_STORE_RQ, _C_STORE_RSP = 0x0001, 0x8001

_LONGEST_UID = 64
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
    message_id = number[MESSAGE_ID]
    if number[COMMAND_FIELD] != _C_STORE_RQ or message_id is None:
        return None
    if number[COMMAND_DATA_SET_TYPE] in (None, NO_DATA_SET):
        return None
    if sop_class is None or instance is None:
        return None
    return StoreCommand(message_id, sop_class, instance)


def store_response(command: StoreCommand, context_id: int, status: int, comment: str) -> bytes:
    """Return the P-DATA-TF PDU with the C-STORE-RSP to a request."""
    comment = comment[:COMMENT_CHARACTERS]
    elements = [
        text_element(AFFECTED_SOP_CLASS_UID, command.sop_class_uid, "\0"),
        number_element(COMMAND_FIELD, _C_STORE_RSP),
        number_element(MESSAGE_ID_BEING_RESPONDED_TO, command.message_id),
        number_element(COMMAND_DATA_SET_TYPE, NO_DATA_SET),
        number_element(STATUS, status),
        text_element(ERROR_COMMENT, comment, " ") if comment else b"",
        text_element(AFFECTED_SOP_INSTANCE_UID, command.sop_instance_uid, "\0"),
    ]
    return message_pdus(context_id, command_set(elements))


_NUMBERS = (COMMAND_FIELD, MESSAGE_ID, COMMAND_DATA_SET_TYPE)
_UIDS = (AFFECTED_SOP_CLASS_UID, AFFECTED_SOP_INSTANCE_UID)


def _elements(encoded: bytes) -> dict[int, bytes] | None:
    """Return the values of the command set by element number; None when it is damaged."""
    found: dict[int, bytes] = {}
    position, end = 0, len(encoded)
    while position < end:
        if end - position < ELEMENT.size:
            return None
        group, element, length = ELEMENT.unpack_from(encoded, position)
        position += ELEMENT.size
        if group != 0 or length > end - position or element in found:
            return None
        found[element] = encoded[position : position + length]
        position += length
    return found


def _unsigned_short(value: bytes | None) -> int | None:
    if value is None or len(value) != UNSIGNED_SHORT.size:
        return None
    return int(UNSIGNED_SHORT.unpack(value)[0])


def _uid(value: bytes | None) -> str | None:
    """Return a UID without its padding, be it right or wrong; None when it is too long for one."""
    plain = (value or b"").rstrip(b"\0 ")
    return plain.decode("ascii", "replace") if len(plain) <= _LONGEST_UID else None
