"""What came out of a run, beside what the paper prints, what that is, and the baselines.

Accuracy never stands alone: with it come sensitivity, specificity, balanced accuracy and AUC with
their intervals, precision, recall and F1 under each way of averaging, and the same of what looks
at no pixel.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from rich import box
from rich.table import Table

from training.baselines import (
    AGE_AND_SEX,
    GEOMETRY,
    MAJORITY,
    Baseline,
    BaselineFilms,
    baselines,
)
from training.errors import DataError
from training.statistics import (
    Averaging,
    ConfusionMatrix,
    Interval,
    area_under_curve,
    clopper_pearson,
    delong_logit_interval,
    measure,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from training.recipes.recipe import Paper
    from training.statistics import Flags
    from training.values import FilmRecord

_AVERAGES: Final = (Averaging.BINARY, Averaging.MACRO, Averaging.WEIGHTED)
_AVERAGED: Final = {"precision": "ppv", "recall": "sensitivity", "f1": "f1"}
_LEAST_FOR_INTERVAL: Final = 2  # films of each class that DeLong's variance needs
_NOTHING: Final = "-"

Figures = dict[str, Any]


def figures(scores: NDArray[np.float64], present: Flags) -> Figures:
    """Every figure of a set of scores; a film is called positive above a probability of one half.

    Args:
        scores: Logits (n,).
        present: (n,), with films of both classes.
    """
    matrix = ConfusionMatrix.count(scores > 0, present)
    return {
        "films": matrix.films,
        **of_matrix(matrix),
        "auc": _listed(_area(scores, present)),
    }


def baseline_figures(
    fitting: Sequence[FilmRecord], test: Sequence[FilmRecord], finding: str
) -> dict[str, Figures | str]:
    """The same figures of what looks at no pixel.

    Args:
        fitting: Films to fit on.
        test: Other films.
        finding: What is looked for.

    Returns:
        For each baseline its figures, or a clause that says why there are none.
    """
    parts = [BaselineFilms.of_records(films, finding) for films in (fitting, test)]
    try:
        found = baselines(*parts)
    except DataError as error:  # a run on a handful of films has its own figures all the same
        return dict.fromkeys((MAJORITY, AGE_AND_SEX, GEOMETRY), str(error))
    return {one.name: _of_baseline(one) for one in found}


def _of_baseline(baseline: Baseline) -> Figures | str:
    if baseline.matrix is None or baseline.auc is None:
        return baseline.absent
    return {
        "films": baseline.matrix.films,
        **of_matrix(baseline.matrix),
        "auc": _listed(baseline.auc),
        "films_without_its_inputs": baseline.unknown,
    }


def of_matrix(matrix: ConfusionMatrix) -> Figures:
    """Every figure that a confusion matrix gives."""
    found: Figures = {
        "confusion": {
            "true_positive": matrix.true_positive,
            "false_negative": matrix.false_negative,
            "true_negative": matrix.true_negative,
            "false_positive": matrix.false_positive,
        },
        "accuracy": _listed(clopper_pearson(matrix.right, matrix.films)),
        "balanced_accuracy": _finite(measure(matrix, "balanced_accuracy")),
        "sensitivity": _listed(matrix.sensitivity()),
        "specificity": _listed(matrix.specificity()),
        "negative_predictive_value": _finite(measure(matrix, "npv")),
    }
    for name, measured in _AVERAGED.items():
        found[name] = {
            averaging.value: _finite(measure(matrix, measured, averaging, undefined=0.0))
            for averaging in _AVERAGES
        }
    return found


def _area(scores: NDArray[np.float64], present: Flags) -> Interval:
    """AUC with DeLong's interval; of fewer than two films of a class nothing can be said."""
    if min(present.sum(), (~present).sum()) < _LEAST_FOR_INTERVAL:
        return Interval(area_under_curve(scores, present), 0.0, 1.0)
    return delong_logit_interval(scores, present)


def _listed(interval: Interval) -> list[float]:
    return [round(value, 6) for value in (interval.estimate, interval.low, interval.high)]


def _finite(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


# Rows of the table: what it says, and where in the figures. Recall of the finding is sensitivity.
_ROWS: Final[tuple[tuple[str, str, str], ...]] = (
    ("accuracy", "accuracy", ""),
    ("balanced accuracy", "balanced_accuracy", ""),
    ("sensitivity", "sensitivity", ""),
    ("specificity", "specificity", ""),
    ("AUC", "auc", ""),
    ("precision", "precision", "binary"),
    ("  mean of classes", "precision", "macro"),
    ("  weighted", "precision", "weighted"),
    ("recall", "recall", "binary"),
    ("  mean of classes", "recall", "macro"),
    ("  weighted", "recall", "weighted"),
    ("F1", "f1", "binary"),
    ("  mean of classes", "f1", "macro"),
    ("  weighted", "f1", "weighted"),
)


def results_table(
    name: str, paper: Paper, run: Figures, others: Mapping[str, Figures | str]
) -> Table:
    """What the paper prints, what that is, this run and the baselines, side by side.

    Args:
        name: Of the recipe.
        paper: What it should come to.
        run: Of this run's test films.
        others: The baselines, for each its figures or why there are none.
    """
    table = Table(
        title=f"{name}: {run['films']} test films", title_justify="left", box=box.SIMPLE_HEAD
    )
    table.add_column(no_wrap=True)
    for heading in ("paper prints", "paper really", "this run", "95 %", *others):
        table.add_column(heading.replace(" ", "\n", 1), justify="right", no_wrap=True)
    really = None if paper.matrix is None else of_matrix(paper.matrix)
    for title, key, average in _ROWS:
        printed = paper.printed.get(key) if average in {"", "binary"} else None
        table.add_row(
            title,
            _NOTHING if printed is None else _shown(printed),
            _cell(really, key, average),
            _cell(run, key, average),
            _span(run, key, average),
            *(
                _cell(None if isinstance(one, str) else one, key, average)
                for one in others.values()
            ),
        )
    return table


def _cell(found: Figures | None, key: str, average: str) -> str:
    if found is None or key not in found:
        return _NOTHING
    value = found[key][average] if average else found[key]
    if value is None:
        return _NOTHING
    return _shown(value[0] if isinstance(value, list) else value)


def _span(found: Figures, key: str, average: str) -> str:
    value = found[key]
    if average or not isinstance(value, list):
        return ""
    return f"{_shown(value[1])} to {_shown(value[2])}"


def _shown(value: float) -> str:
    return f"{value:.3f}"
