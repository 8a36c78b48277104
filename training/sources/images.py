"""Decoding image files: PNG, JPEG, TIFF and whatever else Pillow reads, by content, not by name.

Files of the Cervical Spine X-ray Atlas called ``.png`` are often JPEG inside; exports carry
palettes, alpha channels, 16 bits, or a note that the picture lies on its side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from training.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

MEGAPIXELS: Final = 64  # as the daemon's own limit for one frame
_ORIENTATION: Final = 0x0112  # EXIF 2.32, 4.6.4 A
_LYING: Final = 5  # from this orientation on rows and columns change places
_MEGA: Final = 1_000_000
_GREY_16: Final = ("I;16", "I;16B", "I;16L", "I;16N")
_COLOUR: Final = {"P": "RGBA", "PA": "RGBA", "RGB": "RGB", "RGBA": "RGB", "RGBX": "RGB"}
_BAD_FILE: Final = (OSError, SyntaxError, ValueError, EOFError, OverflowError)
_BOMB: Final = (Image.DecompressionBombError, Image.DecompressionBombWarning)


def image_size(path: Path) -> tuple[int, int]:
    """The size that an image file states, without decoding it.

    Args:
        path: The file.

    Returns:
        (columns, rows) as decoded, after a rotation that EXIF asks for.

    Raises:
        DataError: It is no image, or larger than any film.
    """
    with _opened(path) as image:
        width, height = image.size
        # Asking a PNG file for a note that it has not begun with decodes all of it.
        noted = image.format != "PNG" or "exif" in image.info
        lies = noted and image.getexif().get(_ORIENTATION, 1) >= _LYING
        return (height, width) if lies else (width, height)


def read_colours(path: Path) -> NDArray[np.uint8]:
    """The picture as a screen shows it, for finding what is drawn over the film.

    Args:
        path: The file.

    Returns:
        uint8 (rows, columns, 3); films of more than 8 bits are scaled to their own range.

    Raises:
        DataError: See `read_image`.
    """
    values = _values(path)
    if values.ndim == 2:  # noqa: PLR2004 - rows and columns
        values = np.repeat(_as_bytes(values)[..., None], 3, axis=2)
    return np.ascontiguousarray(values[..., :3], np.uint8)


def read_image(path: Path) -> NDArray[Any]:
    """Decode an image file to grey values.

    Args:
        path: The file; what it is follows from its content.

    Returns:
        uint16 or float32 (rows, columns). Colours become their mean, as in DICOM files.

    Raises:
        DataError: The file is unreadable, too large, has several pages, or is in colours that
            no film has (CMYK, Lab); the message names the file.
    """
    values = _values(path)
    if values.ndim == 2:  # noqa: PLR2004 - rows and columns
        return values.astype(np.uint16) if values.dtype == np.uint8 else values
    colours = values[..., :3]
    if (colours[..., :1] == colours).all():
        return colours[..., 0].astype(np.uint16)
    return np.asarray(colours.mean(axis=-1, dtype=np.float32))


def _opened(path: Path) -> Image.Image:
    try:
        image = Image.open(path)
    except UnidentifiedImageError as error:
        raise DataError(
            f"{path} is neither an image nor a DICOM file that can be read: remove it from the "
            "table, or export it again as PNG or DICOM."
        ) from error
    except _BOMB as error:
        raise DataError(_too_large(path)) from error
    except _BAD_FILE as error:
        raise DataError(f"{path} cannot be opened ({_reason(error)}).") from error
    if image.width * image.height > MEGAPIXELS * _MEGA:
        image.close()
        raise DataError(_too_large(path))
    return image


def _too_large(path: Path) -> str:
    return f"{path} has more than {MEGAPIXELS} megapixels, more than any film: leave it out."


def _values(path: Path) -> NDArray[Any]:
    """Decode: (rows, columns) of grey, or (rows, columns, 3 or 4) of colours."""
    with _opened(path) as image:
        pages = getattr(image, "n_frames", 1)
        if pages > 1:
            raise DataError(
                f"{path} holds {pages} pages: save the film alone in a file of its own."
            )
        try:
            upright = ImageOps.exif_transpose(image)
            return _channels(path, upright)
        except _BAD_FILE as error:
            raise DataError(
                f"{path} is damaged or ends too early ({_reason(error)}): fetch it again."
            ) from error


def _channels(path: Path, image: Image.Image) -> NDArray[Any]:
    mode = image.mode
    if mode in _COLOUR:
        return np.asarray(image.convert(_COLOUR[mode]))
    if mode in ("1", "L", "LA", "La"):
        return np.asarray(image.convert("L") if mode == "1" else image.getchannel(0))
    if mode in _GREY_16:
        return np.asarray(image).astype(np.uint16)
    if mode in ("I", "F"):
        return _wide(path, np.asarray(image))
    raise DataError(
        f"{path} is in {mode} colours, which no film has, and turning them into grey would be a "
        "guess: export it again in grey or RGB."
    )


def _wide(path: Path, values: NDArray[Any]) -> NDArray[Any]:
    """32-bit values: as 16 bits where they fit, so that both spellings give the same array."""
    if not np.isfinite(values).all():
        raise DataError(f"{path} holds values that are not numbers: export it again.")
    whole = np.issubdtype(values.dtype, np.integer)
    if whole and values.min() >= 0 and values.max() <= np.iinfo(np.uint16).max:
        return values.astype(np.uint16)
    return values.astype(np.float32)


def _as_bytes(values: NDArray[Any]) -> NDArray[np.uint8]:
    if values.dtype == np.uint8:
        return np.asarray(values)
    low, high = float(values.min()), float(values.max())
    scaled = (values.astype(np.float32) - low) * (255 / max(high - low, 1e-6))
    return np.asarray(scaled, np.uint8)


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
