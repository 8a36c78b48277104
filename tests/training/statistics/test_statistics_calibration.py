"""Calibration: against scikit-learn, by hand, and on data whose calibration is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from training.errors import DataError
from training.statistics import (
    brier,
    expected_calibration_error,
    recalibration,
    reliability_curve,
)

examples = settings(max_examples=50, deadline=None)


@st.composite
def stated_films(draw):
    rows = draw(
        st.lists(
            st.tuples(st.integers(0, 20).map(lambda n: n / 20), st.booleans()),
            min_size=2,
            max_size=60,
        )
    )
    return np.array([said for said, _ in rows]), np.array([flag for _, flag in rows])


def drawn(films, slope=1.0, intercept=0.0, seed=0):
    """Probabilities, and truths that follow from them by a known slope and intercept."""
    chance = np.random.default_rng(seed)
    logits = chance.normal(0, 1.5, films)
    return expit(logits), chance.uniform(size=films) < expit(intercept + slope * logits)


@examples
@given(stated_films())
def test_the_brier_score_is_that_of_scikit_learn_and_the_sum_of_its_parts(films) -> None:
    said, came = films
    score = brier(said, came)

    assert score.score == pytest.approx(brier_score_loss(came, said))
    assert score.reliability - score.resolution + score.uncertainty == pytest.approx(score.score)


@pytest.mark.parametrize(("ours", "theirs"), [("width", "uniform"), ("mass", "quantile")])
def test_the_reliability_curve_is_that_of_scikit_learn(ours, theirs) -> None:
    said, came = drawn(1000)

    curve = reliability_curve(said, came, 8, ours)
    share, mean = calibration_curve(came, said, n_bins=8, strategy=theirs)

    assert curve.said == pytest.approx(mean)
    assert curve.came == pytest.approx(share)
    assert curve.films.sum() == 1000


def test_the_calibration_error_by_hand() -> None:
    said = np.array([0.1, 0.1, 0.9, 0.9, 1.0])
    came = np.array([False, True, True, True, True])

    assert expected_calibration_error(said, came, 2, "width") == pytest.approx(
        (2 * 0.4 + 3 * (1 - 2.8 / 3)) / 5
    )
    assert reliability_curve(said, came, 2, "mass").films.tolist() == [3, 2]


@examples
@given(stated_films(), st.sampled_from(["width", "mass"]))
def test_the_calibration_error_lies_between_0_and_1(films, binning) -> None:
    assert 0 <= expected_calibration_error(*films, 10, binning) <= 1


def test_recalibration_is_logistic_regression_without_penalty() -> None:
    said, came = drawn(500, 0.6, 0.4)
    logits = np.log(said / (1 - said))

    found = recalibration(said, came)
    theirs = LogisticRegression(C=np.inf, tol=1e-10).fit(logits[:, None], came)

    assert found.slope.estimate == pytest.approx(theirs.coef_[0, 0], abs=1e-4)
    assert found.intercept.estimate == pytest.approx(theirs.intercept_[0], abs=1e-4)


def test_recalibration_covers_a_known_slope_and_intercept_as_often_as_it_says() -> None:
    covered = np.zeros(2)
    for seed in range(200):
        found = recalibration(*drawn(300, 0.7, -0.5, seed))
        covered += [
            found.slope.low <= 0.7 <= found.slope.high,
            found.intercept.low <= -0.5 <= found.intercept.high,
        ]
    assert (covered / 200 >= 0.90).all()


def test_a_model_that_says_too_little_has_a_positive_intercept_in_the_large() -> None:
    said, came = drawn(4000, 1.0, 0.8)

    large = recalibration(said, came).in_the_large

    assert large.low < 0.8 < large.high
    assert large.low > 0


def test_certain_probabilities_do_not_break_recalibration() -> None:
    said, came = drawn(200)
    said[:4], came[:4] = [0, 1, 0, 1], [False, True, True, False]

    assert np.isfinite(recalibration(said, came).slope.estimate)


@pytest.mark.parametrize(
    ("said", "came", "message"),
    [
        ([0.5, 1.5], [True, False], "between 0 and 1, not 0.5 to 1.5"),
        ([0.5, np.nan], [True, False], "probability 1 .* is NaN"),
        ([0.5], [True, False], "do not go with"),
        ([], [], "do not go with"),
    ],
)
@pytest.mark.parametrize("statistic", [brier, expected_calibration_error, recalibration])
def test_what_is_no_probability_is_refused(statistic, said, came, message) -> None:
    with pytest.raises(DataError, match=message):
        statistic(np.array(said, float), np.array(came, bool))


@pytest.mark.parametrize(
    ("said", "came", "message"),
    [
        ([0.2, 0.4, 0.6, 0.8], [False, False, True, True], "slope is infinite"),
        ([0.2, 0.4, 0.6, 0.8], [True, True, False, False], "slope is infinite"),
        ([0.3, 0.3, 0.3], [True, False, True], "alike"),
        ([0.2, 0.4], [True, True], "2 positives and 0 negatives"),
    ],
)
def test_where_no_slope_exists_it_is_refused(said, came, message) -> None:
    with pytest.raises(DataError, match=message):
        recalibration(np.array(said), np.array(came))
