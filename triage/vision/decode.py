"""From a file in the spool to a film: one frame of grey values in which bone is bright.

Every size is checked before memory is taken for it: the file against a limit, the header
against a number of bytes read, rows x columns against a megapixel limit, the value of Pixel
Data against what rows and columns need, a deflated data set against its inflated size, and a
codestream against the size that the header gives.
"""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.filereader import read_dataset, read_file_meta_info
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_modality_lut
from pydicom.pixels.utils import as_pixel_options
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from triage.errors import PixelError, TransientError
from triage.vision.codecs import plugins_for
from triage.vision.payload import UNREADABLE, check_pixel_data, check_size, whole_number

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from pydicom.tag import BaseTag

    from triage.values import HeaderFacts

_PIXEL_DATA: Final = 0x7FE00010
_PIXEL_TAGS: Final = (0x7FE00008, 0x7FE00009, _PIXEL_DATA)  # floating point, double, integers
_MEGA: Final = 1_000_000

# All that decoding needs; everything else in a header is skipped.
_WANTED_TAGS: Final = (
    0x00080018,  # SOP Instance UID
    0x00181164,  # Imager Pixel Spacing
    0x00182010,  # Nominal Scanned Pixel Spacing
    0x00280002,  # Samples per Pixel
    0x00280004,  # Photometric Interpretation
    0x00280006,  # Planar Configuration
    0x00280008,  # Number of Frames
    0x00280010,  # Rows
    0x00280011,  # Columns
    0x00280030,  # Pixel Spacing
    0x00280100,  # Bits Allocated
    0x00280101,  # Bits Stored
    0x00280102,  # High Bit
    0x00280103,  # Pixel Representation
    0x00281052,  # Rescale Intercept
    0x00281053,  # Rescale Slope
    0x00283000,  # Modality LUT Sequence
    0x20500020,  # Presentation LUT Shape
)


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """The most that decoding one film may take.

    Attributes:
        megapixels: Rows x columns of a frame, in millions.
        file_megabytes: Size of the file, and of an inflated data set.
        header_megabytes: Bytes read before Pixel Data (0-length elements count too).
    """

    megapixels: float = 64
    file_megabytes: float = 2048
    header_megabytes: float = 32


@dataclass(frozen=True, slots=True)
class DecodedFilm:
    """One frame as a radiologist would see it, before windowing.

    Attributes:
        pixels: Grey values of shape (rows, columns), bone bright, after the Modality LUT.
        pixel_spacing_mm: (between rows, between columns) at the detector, None when not stated.
        polarity_known: False when photometric interpretation and Presentation LUT Shape
            contradict each other, or the image has colour.
    """

    pixels: NDArray[Any]
    pixel_spacing_mm: tuple[float, float] | None
    polarity_known: bool


def read_film(
    path: Path, facts: HeaderFacts | None = None, limits: DecodeLimits | None = None
) -> DecodedFilm:
    """Decode the first frame of a DICOM file.

    Args:
        path: The file as received (PS3.10).
        facts: What intake recorded; the file must hold that instance.
        limits: The most that this may take.

    Returns:
        The film.

    Raises:
        PixelError: The file cannot be decoded, or must not be: the same for every try.
        TransientError: The disk or the memory failed: another try may succeed.
    """
    limits = limits or DecodeLimits()
    try:
        return _read(path, facts, limits)
    except UNREADABLE as error:
        raise PixelError(f"The data set cannot be read ({type(error).__name__}).") from error
    except OSError as error:
        if error.errno is None:  # pydicom's own, for a data set that ends too early
            raise PixelError("The data set is damaged or ends too early.") from error
        raise TransientError(
            f"The file of the image could not be read ({error.strerror}): check the spool folder."
        ) from error
    except MemoryError as error:
        raise TransientError(
            "There was not enough memory to decode the image: give the worker more, "
            "or lower maximum_megapixels."
        ) from error


def _read(path: Path, facts: HeaderFacts | None, limits: DecodeLimits) -> DecodedFilm:
    with _BoundedFile(io.FileIO(path), limits.header_megabytes * _MEGA) as file:
        if path.stat().st_size > limits.file_megabytes * _MEGA:
            raise PixelError(
                f"The file is larger than {limits.file_megabytes:g} MB and is not decoded."
            )
        source, dataset, syntax = _open_dataset(path, file, limits)
        if facts is not None and dataset.get("SOPInstanceUID", "") != facts.sop_instance_uid:
            raise PixelError("The file holds another image than the one recorded for it.")
        check_size(dataset, limits.megapixels)
        check_pixel_data(source, dataset, syntax)
        return _film(_frame(source, dataset, syntax), dataset)


