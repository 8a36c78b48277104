"""What every message that we send has: its header, its number, and how it is acknowledged."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from triage.errors import MessageError
from triage.hl7.parsing import first, header_delimiters, header_field, read_message
from triage.hl7.text import STANDARD, joined
from triage.hl7.values import Acknowledgement, AcknowledgementCode

if TYPE_CHECKING:
    from datetime import datetime

    from triage.hl7.text import Delimiters
    from triage.settings import Hl7Receiver

_LONGEST_CONTROL_ID: Final = 20  # HL7 2.3.1 and 2.5.1, MSH-10
_LONGEST_COMPLAINT: Final = 80  # MSA-3

# HL7 table 0357, as far as it is used here.
_ERRORS: Final = {
    "100": "Segment sequence error",
    "101": "Required field missing",
    "102": "Data type error",
    "103": "Table value not found",
    "200": "Unsupported message type",
    "202": "Unsupported processing ID",
    "204": "Unknown key identifier",
    "207": "Application internal error",
}
# From 2.5 on the code stands in ERR-3; before that within ERR-1.
_WITH_CODED_ERRORS: Final = ("2.5", "2.6", "2.7", "2.8", "2.9")

_CODES: Final = {
    "AA": AcknowledgementCode.AA,
    "CA": AcknowledgementCode.AA,
    "AE": AcknowledgementCode.AE,
    "CE": AcknowledgementCode.AE,
    "AR": AcknowledgementCode.AR,
    "CR": AcknowledgementCode.AR,
}


def control_id(*parts: str) -> str:
    """Return the number (MSH-10) of the message that the parts name: a retry keeps it."""
    name = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(name.encode()).hexdigest()[:_LONGEST_CONTROL_ID].upper()


def timestamp(at: datetime) -> str:
    """Return a time (TS) in the hospital's own zone, which it names."""
    return f"{at.astimezone():%Y%m%d%H%M%S%z}"


def header(
    receiver: Hl7Receiver,
    kind: str,
    number: str,
    version: str,
    at: datetime,
    delimiters: Delimiters = STANDARD,
) -> str:
    """Return MSH of a message to a receiver.

    Args:
        receiver: Who is told.
        kind: MSH-9, its components parted by ^.
        number: MSH-10.
        version: MSH-12.
        at: When the message was made.
        delimiters: Those of the rest of the message.
    """
    escaped = delimiters.escaped
    fields = {
        # MSH-1 is the separator behind the name: what follows it is MSH-2.
        1: delimiters.encoding,
        2: escaped(receiver.sending_application),
        3: escaped(receiver.sending_facility),
        4: escaped(receiver.application),
        5: escaped(receiver.facility),
        6: timestamp(at),
        8: delimiters.components(*kind.split("^")),
        9: number,
        10: escaped(receiver.processing_id),
        11: version,
        17: escaped(receiver.character_set.value),
    }
    return delimiters.segment("MSH", fields)


def acknowledge(content: bytes, answer: Acknowledgement, at: datetime) -> bytes:
    """Return the acknowledgement of a received message, in its own version and separators.

    Args:
        content: The message, or the beginning of one that could not be read.
        answer: What became of it.
        at: The present time.
    """
    marks = header_delimiters(content) or STANDARD
    kind, number, version, character_set = (_echoed(content, field) for field in (9, 10, 12, 18))
    trigger = _part(kind, 2, marks)
    parties = [_echoed(content, field) for field in (5, 6, 3, 4)]
    fields = {
        1: marks.encoding,
        **dict(enumerate(parties, start=2)),
        6: timestamp(at),
        8: marks.component.join(("ACK", trigger, "ACK")) if trigger else "ACK",
        9: control_id("acknowledgement", *parties, number),
        10: _echoed(content, 11) or "P",
        11: version or "2.5.1",
        **({17: character_set} if character_set else {}),
    }
    said = {
        1: answer.code.value,
        2: number,
        3: marks.escaped(answer.problem[:_LONGEST_COMPLAINT]),
    }
    segments = [marks.segment("MSH", fields), marks.segment("MSA", said)]
    if answer.code is not AcknowledgementCode.AA:
        segments.append(_error(answer, fields[11], marks))
    # The header was read byte by byte: what is echoed of it goes back as it came.
    return joined(segments).encode("latin-1", errors="replace")


def read_acknowledgement(content: bytes, number: str) -> Acknowledgement | None:
    """Return what a receiver answered to the message of a number.

    Returns:
        None when this is the answer to another message, such as one that came too late.
    """
    try:
        answer = read_message(content)
    except MessageError:
        problem = "the receiver answered with something that is no acknowledgement"
        return Acknowledgement(AcknowledgementCode.AE, problem)
    said = first(answer.segments, "MSA")
    if said is not None and answer.value(said, 2) != number:
        return None
    word = answer.value(said, 1).upper()
    code = _CODES.get(word, AcknowledgementCode.AE)
    if code is AcknowledgementCode.AA:
        return Acknowledgement(code)
    # The receiver's own words may name the patient; its codes do not.
    error = first(answer.segments, "ERR")
    reason = answer.value(error, 3) or answer.value(error, 1, 4) or answer.value(said, 6)
    detail = f" (error {reason})" if reason.isdigit() else ""
    shown = word if word in _CODES else "with no code of table 0008"
    return Acknowledgement(code, f"the receiver answered {shown}{detail}")


def _error(answer: Acknowledgement, version: str, marks: Delimiters) -> str:
    """Return ERR: where and what the fault is, in the form that a version has for it."""
    code = (answer.error, _ERRORS[answer.error], "HL70357")
    if not version.startswith(_WITH_CODED_ERRORS):
        # ELD: segment, its sequence, field, and what is wrong with it.
        place = [*answer.at.split("^"), "", ""][:3]
        said = marks.subcomponent.join(code)
        return marks.segment("ERR", {1: marks.component.join([*place, said])})
    fields = {
        2: marks.components(*answer.at.split("^")),
        3: marks.components(*code),
        4: "E",
        7: marks.escaped(answer.problem),
    }
    return marks.segment("ERR", fields)


def _echoed(content: bytes, number: int) -> str:
    """Return a field of a message's header as it came: its sender may compare byte by byte.

    Between the message's own separators it needs no escapes; control characters are left out,
    which might end the segment or the frame.
    """
    said = header_field(content, number)
    if header_delimiters(content) is None:
        return STANDARD.escaped(said)
    return "".join(character for character in said if character >= " " and character != "\x7f")


def _part(field: str, number: int, marks: Delimiters) -> str:
    parts = field.split(marks.component)
    return parts[number - 1] if number <= len(parts) else ""
