"""Items of the list as texts, and as the bytes that are sent (PS3.5 7.1): pure.

A line of the list says nothing but texts. Held as such, it is compared and encoded in a fraction
of the time that the elements of the library take; what comes out is the same, byte for byte.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydicom.config import IGNORE
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

if TYPE_CHECKING:
    from collections.abc import Iterable

# A backslash is none of what parts several values.
_ONE_VALUE: Final = frozenset({"LT", "ST", "UT"})
# What the Specific Character Set (0008,0005) of an item is about: here that is always UTF-8.
_IN_CHARACTER_SET: Final = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
_LONG_LENGTH: Final = frozenset({"SQ", "UC", "UR", "UT", "UN"})  # of our VRs, PS3.5 Table 7.1-1
_LONGEST_SHORT: Final = 0xFFFF

_IMPLICIT: Final = struct.Struct("<HHL")
_EXPLICIT: Final = struct.Struct("<HH2sH")
_EXPLICIT_LONG: Final = struct.Struct("<HH2sxxL")
_ITEM: Final = struct.Struct("<HHL")
_ITEM_TAG: Final = (0xFFFE, 0xE000)


class TextElement(NamedTuple):
    """An attribute: a text, of which backslashes part several values, or items of attributes."""

    tag: int
    VR: str
    value: Any  # str or tuple[TextItem, ...]: recursive types would cost each reader a cast

    @classmethod
    def of(cls, tag: int, vr: str, text: str) -> TextElement:
        """Return an attribute of a text, written as the library would write it."""
        if vr == "PN" and "=" in text:
            text = "\\".join(name.rstrip("=") for name in text.split("\\"))
        return cls(tag, vr, text)


class TextItem(dict[int, TextElement]):
    """Attributes by their tags."""


def values_of(vr: str, text: str) -> list[str]:
    """Return the values that a text holds."""
    return [text] if vr in _ONE_VALUE else text.split("\\")


def dataset_of(item: TextItem) -> Dataset:
    """Return an item as a data set; its values are not judged: they are returned as they came."""
    found = Dataset()
    for element in item.values():
        found.add(_element_of(element))
    return found


def _element_of(element: TextElement) -> DataElement:
    tag, vr, value = element
    if vr == "SQ":
        return DataElement(Tag(tag), vr, Sequence([dataset_of(one) for one in value]))
    return DataElement(Tag(tag), vr, value, validation_mode=IGNORE)


def is_encoded(transfer_syntax_uid: str) -> bool:
    """Whether `encoded` knows a transfer syntax; others, all seldom, are left to the library."""
    return transfer_syntax_uid in (ImplicitVRLittleEndian, ExplicitVRLittleEndian)


def encoded(item: TextItem, transfer_syntax_uid: str) -> bytes:
    """Return an item as bytes, its attributes ascending, its texts in UTF-8.

    Args:
        item: The item. It says of itself that its character set is ISO_IR 192.
        transfer_syntax_uid: Implicit or Explicit VR Little Endian.
    """
    return _attributes(item, transfer_syntax_uid == ImplicitVRLittleEndian)


def _attributes(item: TextItem, implicit: bool) -> bytes:
    return b"".join(_attribute(item[tag], implicit) for tag in sorted(item))


def _attribute(element: TextElement, implicit: bool) -> bytes:
    tag, vr, value = element
    content = _items(value, implicit) if vr == "SQ" else _text(vr, value)
    group, number, length = tag >> 16, tag & 0xFFFF, len(content)
    if implicit:
        return _IMPLICIT.pack(group, number, length) + content
    if vr in _LONG_LENGTH:
        return _EXPLICIT_LONG.pack(group, number, vr.encode(), length) + content
    if length > _LONGEST_SHORT:  # PS3.5 6.2.2
        return _EXPLICIT_LONG.pack(group, number, b"UN", length) + content
    return _EXPLICIT.pack(group, number, vr.encode(), length) + content


def _items(items: Iterable[TextItem], implicit: bool) -> bytes:
    return b"".join(
        _ITEM.pack(*_ITEM_TAG, len(content)) + content
        for content in (_attributes(one, implicit) for one in items)
    )


def _text(vr: str, text: str) -> bytes:
    # What no character set is said of has characters of the default repertoire, unless somebody
    # has sent others: they go back as they are, as far as one byte each tells them.
    charset = "utf-8" if vr in _IN_CHARACTER_SET else "latin-1"
    content = text.encode(charset, "replace")
    if len(content) % 2:
        content += b"\0" if vr == "UI" else b" "
    return content
