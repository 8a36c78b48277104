"""A look at every film of a data set, once and several at a time.

What is kept of a film is small: five thousand films fit easily into memory.
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image

from training.errors import DataError
from training.sources.images import read_colours
from training.sources.pixels import blanked, cut
from training.sources.screenshots import find_overlays

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from training.values import Box

_THREADS: Final = 8  # decoding and filtering run outside Python's lock
_HASH_SIDE: Final = 16
SMALL_SIDE: Final = 128
_LEAST_DIFFERENCE: Final = 4.0  # grey levels, below which nothing is said about polarity


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """What is kept of a film that was looked at.

    Attributes:
        size: Columns and rows of the decoded picture.
        masked: Parts that show no patient.
        frame: The part that is the film, None for the whole.
        small: uint8, the film in its frame with masked parts blanked, its longer side reduced
            to 128.
        print: uint8 (32,), 256 bits that a nearly equal picture has nearly all in common.
        pixels: Digest of the decoded pixels.
    """

    size: tuple[int, int]
    masked: tuple[Box, ...]
    frame: Box | None
    small: NDArray[np.uint8]
    print: NDArray[np.uint8]
    pixels: str


def survey_all(paths: Sequence[Path], progress: Callable[[int, int], None]) -> list[Survey | str]:
    """Look at pictures that may be screenshots.

    Args:
        paths: The files.
        progress: Told how many were looked at, of how many.

    Returns:
        For each what was seen, or in words why it cannot be read.
    """
    found: list[Survey | str] = []
    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
        for seen in pool.map(_looked_at, paths):
            found.append(seen)
            progress(len(found), len(paths))
    return found


def _looked_at(path: Path) -> Survey | str:
    try:
        return survey_colours(read_colours(path))
    except DataError as error:
        return str(error)


def survey_colours(colours: NDArray[np.uint8]) -> Survey:
    """Look at one picture, uint8 (rows, columns, 3)."""
    overlays = find_overlays(colours)
    grey = grey_of(colours)
    film = cut(blanked(grey, overlays.masked) if overlays.masked else grey, overlays.frame)
    return Survey(
        size=(colours.shape[1], colours.shape[0]),
        masked=overlays.masked,
        frame=overlays.frame,
        small=reduced(film, SMALL_SIDE),
        print=picture_print(film),
        pixels=hashlib.sha256(colours.tobytes()).hexdigest(),
    )


def grey_of(colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The mean of three channels."""
    red, green, blue = (colours[..., channel] for channel in range(3))
    return np.asarray((red.astype(np.uint16) + green + blue) // 3, np.uint8)


def reduced(grey: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Reduce a picture until its longer side is that of a thumbnail."""
    share = side / max(grey.shape)
    rows, columns = (max(round(length * share), 1) for length in grey.shape)
    return np.asarray(Image.fromarray(grey).resize((columns, rows), Image.Resampling.BOX))


def looks_inverted(survey: Survey, points: NDArray[np.float32]) -> bool:
    """Whether the vertebral bodies are darker than the tissue before and far behind them.

    Args:
        survey: Of the film.
        points: Its landmarks (23, 2), anterior first, in pixels of the picture.

    Returns:
        True when bone is dark; False also where landmarks do not suffice to tell.
    """
    corners = points[3:].reshape(-1, 4, 2)
    corners = corners[np.isfinite(corners).all(axis=(1, 2))]
    left, top, right, _ = survey.frame or (0, 0, *survey.size)
    scale = survey.small.shape[1] / (right - left)
    middle = corners.mean(axis=1)
    depth = (corners[:, (0, 2)] - corners[:, (1, 3)]).mean(axis=1)  # towards the front
    grey = [
        _greys(survey.small, (middle + away * depth - (left, top)) * scale)
        for away in (0.0, 1.6, -3.2)
    ]
    if any(not len(values) for values in grey):
        return False
    bone, before, behind = (float(np.mean(values)) for values in grey)
    return bone < min(before, behind) - _LEAST_DIFFERENCE


def _greys(small: NDArray[np.uint8], places: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The grey values at those places that lie within the picture."""
    columns, rows = np.floor(places).astype(int).T
    inside = (rows >= 0) & (columns >= 0) & (rows < small.shape[0]) & (columns < small.shape[1])
    return np.asarray(small[rows[inside], columns[inside]])


def picture_print(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """256 bits of a picture: where it grows lighter from left to right, on a 16 x 16 grid."""
    small = Image.fromarray(grey).resize((_HASH_SIDE + 1, _HASH_SIDE), Image.Resampling.BOX)
    values = np.asarray(small, np.int16)
    return np.packbits(values[:, 1:] > values[:, :-1])
