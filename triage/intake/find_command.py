"""The responses to a C-FIND as bytes (PS3.7 9.3.2).

One goes with every item that is found, and through the library's objects each costs more than
everything else that there is to do for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from triage.intake.command_sets import (
    A_DATA_SET,
    AFFECTED_SOP_CLASS_UID,
    COMMAND_DATA_SET_TYPE,
    COMMAND_FIELD,
    MESSAGE_ID_BEING_RESPONDED_TO,
    NO_DATA_SET,
    STATUS,
    command_set,
    message_pdus,
    number_element,
    text_element,
)

_C_FIND_RSP: Final = 0x8020


@dataclass(frozen=True, slots=True)
class FindCommand:
    """What a C-FIND-RQ says about its answers.

    Attributes:
        context_id: The presentation context in which it came.
        maximum_pdu_bytes: The longest PDU that the peer takes; 0 is no limit.
    """

    message_id: int
    sop_class_uid: str
    context_id: int
    maximum_pdu_bytes: int


def find_response(command: FindCommand, status: int, identifier: bytes = b"") -> bytes:
    """Return the P-DATA-TF PDUs with a C-FIND-RSP.

    Args:
        command: The request.
        status: Of PS3.4 Table CC.2.8-2.
        identifier: The item that was found, encoded; empty where there is none.
    """
    elements = (
        text_element(AFFECTED_SOP_CLASS_UID, command.sop_class_uid, "\0"),
        number_element(COMMAND_FIELD, _C_FIND_RSP),
        number_element(MESSAGE_ID_BEING_RESPONDED_TO, command.message_id),
        number_element(COMMAND_DATA_SET_TYPE, A_DATA_SET if identifier else NO_DATA_SET),
        number_element(STATUS, status),
    )
    return message_pdus(
        command.context_id, command_set(elements), identifier, command.maximum_pdu_bytes
    )
