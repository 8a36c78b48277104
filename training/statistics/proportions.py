"""Proportions: exact and score intervals, differences, and tests of two samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import betaincinv
from scipy.stats import norm

from training.errors import DataError
from training.statistics.values import Interval

Alternative = Literal["two-sided", "greater", "less"]


def _checked(successes: int, trials: int) -> None:
    if trials <= 0 or not 0 <= successes <= trials:
        raise DataError(
            f"{successes} of {trials} is no proportion: count at least one film, and no more "
            "successes than films."
        )


def clopper_pearson(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Exact two-sided interval of a proportion (Clopper and Pearson 1934).

    The lower bound of none is 0, the upper bound of all is 1. The lower bound alone, with
    ``confidence`` 0.90, is the one-sided bound of 95 %.

    Raises:
        DataError: There are no trials, or more successes than trials.
    """
    _checked(successes, trials)
    tail = (1 - confidence) / 2
    low = 0.0 if successes == 0 else float(betaincinv(successes, trials - successes + 1, tail))
    high = (
        1.0
        if successes == trials
        else float(betaincinv(successes + 1, trials - successes, 1 - tail))
    )
    return Interval(successes / trials, low, high)


def wilson(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Score interval of a proportion (Wilson 1927), without continuity correction.

    Raises:
        DataError: There are no trials, or more successes than trials.
    """
    _checked(successes, trials)
    z = float(norm.ppf((1 + confidence) / 2))
    share = successes / trials
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    reach = z * np.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    reach /= 1 + z * z / trials
    low = 0.0 if successes == 0 else float(middle - reach)
    high = 1.0 if successes == trials else float(middle + reach)
    return Interval(share, low, high)


def newcombe_difference(
    first: tuple[int, int], second: tuple[int, int], confidence: float = 0.95
) -> Interval:
    """Difference of two independent proportions (Newcombe 1998, method 10).

    Args:
        first: Successes and trials.
        second: Successes and trials of another sample.
        confidence: Of the two-sided interval.

    Raises:
        DataError: There are no trials, or more successes than trials.
    """
    one, other = wilson(*first, confidence), wilson(*second, confidence)
    difference = one.estimate - other.estimate
    below = np.hypot(one.estimate - one.low, other.high - other.estimate)
    above = np.hypot(one.high - one.estimate, other.estimate - other.low)
    return Interval(difference, float(difference - below), float(difference + above))


@dataclass(frozen=True, slots=True)
class ZTest:
    """A test that is referred to the normal distribution.

    Attributes:
        z: The statistic.
        p: Under the alternative that was asked for.
    """

    z: float
    p: float


def two_proportion_z(
    first: tuple[int, int], second: tuple[int, int], alternative: Alternative = "two-sided"
) -> ZTest:
    """Test whether two independent proportions are equal, with the pooled variance.

    For two models on the same films it is the wrong test: `mcnemar` is the right one.

    Args:
        first: Successes and trials.
        second: Successes and trials of another sample.
        alternative: ``"greater"`` asks whether the first proportion is the larger.

    Returns:
        z is 0 where both proportions are 0 or both are 1: the pooled variance is 0 then, and
        nothing speaks against equality.

    Raises:
        DataError: There are no trials, or more successes than trials.
    """
    _checked(*first)
    _checked(*second)
    pooled = (first[0] + second[0]) / (first[1] + second[1])
    error = float(np.sqrt(pooled * (1 - pooled) * (1 / first[1] + 1 / second[1])))
    z = 0.0 if error == 0 else (first[0] / first[1] - second[0] / second[1]) / error
    if alternative == "two-sided":
        return ZTest(z, float(2 * norm.sf(abs(z))))
    return ZTest(z, float(norm.sf(z) if alternative == "greater" else norm.cdf(z)))
