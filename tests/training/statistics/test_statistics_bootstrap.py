"""BCa intervals: against scipy, Efron's law school data, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap

from training.errors import DataError
from training.statistics import (
    area,
    area_difference,
    area_under_curve,
    bca_interval,
    of_rows,
    share,
)

# Average admission test and grade of 15 American law schools (Efron 1982, table 2.1).
LSAT = [576, 635, 558, 578, 666, 580, 555, 661, 651, 605, 653, 575, 545, 572, 594]
GPA = [3.39, 3.30, 2.81, 3.03, 3.44, 3.07, 3.00, 3.43, 3.36, 3.13, 3.12, 2.74, 2.76, 2.88, 2.96]


def correlation(rows):
    return float(np.corrcoef(np.array(LSAT)[rows], np.array(GPA)[rows])[0, 1])


def rated(seed, positives=40, negatives=60, apart=1.0):
    positive = np.repeat([True, False], [positives, negatives])
    return np.random.default_rng(seed).normal(np.where(positive, apart, 0)), positive


def test_the_law_schools_have_the_published_interval() -> None:
    """Efron 1987: r = .776, and the central 90 % BCa interval is [.43, .92]."""
    interval = bca_interval(of_rows(correlation), 15, seed=1, resamples=4000, confidence=0.90)

    assert interval.estimate == pytest.approx(0.776, abs=5e-4)
    assert (interval.low, interval.high) == pytest.approx((0.43, 0.92), abs=0.02)


def test_the_law_schools_have_the_interval_of_scipy() -> None:
    ours = bca_interval(of_rows(correlation), 15, seed=1, resamples=4000)
    theirs = bootstrap(
        (LSAT, GPA),
        lambda one, other: np.corrcoef(one, other)[0, 1],
        n_resamples=4000,
        paired=True,
        vectorized=False,
        method="BCa",
        rng=np.random.default_rng(2),
    ).confidence_interval

    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.03)


def test_the_area_of_all_resamples_at_once_is_that_of_each() -> None:
    scores, positive = rated(1)
    settings = {"seed": 5, "resamples": 200}

    at_once = bca_interval(area(scores, positive), 100, **settings)
    each = bca_interval(
        of_rows(lambda rows: area_under_curve(scores[rows], positive[rows])), 100, **settings
    )

    assert (at_once.low, at_once.high) == pytest.approx((each.low, each.high))
    assert at_once.estimate == pytest.approx(area_under_curve(scores, positive))


def test_the_same_seed_gives_the_same_interval_and_another_nearly_the_same() -> None:
    statistic = area(*rated(1))

    first = bca_interval(statistic, 100, seed=1)

    assert bca_interval(statistic, 100, seed=1) == first
    other = bca_interval(statistic, 100, seed=2)
    assert other != first
    assert (other.low, other.high) == pytest.approx((first.low, first.high), abs=0.02)


def test_the_interval_covers_the_true_area_about_as_often_as_it_says() -> None:
    covered = 0
    for seed in range(200):
        interval = bca_interval(area(*rated(seed)), 100, seed=seed, resamples=400)
        covered += interval.low <= 0.7602 <= interval.high
    assert 0.90 <= covered / 200 <= 0.985


def test_films_of_one_patient_stay_together_and_tell_less_than_as_many_patients() -> None:
    """Every film four times over: only the patients count."""
    scores, positive = rated(3)
    patients = np.repeat(np.arange(100), 4).tolist()
    fourfold = area(np.repeat(scores, 4), np.repeat(positive, 4))

    grouped = bca_interval(fourfold, 400, groups=patients, seed=1)
    single = bca_interval(area(scores, positive), 100, seed=1)
    naive = bca_interval(fourfold, 400, seed=1)

    assert (grouped.low, grouped.high) == pytest.approx((single.low, single.high))
    assert naive.high - naive.low < 0.7 * (grouped.high - grouped.low)


def test_the_order_of_films_within_their_patients_does_not_matter() -> None:
    scores, positive = rated(4)
    patients = [row % 50 for row in range(100)]
    order = np.array(sorted(range(100), key=lambda row: (patients[row], -row)))

    one = bca_interval(area(scores, positive), 100, groups=patients, seed=1)
    other = bca_interval(
        area(scores[order], positive[order]),
        100,
        groups=[patients[row] for row in order],
        seed=1,
    )

    assert (one.low, one.high) == pytest.approx((other.low, other.high))


def test_a_model_that_is_the_better_on_the_same_films_is_found_so() -> None:
    good, positive = rated(5, 80, 80, 3.0)
    bad, _ = rated(6, 80, 80, 0.5)

    interval = bca_interval(area_difference(good, bad, positive), 160, seed=1)

    assert interval.low > 0
    assert interval.low < interval.estimate < interval.high


def test_a_share_among_some_films_is_a_statistic_too() -> None:
    hits = np.arange(100) % 4 > 0
    among = np.arange(100) < 60

    interval = bca_interval(share(hits, among), 100, seed=1)

    assert interval.estimate == pytest.approx(0.75)
    assert 0.60 < interval.low < 0.70
    assert 0.80 < interval.high < 0.88


def test_where_every_resample_gives_the_same_the_interval_is_a_point() -> None:
    positive = np.repeat([True, False], [20, 20])

    interval = bca_interval(area(positive.astype(float), positive), 40, seed=1, resamples=50)

    assert (interval.low, interval.estimate, interval.high) == (1, 1, 1)


def test_too_few_patients_are_refused() -> None:
    scores, positive = rated(1)
    statistic = area(scores, positive)

    with pytest.raises(DataError, match="at least two patients"):
        bca_interval(statistic, 100, groups=["one"] * 100, seed=1)
    with pytest.raises(DataError, match="3 groups do not go with 100 films"):
        bca_interval(statistic, 100, groups=["a", "b", "c"], seed=1)
    with pytest.raises(DataError, match="of 200 resamples only"):
        bca_interval(
            statistic, 100, groups=[bool(flag) for flag in positive], seed=3, resamples=200
        )


def test_a_statistic_that_does_not_exist_is_refused() -> None:
    with pytest.raises(DataError, match="does not exist on these films"):
        bca_interval(share(np.ones(5, bool), np.zeros(5, bool)), 5, seed=1)
