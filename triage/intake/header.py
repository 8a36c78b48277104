"""The header of one instance, read boundedly and tolerantly: bytes in, HeaderFacts out.

Tolerant: unknown attributes, bad lengths of single values, wrong character sets and a data set
that ends early between two elements give facts with gaps. Bounded: nesting deeper than the
limit, an element that claims more bytes than there are (other than the pixel data), and a
deflate bomb end in HeaderError, and so does an instance without its UIDs: an image must name its
study and series; another object may belong to no study.
"""

from __future__ import annotations

import io
import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from triage.errors import HeaderError
from triage.intake.charsets import codecs_of, decode_text
from triage.intake.elements import (
    EXPLICIT_LITTLE,
    PIXEL_DATA_TAGS,
    WalkLimits,
    read_head,
    walk,
)
from triage.intake.sources import DeflatedSource, FileSource, InPlaceStream
from triage.intake.storage_classes import encoding_of, is_deflated, is_image_class
from triage.values import HeaderFacts, OrderPriority

if TYPE_CHECKING:
    from collections.abc import Mapping

    from triage.intake.elements import Element
    from triage.intake.sources import ByteSource, ReadableAt, SeekableStream

Key = tuple[int, ...]  # tags of the enclosing sequences, then the element's own

_PREAMBLE_BYTES = 128
_MAGIC = b"DICM"
_META_GROUP = b"\x02\x00"
_META_ELEMENTS = 64
_TRANSFER_SYNTAX_UID = 0x00020010
_DEFAULT_TRANSFER_SYNTAX = "1.2.840.10008.1.2"

_UID = re.compile(r"[0-9.]{1,64}")
_AGE = re.compile(r"(\d{1,3})([YMWD])")
_AGE_UNIT_IN_YEARS = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}
_DAYS_PER_YEAR = 365.25
_DATE_DIGITS = 8
_LONGEST_TEXT = 512  # characters kept of a value; the longest name of PS3.5 has 194

_VIEW_CODE_SEQUENCE = 0x00540220
_ANATOMIC_REGION_SEQUENCE = 0x00082218
_REQUEST_ATTRIBUTES_SEQUENCE = 0x00400275
_REFERENCED_REQUEST_SEQUENCE = 0x0040A370
_CODE_VALUE = 0x00080100
_SPECIFIC_CHARACTER_SET: Key = (0x00080005,)
_SOP_CLASS_UID: Key = (0x00080016,)
_SOP_INSTANCE_UID: Key = (0x00080018,)
_STUDY_INSTANCE_UID: Key = (0x0020000D,)
_SERIES_INSTANCE_UID: Key = (0x0020000E,)
_IMAGE_TYPE: Key = (0x00080008,)
_NUMBER_OF_FRAMES: Key = (0x00280008,)
_PATIENT_AGE: Key = (0x00101010,)
_VIEW_CODES: Key = (_VIEW_CODE_SEQUENCE, _CODE_VALUE)
_ANATOMIC_CODES: Key = (_ANATOMIC_REGION_SEQUENCE, _CODE_VALUE)

_SEQUENCES = frozenset(
    (
        _VIEW_CODE_SEQUENCE,
        _ANATOMIC_REGION_SEQUENCE,
        _REQUEST_ATTRIBUTES_SEQUENCE,
        _REFERENCED_REQUEST_SEQUENCE,
    )
)
# Requested Procedure Priority (0040,1003) where orders are seen to put it, first found wins.
_ORDER_PRIORITY: tuple[Key, ...] = (
    (0x00401003,),
    (_REQUEST_ATTRIBUTES_SEQUENCE, 0x00401003),
    (_REFERENCED_REQUEST_SEQUENCE, 0x00401003),
)
_TEXTS: dict[str, Key] = {
    "modality": (0x00080060,),
    "body_part_examined": (0x00180015,),
    "view_position": (0x00185101,),
    "presentation_intent_type": (0x00080068,),
    "photometric_interpretation": (0x00280004,),
    "burned_in_annotation": (0x00280301,),
    "patient_name": (0x00100010,),
    "patient_id": (0x00100020,),
    "patient_birth_date": (0x00100030,),
    "patient_sex": (0x00100040,),
    "accession_number": (0x00080050,),
    "study_id": (0x00200010,),
    "study_date": (0x00080020,),
    "study_time": (0x00080030,),
    "study_description": (0x00081030,),
    "series_description": (0x0008103E,),
    "manufacturer": (0x00080070,),
    "institution_name": (0x00080080,),
}
_NUMBERS: dict[str, Key] = {
    "rows": (0x00280010,),
    "columns": (0x00280011,),
    "bits_allocated": (0x00280100,),
    "samples_per_pixel": (0x00280002,),
}
_WANTED = frozenset(
    (
        _SPECIFIC_CHARACTER_SET,
        _SOP_CLASS_UID,
        _SOP_INSTANCE_UID,
        _STUDY_INSTANCE_UID,
        _SERIES_INSTANCE_UID,
        _IMAGE_TYPE,
        _NUMBER_OF_FRAMES,
        _PATIENT_AGE,
        _VIEW_CODES,
        _ANATOMIC_CODES,
        *_ORDER_PRIORITY,
        *_TEXTS.values(),
        *_NUMBERS.values(),
    )
)


