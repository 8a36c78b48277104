"""A bounded walk over the elements of an encoded data set (PS3.5 section 7).

It exists because intake reads what strangers send: it never recurses, never allocates what a
length field claims, and stops before the pixel data. Values are handed out as bytes; what they
mean is the business of `triage.intake.header`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from triage.errors import HeaderError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from triage.intake.sources import ByteSource

UNDEFINED_LENGTH = 0xFFFFFFFF

ITEM = 0xFFFEE000
ITEM_DELIMITATION = 0xFFFEE00D
SEQUENCE_DELIMITATION = 0xFFFEE0DD
DELIMITERS = (ITEM_DELIMITATION, SEQUENCE_DELIMITATION)

# Float Pixel Data, Double Float Pixel Data, Pixel Data: the walk ends at any of them.
PIXEL_DATA_TAGS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})

# Value representations with two reserved bytes and a length of four (PS3.5 7.1.2).
_LONG_FORM = frozenset(
    (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
)
_HEAD_BYTES = 8
_DELIMITER_GROUP = 0xFFFE  # its elements have no value representation in any encoding


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the elements of a data set are encoded (PS3.5 Annex A)."""

    implicit: bool
    big_endian: bool = False

    def whole(self, raw: bytes) -> int:
        """Return the unsigned integer of as many bytes as `raw` has."""
        return int.from_bytes(raw, "big" if self.big_endian else "little")


IMPLICIT_LITTLE = Encoding(implicit=True)
EXPLICIT_LITTLE = Encoding(implicit=False)
EXPLICIT_BIG = Encoding(implicit=False, big_endian=True)