class _BoundedFile(io.BufferedReader):
    """A file that refuses to give more than a number of bytes until the bound is lifted."""

    def __init__(self, raw: io.RawIOBase, bytes_left: float) -> None:
        super().__init__(raw, 8192)
        self.bytes_left = bytes_left

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as the base class does, counting."""
        data = super().read(size)
        self.bytes_left -= len(data)
        if self.bytes_left < 0:
            raise PixelError("The header is longer than any image needs and is not read.")
        return data


def _open_dataset(
    path: Path, file: _BoundedFile, limits: DecodeLimits
) -> tuple[BinaryIO, Dataset, UID]:
    """Read the header; the returned source stands at the element that follows it."""
    meta = read_file_meta_info(path)
    syntax = UID(meta.TransferSyntaxUID)
    if syntax == DeflatedExplicitVRLittleEndian:
        return *_read_deflated(file, meta, limits), syntax
    dataset = dcmread(file, stop_before_pixels=True, specific_tags=list(_WANTED_TAGS))
    file.bytes_left = float("inf")
    return file, dataset, syntax


def _read_deflated(
    file: _BoundedFile, meta: Dataset, limits: DecodeLimits
) -> tuple[BinaryIO, Dataset]:
    """Inflate a deflated data set (PS3.5 A.5), never beyond the limit, and read its header."""
    limit = int((limits.megapixels * 4 + limits.header_megabytes) * _MEGA)
    file.seek(144 + int(meta.FileMetaInformationGroupLength))  # preamble, DICM, (0002,0000)
    file.bytes_left = limit
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    data = inflater.decompress(file.read(), limit + 1)
    if len(data) > limit:
        raise PixelError("The deflated data set grows beyond the size limit and is not read.")
    source = io.BytesIO(data)
    dataset = read_dataset(
        source,
        is_implicit_VR=False,
        is_little_endian=True,
        stop_when=_at_pixel_data,
        specific_tags=list(_WANTED_TAGS),
    )
    return source, dataset


def _at_pixel_data(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return tag in _PIXEL_TAGS


def _frame(source: BinaryIO, dataset: Dataset, syntax: UID) -> NDArray[Any]:
    """Decode the first frame, whatever the transfer syntax."""
    start = source.tell()
    *first, last = plugins_for(syntax, whole_number(dataset, "SamplesPerPixel", 1))
    for plugin in first:
        try:
            return _decoded(source, dataset, syntax, plugin)
        except UNREADABLE:
            source.seek(start)  # a codestream that is odd but not wrong: others may read it
    try:
        return _decoded(source, dataset, syntax, last)
    except UNREADABLE as error:
        raise PixelError(
            f"The pixels in {syntax.name} cannot be decoded ({type(error).__name__})."
        ) from error


def _decoded(source: BinaryIO, dataset: Dataset, syntax: UID, plugin: str) -> NDArray[Any]:
    options = as_pixel_options(dataset, transfer_syntax_uid=syntax)
    _enter_pixel_data(source, syntax, options)
    decoder = get_decoder(syntax)
    pixels, _ = decoder.as_array(source, index=0, raw=False, decoding_plugin=plugin, **options)
    return pixels


def _enter_pixel_data(source: BinaryIO, syntax: UID, options: dict[str, Any]) -> None:
    """Stand at the value of Pixel Data, where pydicom's decoders begin to read."""
    options["pixel_keyword"] = "PixelData"
    head = source.read(8)
    if not syntax.is_implicit_VR:
        options["pixel_vr"] = head[4:6].decode("ascii")
        source.read(4)


def _film(frame: NDArray[Any], dataset: Dataset) -> DecodedFilm:
    grey = frame.mean(axis=-1, dtype=np.float32) if frame.ndim > 2 else frame  # noqa: PLR2004 - rows and columns
    photometric = str(dataset.get("PhotometricInterpretation", "")).strip()
    shape = str(dataset.get("PresentationLUTShape", "") or "").strip()
    values = _modality_values(_without_overlays(grey, dataset), dataset)
    inverse = photometric == "MONOCHROME1" or shape == "INVERSE"
    return DecodedFilm(
        pixels=_inverted(values) if inverse else values,
        pixel_spacing_mm=_pixel_spacing(dataset),
        polarity_known=_polarity_known(photometric, shape),
    )


def _polarity_known(photometric: str, shape: str) -> bool:
    """Whether both attributes say the same: INVERSE goes with MONOCHROME1 (PS3.3 C.8.11.3)."""
    if photometric == "MONOCHROME1":
        return shape in ("", "INVERSE")
    return photometric == "MONOCHROME2" and shape in ("", "IDENTITY")


def _without_overlays(grey: NDArray[Any], dataset: Dataset) -> NDArray[Any]:
    """Clear bits above Bits Stored, in which older films carry overlays (PS3.5 8.1.2)."""
    stored = whole_number(dataset, "BitsStored")
    unsigned = np.issubdtype(grey.dtype, np.unsignedinteger)
    if unsigned and 0 < stored < grey.dtype.itemsize * 8:
        return np.asarray(grey & grey.dtype.type((1 << stored) - 1))
    return grey


def _modality_values(grey: NDArray[Any], dataset: Dataset) -> NDArray[Any]:
    """Apply the Modality LUT or rescale (PS3.3 C.11.1); stored values stay as they are."""
    if dataset.get("ModalityLUTSequence"):
        return np.asarray(apply_modality_lut(grey, dataset), np.float32)
    slope = float(dataset.get("RescaleSlope") or 1)
    intercept = float(dataset.get("RescaleIntercept") or 0)
    if not (np.isfinite(slope) and np.isfinite(intercept)):
        raise PixelError("The rescale slope or intercept is not a finite number.")
    if slope == 1:  # adding a constant changes nothing that the pixel path looks at
        return grey
    return grey.astype(np.float32) * np.float32(slope) + np.float32(intercept)


def _inverted(values: NDArray[Any]) -> NDArray[Any]:
    """Turn the grey scale over within the range that the image uses."""
    low, high = values.min(), values.max()
    if np.issubdtype(values.dtype, np.unsignedinteger):
        return np.asarray(high - values + low)  # high - value is never negative
    return np.asarray(float(high) + float(low) - values.astype(np.float32), np.float32)


def _pixel_spacing(dataset: Dataset) -> tuple[float, float] | None:
    for keyword in ("ImagerPixelSpacing", "PixelSpacing", "NominalScannedPixelSpacing"):
        try:
            rows, columns = (float(value) for value in dataset.get(keyword) or ())
        except (TypeError, ValueError):
            continue
        if rows > 0 and columns > 0:
            return rows, columns
    return None
