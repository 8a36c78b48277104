"""The hot path: the data set of a C-STORE, from the socket's buffer into its file.

Nearly every PDU of an object holds one value. Those are taken here, a buffer at a time: their
values are written and digested where they lie, and nothing is called for each of them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from triage.intake.connection import Connection
    from triage.intake.spool import IncomingObject

# Header of a P-DATA-TF and of its one value: type, reserved, length, item length, context ID,
# message control header (PS3.8 9.3.5).
_HEADER = struct.Struct(">BxLLBB")
_P_DATA_TF = 0x04
# Bits of the message control header (PS3.8 E.2).
COMMAND = 0b01
LAST_FRAGMENT = 0b10
_ITEM_LENGTH_BYTES = 4
_PDV_HEADER_IN_ITEM = 2  # context ID and control header, which the item length counts


@dataclass(frozen=True, slots=True)
class Expected:
    """What a PDU of the object looks like.

    Attributes:
        context_id: Of the presentation context of the object.
        maximum_pdu_bytes: The longest PDU that the peer may send; 0 is no limit.
    """

    context_id: int
    maximum_pdu_bytes: int


def pour(connection: Connection, incoming: IncomingObject, expected: Expected) -> bool:
    """Take what comes of an object until it is complete or something else comes.

    Returns:
        Whether the object is complete. If not, a PDU begins that is no plain piece of it.

    Raises:
        ConnectionEndedError: The connection has ended.
        PatienceExhaustedError: The rest does not come, or too slowly.
    """
    rest, last = 0, False  # of the value that is being taken
    while True:
        if not rest and connection.peek(1)[0] != _P_DATA_TF:
            return False  # it may be shorter than the header of a piece, such as an A-ABORT
        buffer, position, end = connection.span(1 if rest else _HEADER.size)
        pieces = []
        plain = True
        while rest or (not last and end - position >= _HEADER.size):
            if not rest:
                value = _value(buffer, position, expected)
                if value is None:
                    plain = False
                    break
                rest, last = value
                position += _HEADER.size
            piece = buffer[position : min(position + rest, end)]
            pieces.append(piece)
            position += len(piece)
            rest -= len(piece)
            if position == end:
                break
        incoming.write_all(pieces)
        connection.pass_to(position)
        if not plain:
            return False
        if last and not rest:
            return True


def _value(buffer: memoryview, position: int, expected: Expected) -> tuple[int, bool] | None:
    """Return the length of the value of a PDU and whether it is the last one.

    None when the PDU is no plain piece of the object.
    """
    kind, length, item, context_id, control = _HEADER.unpack_from(buffer, position)
    value = item - _PDV_HEADER_IN_ITEM
    if kind != _P_DATA_TF or length != item + _ITEM_LENGTH_BYTES or value < 0:
        return None
    if context_id != expected.context_id or control & COMMAND:
        return None
    if expected.maximum_pdu_bytes and length > expected.maximum_pdu_bytes:
        return None
    return value, bool(control & LAST_FRAGMENT)