@dataclass(frozen=True, slots=True)
class WalkLimits:
    """How far a walk goes.

    Attributes:
        depth: Sequences within sequences; deeper nesting is an error.
        elements: Elements walked over; the walk ends there, with what it has.
        value_bytes: A longer value is stepped over without being read.
    """

    depth: int = 64
    elements: int = 200_000
    value_bytes: int = 16_384


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a walk.

    Attributes:
        path: Tags of the sequences that it stands in, outermost first.
        tag: Group and element number as one integer.
        value: The value as encoded; None when it is not read (too long, or pixel data).
        length: The length that the element claims.
        encoding: What the value is encoded in.
    """

    path: tuple[int, ...]
    tag: int
    value: bytes | None
    length: int
    encoding: Encoding


class _Kind(Enum):
    """What a frame of the walk holds."""

    ELEMENTS = 1  # a data set: the outermost one, or an item of a sequence
    ITEMS = 2  # a sequence: items follow
    FRAGMENTS = 3  # an encapsulated value: items of bytes follow


@dataclass(frozen=True, slots=True)
class _Frame:
    """One level of the walk; `end` is None where a delimiter ends it."""

    kind: _Kind
    end: int | None
    encoding: Encoding
    path: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Head:
    """The header of an element; the value representation is empty when implicit."""

    tag: int
    vr: bytes
    length: int

    @property
    def undefined(self) -> bool:
        """Whether a delimiter, not a length, ends the value."""
        return self.length == UNDEFINED_LENGTH


def walk(
    source: ByteSource, encoding: Encoding, sequences: AbstractSet[int], limits: WalkLimits
) -> Iterator[Element]:
    """Yield the elements of a data set, in the order of the file, nested ones too.

    Sequences themselves are not yielded. Pixel data of the outermost level end the walk and
    come as its last element. Where the bytes end between two elements the walk ends too, so
    that a data set that was cut off there gives what it has.

    Args:
        source: The encoded data set.
        encoding: From its transfer syntax; a first element that contradicts it is believed.
        sequences: Tags of the sequences to enter; others are stepped over where their length
            allows.
        limits: How far to go.

    Raises:
        HeaderError: Nesting is too deep, an element claims more bytes than there are, or a
            sequence holds something else than items.
    """
    stack = [_Frame(_Kind.ELEMENTS, None, _believed(source, encoding), ())]
    for _ in range(limits.elements):
        while _is_over(stack[-1], source.position):
            stack.pop()
        frame = stack[-1]
        head = read_head(source, frame.encoding)
        if head is None:
            return
        if head.tag in PIXEL_DATA_TAGS and len(stack) == 1:
            yield Element((), head.tag, None, head.length, frame.encoding)
            return
        opened = _opened(frame, head, source.position, sequences)
        if opened is not None:
            _check_depth(stack, limits)
            stack.append(opened)
        elif head.tag in DELIMITERS:
            _close(stack, head.tag)
        else:
            yield _read_element(source, frame, head, limits)


def _believed(source: ByteSource, encoding: Encoding) -> Encoding:
    """Return the encoding that the first element shows.

    Senders that write implicit data sets under an explicit transfer syntax, and the reverse,
    are common enough that other readers make the same correction.
    """
    if encoding.big_endian:
        return encoding
    looks_explicit = _is_vr(source.peek(6)[4:])
    return EXPLICIT_LITTLE if looks_explicit else IMPLICIT_LITTLE


def _is_over(frame: _Frame, position: int) -> bool:
    return frame.end is not None and position >= frame.end


def _is_vr(raw: bytes) -> bool:
    return raw.isalpha() and raw.isupper()


def read_head(source: ByteSource, encoding: Encoding) -> Head | None:
    """Read the header of an element; None at the end, and for a few bytes of padding there."""
    raw = source.read(_HEAD_BYTES)
    if len(raw) < _HEAD_BYTES:
        return None
    group, number = encoding.whole(raw[:2]), encoding.whole(raw[2:4])
    tag, vr = group << 16 | number, raw[4:6]
    if encoding.implicit or group == _DELIMITER_GROUP or not _is_vr(vr):
        return Head(tag, b"", encoding.whole(raw[4:]))
    if vr in _LONG_FORM:
        return Head(tag, vr, encoding.whole(source.read(4)))
    return Head(tag, vr, encoding.whole(raw[6:]))


def _opened(frame: _Frame, head: Head, position: int, sequences: AbstractSet[int]) -> _Frame | None:
    """Return the frame that this element opens, None when it opens none."""
    end = None if head.undefined else position + head.length
    if frame.kind is _Kind.ITEMS:
        if head.tag == ITEM:
            return _Frame(_Kind.ELEMENTS, end, frame.encoding, frame.path)
        if head.tag not in DELIMITERS:
            raise HeaderError(f"the sequence {_name(frame.path[-1])} holds something but items")
        return None
    if frame.kind is _Kind.FRAGMENTS or head.tag in DELIMITERS:
        return None
    return _opened_value(frame, head, end, sequences)


def _opened_value(
    frame: _Frame, head: Head, end: int | None, sequences: AbstractSet[int]
) -> _Frame | None:
    path = (*frame.path, head.tag)
    if head.vr == b"UN" and head.undefined:
        # PS3.5 6.2.2: such a value is a sequence in implicit little endian.
        return _Frame(_Kind.ITEMS, None, IMPLICIT_LITTLE, path)
    if head.undefined and head.vr not in (b"SQ", b""):
        return _Frame(_Kind.FRAGMENTS, None, frame.encoding, path)
    if head.undefined or (head.vr in (b"SQ", b"") and head.tag in sequences):
        return _Frame(_Kind.ITEMS, end, frame.encoding, path)
    return None


def _check_depth(stack: list[_Frame], limits: WalkLimits) -> None:
    # Each level of nesting is two frames: a sequence and its item.
    if len(stack) > 2 * limits.depth:
        raise HeaderError(f"sequences are nested deeper than {limits.depth} levels")


def _close(stack: list[_Frame], delimiter: int) -> None:
    """Leave the frame that a delimiter ends; a delimiter that ends nothing is ignored."""
    if len(stack) > 1 and stack[-1].kind is _Kind.ELEMENTS:
        stack.pop()  # its item, also where the sequence ends without having ended the item
    if delimiter == SEQUENCE_DELIMITATION and stack[-1].kind is not _Kind.ELEMENTS:
        stack.pop()


def _read_element(source: ByteSource, frame: _Frame, head: Head, limits: WalkLimits) -> Element:
    if frame.kind is _Kind.FRAGMENTS and head.tag != ITEM:
        raise HeaderError(f"the element {_name(frame.path[-1])} holds something but fragments")
    value = None
    if head.length > limits.value_bytes:
        complete = source.skip(head.length)
    else:
        value = source.read(head.length)
        complete = len(value) == head.length
    if not complete:
        raise HeaderError(
            f"the element {_name(head.tag)} claims {head.length} bytes, more than there are"
        )
    return Element(frame.path, head.tag, value, head.length, frame.encoding)


def _name(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
