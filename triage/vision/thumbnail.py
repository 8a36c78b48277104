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
    name = f"{FOLDER}/{hashlib.sha256(sop_instance_uid.encode()).hexdigest()}.png"
    temporary = state_folder / f"{name}.{os.getpid()}.part"
    try:
        _picture(pixels).save(temporary, format="PNG")
        temporary.replace(state_folder / name)
    finally:
        temporary.unlink(missing_ok=True)
    return name


def _picture(pixels: NDArray[Any]) -> Image.Image:
    step = max(max(pixels.shape) // (2 * LONGER_SIDE), 1)  # no more than Pillow needs to smooth
    small = pixels[::step, ::step].astype(np.float32)
    low, high = np.percentile(small, (1, 99))
    grey = np.clip((small - low) / max(float(high - low), 1e-6), 0, 1) * 255
    picture = Image.fromarray(grey.astype(np.uint8))
    picture.thumbnail((LONGER_SIDE, LONGER_SIDE), Image.Resampling.LANCZOS)
    return picture
