"""Checks of Pixel Data before they are decoded: sizes, lengths, fragments, codestreams."""

from __future__ import annotations

import io
import struct
import zlib
from itertools import pairwise
from typing import TYPE_CHECKING, BinaryIO, Final

from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.uid import RLELossless

from triage.errors import PixelError
from triage.vision.codestream import coded_size, packed_size

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.uid import UID

_PIXEL_DATA: Final = 0x7FE00010
_UNDEFINED_LENGTH: Final = 0xFFFFFFFF
_ITEM: Final = 0xFFFEE000
_SEQUENCE_DELIMITATION: Final = 0xFFFEE0DD
_CODESTREAM_HEAD_BYTES: Final = 65536
# EOI of JPEG and JPEG-LS, EOC of JPEG 2000; some writers pad what follows it. Decoders of JPEG make
# up the rows that are missing from a codestream without it.
_END_OF_CODESTREAM: Final = b"\xff\xd9"
_PADDING_BYTES: Final = 64
_MEGA: Final = 1_000_000
_RLE_LARGEST_EXPANSION: Final = 64  # two bytes give at most 128 (PS3.5 G.3.1)

# What pydicom and its plug-ins raise at input that they cannot decode. RecursionError is a
# RuntimeError; MemoryError and OSError are not here, because trying again may help with them.
UNREADABLE: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BytesLengthException,
    EOFError,
    InvalidDicomError,
    LookupError,
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


def check_size(dataset: Dataset, most_megapixels: float) -> None:
    """Refuse an image that is too large, or that is none, by what its header says.

    Raises:
        PixelError: It must not be decoded.
    """
    rows, columns = whole_number(dataset, "Rows"), whole_number(dataset, "Columns")
    if rows < 1 or columns < 1:
        raise PixelError("The image has no rows or no columns.")
    megapixels = rows * columns / _MEGA
    if megapixels > most_megapixels:
        raise PixelError(
            f"The image has {megapixels:.0f} megapixels, more than the limit of "
            f"{most_megapixels:g} (maximum_megapixels)."
        )
    if whole_number(dataset, "SamplesPerPixel", 1) not in (1, 3):
        raise PixelError("The image has neither one nor three samples per pixel.")
    if whole_number(dataset, "BitsAllocated") not in (1, 8, 16, 32):
        raise PixelError("Bits Allocated is none of 1, 8, 16 and 32.")
    if str(dataset.get("PhotometricInterpretation", "")) == "PALETTE COLOR":
        raise PixelError("The image uses a colour palette: it is no radiograph.")


def whole_number(dataset: Dataset, keyword: str, default: int = 0) -> int:
    """The value of an attribute; `default` where it is absent or empty.

    Raises:
        PixelError: It is no number.
    """
    try:
        return int(dataset.get(keyword) or default)
    except UNREADABLE as error:
        raise PixelError(f"{keyword} is not a number.") from error


def _frame_bytes(dataset: Dataset) -> int:
    bits = whole_number(dataset, "BitsAllocated") * whole_number(dataset, "SamplesPerPixel", 1)
    return (whole_number(dataset, "Rows") * whole_number(dataset, "Columns") * bits + 7) // 8


def check_pixel_data(source: BinaryIO, dataset: Dataset, syntax: UID) -> None:
    """Hold the Pixel Data that follow against what the header promises.

    Args:
        source: The file, at the element after the header; it stands there again afterwards.
        dataset: The header.
        syntax: The transfer syntax.

    Raises:
        PixelError: They are short, damaged, or would grow beyond what the header says.
    """
    start = source.tell()
    head = source.read(8)
    if not head:
        raise PixelError("The file has no Pixel Data.")
    order = "<" if syntax.is_little_endian else ">"
    try:
        group, element = struct.unpack_from(f"{order}2H", head)
        tail = head[4:] if syntax.is_implicit_VR else source.read(4)
        (length,) = struct.unpack(f"{order}I", tail)
    except struct.error as error:
        raise PixelError("The file ends inside Pixel Data.") from error
    if (group << 16) + element != _PIXEL_DATA:
        raise PixelError("The file has no Pixel Data of integers (7FE0,0010).")
    if syntax.is_encapsulated:
        _check_fragments(source, dataset, syntax, length)
    else:
        _check_native(source, dataset, length)
    source.seek(start)


def _check_native(source: BinaryIO, dataset: Dataset, length: int) -> None:
    position = source.tell()
    available = source.seek(0, io.SEEK_END) - position
    needed = _frame_bytes(dataset)
    if min(length, available) < needed:
        raise PixelError(
            f"Pixel Data holds {min(length, available)} bytes, but rows and columns need {needed}."
        )


def _check_fragments(source: BinaryIO, dataset: Dataset, syntax: UID, length: int) -> None:
    """Hold the lengths of all fragments and the head of the first against the header."""
    if length != _UNDEFINED_LENGTH:
        raise PixelError("The Pixel Data of a compressed image has a defined length.")
    fragments = _fragments(source)
    frame_bytes = _frame_bytes(dataset)
    frames = max(whole_number(dataset, "NumberOfFrames", 1), 1)
    if sum(size for _, size in fragments) > frames * (2 * frame_bytes + _CODESTREAM_HEAD_BYTES):
        raise PixelError("The compressed Pixel Data is far longer than the image it stands for.")
    position, size = fragments[0]
    source.seek(position)
    if syntax == RLELossless:
        _check_packed(source.read(size), frame_bytes)
        return
    coded = coded_size(source.read(min(size, _CODESTREAM_HEAD_BYTES)))
    if coded is not None and coded != (
        whole_number(dataset, "Rows"),
        whole_number(dataset, "Columns"),
    ):
        raise PixelError("The compressed image has another size than the header gives.")
    position, size = fragments[-1]
    source.seek(position + max(size - _PADDING_BYTES, 0))
    if _END_OF_CODESTREAM not in source.read(min(size, _PADDING_BYTES)):
        raise PixelError("The compressed image ends too early.")


def _fragments(source: BinaryIO) -> list[tuple[int, int]]:
    """(position, size) of each fragment after the offset table, by walking (PS3.5 A.4)."""
    position = source.tell()
    end = source.seek(0, io.SEEK_END)
    items: list[tuple[int, int]] = []
    while position + 8 <= end:
        source.seek(position)
        group, element, size = struct.unpack("<2HI", source.read(8))
        tag = (group << 16) + element
        if tag == _SEQUENCE_DELIMITATION:
            break
        if tag != _ITEM or position + 8 + size > end:
            raise PixelError("The compressed Pixel Data is damaged or ends too early.")
        items.append((position + 8, size))
        position += 8 + size
    fragments = [item for item in items[1:] if item[1]]
    if not fragments:
        raise PixelError("The compressed Pixel Data holds no image.")
    return fragments


def _check_packed(fragment: bytes, frame_bytes: int) -> None:
    """Refuse an RLE frame whose segments unpack to far more than the frame (PS3.5 G.5)."""
    if len(fragment) * _RLE_LARGEST_EXPANSION <= 4 * frame_bytes:
        return
    try:
        offsets = struct.unpack_from("<16I", fragment)
    except struct.error as error:
        raise PixelError("The RLE header is cut off.") from error
    starts = [*offsets[1 : 1 + min(offsets[0], 15)], len(fragment)]
    unpacked = 0
    for start, stop in pairwise(starts):
        unpacked += packed_size(fragment[start:stop], frame_bytes)
    if unpacked > 2 * frame_bytes:
        raise PixelError("The RLE segments unpack to more than rows and columns need.")
