"""The statistics that a certificate and a card stand on; written here, tested against others.

Area under the curve with DeLong's variance, Clopper and Pearson's interval, and the rule that
sets a rule-out threshold on calibration positives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv
from scipy.stats import binom, norm, rankdata

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


def area_under_curve(scores: Values, positive: Flags) -> float:
    """Probability that a positive scores above a negative, ties counting half (Mann-Whitney).

    Args:
        scores: (n,).
        positive: (n,), with at least one positive and one negative.
    """
    ranks = rankdata(scores)
    positives = int(positive.sum())
    negatives = len(scores) - positives
    above = ranks[positive].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def delong_interval(scores: Values, positive: Flags, confidence: float = 0.95) -> Interval:
    """AUC with a normal interval from the structural components (DeLong et al. 1988).

    The components come from mid-ranks (Sun and Xu 2014). The interval is not cut off at 1.

    Args:
        scores: (n,).
        positive: (n,), with at least two positives and two negatives.
        confidence: Of the two-sided interval.
    """
    high, low = scores[positive], scores[~positive]
    together = rankdata(np.concatenate([high, low]))
    by_positive = (together[: len(high)] - rankdata(high)) / len(low)
    by_negative = 1 - (together[len(high) :] - rankdata(low)) / len(high)
    variance = by_positive.var(ddof=1) / len(high) + by_negative.var(ddof=1) / len(low)
    estimate = float(by_positive.mean())
    reach = float(norm.ppf((1 + confidence) / 2) * np.sqrt(variance))
    return Interval(estimate, estimate - reach, estimate + reach)


def clopper_pearson(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Exact two-sided interval of a proportion (Clopper and Pearson 1934)."""
    tail = (1 - confidence) / 2
    low = 0.0 if successes == 0 else float(betaincinv(successes, trials - successes + 1, tail))
    high = (
        1.0
        if successes == trials
        else float(betaincinv(successes + 1, trials - successes, 1 - tail))
    )
    return Interval(successes / trials, low, high)


def misses_allowed(positives: int, alpha: float, delta: float) -> int | None:
    """Largest k with BinomCDF(k; n, alpha) <= delta.

    Ruling out k calibration positives or fewer then shows, with confidence 1 - delta, a miss
    rate of at most alpha.

    Args:
        positives: Calibration positives n.
        alpha: Highest miss rate.
        delta: Risk that the statement is wrong.

    Returns:
        k, or None when even no miss at all shows nothing: too few positives.
    """
    allowed = np.flatnonzero(binom.cdf(np.arange(positives + 1), positives, alpha) <= delta)
    return int(allowed[-1]) if allowed.size else None


def rule_out_threshold(
    positive_scores: Values, alpha: float, delta: float
) -> tuple[float | None, int | None]:
    """Set the threshold strictly below which a finding is ruled out.

    Args:
        positive_scores: Scores of the calibration positives.
        alpha: Highest miss rate.
        delta: Risk that the statement is wrong.

    Returns:
        The (k + 1)-th smallest score and k, or (None, None) where rule-out is refused.
    """
    allowed = misses_allowed(len(positive_scores), alpha, delta)
    if allowed is None:
        return None, None
    return float(np.sort(positive_scores)[allowed]), allowed