@dataclass(frozen=True, slots=True)
class HeaderLimits:
    """How much of an instance is looked at.

    Attributes:
        walk: Bounds on nesting, elements and values.
        inflated_bytes: Bound on what a deflated data set may inflate to before its pixel data.
    """

    walk: WalkLimits = field(default_factory=WalkLimits)
    inflated_bytes: int = 64 * 1024 * 1024


DEFAULT_LIMITS = HeaderLimits()


def read_header(
    instance: Path | bytes | ReadableAt, limits: HeaderLimits = DEFAULT_LIMITS
) -> HeaderFacts:
    """Read the header facts of one instance; the pixel data are never read.

    Args:
        instance: A file, its content, or something to be read in place; with a Part 10 header
            (PS3.10), or a bare data set in a little endian transfer syntax.
        limits: How much to look at.

    Raises:
        HeaderError: The instance cannot be understood; the message holds no patient data.
    """
    if isinstance(instance, bytes):
        return _read_stream(io.BytesIO(instance), limits)
    if not isinstance(instance, Path):
        return _read_stream(InPlaceStream(instance), limits)
    try:
        with instance.open("rb") as stream:
            return _read_stream(stream, limits)
    except OSError as error:
        raise HeaderError(f"the file {instance} cannot be read: {error.strerror}") from error


def _read_stream(stream: SeekableStream, limits: HeaderLimits) -> HeaderFacts:
    transfer_syntax_uid = _read_file_meta(stream, limits)
    source: ByteSource = (
        DeflatedSource(stream, limits.inflated_bytes)
        if is_deflated(transfer_syntax_uid)
        else FileSource(stream)
    )
    found = _Found()
    for element in walk(source, encoding_of(transfer_syntax_uid), _SEQUENCES, limits.walk):
        found.take(element)
    return _facts(found, transfer_syntax_uid)


def _read_file_meta(stream: SeekableStream, limits: HeaderLimits) -> str:
    """Leave the stream at the data set and return its transfer syntax (PS3.10 7.1)."""
    if stream.read(_PREAMBLE_BYTES + len(_MAGIC))[_PREAMBLE_BYTES:] != _MAGIC:
        stream.seek(0)
        return _DEFAULT_TRANSFER_SYNTAX
    source = FileSource(stream)
    transfer_syntax_uid = _DEFAULT_TRANSFER_SYNTAX
    for _ in range(_META_ELEMENTS):
        if source.peek(2) != _META_GROUP:
            break
        head = read_head(source, EXPLICIT_LITTLE)
        if head is None or head.length > limits.walk.value_bytes:
            raise HeaderError("the file meta information is damaged")
        value = source.read(head.length)
        if head.tag == _TRANSFER_SYNTAX_UID:
            transfer_syntax_uid = _ascii(value)
    return transfer_syntax_uid


