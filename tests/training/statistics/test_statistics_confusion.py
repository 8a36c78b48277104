"""Measures of a confusion matrix under each averaging: against scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from training.errors import DataError
from training.statistics import (
    MEASURES,
    Averaging,
    ConfusionMatrix,
    measure,
    undefined_measures,
)

examples = settings(max_examples=50, deadline=None)

matrices = st.builds(ConfusionMatrix, *[st.integers(0, 30)] * 4).filter(
    lambda matrix: matrix.positives and matrix.negatives
)


def labels(matrix):
    """Truth and call of each film."""
    counts = [
        matrix.true_positive,
        matrix.false_negative,
        matrix.true_negative,
        matrix.false_positive,
    ]
    return np.repeat([1, 1, 0, 0], counts), np.repeat([1, 0, 0, 1], counts)


@examples
@given(matrices, st.sampled_from(list(Averaging)), st.sampled_from([0.0, 1.0]))
def test_recall_precision_and_f1_are_those_of_scikit_learn(matrix, averaging, undefined) -> None:
    truth, called = labels(matrix)
    settings = {"average": averaging.value, "zero_division": undefined}
    if averaging is not Averaging.BINARY:
        settings["labels"] = [0, 1]

    expected = metrics.precision_recall_fscore_support(truth, called, **settings)

    for name, value in zip(("ppv", "sensitivity", "f1"), expected[:3], strict=True):
        if name == "f1" and undefined:
            continue  # ours is 0/0 only where no film is positive by truth or call
        assert measure(matrix, name, averaging, undefined) == pytest.approx(value)


@examples
@given(matrices)
def test_specificity_and_npv_are_recall_and_precision_of_the_other_class(matrix) -> None:
    for averaging in (Averaging.BINARY, Averaging.MACRO, Averaging.MICRO):
        other = matrix.mirrored()
        for name, twin in (("specificity", "sensitivity"), ("npv", "ppv")):
            assert measure(matrix, name, averaging, 0) == pytest.approx(
                measure(other, twin, averaging, 0)
            )


@examples
@given(matrices)
def test_accuracy_and_balanced_accuracy_are_those_of_scikit_learn(matrix) -> None:
    truth, called = labels(matrix)

    for averaging in Averaging:
        assert measure(matrix, "accuracy", averaging) == pytest.approx(
            metrics.accuracy_score(truth, called)
        )
        assert measure(matrix, "balanced_accuracy", averaging) == pytest.approx(
            metrics.balanced_accuracy_score(truth, called)
        )


@examples
@given(matrices, st.sampled_from(sorted(MEASURES)))
def test_averages_over_both_classes_do_not_know_which_is_positive(matrix, name) -> None:
    for averaging in (Averaging.MACRO, Averaging.WEIGHTED, Averaging.MICRO):
        assert measure(matrix, name, averaging, 0) == pytest.approx(
            measure(matrix.mirrored(), name, averaging, 0)
        )


@examples
@given(matrices)
def test_truth_and_call_exchanged_turn_sensitivity_into_ppv(matrix) -> None:
    turned = matrix.transposed()

    assert measure(turned, "sensitivity", undefined=0) == measure(matrix, "ppv", undefined=0)
    assert measure(turned, "specificity", undefined=0) == measure(matrix, "npv", undefined=0)
    assert turned.transposed() == matrix


def test_counting_films_gives_the_matrix_and_its_intervals() -> None:
    matrix = ConfusionMatrix(22, 7, 32, 1)
    truth, called = labels(matrix)

    assert ConfusionMatrix.count(called, truth) == matrix
    assert str(matrix) == "TP 22 FN 7 TN 32 FP 1"
    assert str(matrix.sensitivity()) == "0.759 [0.565, 0.897]"
    assert str(matrix.specificity()) == "0.970 [0.842, 0.999]"


def test_what_is_nothing_over_nothing_is_named_and_spreads_into_averages() -> None:
    """Nothing is called positive: PPV does not exist, macro PPV neither."""
    matrix = ConfusionMatrix(0, 5, 10, 0)

    assert undefined_measures(matrix) == ("ppv",)
    assert math.isnan(measure(matrix, "ppv", Averaging.MACRO))
    assert measure(matrix, "ppv", Averaging.MACRO, undefined=0) == pytest.approx(1 / 3)


def test_films_of_one_class_have_no_balanced_accuracy() -> None:
    matrix = ConfusionMatrix(3, 1, 0, 0)

    assert "balanced_accuracy" in undefined_measures(matrix)
    with pytest.raises(DataError, match="0 of 0 is no proportion"):
        matrix.specificity()


def test_an_unknown_measure_and_uneven_lists_are_refused() -> None:
    with pytest.raises(DataError, match="'precision' is no measure"):
        measure(ConfusionMatrix(1, 1, 1, 1), "precision")
    with pytest.raises(DataError, match="2 calls do not go with 3 truths"):
        ConfusionMatrix.count(np.ones(2, bool), np.ones(3, bool))
