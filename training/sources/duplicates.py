"""Films that nearly repeat each other: by the shape of their landmarks and by their pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from training.sources.landmarks import shape_of
from training.values import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from training.sources.survey import Survey
    from training.values import FilmRecord

# Distances of shapes of unit length. In the atlas, cases 3219 to 3253 are the films of cases 3255
# to 3290 marked anew, at 0.011 to 0.024 from each other; among strangers 1 pair in 100,000 is
# nearer than 0.018 and 1 in 5,000 nearer than 0.025.
SAME_SHAPE: Final = 0.0175
SAME_SHAPE_AND_PERSON: Final = (
    0.025  # for films of the same sex whose ages differ by a year at most
)
PRINT_BITS: Final = 24  # of 256 that may differ; above that pictures are not compared at all
SAME_PICTURE: Final = 0.82  # correlation of fine detail: the same film copied anew .85, others .47
_SIDE: Final = 64
_COARSE: Final = 3.0  # pixels of those 64 beyond which detail does not count
_SHIFT: Final = 6  # pixels of those 64 that one copy may be cut differently
_CHUNK: Final = 1024

Pair = tuple[int, int]


def grouped(
    films: Sequence[FilmRecord], surveys: Sequence[Survey], faults: Sequence[Fault]
) -> tuple[tuple[FilmRecord, ...], tuple[Fault, ...]]:
    """Put films that nearly repeat each other, and films of one patient, into one group.

    Args:
        films: The films.
        surveys: What was seen of each.
        faults: What is known to be wrong already.

    Returns:
        The films with their groups, and the faults with one for each pair of near-duplicates.
    """
    found = [*faults]
    pairs = {**dict.fromkeys(same_shape(films), "landmarks of the same shape")}
    for pair in same_picture([seen.print for seen in surveys], [seen.small for seen in surveys]):
        alike = "the same picture"
        pairs[pair] = f"{pairs[pair]} and {alike}" if pair in pairs else alike
    for (one, other), why in sorted(pairs.items()):
        what = f"{why} as {films[other].film}"
        found.append(Fault(films[one].film, what, "kept in one group", "near-duplicate"))
    first: dict[str, int] = {}
    of_patients = [(first.setdefault(film.group, n), n) for n, film in enumerate(films)]
    leaders = _leaders(len(films), [*pairs, *of_patients])
    return (
        tuple(
            replace(film, group=films[leader].group)
            for film, leader in zip(films, leaders, strict=True)
        ),
        tuple(found),
    )


def same_shape(films: Sequence[FilmRecord]) -> list[Pair]:
    """Pairs of films whose landmarks differ only in place and size.

    Films of possibly one person may differ a little more than films of two.
    """
    shapes = {
        number: shape
        for number, film in enumerate(films)
        if film.landmarks is not None and (shape := shape_of(film.landmarks)) is not None
    }
    if not shapes:
        return []
    numbers, places = list(shapes), np.array(list(shapes.values()))
    found = []
    for one, other in sorted(cKDTree(places).query_pairs(SAME_SHAPE_AND_PERSON)):
        first, second = sorted((numbers[one], numbers[other]))
        near = np.linalg.norm(places[one] - places[other]) <= SAME_SHAPE
        if near or _may_be_one(films[first], films[second]):
            found.append((first, second))
    return found


def _may_be_one(one: FilmRecord, other: FilmRecord) -> bool:
    if one.age_years is None or other.age_years is None:
        return False
    return one.sex == other.sex != "" and abs(one.age_years - other.age_years) <= 1


def same_picture(
    prints: Sequence[NDArray[np.uint8]], pictures: Sequence[NDArray[np.uint8]]
) -> list[Pair]:
    """Pairs of pictures that show the same film, also when it was copied or cut anew.

    Args:
        prints: uint8 (32,) of each, from `training.sources.survey.picture_print`.
        pictures: Each reduced, uint8 (rows, columns).

    Returns:
        Pairs whose prints differ in few bits and whose fine detail correlates.
    """
    if not prints:
        return []
    bits = np.unpackbits(np.stack(prints), axis=1).astype(np.float32) * 2 - 1
    least = bits.shape[1] - 2 * PRINT_BITS
    found = []
    for begin in range(0, len(bits), _CHUNK):
        alike = bits[begin : begin + _CHUNK] @ bits.T >= least
        for one, other in np.argwhere(alike):
            pair = int(begin + one), int(other)
            if pair[0] < pair[1] and _correlation(*(pictures[n] for n in pair)) >= SAME_PICTURE:
                found.append(pair)
    return found


def _correlation(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """The highest correlation of fine detail over small shifts."""
    first, second = (np.fft.rfft2(_detail(picture)) for picture in (one, other))
    shifted = np.fft.fftshift(np.fft.irfft2(first * np.conj(second), (_SIDE, _SIDE)))
    near = slice(_SIDE // 2 - _SHIFT, _SIDE // 2 + _SHIFT + 1)
    return float(shifted[near, near].max())


def _detail(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A picture without its coarse parts, faded out towards its edges, of unit length."""
    small = Image.fromarray(picture).resize((_SIDE, _SIDE), Image.Resampling.BOX)
    grey = np.asarray(small, np.float32)
    grey = grey - gaussian_filter(grey, _COARSE)
    window = np.hanning(_SIDE + 2)[1:-1]
    grey = (grey - grey.mean()) * np.sqrt(np.outer(window, window))
    return np.asarray(grey / max(float(np.linalg.norm(grey)), 1e-6), np.float32)


def _leaders(count: int, pairs: Iterable[Pair]) -> list[int]:
    """For each film the first of all that pairs connect it with."""
    leaders = list(range(count))

    def leader(number: int) -> int:
        while leaders[number] != number:
            number = leaders[number]
        return number

    for one, other in pairs:
        low, high = sorted((leader(one), leader(other)))
        leaders[high] = low
    return [leader(number) for number in range(count)]
