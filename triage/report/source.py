"""Tolerant reading of the headers that a report inherits from.

Modalities write identifiers that are too long, dates that are none, and text in other
character sets than they declare. Here every attribute comes out as clean Unicode or empty.
Values are taken from the bytes as received: pydicom's own conversion would put a value that
it objects to, and so patient data, into warnings and logs.
"""

from __future__ import annotations

import math
import re
import struct
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from pydicom.charset import CODES_TO_ENCODINGS, default_encoding, python_encoding
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement, convert_raw_data_element
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from triage.errors import ReportError

if TYPE_CHECKING:
    from collections.abc import Sequence

# What pydicom raises on a sequence that is damaged, seen with damaged files.
_DAMAGED: Final = (
    AttributeError,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)
_NAME_DELIMITERS: Final = b"^="  # each ends a code extension, PS3.5 6.1.2.5.3
_TEXT_DELIMITERS: Final = b"\\"
_FRAGMENT: Final = re.compile(rb"(\x1b(?:\$[()]|[$()-]).)?([^\x1b]*)", re.DOTALL)
_KEEPS_ESCAPES: Final = ("iso2022_jp", "iso2022_jp_2")  # Python's codec reads them itself
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_UID: Final = re.compile(r"[0-9][0-9.]{0,63}")
_TIME: Final = re.compile(r"(?:[01]\d|2[0-3])(?:[0-5]\d(?:[0-5]\d(?:\.\d{1,6})?)?)?")
_AGE: Final = re.compile(r"\d{3}[DWMY]")
_OFFSET: Final = re.compile(r"([+-])(0\d|1[0-4])([0-5]\d)")


