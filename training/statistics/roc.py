"""Ranking: the area under the ROC curve, its intervals and tests, and the curves themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm, rankdata

from training.errors import DataError
from training.statistics.values import Flags, Interval, Values, checked

if TYPE_CHECKING:
    from numpy.typing import NDArray


def area_under_curve(scores: Values, positive: Flags) -> float:
    """Probability that a positive scores above a negative, ties counting half.

    That is the Mann-Whitney statistic over the number of pairs (Hanley and McNeil 1982), from
    mid-ranks.

    Args:
        scores: (n,); higher means more suspicious.
        positive: (n,).

    Raises:
        DataError: There is only one class, or a score is NaN.
    """
    scores, positive = checked(scores, positive)
    positives = int(positive.sum())
    negatives = len(scores) - positives
    above = rankdata(scores)[positive].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def weighted_areas(scores: Values, positive: Flags, weights: Values) -> NDArray[np.float64]:
    """AUC of many weighted samples of the same films at once.

    Args:
        scores: (n,).
        positive: (n,).
        weights: (samples, n), how often each film counts in each sample.

    Returns:
        (samples,); NaN where a sample has one class only.
    """
    scores, positive = checked(scores, positive)
    order = np.argsort(scores, kind="stable")
    begins = np.flatnonzero(np.append(True, scores[order][1:] != scores[order][:-1]))
    ordered = np.asarray(weights, np.float64)[:, order]
    high = np.add.reduceat(ordered * positive[order], begins, axis=1)
    low = np.add.reduceat(ordered * ~positive[order], begins, axis=1)
    below = np.cumsum(low, axis=1) - low / 2
    pairs = high.sum(axis=1) * low.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((high * below).sum(axis=1) / pairs)


def _components(scores: Values, positive: Flags) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Structural components of every positive and of every negative, from mid-ranks.

    DeLong et al. 1988; the mid-ranks are those of Sun and Xu 2014.
    """
    high, low = scores[positive], scores[~positive]
    together = rankdata(np.concatenate([high, low]))
    by_positive = (together[: len(high)] - rankdata(high)) / len(low)
    by_negative = 1 - (together[len(high) :] - rankdata(low)) / len(high)
    return by_positive, by_negative


def _delong(scores: Values, positive: Flags) -> tuple[float, float]:
    """AUC and its DeLong variance."""
    scores, positive = checked(scores, positive, least=2)
    by_positive, by_negative = _components(scores, positive)
    variance = by_positive.var(ddof=1) / len(by_positive)
    variance += by_negative.var(ddof=1) / len(by_negative)
    return float(by_positive.mean()), float(variance)


def delong_interval(scores: Values, positive: Flags, confidence: float = 0.95) -> Interval:
    """AUC with a normal interval from the structural components (DeLong et al. 1988).

    The interval is not cut off at 1. With perfect separation the variance is 0 and the interval
    a point, which says too much: `delong_logit_interval` is to be preferred near 1.

    Args:
        scores: (n,).
        positive: (n,), with at least two positives and two negatives.
        confidence: Of the two-sided interval.

    Raises:
        DataError: There are too few of a class, or a score is NaN.
    """
    estimate, variance = _delong(scores, positive)
    reach = float(norm.ppf((1 + confidence) / 2) * np.sqrt(variance))
    return Interval(estimate, estimate - reach, estimate + reach)


def delong_logit_interval(scores: Values, positive: Flags, confidence: float = 0.95) -> Interval:
    """AUC with an interval that is normal on the logit scale, hence inside 0 to 1 (Pepe 2003).

    Where positives and negatives are wholly apart, DeLong's variance is 0 and the logit is
    infinite. The bound is then that of perfect separation of the smaller class: no pair was in
    the wrong order, so the one-sided Clopper-Pearson bound of that many successes out of as many
    is taken, which is conservative.

    Args:
        scores: (n,).
        positive: (n,), with at least two positives and two negatives.
        confidence: Of the two-sided interval.

    Raises:
        DataError: There are too few of a class, or a score is NaN.
    """
    estimate, variance = _delong(scores, positive)
    if estimate in (0.0, 1.0):
        fewer = min(int(np.sum(positive)), int(np.sum(~np.asarray(positive, np.bool_))))
        bound = float(((1 - confidence) / 2) ** (1 / fewer))
        return Interval(estimate, min(estimate, bound), max(estimate, 1 - bound))
    spread = np.sqrt(variance) / (estimate * (1 - estimate))
    reach = norm.ppf((1 + confidence) / 2) * spread
    low, high = expit(logit(estimate) + np.array([-reach, reach]))
    return Interval(estimate, float(low), float(high))


