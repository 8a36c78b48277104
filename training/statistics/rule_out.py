"""The rule that sets a rule-out threshold on calibration positives, and what it needs."""

from __future__ import annotations

import numpy as np
from scipy.stats import binom

from training.statistics.values import Values, refuse_missing


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


def positives_needed(alpha: float, delta: float, misses: int = 0) -> int:
    """Fewest calibration positives among which that many misses are allowed.

    Args:
        alpha: Highest miss rate, between 0 and 1.
        delta: Risk that the statement is wrong, between 0 and 1.
        misses: How many.
    """
    most = misses + 1
    while binom.cdf(misses, most, alpha) > delta:
        most *= 2
    fewest = misses
    while most - fewest > 1:
        middle = (fewest + most) // 2
        if binom.cdf(misses, middle, alpha) <= delta:
            most = middle
        else:
            fewest = middle
    return most


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

    Raises:
        DataError: A score is NaN.
    """
    refuse_missing(np.asarray(positive_scores), "score of positive")
    allowed = misses_allowed(len(positive_scores), alpha, delta)
    if allowed is None:
        return None, None
    return float(np.sort(positive_scores)[allowed]), allowed
