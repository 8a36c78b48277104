"""Areas, DeLong's interval and test, and the curves: against others and a published data set."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu
from sklearn import metrics

from training.errors import DataError
from training.statistics import (
    area_under_curve,
    average_precision,
    delong_interval,
    delong_logit_interval,
    delong_test,
    precision_recall_curve,
    roc_curve,
    threshold_at_sensitivity,
    weighted_areas,
    youden_threshold,
)

examples = settings(max_examples=50, deadline=None)

# 113 patients with subarachnoid haemorrhage (Turck et al. 2010), the example of the R package
# pROC: 41 with a poor outcome, then 72 with a good one. The WFNS grade, and the ranks of NDKA.
GRADES = (
    "32455552521254425552525245441442255225555"
    "111151221221112121134141551124112212122111121211324214115422111312244111"
)
NDKA = """
116 90 98 110 6 40 74 134 140 134 134 58 104 124 24 36 102 2 144 124 62 74 80 102 128 93 124 36
142 109 6 49 124 6 48 134 76 104 138 74 110
1 37 25 63 7 109 9 117 99 119 111 139 41 11 81 13 15 143 91 51 53 121 3 27 17 49 95 29 105 135 31
19 83 43 33 97 129 125 59 77 141 21 113 55 65 67 107 5 115 85 45 69 123 71 79 35 57 73 131 39 87
93 137 75 89 47 133 61 103 127 23 101
"""


@pytest.fixture(scope="module")
def haemorrhage():
    positive = np.repeat([True, False], [41, 72])
    return np.array([float(grade) for grade in GRADES]), np.fromstring(NDKA, sep=" "), positive


@st.composite
def rated_films(draw):
    """Few distinct scores, so that there are ties; two films at least of each class."""
    rows = draw(
        st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=4, max_size=60).filter(
            lambda rows: 2 <= sum(flag for _, flag in rows) <= len(rows) - 2
        )
    )
    return np.array([score for score, _ in rows], float), np.array([flag for _, flag in rows])


@examples
@given(rated_films())
def test_the_area_is_that_of_scikit_learn_and_of_mann_and_whitney_ties_included(films) -> None:
    scores, positive = films

    expected = metrics.roc_auc_score(positive, scores)
    pairs = mannwhitneyu(scores[positive], scores[~positive]).statistic

    assert area_under_curve(scores, positive) == pytest.approx(expected)
    assert delong_interval(scores, positive).estimate == pytest.approx(expected)
    assert pairs / (positive.sum() * (~positive).sum()) == pytest.approx(expected)


@examples
@given(rated_films(), st.integers(0, 2**31))
def test_only_the_order_counts_neither_scale_nor_the_place_in_the_list(films, seed) -> None:
    scores, positive = films
    shuffled = np.random.default_rng(seed).permutation(len(scores))

    area = area_under_curve(scores, positive)

    assert area_under_curve(np.exp(scores / 3) - 7, positive) == pytest.approx(area)
    assert area_under_curve(scores[shuffled], positive[shuffled]) == pytest.approx(area)
    assert area_under_curve(-scores, positive) == pytest.approx(1 - area)
    assert area_under_curve(scores, ~positive) == pytest.approx(1 - area)


@examples
@given(rated_films(), st.integers(0, 2**31))
def test_a_weighted_area_is_the_area_of_films_written_down_that_often(films, seed) -> None:
    scores, positive = films
    weights = np.random.default_rng(seed).integers(0, 4, (3, len(scores)))

    areas = weighted_areas(scores, positive, weights)

    for area, often in zip(areas, weights, strict=True):
        rows = np.repeat(np.arange(len(scores)), often)
        if len(set(positive[rows])) == 2:
            assert area == pytest.approx(area_under_curve(scores[rows], positive[rows]))
        else:
            assert np.isnan(area)


@examples
@given(rated_films())
def test_delong_s_variance_is_that_of_its_definition_over_all_pairs(films) -> None:
    scores, positive = films
    high, low = scores[positive], scores[~positive]
    pairs = (high[:, None] > low) + 0.5 * (high[:, None] == low)
    variance = pairs.mean(axis=1).var(ddof=1) / len(high) + pairs.mean(axis=0).var(ddof=1) / len(
        low
    )

    interval = delong_interval(scores, positive, 0.95)

    assert interval.high - interval.low == pytest.approx(2 * 1.959963985 * np.sqrt(variance))


def test_delong_on_hard_labels_gives_the_interval_that_a_paper_printed() -> None:
    """TP 22, FN 7, TN 32, FP 1 (Lee, Shin, Chang 2022): AUC .864 [.780, .949]."""
    positive = np.repeat([True, False], [29, 33])
    called = np.repeat([1.0, 0.0, 0.0, 1.0], [22, 7, 32, 1])

    interval = delong_interval(called, positive)

    assert interval.estimate == pytest.approx(0.8642, abs=5e-5)
    assert interval.low == pytest.approx(0.7795, abs=5e-5)
    assert interval.high == pytest.approx(0.9488, abs=5e-5)


def test_the_published_areas_and_the_paired_test_of_a_known_data_set_come_out(haemorrhage) -> None:
    """Figures of pROC 1.18 for the paired test of WFNS against NDKA."""
    grades, ndka, positive = haemorrhage

    test = delong_test(grades, ndka, positive)

    assert test.first == pytest.approx(0.823678861788618)
    assert test.second == pytest.approx(0.611957994579946)
    assert test.z == pytest.approx(2.79777591868904)
    assert test.p == pytest.approx(0.00514557970691098)
    assert test.difference.low == pytest.approx(0.0634011709339876)
    assert test.difference.high == pytest.approx(0.3600405634833566)


def test_swapping_the_models_turns_the_test_around(haemorrhage) -> None:
    grades, ndka, positive = haemorrhage

    forth, back = delong_test(grades, ndka, positive), delong_test(ndka, grades, positive)

    assert (back.z, back.p) == pytest.approx((-forth.z, forth.p))
    assert back.difference.low == pytest.approx(-forth.difference.high)


def test_a_model_does_not_differ_from_itself_however_it_is_scaled(haemorrhage) -> None:
    _, ndka, positive = haemorrhage

    test = delong_test(ndka, ndka**3, positive)

    assert (test.z, test.p, test.difference.estimate) == (0, 1, 0)


def test_a_difference_without_any_spread_is_certain() -> None:
    positive = np.repeat([True, False], [3, 3])
    right = positive.astype(float)

    test = delong_test(right, -right, positive)

    assert (test.z, test.p, test.difference.estimate) == (np.inf, 0, 1)


def test_delong_covers_the_truth_about_as_often_as_it_says() -> None:
    """Two normal distributions one deviation apart: the true area is Phi(1 / sqrt 2)."""
    chance, truth, covered = np.random.default_rng(4), 0.7602, np.zeros(2)
    positive = np.repeat([True, False], [60, 60])
    for _ in range(400):
        scores = chance.normal(np.where(positive, 1, 0))
        for place, interval in enumerate((delong_interval, delong_logit_interval)):
            found = interval(scores, positive)
            covered[place] += found.low <= truth <= found.high
    assert (covered / 400 >= 0.91).all()
    assert (covered / 400 <= 0.98).all()


def test_the_paired_test_rejects_about_as_often_as_it_may_where_nothing_differs() -> None:
    chance, rejected = np.random.default_rng(8), 0
    positive = np.repeat([True, False], [50, 70])
    for _ in range(400):
        shared = chance.normal(np.where(positive, 1, 0))
        first, second = shared + chance.normal(size=(2, 120))
        rejected += delong_test(first, second, positive).p <= 0.05
    assert 0.02 <= rejected / 400 <= 0.085


@examples
@given(rated_films(), st.sampled_from([0.8, 0.95, 0.99]))
def test_the_interval_on_the_logit_scale_stays_between_0_and_1(films, confidence) -> None:
    interval = delong_logit_interval(*films, confidence)

    assert 0 <= interval.low <= interval.estimate <= interval.high <= 1


def test_perfect_separation_of_few_films_leaves_room_for_doubt() -> None:
    positive = np.repeat([True, False], [25, 40])

    best = delong_logit_interval(positive.astype(float), positive)
    worst = delong_logit_interval(-positive.astype(float), positive)

    assert (best.estimate, best.high) == (1, 1)
    assert best.low == pytest.approx(0.025 ** (1 / 25))
    assert (worst.low, worst.high) == pytest.approx((0, 1 - best.low))


@examples
@given(rated_films())
def test_the_curves_are_those_of_scikit_learn(films) -> None:
    scores, positive = films

    false, true, thresholds = metrics.roc_curve(positive, scores, drop_intermediate=False)
    ours = roc_curve(scores, positive)
    assert ours.x == pytest.approx(false)
    assert ours.y == pytest.approx(true)
    assert ours.thresholds == pytest.approx(thresholds)
    assert np.trapezoid(ours.y, ours.x) == pytest.approx(area_under_curve(scores, positive))

    precision, recall, _ = metrics.precision_recall_curve(positive, scores)
    other = precision_recall_curve(scores, positive)
    assert other.x == pytest.approx(recall[::-1])
    assert other.y == pytest.approx(precision[::-1])
    assert average_precision(scores, positive) == pytest.approx(
        metrics.average_precision_score(positive, scores)
    )


@examples
@given(rated_films())
def test_youden_s_threshold_is_the_best_of_all(films) -> None:
    scores, positive = films

    def index(threshold: float) -> float:
        called = scores >= threshold
        return called[positive].mean() - called[~positive].mean()

    best = youden_threshold(scores, positive)

    assert index(best) == pytest.approx(max(index(score) for score in scores))


@examples
@given(rated_films(), st.sampled_from([0.1, 0.5, 0.95, 1.0]))
def test_the_threshold_for_a_sensitivity_is_the_highest_that_reaches_it(films, wanted) -> None:
    scores, positive = films

    threshold = threshold_at_sensitivity(scores, positive, wanted)

    assert (scores[positive] >= threshold).mean() >= wanted - 1e-9
    assert (scores[positive] > threshold).mean() < wanted


def test_infinite_scores_have_ranks_like_others() -> None:
    scores = np.array([np.inf, 1.0, -np.inf, -np.inf])
    positive = np.array([True, False, True, False])

    assert area_under_curve(scores, positive) == pytest.approx(2.5 / 4)
    assert weighted_areas(scores, positive, np.ones((1, 4)))[0] == pytest.approx(2.5 / 4)


@pytest.mark.parametrize(
    ("scores", "positive", "message"),
    [
        ([1.0, np.nan, 2.0], [True, False, True], "score 1 .* is NaN, and 1 in all"),
        ([1.0, 2.0], [True, True], "2 positives and 0 negatives"),
        ([1.0, 2.0], [False, False], "0 positives and 2 negatives"),
        ([1.0, 2.0], [False, True, True], "do not go with"),
        ([], [], "0 positives and 0 negatives"),
    ],
)
@pytest.mark.parametrize(
    "statistic", [area_under_curve, delong_interval, roc_curve, average_precision]
)
def test_what_has_no_area_is_refused_by_name(statistic, scores, positive, message) -> None:
    with pytest.raises(DataError, match=message):
        statistic(np.array(scores), np.array(positive, bool))


def test_delong_needs_two_of_each_class() -> None:
    with pytest.raises(DataError, match="at least 2 of each"):
        delong_interval(np.array([1.0, 2.0, 3.0]), np.array([True, False, False]))


def test_no_threshold_is_set_for_a_sensitivity_out_of_range() -> None:
    with pytest.raises(DataError, match="A sensitivity of 95"):
        threshold_at_sensitivity(np.array([1.0, 2.0]), np.array([True, False]), 95)
