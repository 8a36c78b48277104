"""The rule that sets a rule-out threshold: its table, its edge, and what it promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from training.errors import DataError
from training.statistics import misses_allowed, positives_needed, rule_out_threshold

examples = settings(max_examples=50, deadline=None)

TABLE = [(0.05, (59, 93, 124)), (0.02, (149, 236, 313)), (0.01, (299, 473, 628))]


@pytest.mark.parametrize(("alpha", "needed"), TABLE)
def test_positives_needed_for_none_one_or_two_misses(alpha: float, needed: tuple[int, ...]) -> None:
    for misses, positives in enumerate(needed):
        assert positives_needed(alpha, 0.05, misses) == positives
        assert misses_allowed(positives, alpha, 0.05) == misses
        fewer = misses_allowed(positives - 1, alpha, 0.05)
        assert fewer == (None if misses == 0 else misses - 1)


@examples
@given(
    st.integers(1, 800),
    st.sampled_from([0.01, 0.02, 0.05, 0.1]),
    st.sampled_from([0.01, 0.05, 0.1]),
)
def test_the_misses_allowed_are_the_most_that_hold(n: int, alpha: float, delta: float) -> None:
    misses = misses_allowed(n, alpha, delta)

    if misses is None:
        assert binom.cdf(0, n, alpha) > delta
    else:
        assert binom.cdf(misses, n, alpha) <= delta
        assert binom.cdf(misses + 1, n, alpha) > delta


@examples
@given(st.floats(0.005, 0.5), st.floats(0.01, 0.5), st.integers(0, 6))
def test_the_positives_needed_are_the_fewest(alpha: float, delta: float, misses: int) -> None:
    needed = positives_needed(alpha, delta, misses)

    assert binom.cdf(misses, needed, alpha) <= delta
    assert needed - 1 <= misses or binom.cdf(misses, needed - 1, alpha) > delta


def test_the_threshold_is_the_next_smallest_score() -> None:
    scores = np.arange(93, dtype=float)[::-1]

    assert rule_out_threshold(scores, 0.05, 0.05) == (1.0, 1)


def test_too_few_positives_refuse_rule_out() -> None:
    assert rule_out_threshold(np.arange(58.0), 0.05, 0.05) == (None, None)
    assert rule_out_threshold(np.array([]), 0.05, 0.05) == (None, None)


def test_a_positive_without_a_score_is_refused_not_sorted_to_the_end() -> None:
    scores = np.arange(93.0)
    scores[40] = np.nan

    with pytest.raises(DataError, match="score of positive 40"):
        rule_out_threshold(scores, 0.05, 0.05)


def test_the_guarantee_holds_as_often_as_it_says() -> None:
    """Over many calibrations the true miss rate exceeds alpha in at most a share delta."""
    chance, broken = np.random.default_rng(9), 0
    for _ in range(2000):
        threshold, _ = rule_out_threshold(chance.uniform(size=124), 0.05, 0.05)
        assert threshold is not None
        broken += threshold > 0.05  # the true miss rate of uniform scores is the threshold
    assert broken / 2000 <= 0.062
