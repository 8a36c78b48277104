"""From a record to grey values, and on to the tensor that the daemon would see.

There is one pixel path. A DICOM file is decoded by `triage.vision.decode.read_film` and every
film is prepared by `triage.vision.pixels.prepare`, the functions that the daemon itself calls:
the same file gives the same tensor in both. What a data set adds to a file (parts that are
masked, a frame, a grey scale that is upside down) is put right in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from training.errors import DataError
from training.sources.images import read_image
from triage.errors import PixelError, TransientError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from training.values import Box, FilmRecord
    from triage.vision.path import PixelPath
    from triage.vision.pixels import PreparedFilm

_PREAMBLE: Final = 128  # bytes before the prefix DICM (PS3.10 7.1)
_RING: Final = 3  # pixels around a masked box whose median fills it


def read_grey(record: FilmRecord, *, as_received: bool = False) -> NDArray[Any]:
    """Decode a film.

    Args:
        record: The film.
        as_received: Leave out what the data set knows (masked parts, frame, inversion): the
            film as a daemon would receive it.

    Returns:
        uint16 or float32 (rows, columns), bone bright, masked parts blanked with the grey
        around them, cut to the frame. Landmarks of it: `landmarks_in_frame`.

    Raises:
        DataError: The file is missing, unreadable or damaged; the message names it.
    """
    pixels = read_pixels(record.path)
    if as_received:
        return pixels
    if record.inverted:
        pixels = turned_over(pixels)
    if record.masked:
        pixels = blanked(pixels, record.masked)
    return cut(pixels, record.frame)


def read_prepared(
    record: FilmRecord, path: PixelPath, *, as_received: bool = False
) -> PreparedFilm:
    """Decode a film and take it through the pixel path of the daemon.

    Args:
        record: The film.
        path: The parameters.
        as_received: See `read_grey`.

    Returns:
        The square, and where the film as `read_grey` gives it lies in it.

    Raises:
        DataError: See `read_grey`.
    """
    from triage.vision.pixels import prepare  # noqa: PLC0415 - readers work without torch

    return prepare(read_grey(record, as_received=as_received), path)


def landmarks_in_frame(record: FilmRecord) -> NDArray[np.float32] | None:
    """The landmarks in pixels of what `read_grey` gives; None where the film has none."""
    if record.landmarks is None or record.frame is None:
        return record.landmarks
    left, top = record.frame[:2]
    return np.asarray(record.landmarks - np.array([left, top]), np.float32)


def is_dicom(path: Path) -> bool:
    """Whether a file says that it is DICOM (PS3.10 7.1), whatever its name.

    Raises:
        DataError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(_PREAMBLE + 4)[_PREAMBLE:] == b"DICM"
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}): check the file and its name."
        ) from error


def read_pixels(path: Path) -> NDArray[Any]:
    """Decode a file, DICOM or image, by its content.

    Returns:
        Grey values (rows, columns): bone bright as far as a DICOM header says so.

    Raises:
        DataError: See `read_grey`.
    """
    if not is_dicom(path):
        return read_image(path)
    from triage.vision.decode import read_film  # noqa: PLC0415 - only DICOM needs the decoders

    try:
        return read_film(path).pixels
    except (PixelError, TransientError) as error:
        raise DataError(f"{path}: {error}") from error


def turned_over(pixels: NDArray[Any]) -> NDArray[Any]:
    """Turn the grey scale over within the range that the film uses."""
    low, high = pixels.min(), pixels.max()
    return np.asarray(high - pixels + low, pixels.dtype)  # high - pixel is never negative


def blanked(pixels: NDArray[Any], boxes: tuple[Box, ...]) -> NDArray[Any]:
    """Fill boxes with the median of the grey values around each of them."""
    filled = pixels.copy()
    rows, columns = pixels.shape
    hidden = np.zeros(pixels.shape, bool)
    for left, top, right, bottom in boxes:
        hidden[top:bottom, left:right] = True
    for left, top, right, bottom in boxes:
        outer = (
            slice(max(top - _RING, 0), min(bottom + _RING, rows)),
            slice(max(left - _RING, 0), min(right + _RING, columns)),
        )
        seen = pixels[outer][~hidden[outer]]
        filled[top:bottom, left:right] = np.median(seen) if seen.size else pixels.min()
    return filled


def cut(pixels: NDArray[Any], frame: Box | None) -> NDArray[Any]:
    """Cut a film to its frame."""
    if frame is None:
        return pixels
    left, top, right, bottom = frame
    return np.ascontiguousarray(pixels[top:bottom, left:right])
