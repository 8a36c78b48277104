"""Intervals of proportions, their differences, and the z test: against scipy and tables."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, chi2_contingency

from training.errors import DataError
from training.statistics import clopper_pearson, newcombe_difference, two_proportion_z, wilson

examples = settings(max_examples=50, deadline=None)

counts = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def test_an_interval_reads_as_estimate_and_bounds() -> None:
    assert str(clopper_pearson(25, 50)) == "0.500 [0.355, 0.645]"


@examples
@given(counts, st.sampled_from([0.9, 0.95, 0.99]))
def test_exact_and_score_intervals_are_those_of_scipy(films, confidence) -> None:
    successes, trials = films

    for function, method in ((clopper_pearson, "exact"), (wilson, "wilson")):
        ours = function(successes, trials, confidence)
        theirs = binomtest(successes, trials).proportion_ci(confidence, method=method)
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@pytest.mark.parametrize(
    ("films", "exact", "score"),
    [
        ((81, 263), (0.2527, 0.3676), (0.2553, 0.3662)),
        ((15, 148), (0.0578, 0.1617), (0.0624, 0.1605)),
        ((0, 20), (0.0, 0.1684), (0.0, 0.1611)),
        ((1, 29), (0.0009, 0.1776), (0.0061, 0.1718)),
    ],
)
def test_the_examples_of_newcombe_s_comparison_of_seven_methods(films, exact, score) -> None:
    """Newcombe 1998, Stat Med 17:857."""
    ours, other = clopper_pearson(*films), wilson(*films)

    assert (ours.low, ours.high) == pytest.approx(exact, abs=5e-5)
    assert (other.low, other.high) == pytest.approx(score, abs=5e-5)


@pytest.mark.parametrize(
    ("first", "second", "bounds"),
    [
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((5, 56), (0, 29), (-0.0381, 0.1926)),
        ((10, 10), (0, 20), (0.6791, 1.0)),
    ],
)
def test_the_examples_of_newcombe_s_comparison_of_eleven_methods(first, second, bounds) -> None:
    """Newcombe 1998, Stat Med 17:873, method 10."""
    interval = newcombe_difference(first, second)

    assert (interval.low, interval.high) == pytest.approx(bounds, abs=5e-5)


@pytest.mark.parametrize(("hits", "bound"), [(25, 0.887), (29, 0.902)])
def test_no_miss_among_few_shows_little(hits: int, bound: float) -> None:
    """The one-sided 95 % bounds of 25 of 25 and 29 of 29."""
    assert clopper_pearson(hits, hits, 0.90).low == pytest.approx(bound, abs=5e-4)


@pytest.mark.parametrize("truth", [0.02, 0.3, 0.95])
def test_the_exact_interval_never_covers_less_often_than_it_says(truth: float) -> None:
    """Over all outcomes of 50 films, each with its probability."""
    covered = sum(
        binom.pmf(hits, 50, truth)
        for hits in range(51)
        if clopper_pearson(hits, 50).low <= truth <= clopper_pearson(hits, 50).high
    )

    assert covered >= 0.95


@examples
@given(counts, counts)
def test_the_z_test_is_pearson_s_chi_square(first, second) -> None:
    test = two_proportion_z(first, second)
    right, wrong = first[0] + second[0], first[1] + second[1] - first[0] - second[0]
    if not right or not wrong:
        assert (test.z, test.p) == (0, 1)
        return
    table = [[first[0], first[1] - first[0]], [second[0], second[1] - second[0]]]

    expected = chi2_contingency(table, correction=False)

    assert test.z**2 == pytest.approx(expected.statistic, abs=1e-9)
    assert test.p == pytest.approx(expected.pvalue, abs=1e-9)


@examples
@given(counts, counts)
def test_the_one_sided_p_values_are_two_halves(first, second) -> None:
    both = two_proportion_z(first, second)
    greater = two_proportion_z(first, second, "greater").p
    less = two_proportion_z(first, second, "less").p

    assert greater + less == pytest.approx(1)
    assert 2 * min(greater, less) == pytest.approx(both.p)
    assert (greater < less) == (both.z > 0)


@examples
@given(counts, counts)
def test_the_difference_turned_around_is_the_interval_turned_around(first, second) -> None:
    forth, back = newcombe_difference(first, second), newcombe_difference(second, first)

    assert (forth.low, forth.high) == pytest.approx((-back.high, -back.low), abs=1e-12)
    assert -1 - 1e-12 <= forth.low <= forth.estimate <= forth.high <= 1 + 1e-12


@pytest.mark.parametrize("films", [(0, 0), (3, 2), (-1, 5)])
@pytest.mark.parametrize("function", [clopper_pearson, wilson])
def test_what_is_no_proportion_is_refused(function, films) -> None:
    with pytest.raises(DataError, match=f"{films[0]} of {films[1]} is no proportion"):
        function(*films)


def test_the_difference_covers_the_truth_about_as_often_as_it_says() -> None:
    chance, covered = np.random.default_rng(3), 0
    for first, second in chance.binomial(40, [0.9, 0.7], (400, 2)):
        interval = newcombe_difference((int(first), 40), (int(second), 40))
        covered += interval.low <= 0.2 <= interval.high
    assert 0.92 <= covered / 400 <= 0.985