class SourceHeader:
    """One header, or one item of a sequence in it, read tolerantly.

    Args:
        dataset: The header; it is read and never changed.
        encodings: Python's names of its character sets; None to take them from the header.
    """

    def __init__(self, dataset: Dataset, encodings: Sequence[str] | None = None) -> None:
        self._dataset = dataset
        declared = self._raw_text("SpecificCharacterSet", (default_encoding,))
        if declared or encodings is None:
            encodings = python_encodings(declared)
        self._encodings = encodings

    def value(self, keyword: str) -> str:
        """An attribute as clean text; empty when absent, or when no value of its kind.

        Identifiers and names keep their length, even beyond what their VR allows: shortened,
        they would name another patient or another order.
        """
        representation = dictionary_VR(keyword)
        text = _CONTROL.sub("", self._raw_text(keyword, self._encodings)).strip()
        if representation == "DA":
            return _date_or_empty(text)
        if representation == "TM":
            return _time_or_empty(text)
        if representation == "AS":
            return text if _AGE.fullmatch(text) else ""
        if keyword == "PatientSex":
            return text if text in ("M", "F", "O") else ""
        return text

    def required_uid(self, keyword: str) -> str:
        """A UID that the report cannot do without.

        Raises:
            ReportError: It is absent, or contains what no UID contains.
        """
        uid = self.value(keyword)
        if not _UID.fullmatch(uid):
            raise ReportError(
                f"{keyword} of a source image is absent or no UID: no report can refer to it"
            )
        return uid

    def numbers(self, keyword: str, count: int) -> tuple[float, ...]:
        """``count`` positive numbers of a DS, IS or US attribute; empty when it has others."""
        try:
            found = tuple(float(part) for part in self._parts(keyword))
        except ValueError:
            return ()
        sensible = all(0 < number < math.inf for number in found)
        return found if sensible and len(found) == count else ()

    def texts(self, keyword: str, count: int) -> tuple[str, ...]:
        """``count`` values, none of them empty; empty when the attribute has others."""
        found = tuple(part.strip() for part in self.value(keyword).split("\\"))
        return found if len(found) == count and all(found) else ()

    def items(self, keyword: str) -> tuple[SourceHeader, ...]:
        """The items of a sequence; none when it is absent or damaged."""
        if keyword not in self._dataset:
            return ()
        element = self._dataset.get_item(keyword)
        try:
            if isinstance(element, RawDataElement):
                element = convert_raw_data_element(element)
            items = [item for item in element.value or () if isinstance(item, Dataset)]
            return tuple(SourceHeader(item, self._encodings) for item in items)
        except _DAMAGED:
            return ()

    def zone(self) -> timezone | None:
        """The time zone that the header's dates and times are in (0008,0201), if it says."""
        match = _OFFSET.fullmatch(self.value("TimezoneOffsetFromUTC"))
        if not match:
            return None
        sign, hours, minutes = match.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        return timezone(-offset if sign == "-" else offset)

    def _parts(self, keyword: str) -> list[str]:
        element = self._dataset.get_item(keyword) if keyword in self._dataset else None
        if isinstance(element, RawDataElement) and dictionary_VR(keyword) == "US":
            return [str(number) for number in self._unsigned_shorts(element)]
        return self.value(keyword).split("\\")

    @staticmethod
    def _unsigned_shorts(element: RawDataElement) -> tuple[int, ...]:
        order = "<" if element.is_little_endian else ">"
        raw = element.value or b""
        return struct.unpack(f"{order}{len(raw) // 2}H", raw[: len(raw) // 2 * 2])

    def _raw_text(self, keyword: str, encodings: Sequence[str]) -> str:
        if keyword not in self._dataset:
            return ""
        value = self._dataset.get_item(keyword).value
        if value is None:
            return ""
        if isinstance(value, bytes):
            delimiters = _NAME_DELIMITERS if dictionary_VR(keyword) == "PN" else _TEXT_DELIMITERS
            return _decoded(value, encodings, delimiters)
        if isinstance(value, MultiValue | list | tuple):
            return "\\".join(str(part) for part in value)
        return str(value)


def python_encodings(specific_character_set: str) -> tuple[str, ...]:
    """Python's names of the character sets in a Specific Character Set (0008,0005).

    Args:
        specific_character_set: The attribute as text, values separated by backslashes.

    Returns:
        One name for each value that is known, with the usual misspellings; Latin-1, which
        contains the default repertoire, where none is (PS3.3 C.12.1.1.2).
    """
    terms = (_defined_term(term) for term in specific_character_set.split("\\"))
    known = tuple(python_encoding[term] for term in terms if term in python_encoding)
    return known or (default_encoding,)


def _defined_term(term: str) -> str:
    cleaned = term.strip("\0 ").upper()
    match = re.fullmatch(r"ISO[ _-]?(2022[ _-]?)?IR[ _-]?(\d+)", cleaned)
    if not match:
        return cleaned
    return f"ISO 2022 IR {match[2]}" if match[1] else f"ISO_IR {match[2]}"


def _decoded(value: bytes, encodings: Sequence[str], delimiters: bytes) -> str:
    if b"\x1b" not in value:
        return value.decode(encodings[0], errors="replace")
    return "".join(
        _decoded_fragment(escape, fragment, encodings[0], delimiters)
        for escape, fragment in _FRAGMENT.findall(value)
    )


def _decoded_fragment(escape: bytes, fragment: bytes, first: str, delimiters: bytes) -> str:
    """Decode what follows one escape sequence (PS3.5 6.1.2.5, PS3.3 C.12.1.1.2).

    pydicom's own decoder leaves the escape sequences of Chinese (IR 58) in the text, and warns
    of damaged ones.
    """
    encoding = CODES_TO_ENCODINGS.get(escape, first)
    if encoding in _KEEPS_ESCAPES:
        return (escape + fragment).decode(encoding, errors="replace")
    end = next((at for at, byte in enumerate(fragment) if byte in delimiters), len(fragment))
    return fragment[:end].decode(encoding, errors="replace") + fragment[end:].decode(
        first, errors="replace"
    )


def _date_or_empty(text: str) -> str:
    digits = text.replace(".", "")  # ACR-NEMA wrote YYYY.MM.DD, PS3.5 6.2 note on DA
    try:
        datetime.strptime(digits, "%Y%m%d")  # noqa: DTZ007  a calendar day has no zone
    except ValueError:
        return ""
    return digits if len(digits) == len("YYYYMMDD") else ""


def _time_or_empty(text: str) -> str:
    digits = text.replace(":", "")  # ACR-NEMA wrote HH:MM:SS, PS3.5 6.2 note on TM
    return digits if _TIME.fullmatch(digits) else ""
