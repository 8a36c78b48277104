"""The hand-written statistics against scipy, scikit-learn and the printed figures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest
from sklearn.metrics import roc_auc_score

from training.statistics import (
    area_under_curve,
    clopper_pearson,
    delong_interval,
    misses_allowed,
    rule_out_threshold,
)


@given(
    st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=4, max_size=60).filter(
        lambda rows: 2 <= sum(flag for _, flag in rows) <= len(rows) - 2
    )
)
def test_the_area_is_that_of_scikit_learn_ties_included(rows: list[tuple[int, bool]]) -> None:
    scores = np.array([score for score, _ in rows], float)
    positive = np.array([flag for _, flag in rows])

    expected = roc_auc_score(positive, scores)

    assert area_under_curve(scores, positive) == pytest.approx(expected)
    assert delong_interval(scores, positive).estimate == pytest.approx(expected)


def test_delong_on_hard_labels_gives_the_interval_that_a_paper_printed() -> None:
    """TP 22, FN 7, TN 32, FP 1 (Lee, Shin, Chang 2022): AUC .864 [.780, .949]."""
    positive = np.repeat([True, False], [29, 33])
    called = np.repeat([1.0, 0.0, 0.0, 1.0], [22, 7, 32, 1])

    interval = delong_interval(called, positive)

    assert interval.estimate == pytest.approx(0.8642, abs=5e-5)
    assert interval.low == pytest.approx(0.7795, abs=5e-5)
    assert interval.high == pytest.approx(0.9488, abs=5e-5)


def test_delong_covers_the_truth_about_as_often_as_it_says() -> None:
    """Two normal distributions one deviation apart: the true area is Phi(1 / sqrt 2)."""
    chance, truth, covered = np.random.default_rng(4), 0.7602, 0
    positive = np.repeat([True, False], [60, 60])
    for _ in range(400):
        interval = delong_interval(chance.normal(np.where(positive, 1, 0)), positive)
        covered += interval.low <= truth <= interval.high
    assert 0.91 <= covered / 400 <= 0.98


def test_an_interval_reads_as_estimate_and_bounds() -> None:
    assert str(clopper_pearson(25, 50)) == "0.500 [0.355, 0.645]"


@given(
    st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    st.sampled_from([0.9, 0.95, 0.99]),
)
def test_clopper_pearson_is_the_exact_interval_of_scipy(
    counts: tuple[int, int], confidence: float
) -> None:
    successes, trials = counts

    ours = clopper_pearson(successes, trials, confidence)
    theirs = binomtest(successes, trials).proportion_ci(confidence, method="exact")

    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@pytest.mark.parametrize(("hits", "bound"), [(25, 0.887), (29, 0.902)])
def test_no_miss_among_few_shows_little(hits: int, bound: float) -> None:
    """The one-sided 95 % bounds of 25 of 25 and 29 of 29."""
    assert clopper_pearson(hits, hits, 0.90).low == pytest.approx(bound, abs=5e-4)


@pytest.mark.parametrize(
    ("alpha", "needed"),
    [(0.05, (59, 93, 124)), (0.02, (149, 236, 313)), (0.01, (299, 473, 628))],
)
def test_positives_needed_for_none_one_or_two_misses(alpha: float, needed: tuple[int, ...]) -> None:
    for misses, positives in enumerate(needed):
        assert misses_allowed(positives, alpha, 0.05) == misses
        fewer = misses_allowed(positives - 1, alpha, 0.05)
        assert fewer == (None if misses == 0 else misses - 1)


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


def test_the_threshold_is_the_next_smallest_score() -> None:
    scores = np.arange(93, dtype=float)[::-1]

    assert rule_out_threshold(scores, 0.05, 0.05) == (1.0, 1)


def test_too_few_positives_refuse_rule_out() -> None:
    assert rule_out_threshold(np.arange(58.0), 0.05, 0.05) == (None, None)
    assert rule_out_threshold(np.array([]), 0.05, 0.05) == (None, None)


def test_the_guarantee_holds_as_often_as_it_says() -> None:
    """Over many calibrations the true miss rate exceeds alpha in at most a share delta."""
    chance, broken = np.random.default_rng(9), 0
    for _ in range(2000):
        threshold, _ = rule_out_threshold(chance.uniform(size=124), 0.05, 0.05)
        assert threshold is not None
        broken += threshold > 0.05  # the true miss rate of uniform scores is the threshold
    assert broken / 2000 <= 0.062