class _Found:
    """The wanted values of a walk, as encoded."""

    def __init__(self) -> None:
        self._values: defaultdict[Key, list[bytes]] = defaultdict(list)
        self._numbers: dict[Key, int] = {}
        self.has_pixel_data = False

    def take(self, element: Element) -> None:
        """Keep an element when it is wanted."""
        key = (*element.path, element.tag)
        if element.tag in PIXEL_DATA_TAGS and not element.path:
            self.has_pixel_data = element.length > 0
        elif key in _WANTED and element.value:
            self._values[key].append(element.value)
            self._numbers.setdefault(key, element.encoding.whole(element.value[:2]))

    def first(self, key: Key) -> bytes:
        """Return the first value under a key, empty when there is none."""
        return self._values[key][0] if key in self._values else b""

    def every(self, key: Key) -> tuple[bytes, ...]:
        """Return the values under a key, one for each sequence item."""
        return tuple(self._values.get(key, ()))

    def number(self, key: Key) -> int:
        """Return the value of an unsigned short (US), 0 when there is none."""
        return self._numbers.get(key, 0)


def _facts(found: _Found, transfer_syntax_uid: str) -> HeaderFacts:
    texts = _decoded_texts(found)
    sop_class_uid = _uid(found, _SOP_CLASS_UID, "SOP Class UID")
    image = found.has_pixel_data or is_image_class(sop_class_uid)
    return HeaderFacts(
        sop_class_uid=sop_class_uid,
        sop_instance_uid=_uid(found, _SOP_INSTANCE_UID, "SOP Instance UID"),
        study_instance_uid=_uid(found, _STUDY_INSTANCE_UID, "Study Instance UID", needed=image),
        series_instance_uid=_uid(found, _SERIES_INSTANCE_UID, "Series Instance UID", needed=image),
        transfer_syntax_uid=transfer_syntax_uid,
        image_type=_image_type(found),
        view_codes=tuple(_ascii(value) for value in found.every(_VIEW_CODES)),
        anatomic_codes=tuple(_ascii(value) for value in found.every(_ANATOMIC_CODES)),
        number_of_frames=_frames(_ascii(found.first(_NUMBER_OF_FRAMES))),
        has_pixel_data=found.has_pixel_data,
        patient_age_years=_age_years(_ascii(found.first(_PATIENT_AGE)), texts),
        order_priority=_order_priority(found),
        rows=found.number(_NUMBERS["rows"]),
        columns=found.number(_NUMBERS["columns"]),
        bits_allocated=found.number(_NUMBERS["bits_allocated"]),
        samples_per_pixel=found.number(_NUMBERS["samples_per_pixel"]),
        **texts,
    )


def _decoded_texts(found: _Found) -> dict[str, str]:
    codecs = codecs_of(_ascii(found.first(_SPECIFIC_CHARACTER_SET)))
    return {
        name: decode_text(found.first(key), codecs).strip()[:_LONGEST_TEXT]
        for name, key in _TEXTS.items()
    }


def _ascii(raw: bytes) -> str:
    return raw.decode("ascii", "replace").strip("\0 ")


def _uid(found: _Found, key: Key, name: str, *, needed: bool = True) -> str:
    uid = _ascii(found.first(key))
    if not uid and not needed:
        return ""
    if not uid:
        raise HeaderError(f"the instance has no {name}")
    if not _UID.fullmatch(uid):
        raise HeaderError(f"the {name} of the instance is no UID")
    return uid


def _image_type(found: _Found) -> tuple[str, ...]:
    value = _ascii(found.first(_IMAGE_TYPE))
    return tuple(part.strip() for part in value.split("\\")) if value else ()


def _frames(value: str) -> int:
    return int(value) if value.isascii() and value.isdecimal() else 1


def _age_years(age: str, texts: Mapping[str, str]) -> float | None:
    """Return Patient's Age in years, else birth date against study date, else None."""
    matched = _AGE.fullmatch(age)
    if matched:
        return int(matched.group(1)) * _AGE_UNIT_IN_YEARS[matched.group(2)]
    born, examined = _date(texts["patient_birth_date"]), _date(texts["study_date"])
    if born is None or examined is None or examined < born:
        return None
    return (examined - born).days / _DAYS_PER_YEAR


def _date(value: str) -> date | None:
    """Return a DA value as a date; also of the form of ACR-NEMA, with full stops."""
    digits = value.replace(".", "")
    if len(digits) != _DATE_DIGITS or not digits.isdecimal():
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def _order_priority(found: _Found) -> OrderPriority:
    named = (_ascii(found.first(key)).upper() for key in _ORDER_PRIORITY)
    terms = {priority.value: priority for priority in OrderPriority}
    return next((terms[name] for name in named if name in terms), OrderPriority.UNKNOWN)
