"""The search: every confusion matrix of whole films that prints a row, under every reading."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from training.statistics import ConfusionMatrix, Interval, delong_interval, measure
from training.tables.values import READINGS, Area, Figure, Reading, Rounding, Row, Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True, slots=True)
class Fit:
    """A matrix that prints a row under a reading."""

    matrix: ConfusionMatrix
    reading: Reading
    rounding: Rounding


def fits(
    row: Row, films: int, positives: int | None = None, readings: Sequence[Reading] = READINGS
) -> tuple[Fit, ...]:
    """Find every matrix and reading that print all figures of a row.

    Args:
        row: With an accuracy among its figures, which keeps the search small.
        films: In the test set.
        positives: Of them, where known; every number is tried otherwise.
        readings: Hypotheses about the column names.

    Returns:
        Those for which all figures are rounded; only when there is none, those for which each
        printed figure is rounded or cut off.
    """
    for allowed in ((Rounding.ROUNDED,), (Rounding.ROUNDED, Rounding.CUT_OFF)):
        found = tuple(
            Fit(matrix, reading, allowed[-1])
            for matrix in _matrices(row, films, positives, allowed)
            for reading in readings
            if all(_prints(figure, matrix, reading, allowed) for figure in row.figures)
        )
        if found:
            return found
    return ()


def _prints(
    figure: Figure, matrix: ConfusionMatrix, reading: Reading, allowed: Sequence[Rounding]
) -> bool:
    seen, averaging = reading.seen(matrix)
    share = measure(seen, figure.column, averaging, undefined=0.0)
    return _fits_any(figure, share, allowed)


def _fits_any(figure: Figure, share: float, allowed: Sequence[Rounding]) -> bool:
    if figure.source is Source.COMPUTED:  # by rounding
        allowed = (Rounding.ROUNDED,)
    return any(figure.fits(share, rounding) for rounding in allowed)


def _matrices(
    row: Row, films: int, positives: int | None, allowed: Sequence[Rounding]
) -> Iterator[ConfusionMatrix]:
    """Matrices whose number of right calls prints the row's accuracy."""
    accuracy = next(figure for figure in row.figures if figure.column == "accuracy")
    for right in range(films + 1):
        if not _fits_any(accuracy, right / films, allowed):
            continue
        for true_positive in range(right + 1):
            true_negative, wrong = right - true_positive, films - right
            for missed in range(wrong + 1):
                if positives is None or true_positive + missed == positives:
                    yield ConfusionMatrix(true_positive, missed, true_negative, wrong - missed)


def sizes_that_print(figure: Figure, films: int) -> tuple[int, ...]:
    """Sizes of a class, up to so many films, of which some whole number prints a figure."""
    return tuple(
        size
        for size in range(1, films + 1)
        for hits in [round(size * figure.per_cent / 100)]
        if figure.fits(hits / size, Rounding.ROUNDED)
    )


def hard_label_area(matrix: ConfusionMatrix) -> Interval:
    """AUC and DeLong's interval when the calls themselves are taken for scores.

    The curve then has one corner, and the AUC is the balanced accuracy.
    """
    positive = np.repeat([True, False], [matrix.positives, matrix.negatives])
    called = np.repeat(
        [1.0, 0.0, 0.0, 1.0],
        [
            matrix.true_positive,
            matrix.false_negative,
            matrix.true_negative,
            matrix.false_positive,
        ],
    )
    return delong_interval(called, positive)


def prints_area(matrix: ConfusionMatrix, area: Area) -> bool:
    """Whether DeLong's method on the calls of a matrix gives a printed area and interval."""
    found = hard_label_area(matrix)
    pairs = ((found.estimate, area.auc), (found.low, area.low), (found.high, area.high))
    return all(abs(value - printed) <= 0.0005 + 1e-9 for value, printed in pairs)
