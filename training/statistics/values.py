"""What statistics take and give: scores, truths, intervals; and what they refuse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.errors import DataError

Values = NDArray[np.floating[Any]]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its confidence interval."""

    estimate: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.estimate:.3f} [{self.low:.3f}, {self.high:.3f}]"


def checked(scores: Values, positive: Flags, least: int = 1) -> tuple[Values, Flags]:
    """Refuse what no statistic of scores and truths can be made of.

    Args:
        scores: (n,).
        positive: (n,).
        least: How many positives, and how many negatives, are needed.

    Returns:
        Both as arrays, the scores as float64.

    Raises:
        DataError: Lengths differ, a score is not a number, or there are too few of a class.
    """
    values, flags = np.asarray(scores, np.float64), np.asarray(positive, np.bool_)
    if values.ndim != 1 or values.shape != flags.shape:
        raise DataError(
            f"{values.shape} scores do not go with {flags.shape} truths: give one of each a film."
        )
    refuse_missing(values, "score")
    positives = int(flags.sum())
    negatives = len(flags) - positives
    if min(positives, negatives) < least:
        raise DataError(
            f"There are {positives} positives and {negatives} negatives, and at least {least} of "
            "each are needed: add films of the rarer class."
        )
    return values, flags


def refuse_missing(values: Values, name: str) -> None:
    """Refuse values that are no numbers.

    Raises:
        DataError: One is NaN; the message names the first.
    """
    missing = np.flatnonzero(np.isnan(values))
    if missing.size:
        raise DataError(
            f"{name} {int(missing[0])} (counted from 0) is NaN, and {missing.size} in all: leave "
            "these films out, or give them a value."
        )
