"""HL7 text: delimiters, escape sequences (chapter 2.7), and character sets (MSH-18)."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from triage.errors import DeliveryRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable

SEGMENT_END: Final = "\r"

# HL7 table 0211. The first repetition of MSH-18 says how a message is encoded.
CHARACTER_SETS: Final = {
    "": "ascii",
    "ASCII": "ascii",
    "UNICODE UTF-8": "utf-8",
    "UNICODE": "utf-8",
    "UTF-8": "utf-8",
    **{f"8859/{part}": f"iso8859-{part}" for part in (*range(1, 12), 13, 14, 15, 16)},
}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ESCAPED = re.compile(r"X((?:[0-9A-Fa-f]{2})+)")
_LONGEST_ESCAPE = 80  # characters between two escape characters; more is no escape sequence


@dataclass(frozen=True, slots=True)
class Delimiters:
    """MSH-1 and MSH-2: what separates the parts of a message."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"

    @property
    def encoding(self) -> str:
        """MSH-2."""
        return f"{self.component}{self.repetition}{self.escape}{self.subcomponent}"

    def escaped(self, text: str) -> str:
        """Return text as it may stand in a field; control characters but line ends are dropped."""
        marks = {
            self.escape: "E",
            self.field: "F",
            self.component: "S",
            self.repetition: "R",
            self.subcomponent: "T",
            "\n": ".br",
        }
        joined = text.replace("\r\n", "\n").replace("\r", "\n")
        return "".join(
            f"{self.escape}{marks[character]}{self.escape}" if character in marks else character
            for character in joined
            if character == "\n" or character.isprintable()
        )

    def unescaped(self, text: str) -> str:
        """Return what a field says; what is no escape sequence that we know stays as it is."""
        rest = deque(text.split(self.escape))
        plain = [rest.popleft()]
        while rest:
            code = rest.popleft()
            if not rest or len(code) > _LONGEST_ESCAPE:
                plain.append(self.escape + code)
                continue
            meaning = self._meaning(code)
            plain.append(f"{self.escape}{code}{self.escape}" if meaning is None else meaning)
            plain.append(rest.popleft())
        return "".join(plain)

    def _meaning(self, code: str) -> str | None:
        known = {
            "E": self.escape,
            "F": self.field,
            "S": self.component,
            "R": self.repetition,
            "T": self.subcomponent,
            "H": "",  # highlighting begins
            "N": "",  # and ends
            ".br": "\n",
        }
        if found := _ESCAPED.fullmatch(code):
            return bytes.fromhex(found[1]).decode("utf-8", errors="replace")
        return known.get(code)

    def components(self, *parts: str) -> str:
        """Return a field of components, escaped; empty ones at the end are left out."""
        return self.component.join(map(self.escaped, parts)).rstrip(self.component)

    def segment(self, name: str, fields: dict[int, str]) -> str:
        """Return a segment.

        Args:
            name: Three letters.
            fields: Each field by its number, escaped already.
        """
        last = max(fields, default=0)
        return self.field.join([name, *(fields.get(number, "") for number in range(1, last + 1))])


STANDARD: Final = Delimiters()


def joined(segments: Iterable[str]) -> str:
    """Return a message of segments; each is ended by a carriage return, the last one too."""
    return "".join(segment + SEGMENT_END for segment in segments)


def decode(content: bytes, character_set: str) -> tuple[str, bool]:
    """Return the text of a message, and whether it is certain.

    What is not encoded as MSH-18 says is still read, byte by byte: numbers, codes and
    identifiers are ASCII in every set of the table, and an order must not be lost for a name.

    Args:
        content: The message.
        character_set: One of HL7 table 0211.
    """
    content = content.removeprefix(_BYTE_ORDER_MARK)
    codec = CHARACTER_SETS.get(character_set.strip().upper())
    if codec is not None:
        try:
            return content.decode(codec), True
        except UnicodeDecodeError:
            pass
    return content.decode("latin-1"), content.isascii()


def encode(text: str, character_set: str) -> bytes:
    """Return the bytes of a message.

    Raises:
        DeliveryRefusedError: The set lacks a character of the message: a name with a question
            mark in it would be another name.
    """
    try:
        return text.encode(CHARACTER_SETS[character_set])
    except UnicodeEncodeError as error:
        raise DeliveryRefusedError(
            f"a message cannot be written in the character set {character_set or 'ASCII'}: set"
            ' character_set = "UNICODE UTF-8" for this receiver'
        ) from error