@dataclass(frozen=True, slots=True)
class DelongTest:
    """Two areas on the same films.

    Attributes:
        first: AUC of the first scores.
        second: AUC of the second scores.
        difference: First minus second, with its interval.
        z: The difference in standard errors; 0 where neither differs on any pair of films.
        p: Two-sided.
    """

    first: float
    second: float
    difference: Interval
    z: float
    p: float


def delong_test(
    first: Values, second: Values, positive: Flags, confidence: float = 0.95
) -> DelongTest:
    """Test whether two scores rank the same films equally well (DeLong et al. 1988, paired).

    Args:
        first: (n,).
        second: (n,), of the same films in the same order.
        positive: (n,), with at least two positives and two negatives.
        confidence: Of the interval of the difference.

    Raises:
        DataError: There are too few of a class, a score is NaN, or lengths differ.
    """
    first, positive = checked(first, positive, least=2)
    second, _ = checked(second, positive, least=2)
    of_first, of_second = _components(first, positive), _components(second, positive)
    apart = [one - other for one, other in zip(of_first, of_second, strict=True)]
    error = float(np.sqrt(sum(part.var(ddof=1) / len(part) for part in apart)))
    areas = float(of_first[0].mean()), float(of_second[0].mean())
    difference = areas[0] - areas[1]
    reach = float(norm.ppf((1 + confidence) / 2)) * error
    interval = Interval(difference, difference - reach, difference + reach)
    if error == 0:
        alike = np.isclose(difference, 0)
        return DelongTest(*areas, interval, 0.0 if alike else float("inf"), 1.0 if alike else 0.0)
    z = difference / error
    return DelongTest(*areas, interval, z, float(2 * norm.sf(abs(z))))


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A curve over all thresholds, from calling nothing positive to calling everything so.

    Attributes:
        x: (points,).
        y: (points,).
        thresholds: (points,); positive is called at or above; the first is infinite.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    thresholds: NDArray[np.float64]


def roc_curve(scores: Values, positive: Flags) -> Curve:
    """1 - specificity (x) and sensitivity (y) at every threshold.

    Args:
        scores: (n,).
        positive: (n,).

    Raises:
        DataError: There is only one class, or a score is NaN.
    """
    scores, positive = checked(scores, positive)
    thresholds, true, false = _counts(scores, positive)
    return Curve(false / false[-1], true / true[-1], thresholds)


def precision_recall_curve(scores: Values, positive: Flags) -> Curve:
    """Recall (x) and precision (y) at every threshold; precision begins at 1 by convention.

    Args:
        scores: (n,).
        positive: (n,).

    Raises:
        DataError: There is only one class, or a score is NaN.
    """
    scores, positive = checked(scores, positive)
    thresholds, true, false = _counts(scores, positive)
    called = true + false
    precision = np.where(called > 0, true / np.maximum(called, 1), 1.0)
    return Curve(true / true[-1], precision, thresholds)


def average_precision(scores: Values, positive: Flags) -> float:
    """Precision averaged over the steps of recall, without interpolation.

    Args:
        scores: (n,).
        positive: (n,).

    Raises:
        DataError: There is only one class, or a score is NaN.
    """
    curve = precision_recall_curve(scores, positive)
    return float(np.sum(np.diff(curve.x) * curve.y[1:]))


def _counts(
    scores: Values, positive: Flags
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Thresholds, and true and false positives at or above each of them."""
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(scores[order][1:] != scores[order][:-1], True))
    true = np.cumsum(positive[order])[ends]
    thresholds = np.concatenate([[np.inf], scores[order][ends]])
    zero = [0.0]
    return thresholds, np.concatenate([zero, true]), np.concatenate([zero, ends + 1 - true])


def youden_threshold(scores: Values, positive: Flags) -> float:
    """Score at or above which calling positive makes sensitivity + specificity largest.

    Youden 1950. Among equals the highest threshold is taken.

    Args:
        scores: (n,).
        positive: (n,).

    Raises:
        DataError: There is only one class, or a score is NaN.
    """
    curve = roc_curve(scores, positive)
    return float(curve.thresholds[1:][np.argmax((curve.y - curve.x)[1:])])


def threshold_at_sensitivity(scores: Values, positive: Flags, sensitivity: float) -> float:
    """Highest score at or above which at least that share of positives lies.

    Args:
        scores: (n,).
        positive: (n,).
        sensitivity: Above 0, at most 1.

    Raises:
        DataError: There is only one class, a score is NaN, or the share is out of range.
    """
    if not 0 < sensitivity <= 1:
        raise DataError(f"A sensitivity of {sensitivity:g} is not above 0 and at most 1.")
    curve = roc_curve(scores, positive)
    return float(curve.thresholds[np.argmax(curve.y >= sensitivity - 1e-12)])
