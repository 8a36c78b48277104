"""Received messages, taken apart by python-hl7 and read with tolerance.

Fields are addressed by segment, field and component as the standard numbers them. What is not
there reads as empty, whatever the message; python-hl7's own accessors raise on it, log what
they cannot decode, and so would put patient data into the log.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import hl7

from triage.errors import MessageError
from triage.hl7.text import SEGMENT_END, Delimiters, decode
from triage.hl7.values import MessageIdentity

if TYPE_CHECKING:
    from collections.abc import Iterable

_HEADER = b"MSH"
_SHORTEST_HEADER = 8  # MSH|^~\&
_LONGEST_HEADER = 4096  # bytes that are looked through for MSH-10 of a message that is too long
_MOST_SEGMENTS = 2000
_MOST_SEPARATORS = 200_000  # each makes an object: what is mostly separators is no message
_CHARACTER_SET, _CONTROL_ID = 18, 10
_NULL = '""'  # "delete what you have": nothing here is deleted by a message


@dataclass(frozen=True, slots=True)
class Received:
    """A received message.

    Attributes:
        segments: Its segments, the first one MSH.
        delimiters: What separates its parts.
        character_set: MSH-18 as it was decoded by; None when its text is not certain.
        identity: Which message it is.
    """

    segments: tuple[hl7.Segment, ...]
    delimiters: Delimiters
    character_set: str | None
    identity: MessageIdentity

    @property
    def header(self) -> hl7.Segment:
        """MSH."""
        return self.segments[0]

    @property
    def kind(self) -> str:
        """MSH-9 as "ORM^O01"."""
        return f"{self.value(self.header, 9)}^{self.value(self.header, 9, 2)}"

    def value(
        self, segment: hl7.Segment | None, field: int, component: int = 1, repetition: int = 1
    ) -> str:
        """Return a component's first sub-component, in plain text; empty when it is not there."""
        found: object = segment if segment is not None else []
        for index in (field, repetition - 1, component - 1, 0):
            if isinstance(found, str):
                # A leaf: its own first part, and nothing beside that.
                found = found if index == 0 else ""
            else:
                found = found[index] if index < len(found) else ""  # type: ignore[arg-type,index]  # a list of python-hl7
        plain = self.delimiters.unescaped(str(found)).strip()
        return "" if plain == _NULL else plain

    def repetitions(self, segment: hl7.Segment | None, field: int) -> tuple[str, ...]:
        """Return the first component of each repetition of a field, without empty ones."""
        if segment is None or field >= len(segment):
            return ()
        count = len(segment[field])
        values = (self.value(segment, field, 1, number) for number in range(1, count + 1))
        return tuple(value for value in values if value)


def name_of(segment: hl7.Segment) -> str:
    """Return the three letters that a segment begins with."""
    return str(segment[0]).strip().upper()


def first(segments: Iterable[hl7.Segment], name: str) -> hl7.Segment | None:
    """Return the first segment of a name."""
    return next((segment for segment in segments if name_of(segment) == name), None)


def read_message(content: bytes, default_character_set: str = "UNICODE UTF-8") -> Received:
    """Take a message apart.

    Args:
        content: What stood in the MLLP frame.
        default_character_set: That of messages that do not say.

    Raises:
        MessageError: It is no HL7 message.
    """
    start = content.find(_HEADER)
    if start < 0:
        raise MessageError("the content begins with no MSH segment: it is no HL7 message")
    content = content[start:]
    character_set = header_field(content, _CHARACTER_SET) or default_character_set
    text, certain = decode(content, character_set)
    return read_text(text, character_set if certain else None)


def read_text(text: str, character_set: str | None = "") -> Received:
    """Take a message apart that is text already.

    Args:
        text: The message, from MSH.
        character_set: What it was decoded by; None when that is not certain.

    Raises:
        MessageError: It is no HL7 message.
    """
    text = text.replace("\r\n", SEGMENT_END).replace("\n", SEGMENT_END)
    delimiters = _delimiters(text)
    _check_size(text, delimiters)
    try:
        message = hl7.parse(text)
    except (hl7.HL7Exception, AssertionError, ArithmeticError, LookupError, ValueError) as error:
        raise MessageError("the message cannot be taken apart into segments and fields") from error
    segments = tuple(segment for segment in message if str(segment).strip())
    if any(name_of(segment) == "MSH" for segment in segments[1:]):
        # One acknowledgement cannot answer two, and one's patient is not the other's.
        raise MessageError(
            "the frame holds more than one message: send each in a frame of its own",
            code="100",
            at="MSH^2",
        )
    nobody = MessageIdentity("", "", "", "")
    return _identified(Received(segments, delimiters, character_set, nobody))


def header_field(content: bytes, number: int) -> str:
    """Return a field of MSH from the bytes of a message, or of its beginning.

    For what must be known before a message is decoded, and of one that is never read whole.
    """
    start = content.find(_HEADER)
    if start < 0:
        return ""
    head = content[start : start + _LONGEST_HEADER].decode("latin-1").replace("\n", SEGMENT_END)
    fields = head.partition(SEGMENT_END)[0].split(head[3:4] or "|")
    # MSH-1 is the separator itself: the first field after the name is MSH-2.
    value = fields[number - 1] if number - 1 < len(fields) else ""
    return value.split(head[5:6] or "~")[0].strip()


def header_delimiters(content: bytes) -> Delimiters | None:
    """Return MSH-1 and MSH-2 from the bytes of a message; None where they name no separators."""
    start = content.find(_HEADER)
    if start < 0:
        return None
    try:
        return _delimiters(content[start : start + _SHORTEST_HEADER].decode("latin-1"))
    except MessageError:
        return None


def _delimiters(text: str) -> Delimiters:
    header = text[:_SHORTEST_HEADER]
    marks = header[3:]
    plain = len(marks) == _SHORTEST_HEADER - 3 and len(set(marks)) == len(marks)
    if not plain or any(mark.isalnum() or not "!" <= mark <= "~" for mark in marks):
        raise MessageError(
            "MSH-1 and MSH-2 do not name five different separators", code="102", at="MSH^1^2"
        )
    field, component, repetition, escape, subcomponent = tuple(marks)
    return Delimiters(field, component, repetition, escape, subcomponent)


def _check_size(text: str, delimiters: Delimiters) -> None:
    marks = (delimiters.field, delimiters.component, delimiters.repetition, delimiters.subcomponent)
    separators = sum(text.count(mark) for mark in marks)
    if text.count(SEGMENT_END) > _MOST_SEGMENTS or separators > _MOST_SEPARATORS:
        raise MessageError("the message has more segments or fields than any order or report")


def _identified(received: Received) -> Received:
    header, body = received.header, received.segments[1:]
    control_id = received.value(header, _CONTROL_ID)
    if not control_id:
        raise MessageError(
            "MSH-10 is empty: a message without a number cannot be acknowledged",
            code="101",
            at="MSH^1^10",
        )
    text = SEGMENT_END.join(str(segment) for segment in body)
    identity = MessageIdentity(
        received.value(header, 3),
        received.value(header, 4),
        control_id,
        hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest(),
    )
    return Received(received.segments, received.delimiters, received.character_set, identity)
