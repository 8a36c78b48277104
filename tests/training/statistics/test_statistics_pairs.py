"""McNemar's tests, paired differences and Holm's steps: against textbook examples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from training.errors import DataError
from training.statistics import (
    Discordance,
    holm,
    mcnemar_asymptotic,
    mcnemar_exact,
    paired_difference,
    wilson,
)

examples = settings(max_examples=50, deadline=None)

tables = st.builds(Discordance, *[st.integers(0, 40)] * 4).filter(lambda table: table.films > 0)


def test_films_are_counted_by_who_was_right() -> None:
    first = np.array([True, True, False, False, True])
    second = np.array([True, False, True, False, False])

    assert Discordance.count(first, second) == Discordance(1, 2, 1, 1)


def test_different_numbers_of_films_are_no_pairs() -> None:
    with pytest.raises(DataError, match="2 and 3 films are no pairs"):
        Discordance.count(np.ones(2, bool), np.ones(3, bool))


def test_the_asymptotic_test_of_a_textbook_comes_out() -> None:
    """Before and after a treatment: 101, 121, 59, 33 gives chi-square 21.35."""
    assert mcnemar_asymptotic(Discordance(101, 121, 59, 33), corrected=False) == pytest.approx(
        3.83e-6, rel=5e-3
    )


def test_the_three_versions_disagree_on_few_discordant_films_as_in_a_textbook() -> None:
    """59, 6, 16, 80: exact .053, uncorrected .033, with Edwards' correction .055."""
    table = Discordance(59, 6, 16, 80)

    assert mcnemar_exact(table) == pytest.approx(0.053, abs=1e-3)
    assert mcnemar_asymptotic(table, corrected=False) == pytest.approx(0.033, abs=5e-4)
    assert mcnemar_asymptotic(table) == pytest.approx(0.055, abs=5e-4)


@examples
@given(tables)
def test_the_exact_test_is_the_binomial_test_of_scipy(table: Discordance) -> None:
    discordant = table.first + table.second
    expected = binomtest(table.first, discordant).pvalue if discordant else 1.0

    assert mcnemar_exact(table) == pytest.approx(expected)


def test_without_any_disagreement_nothing_is_shown() -> None:
    table = Discordance(30, 0, 0, 5)

    assert (mcnemar_exact(table), mcnemar_asymptotic(table)) == (1, 1)
    assert paired_difference(table).estimate == 0


def test_the_published_paired_difference_comes_out() -> None:
    """Newcombe 1998, Stat Med 17:2635, method 10: 36, 12, 2, 0."""
    interval = paired_difference(Discordance(36, 12, 2, 0))

    assert interval.estimate == pytest.approx(0.2)
    assert (interval.low, interval.high) == pytest.approx((0.0569, 0.3404), abs=5e-5)


def test_the_correlation_of_pairs_is_corrected_for_continuity_by_hand() -> None:
    """30, 5, 3, 12: phi is (345 - 50 / 2) over the root of the product of the margins."""
    phi = (30 * 12 - 5 * 3 - 25) / math.sqrt(35 * 15 * 33 * 17)
    one, other = wilson(35, 50), wilson(33, 50)
    low, high = one.estimate - one.low, other.high - other.estimate

    interval = paired_difference(Discordance(30, 5, 3, 12))

    assert interval.low == pytest.approx(0.04 - math.sqrt(low**2 - 2 * phi * low * high + high**2))


@examples
@given(tables)
def test_swapping_the_models_turns_the_paired_interval_around(table: Discordance) -> None:
    swapped = Discordance(table.both, table.second, table.first, table.neither)
    forth, back = paired_difference(table), paired_difference(swapped)

    assert (forth.low, forth.high) == pytest.approx((-back.high, -back.low), abs=1e-12)
    assert forth.low <= forth.estimate <= forth.high


def test_the_paired_difference_covers_the_truth_about_as_often_as_it_says() -> None:
    chance, covered = np.random.default_rng(5), 0
    for counts in chance.multinomial(80, [0.7, 0.15, 0.05, 0.1], 400):
        interval = paired_difference(Discordance(*map(int, counts)))
        covered += interval.low <= 0.1 <= interval.high
    assert 0.92 <= covered / 400 <= 0.985


def test_holm_s_steps_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.7, 0.6]) == [1, 1]
    assert holm([]) == []


@examples
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_s_values_keep_the_order_and_only_grow(p_values) -> None:
    adjusted = holm(p_values)

    assert all(raw <= more <= 1 for raw, more in zip(p_values, adjusted, strict=True))
    assert min(adjusted) == pytest.approx(min(1, len(p_values) * min(p_values)))
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(np.array(adjusted)[order]) >= 0).all()
