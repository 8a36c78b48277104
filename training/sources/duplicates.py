"""Films that nearly repeat each other: by the shape of their landmarks and by their pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.spatial import cKDTree

from training.sources.landmarks import COUNT, shape_of
from training.values import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from training.sources.survey import Survey
    from training.values import FilmRecord

SHAPE_DISTANCE: Final = 0.012  # root mean square, as a share of the spread of the landmarks
PRINT_BITS: Final = 20  # of 256
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
    for pair in same_print([seen.print for seen in surveys]):
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
    """Pairs of films whose landmarks differ only in place and size."""
    shapes = {
        number: shape
        for number, film in enumerate(films)
        if film.landmarks is not None and (shape := shape_of(film.landmarks)) is not None
    }
    if not shapes:
        return []
    numbers = list(shapes)
    reach = SHAPE_DISTANCE * np.sqrt(2 * COUNT) / np.sqrt(COUNT)
    tree = cKDTree(np.array(list(shapes.values())))
    return [
        (min(numbers[one], numbers[other]), max(numbers[one], numbers[other]))
        for one, other in sorted(tree.query_pairs(reach))
    ]


def same_print(prints: Sequence[np.ndarray]) -> list[Pair]:
    """Pairs of pictures whose prints differ in few bits."""
    if not prints:
        return []
    bits = np.unpackbits(np.stack(prints), axis=1).astype(np.float32) * 2 - 1
    least = bits.shape[1] - 2 * PRINT_BITS
    found = []
    for begin in range(0, len(bits), _CHUNK):
        alike = bits[begin : begin + _CHUNK] @ bits.T >= least
        for one, other in np.argwhere(alike):
            if begin + one < other:
                found.append((int(begin + one), int(other)))
    return found


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
