"""Confusion matrices, and what is read from them under each way of averaging."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

import numpy as np

from training.errors import DataError
from training.statistics.proportions import clopper_pearson

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.statistics.values import Flags, Interval


class Averaging(Enum):
    """How a measure of one class becomes a figure for the table."""

    BINARY = "binary"  # of the positive class alone
    MACRO = "macro"  # the mean over both classes, each once
    WEIGHTED = "weighted"  # the mean over both classes, each by its number of films
    MICRO = "micro"  # from counts added up over both classes


@dataclass(frozen=True, slots=True)
class ConfusionMatrix:
    """Films by truth and call.

    Attributes:
        true_positive: With the finding, called positive.
        false_negative: With the finding, called negative.
        true_negative: Without it, called negative.
        false_positive: Without it, called positive.
    """

    true_positive: int
    false_negative: int
    true_negative: int
    false_positive: int

    @classmethod
    def count(cls, called: Flags, positive: Flags) -> ConfusionMatrix:
        """Count films by call (n,) and truth (n,).

        Raises:
            DataError: Their numbers differ.
        """
        calls, truth = np.asarray(called, np.bool_), np.asarray(positive, np.bool_)
        if calls.shape != truth.shape:
            raise DataError(f"{len(calls)} calls do not go with {len(truth)} truths.")
        return cls(
            int((calls & truth).sum()),
            int((~calls & truth).sum()),
            int((~calls & ~truth).sum()),
            int((calls & ~truth).sum()),
        )

    def __str__(self) -> str:
        return (
            f"TP {self.true_positive} FN {self.false_negative} "
            f"TN {self.true_negative} FP {self.false_positive}"
        )

    @property
    def positives(self) -> int:
        """Films with the finding."""
        return self.true_positive + self.false_negative

    @property
    def negatives(self) -> int:
        """Films without it."""
        return self.true_negative + self.false_positive

    @property
    def films(self) -> int:
        """All films."""
        return self.positives + self.negatives

    @property
    def right(self) -> int:
        """Films that were called as they are."""
        return self.true_positive + self.true_negative

    def mirrored(self) -> ConfusionMatrix:
        """The same calls, with the other class as the positive one."""
        return ConfusionMatrix(
            self.true_negative, self.false_positive, self.true_positive, self.false_negative
        )

    def transposed(self) -> ConfusionMatrix:
        """The same films with truth and call exchanged: sensitivity becomes PPV."""
        return ConfusionMatrix(
            self.true_positive, self.false_positive, self.true_negative, self.false_negative
        )

    def pooled(self) -> ConfusionMatrix:
        """Counts added up over both classes, each in turn the positive one."""
        wrong = self.false_negative + self.false_positive
        return ConfusionMatrix(self.right, wrong, self.right, wrong)

    def sensitivity(self, confidence: float = 0.95) -> Interval:
        """Share of positives called positive, with Clopper and Pearson's interval."""
        return clopper_pearson(self.true_positive, self.positives, confidence)

    def specificity(self, confidence: float = 0.95) -> Interval:
        """Share of negatives called negative, with Clopper and Pearson's interval."""
        return clopper_pearson(self.true_negative, self.negatives, confidence)


def _ratio(part: float, whole: float) -> float:
    """A quotient; 0/0 is NaN, which says that the measure does not exist."""
    return part / whole if whole else math.nan


def _sensitivity(matrix: ConfusionMatrix) -> float:
    return _ratio(matrix.true_positive, matrix.positives)


def _specificity(matrix: ConfusionMatrix) -> float:
    return _ratio(matrix.true_negative, matrix.negatives)


def _ppv(matrix: ConfusionMatrix) -> float:
    return _ratio(matrix.true_positive, matrix.true_positive + matrix.false_positive)


def _npv(matrix: ConfusionMatrix) -> float:
    return _ratio(matrix.true_negative, matrix.true_negative + matrix.false_negative)


def _f1(matrix: ConfusionMatrix) -> float:
    wrong = matrix.false_negative + matrix.false_positive
    return _ratio(2 * matrix.true_positive, 2 * matrix.true_positive + wrong)


def _balanced_accuracy(matrix: ConfusionMatrix) -> float:
    return (_sensitivity(matrix) + _specificity(matrix)) / 2


def _accuracy(matrix: ConfusionMatrix) -> float:
    return _ratio(matrix.right, matrix.films)


MEASURES: Final[dict[str, Callable[[ConfusionMatrix], float]]] = {
    "sensitivity": _sensitivity,
    "specificity": _specificity,
    "ppv": _ppv,
    "npv": _npv,
    "f1": _f1,
    "balanced_accuracy": _balanced_accuracy,
    "accuracy": _accuracy,
}

_OF_THE_WHOLE = ("balanced_accuracy", "accuracy")  # they have no positive class to average over


def measure(
    matrix: ConfusionMatrix,
    name: str,
    averaging: Averaging = Averaging.BINARY,
    undefined: float = math.nan,
) -> float:
    """One figure of a matrix.

    Args:
        matrix: The films.
        name: One of `MEASURES`; precision is ``"ppv"`` and recall ``"sensitivity"``.
        averaging: Accuracy and balanced accuracy are the same under each.
        undefined: What stands for 0/0, for instance the PPV when nothing was called positive.
            The default NaN spreads into averages; scikit-learn's default is 0.

    Raises:
        DataError: There is no such measure.
    """
    if name not in MEASURES:
        raise DataError(f"{name!r} is no measure: choose one of {', '.join(MEASURES)}.")
    if averaging is Averaging.BINARY or name in _OF_THE_WHOLE:
        return _defined(MEASURES[name](matrix), undefined)
    if averaging is Averaging.MICRO:
        return _defined(MEASURES[name](matrix.pooled()), undefined)
    one = _defined(MEASURES[name](matrix), undefined)
    other = _defined(MEASURES[name](matrix.mirrored()), undefined)
    if averaging is Averaging.MACRO:
        return (one + other) / 2
    return _ratio(one * matrix.positives + other * matrix.negatives, matrix.films)


def _defined(value: float, undefined: float) -> float:
    return undefined if math.isnan(value) else value


def undefined_measures(matrix: ConfusionMatrix) -> tuple[str, ...]:
    """Names of the measures that are 0/0 for the positive class."""
    return tuple(name for name, function in MEASURES.items() if math.isnan(function(matrix)))
