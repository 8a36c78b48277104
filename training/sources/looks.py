"""A look at each film of any data set for the data report: digests, a print, a thumbnail."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from training.errors import DataError
from training.sources.pixels import read_grey
from training.sources.survey import picture_print, reduced

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from training.values import FilmRecord

_THREADS: Final = 8
_THUMBNAIL_SIDE: Final = 192
_BLOCK_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What is kept of a film; its pixels are not.

    Attributes:
        size: Columns and rows in the frame; None when the film could not be read.
        content: Digest of the bytes of the file.
        pixels: Digest of the decoded pixels.
        print: 256 bits, see `training.sources.survey`.
        thumbnail: uint8, the film in its frame, masked parts blanked.
        problem: Why it could not be read; empty when it could.
    """

    size: tuple[int, int] | None
    content: str
    pixels: str
    print: NDArray[np.uint8]
    thumbnail: NDArray[np.uint8]
    problem: str = ""


def look_at_all(films: Sequence[FilmRecord], progress: Callable[[int, int], None]) -> list[Look]:
    """Look at every film, a few at a time.

    Args:
        films: The films.
        progress: Told how many were looked at, of how many.

    Returns:
        What was seen, in their order.
    """
    found = []
    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
        for look in pool.map(look_at, films):
            found.append(look)
            progress(len(found), len(films))
    return found


def look_at(film: FilmRecord) -> Look:
    """Look at one film."""
    nothing = np.zeros(32, np.uint8), np.zeros((1, 1), np.uint8)
    try:
        grey = read_grey(film)
        content = _file_digest(film)
    except DataError as error:
        return Look(None, "", "", *nothing, problem=str(error))
    shown = as_bytes(grey)
    return Look(
        size=(grey.shape[1], grey.shape[0]),
        content=content,
        pixels=hashlib.sha256(grey.tobytes()).hexdigest(),
        print=picture_print(shown),
        thumbnail=reduced(shown, _THUMBNAIL_SIDE),
    )


def as_bytes(grey: NDArray[Any]) -> NDArray[np.uint8]:
    """Grey values between their percentiles 1 and 99 as 0 to 255."""
    low, high = np.percentile(grey[::4, ::4], (1, 99))
    scaled = (grey.astype(np.float32) - low) * (255 / max(float(high - low), 1e-6))
    return np.asarray(np.clip(scaled, 0, 255), np.uint8)


def _file_digest(film: FilmRecord) -> str:
    digest = hashlib.sha256()
    try:
        with film.path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
    except OSError as error:
        raise DataError(f"{film.path} cannot be read ({error.strerror}).") from error
    return digest.hexdigest()
