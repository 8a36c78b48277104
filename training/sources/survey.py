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


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """What is kept of a film that was looked at.

    Attributes:
        size: Columns and rows of the decoded picture.
        masked: Parts that show no patient.
        frame: The part that is the film, None for the whole.
        inverted: Whether bone is dark.
        print: uint8 (32,), 256 bits that a nearly equal picture has nearly all in common.
        pixels: Digest of the decoded pixels.
    """

    size: tuple[int, int]
    masked: tuple[Box, ...]
    frame: Box | None
    inverted: bool
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
    grey = colours.mean(axis=2, dtype=np.float32).astype(np.uint8)
    film = cut(blanked(grey, overlays.masked) if overlays.masked else grey, overlays.frame)
    return Survey(
        size=(colours.shape[1], colours.shape[0]),
        masked=overlays.masked,
        frame=overlays.frame,
        inverted=False,
        print=picture_print(film),
        pixels=hashlib.sha256(colours.tobytes()).hexdigest(),
    )


def picture_print(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """256 bits of a picture: where it grows lighter from left to right, on a 16 x 16 grid."""
    small = Image.fromarray(grey).resize((_HASH_SIDE + 1, _HASH_SIDE), Image.Resampling.BOX)
    values = np.asarray(small, np.int16)
    return np.packbits(values[:, 1:] > values[:, :-1])
