"""A small picture of a film for the list: 8-bit PNG, written whole or not at all."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

FOLDER: Final = "thumbnails"
LONGER_SIDE: Final = 320
_SAMPLED_SIDE: Final = 256
_QUICK: Final = 4  # of zlib's 9: a sixth larger than the usual 6, and twice as fast


def write_thumbnail(state_folder: Path, sop_instance_uid: str, pixels: NDArray[Any]) -> str:
    """Write the thumbnail of a film, replacing an earlier one of the same image.

    Args:
        state_folder: Where the folder of thumbnails is.
        sop_instance_uid: Names the file, through a hash: a UID from outside is no file name.
        pixels: Grey values of shape (rows, columns), bone bright.

    Returns:
        The file's path relative to the state folder.

    Raises:
        OSError: The disk is full or cannot be written.
    """
    name = f"{FOLDER}/{file_stem(sop_instance_uid)}.png"
    write_picture(state_folder / name, _picture(pixels))
    return name


def write_view(path: Path, pixels: NDArray[Any], longer_side: int) -> None:
    """Write a larger picture of a film, never larger than the film itself.

    Args:
        path: The file.
        pixels: Grey values of shape (rows, columns), bone bright.
        longer_side: Pixels of the picture's longer side.

    Raises:
        OSError: The disk is full or cannot be written.
    """
    rows, columns = pixels.shape
    size = picture_size(rows, columns, longer_side)
    picture = Image.fromarray(_eight_bits(pixels, longer_side))
    write_picture(path, picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0))


def picture_size(rows: int, columns: int, longer_side: int) -> tuple[int, int]:
    """Return width and height of a picture of a film, in its proportions."""
    share = min(1.0, longer_side / max(rows, columns))
    return max(round(columns * share), 1), max(round(rows * share), 1)


def file_stem(sop_instance_uid: str) -> str:
    """Return what the files of an image are called: a UID from outside is no file name."""
    return hashlib.sha256(sop_instance_uid.encode()).hexdigest()


def write_picture(path: Path, picture: Image.Image) -> None:
    """Write a picture whole or not at all.

    Raises:
        OSError: The disk is full or cannot be written.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        picture.save(temporary, format="PNG", compress_level=_QUICK)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _picture(pixels: NDArray[Any]) -> Image.Image:
    picture = Image.fromarray(_eight_bits(pixels, LONGER_SIDE))
    picture.thumbnail((LONGER_SIDE, LONGER_SIDE), Image.Resampling.LANCZOS)
    return picture


def _eight_bits(pixels: NDArray[Any], longer_side: int) -> NDArray[np.uint8]:
    """Reduce a film to twice the picture's size, and its grey values to 8 bits."""
    step = max(max(pixels.shape) // (2 * longer_side), 1)  # no more than Pillow needs to smooth
    small = pixels[::step, ::step]
    sparse = max(max(small.shape) // _SAMPLED_SIDE, 1)  # a few thousand pixels tell the range
    low, high = np.percentile(small[::sparse, ::sparse], (1, 99))
    grey = np.clip(small, low, high, dtype=np.float32)
    grey -= np.float32(low)
    grey *= np.float32(255 / max(float(high - low), 1e-6))
    return np.asarray(grey, np.uint8)
