"""Small and large films to send: any number of them, rebuilt from a few numbers when asked."""

from __future__ import annotations

import functools
import random
import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

if TYPE_CHECKING:
    from collections.abc import Sequence

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
SYNTAXES = (EXPLICIT, IMPLICIT, JPEG_LOSSLESS)
CLASSES = (
    "1.2.840.10008.5.1.4.1.1.1",  # CR
    "1.2.840.10008.5.1.4.1.1.1.1",  # DX for presentation
    "1.2.840.10008.5.1.4.1.1.7",  # secondary capture
)

SMALLEST_BYTES = 2_000
LARGEST_BYTES = 3_000_000
LARGEST_STUDY = 5

_NOISE_BYTES = 2 * LARGEST_BYTES
_PIXEL_DATA = b"\xe0\x7f\x10\x00"
_ITEM, _DELIMITER = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
# Places in an encoded header where a film's own UIDs go: as long as those, so no length changes.
_STUDY, _SERIES, _INSTANCE = (f"2.25.{digit * 16}" for digit in "123")


@dataclass(frozen=True, slots=True)
class Kind:
    """SOP class and transfer syntax of a film: the presentation context that it needs."""

    sop_class_uid: str
    syntax: str


KINDS = tuple(Kind(sop_class, syntax) for sop_class in CLASSES for syntax in SYNTAXES)


@dataclass(frozen=True, slots=True)
class Film:
    """One object with one content; another content of the same object has another `start`.

    Attributes:
        start: Where in the noise its pixels begin.
        pixel_bytes: How many they are; even.
    """

    kind: Kind
    study: str
    series: str
    instance: str
    start: int
    pixel_bytes: int

    def data_set(self) -> bytes:
        """Return the data set as it is sent."""
        header = _header(self.kind)
        for place, uid in (
            (_STUDY, self.study),
            (_SERIES, self.series),
            (_INSTANCE, self.instance),
        ):
            header = header.replace(place.encode(), uid.encode())
        pixels = _noise()[self.start : self.start + self.pixel_bytes]
        return header + _pixel_element(self.kind.syntax, pixels)


def chance_of(seed: object) -> random.Random:
    """Return the source of all choices that follow from a seed."""
    return random.Random(str(seed))  # noqa: S311 - a test's choices, no secrets


def draw_study(chance: random.Random) -> list[Film]:
    """Return the films of a new study."""
    study, series = _new_uid(chance), _new_uid(chance)
    count = chance.randint(1, LARGEST_STUDY)
    return [_draw_film(chance, study, series) for _ in range(count)]


def changed(film: Film, chance: random.Random) -> Film:
    """Return the same object with other bytes."""
    start, pixel_bytes = _draw_pixels(chance)
    # Odd starts are kept for changed films: these are never the bytes of a first version.
    return replace(film, start=start + 1, pixel_bytes=pixel_bytes)


def _draw_film(chance: random.Random, study: str, series: str) -> Film:
    start, pixel_bytes = _draw_pixels(chance)
    return Film(chance.choice(KINDS), study, series, _new_uid(chance), start, pixel_bytes)


def _draw_pixels(chance: random.Random) -> tuple[int, int]:
    # Over all orders of magnitude: many small ones, and a few that take a while.
    size = SMALLEST_BYTES * (LARGEST_BYTES / SMALLEST_BYTES) ** (chance.random() ** 2)
    pixel_bytes = int(size) // 2 * 2
    return chance.randrange((_NOISE_BYTES - pixel_bytes) // 2) * 2, pixel_bytes


def _new_uid(chance: random.Random) -> str:
    return f"2.25.{chance.randrange(10**15, 10**16)}"


@functools.cache
def _noise() -> bytes:
    return chance_of("noise").randbytes(_NOISE_BYTES + 2)


@functools.cache
def _header(kind: Kind) -> bytes:
    """Return the encoded header of a kind of film, with places for its UIDs."""
    film = Dataset()
    film.SOPClassUID = kind.sop_class_uid
    film.SOPInstanceUID, film.StudyInstanceUID, film.SeriesInstanceUID = (
        _INSTANCE,
        _STUDY,
        _SERIES,
    )
    film.Modality, film.BodyPartExamined = "DX", "CSPINE"
    film.PatientName, film.PatientID = "Nobody^Any", "P1"
    film.PhotometricInterpretation = "MONOCHROME2"
    film.SamplesPerPixel = 1
    film.Rows = film.Columns = 64
    film.BitsAllocated = film.BitsStored = 16
    film.HighBit, film.PixelRepresentation = 15, 0
    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, kind.syntax == IMPLICIT
    write_dataset(stream, film)
    return bytes(stream.getvalue())


def _pixel_element(syntax: str, pixels: bytes) -> bytes:
    """Return Pixel Data (7FE0,0010) with its value (PS3.5 7.1 and A.4)."""
    if syntax == IMPLICIT:
        parts: Sequence[bytes] = (_PIXEL_DATA, struct.pack("<I", len(pixels)), pixels)
    elif syntax == EXPLICIT:
        parts = (_PIXEL_DATA, b"OW\0\0", struct.pack("<I", len(pixels)), pixels)
    else:
        parts = (
            *(_PIXEL_DATA, b"OB\0\0", b"\xff\xff\xff\xff"),
            *(_ITEM, bytes(4)),  # an empty Basic Offset Table
            *(_ITEM, struct.pack("<I", len(pixels)), pixels),
            *(_DELIMITER, bytes(4)),
        )
    return b"".join(parts)
