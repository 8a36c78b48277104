"""Bootstrap intervals: bias-corrected and accelerated, by films or by patients."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from training.errors import DataError
from training.statistics.roc import weighted_areas
from training.statistics.values import Flags, Interval, Values, checked

Statistic: TypeAlias = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From (samples, n), how often each film counts, to (samples,); NaN where it does not exist."""

_CELLS = 2_000_000  # of a table of weights that is held at once: 16 MB
_MOST_WITHOUT = 0.5  # of the resamples that may be without a value, as with one class only


def bca_interval(
    statistic: Statistic,
    films: int,
    *,
    seed: int,
    groups: Sequence[Hashable] | None = None,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> Interval:
    """Bias-corrected and accelerated interval of any statistic (Efron 1987).

    Whole groups are drawn and, for the acceleration, left out, so that films of one patient stay
    together. Resamples in which the statistic does not exist, as an area with one class only,
    are left out of account.

    Args:
        statistic: See `Statistic`; `area` and `of_rows` make one.
        films: n.
        seed: The same seed gives the same interval.
        groups: (n,) for instance the patient of each film; None takes each film by itself.
        resamples: How many.
        confidence: Of the two-sided interval.

    Returns:
        The estimate on all films and its interval; a point where every resample gives the same.

    Raises:
        DataError: There are fewer than two groups, or the statistic does not exist on all films
            or on most resamples.
    """
    membership = _membership(films, groups)
    count = len(membership)
    if count < 2:  # noqa: PLR2004 - one patient cannot be resampled
        raise DataError("A bootstrap needs films of at least two patients.")
    estimate = float(statistic(np.ones((1, films)))[0])
    if np.isnan(estimate):
        raise DataError("The statistic does not exist on these films, as an area of one class.")
    chance = np.random.default_rng(seed)
    drawn = _of_chunks(
        statistic,
        membership,
        (_drawn(chance, size, count) for size in _sizes(resamples, films)),
    )
    if drawn.size < resamples * (1 - _MOST_WITHOUT):
        raise DataError(
            f"The statistic exists on {drawn.size} of {resamples} resamples only: there are too "
            "few films, or too few patients, of one class."
        )
    left_out = _of_chunks(statistic, membership, _left_out(count, films))
    return _bca(estimate, drawn, left_out, confidence)


def _membership(films: int, groups: Sequence[Hashable] | None) -> list[NDArray[np.int64]]:
    """Rows of the films of each group, groups in the order of their first film."""
    if groups is None:
        return [np.array([row]) for row in range(films)]
    if len(groups) != films:
        raise DataError(f"{len(groups)} groups do not go with {films} films.")
    rows: dict[Hashable, list[int]] = {}
    for row, group in enumerate(groups):
        rows.setdefault(group, []).append(row)
    return [np.array(members) for members in rows.values()]


def _sizes(resamples: int, films: int) -> list[int]:
    chunk = max(1, _CELLS // films)
    return [min(chunk, resamples - begin) for begin in range(0, resamples, chunk)]


def _drawn(chance: np.random.Generator, size: int, count: int) -> NDArray[np.float64]:
    """How often each of `count` groups is drawn in each of `size` resamples."""
    picks = chance.integers(0, count, (size, count)) + np.arange(size)[:, None] * count
    return np.bincount(picks.ravel(), minlength=size * count).reshape(size, count).astype(float)


def _left_out(count: int, films: int) -> list[NDArray[np.float64]]:
    """Every group left out once, in chunks."""
    chunk = max(1, _CELLS // films)
    return [
        1.0 - np.eye(min(chunk, count - begin), count, begin) for begin in range(0, count, chunk)
    ]


def _of_chunks(
    statistic: Statistic,
    membership: list[NDArray[np.int64]],
    chunks: Iterable[NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Values of the statistic for weights of groups; those that do not exist are left out."""
    group_of = np.empty(sum(map(len, membership)), np.int64)
    for group, rows in enumerate(membership):
        group_of[rows] = group
    values = np.concatenate([statistic(weights[:, group_of]) for weights in chunks])
    return np.asarray(values[~np.isnan(values)], np.float64)


def _bca(
    estimate: float, drawn: NDArray[np.float64], left_out: NDArray[np.float64], confidence: float
) -> Interval:
    """Percentiles of the resamples, shifted by the median bias and the acceleration."""
    below = (np.mean(drawn < estimate) + np.mean(drawn <= estimate)) / 2
    if drawn.min() == drawn.max():
        return Interval(estimate, estimate, estimate)
    half = 0.5 / len(drawn)  # keeps the bias finite when all resamples lie on one side
    bias = norm.ppf(np.clip(below, half, 1 - half))
    apart = left_out.mean() - left_out
    spread = np.sum(apart**2)
    acceleration = np.sum(apart**3) / (6 * spread**1.5) if spread > 0 else 0.0
    ends = bias + norm.ppf([(1 - confidence) / 2, (1 + confidence) / 2])
    shares = norm.cdf(bias + ends / (1 - acceleration * ends))
    low, high = np.quantile(drawn, shares)
    return Interval(estimate, float(low), float(high))


def area(scores: Values, positive: Flags) -> Statistic:
    """The area under the ROC curve of films (n,), for all resamples at once."""
    values, flags = checked(scores, positive)
    return lambda weights: weighted_areas(values, flags, weights)


def area_difference(first: Values, second: Values, positive: Flags) -> Statistic:
    """How much larger the first area is than the second, on the same films (n,)."""
    one, other = area(first, positive), area(second, positive)
    return lambda weights: one(weights) - other(weights)


def share(hits: Flags, among: Flags) -> Statistic:
    """Share of hits (n,) among some of the films (n,), for instance sensitivity."""
    counted = np.asarray(among, np.float64)
    hit = np.asarray(hits, np.float64) * counted

    def of_weights(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        whole = weights @ counted
        result = np.full(len(weights), np.nan)
        np.divide(weights @ hit, whole, out=result, where=whole > 0)
        return result

    return of_weights


def of_rows(function: Callable[[NDArray[np.int64]], float]) -> Statistic:
    """A statistic from a function of row numbers, each as often as the film counts."""

    def of_weights(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        rows = np.arange(weights.shape[1])
        return np.array([function(np.repeat(rows, one.astype(np.int64))) for one in weights])

    return of_weights
