"""Two models on the same films: McNemar's test, the paired difference, and many tests at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import binom, chi2

from training.errors import DataError
from training.statistics.proportions import wilson
from training.statistics.values import Flags, Interval

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Discordance:
    """On how many of the same films two models were right.

    Attributes:
        both: Both were right.
        first: Only the first was.
        second: Only the second was.
        neither: Neither was.
    """

    both: int
    first: int
    second: int
    neither: int

    @classmethod
    def count(cls, first_right: Flags, second_right: Flags) -> Discordance:
        """Count films (n,) by who was right.

        Raises:
            DataError: The numbers of films differ.
        """
        one, other = np.asarray(first_right, np.bool_), np.asarray(second_right, np.bool_)
        if one.shape != other.shape:
            raise DataError(f"{len(one)} and {len(other)} films are no pairs: give the same films.")
        return cls(
            int((one & other).sum()),
            int((one & ~other).sum()),
            int((~one & other).sum()),
            int((~one & ~other).sum()),
        )

    @property
    def films(self) -> int:
        """All films."""
        return self.both + self.first + self.second + self.neither


def mcnemar_exact(table: Discordance) -> float:
    """Two-sided p of the binomial test on the films where only one was right (McNemar 1947).

    Without any such film p is 1.
    """
    fewer, discordant = min(table.first, table.second), table.first + table.second
    return min(1.0, float(2 * binom.cdf(fewer, discordant, 0.5)))


def mcnemar_asymptotic(table: Discordance, *, corrected: bool = True) -> float:
    """Two-sided p of McNemar's chi-square with one degree of freedom.

    Args:
        table: The films.
        corrected: Whether the difference is brought 1 nearer to 0 (Edwards 1948). For fewer
            than about 25 discordant films the exact test is to be preferred.

    Returns:
        1 without any discordant film.
    """
    discordant = table.first + table.second
    if not discordant:
        return 1.0
    apart = max(0, abs(table.first - table.second) - (1 if corrected else 0))
    return float(chi2.sf(apart * apart / discordant, 1))


def paired_difference(table: Discordance, confidence: float = 0.95) -> Interval:
    """Difference of two proportions on the same films, first minus second.

    Newcombe 1998 (Stat Med 17:2635), method 10: Wilson's limits of both, and the correlation of
    the pairs with its continuity correction.

    Raises:
        DataError: There is no film.
    """
    films = table.films
    one = wilson(table.both + table.first, films, confidence)
    other = wilson(table.both + table.second, films, confidence)
    correlation = _correlation(table)
    difference = (table.first - table.second) / films
    below = _reach(one.estimate - one.low, other.high - other.estimate, correlation)
    above = _reach(one.high - one.estimate, other.estimate - other.low, correlation)
    return Interval(difference, difference - below, difference + above)


def _correlation(table: Discordance) -> float:
    margins = (
        (table.both + table.first)
        * (table.second + table.neither)
        * (table.both + table.second)
        * (table.first + table.neither)
    )
    if not margins:
        return 0.0
    product = float(table.both * table.neither - table.first * table.second)
    if product > 0:
        product = max(product - table.films / 2, 0.0)
    return product / math.sqrt(margins)


def _reach(one: float, other: float, correlation: float) -> float:
    return float(np.sqrt(max(0.0, one * one - 2 * correlation * one * other + other * other)))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for their number by steps downward (Holm 1979).

    Returns:
        In the order given; the chance of any false rejection is at most the level.
    """
    order = np.argsort(p_values, kind="stable")
    count = len(p_values)
    scaled = [(count - place) * float(p_values[index]) for place, index in enumerate(order)]
    adjusted = np.minimum(np.maximum.accumulate(scaled), 1.0)
    result = [0.0] * count
    for place, index in enumerate(order):
        result[int(index)] = float(adjusted[place])
    return result
