"""SMOTE on pictures: as many of the rarer class as of the other, the rest made up between them.

Chawla et al. 2002, by imbalanced-learn: a new film lies between a film and one of its nearest
neighbours of the same class, pixel by pixel. Only films of the rarer class take part in that, so
only they are handed over, in 32-bit floats because 8-bit differences would wrap round; what comes
back is rounded to 8 bits. New films are made block by block: memory holds one block in floats.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from imblearn.over_sampling import SMOTE

from training.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_NEIGHBOURS: Final = 5  # the usual number, and imbalanced-learn's
_BLOCK: Final = 256
_LEAST: Final = 2  # films that something can lie between


@dataclass(frozen=True, slots=True, eq=False)
class Balanced:
    """Films with as many of one class as of the other.

    Attributes:
        pictures: (n, channels, rows, columns), the real ones first.
        present: (n,), whether the finding is there.
        made: How many of them are made up.
        neighbours: Among how many nearest neighbours each partner was drawn.
    """

    pictures: NDArray[np.uint8]
    present: NDArray[np.bool_]
    made: int
    neighbours: int


def balanced(
    pictures: NDArray[np.uint8],
    present: NDArray[np.bool_],
    seed: int,
    say: Callable[[str], None] = lambda _: None,
) -> Balanced:
    """Balance films by SMOTE.

    Args:
        pictures: (n, channels, rows, columns).
        present: (n,), whether the finding is there.
        seed: All chance follows from it.
        say: Takes a sentence when there are fewer neighbours than usual.

    Raises:
        DataError: The rarer class has fewer than two films.
    """
    rarer = present if present.sum() * 2 < len(present) else ~present
    few, missing = pictures[rarer], int(len(rarer) - 2 * rarer.sum())
    if missing <= 0:
        return Balanced(pictures, present, 0, 0)
    if len(few) < _LEAST:
        raise DataError(
            f"SMOTE needs at least {_LEAST} films of the rarer class and the training part has "
            f"{len(few)} of {len(rarer)}: give more films, or another finding with --target."
        )
    neighbours = min(_NEIGHBOURS, len(few) - 1)
    if neighbours < _NEIGHBOURS:
        say(f"SMOTE draws among {neighbours} neighbours, not {_NEIGHBOURS}: {len(few)} films only")
    fresh = _made(few, missing, neighbours, seed)
    label = bool(present[rarer][0])
    return Balanced(
        np.concatenate([pictures, fresh]),
        np.concatenate([present, np.full(missing, label)]),
        missing,
        neighbours,
    )


def _made(few: NDArray[np.uint8], missing: int, neighbours: int, seed: int) -> NDArray[np.uint8]:
    fresh = np.empty((missing, *few.shape[1:]), np.uint8)
    real = few.reshape(len(few), -1).astype(np.float32)
    # imbalanced-learn asks for a second class; none of its films is ever looked at.
    points = np.concatenate([real, np.zeros((1, real.shape[1]), np.float32)])
    classes = np.arange(len(points)) < len(few)
    for block, start in enumerate(range(0, missing, _BLOCK)):
        count = min(_BLOCK, missing - start)
        smote = SMOTE(
            sampling_strategy={True: len(few) + count},
            k_neighbors=neighbours,
            random_state=np.random.RandomState([seed, block]),  # it takes no Generator
        )
        grown, _ = smote.fit_resample(points, classes)
        made = np.rint(grown[len(points) :]).clip(0, 255).astype(np.uint8)
        fresh[start : start + count] = made.reshape(count, *few.shape[1:])
    return fresh
