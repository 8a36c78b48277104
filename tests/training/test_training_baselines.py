"""The figures that a model must beat: what each baseline sees, and what it cannot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from training.baselines import (
    AGE_AND_SEX,
    GEOMETRY,
    MAJORITY,
    BaselineFilms,
    baselines,
    ridge_logistic,
)
from training.errors import DataError
from training.values import FilmRecord


def straight_spine():
    """A spine of squares one above the other, in the CSXA order."""
    points = [(50.0, 0.0), (40.0, 10.0), (60.0, 10.0)]
    for level in range(5):
        top = 15.0 + 25 * level
        points += [(40.0, top), (60.0, top), (40.0, top + 20), (60.0, top + 20)]
    return np.array(points, np.float32)


def films(count, seed, *, by_age=0.0, by_disc=0.0):
    """Films whose finding goes with age or with a lower disc C5/C6, as much as asked for."""
    chance = np.random.default_rng(seed)
    positive = chance.uniform(size=count) < 0.4
    landmarks = np.repeat(straight_spine()[None], count, axis=0)
    landmarks += chance.normal(0, 0.3, landmarks.shape).astype(np.float32)
    landmarks[positive, 15:, 1] -= by_disc  # C6 and C7 move up
    return BaselineFilms(
        positive,
        chance.normal(50 + by_age * positive, 10),
        (chance.uniform(size=count) < 0.5).astype(float),
        landmarks,
    )


def found(*parts):
    return {one.name: one for one in baselines(*parts)}


def test_the_majority_finds_nothing_or_everything() -> None:
    figures = found(films(200, 1), films(100, 2))[MAJORITY].as_json()

    assert figures["sensitivity"][0] == 0
    assert figures["specificity"][0] == 1
    assert figures["balanced_accuracy"] == 0.5
    assert figures["auc"] == [0.5, 0.5, 0.5]
    assert 0.4 < figures["accuracy"][1] < figures["accuracy"][0] < figures["accuracy"][2]


def test_each_baseline_finds_what_it_sees_and_only_that() -> None:
    old = found(films(300, 1, by_age=15), films(300, 2, by_age=15))
    worn = found(films(300, 1, by_disc=2), films(300, 2, by_disc=2))

    assert old[AGE_AND_SEX].auc.low > 0.75
    assert old[GEOMETRY].auc.high < 0.65
    assert worn[GEOMETRY].auc.low > 0.95
    assert worn[AGE_AND_SEX].auc.high < 0.65


def test_films_without_landmarks_or_age_take_the_mean_and_are_counted() -> None:
    testing = films(200, 2, by_disc=2)
    testing.landmarks[:20, 4] = np.nan
    testing.age_years[:30] = np.nan

    figures = found(films(300, 1, by_disc=2), testing)

    assert figures[GEOMETRY].unknown == 20
    assert figures[AGE_AND_SEX].unknown == 30
    assert figures[GEOMETRY].auc.low > 0.8


def test_a_data_set_without_landmarks_says_so() -> None:
    fitting, testing = films(100, 1), films(100, 2)
    fitting.landmarks[:] = np.nan

    figures = found(fitting, testing)[GEOMETRY].as_json()

    assert "fewer than half" in figures["absent"]


def test_an_unknown_sex_leaves_age_alone() -> None:
    fitting, testing = films(300, 1, by_age=15), films(300, 2, by_age=15)
    fitting.female[:] = np.nan

    assert found(fitting, testing)[AGE_AND_SEX].auc.low > 0.75


def test_one_class_is_refused_by_the_part_that_lacks_the_other() -> None:
    testing = films(50, 2)
    testing.positive[:] = False

    with pytest.raises(DataError, match="test films hold 0 positives of 50"):
        baselines(films(50, 1), testing)


def test_the_regression_is_that_of_scikit_learn_with_the_same_penalty() -> None:
    chance = np.random.default_rng(3)
    inputs = chance.normal(size=(200, 4))
    positive = inputs[:, 0] + chance.normal(size=200) > 0.5

    ours = ridge_logistic(inputs, positive)
    theirs = LogisticRegression(C=1 / (2 * 0.01 * 200), tol=1e-10).fit(inputs, positive)

    assert ours[1:] == pytest.approx(theirs.coef_[0], abs=1e-3)
    assert ours[0] == pytest.approx(theirs.intercept_[0], abs=1e-3)


def test_records_give_what_they_know_and_unlabelled_ones_are_left_out() -> None:
    shared = {"path": Path("a.png"), "patient": "p", "group": "p"}
    records = [
        FilmRecord(film="a", labels={"abnormal": True}, sex="F", age_years=61.0, **shared),
        FilmRecord(film="b", labels={"abnormal": None}, **shared),
        FilmRecord(film="c", labels={"abnormal": False}, landmarks=straight_spine(), **shared),
    ]

    known = BaselineFilms.of_records(records, "abnormal")

    assert known.positive.tolist() == [True, False]
    assert known.female[0] == 1
    assert np.isnan(known.female[1])
    assert known.age_years[0] == 61
    assert np.isnan(known.landmarks[0]).all()
    assert (known.landmarks[1] == straight_spine()).all()
