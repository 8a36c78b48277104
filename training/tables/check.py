"""The check of a table: what fits each row, what singles one matrix out, and what follows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from training.statistics import (
    ConfusionMatrix,
    Interval,
    ZTest,
    clopper_pearson,
    two_proportion_z,
)
from training.tables.search import Fit, fits, hard_label_area, prints_area, sizes_that_print
from training.tables.values import Rounding, Source

if TYPE_CHECKING:
    from training.tables.values import Figure, Reading, Row, Table

_RARE = 0.1  # share of films below which a class is rare
_NEAR = 1.0  # films by which a class of the test set may differ from the data set's share


@dataclass(frozen=True, slots=True)
class Alone:
    """A figure that cannot be what its name says, whatever the other figures are.

    Attributes:
        figure: As printed.
        size: Films of the class that it names.
        would: Sizes of that class, up to the whole test set, that could print it.
    """

    figure: Figure
    size: int
    would: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RowCheck:
    """What was found for one row.

    Attributes:
        row: Of the table.
        found: Every matrix and reading that print its figures.
        kept: Those that everything else known about the table leaves.
        printed_alone: How many matrices fit when the figures that we computed are left away, under
            the reading and with the class counts of `kept`; None where no figure is printed.
        alone: Printed figures that no number of films of the class they name gives.
        against_first: One-sided unpaired z test of the accuracy against the first row's, as the
            paper made it; None for the first row.
    """

    row: Row
    found: tuple[Fit, ...]
    kept: tuple[Fit, ...]
    printed_alone: int | None
    alone: tuple[Alone, ...]
    against_first: ZTest | None

    @property
    def matrix(self) -> ConfusionMatrix | None:
        """The one matrix that is left; None where there are several or none."""
        matrices = {fit.matrix for fit in self.kept}
        return matrices.pop() if len(matrices) == 1 else None

    @property
    def area(self) -> Interval | None:
        """AUC of the calls themselves, when an area is printed."""
        if self.matrix is None or self.row.area is None:
            return None
        return hard_label_area(self.matrix)


@dataclass(frozen=True, slots=True)
class TableCheck:
    """What was found for one paper.

    Attributes:
        table: Of the paper.
        rows: In the order of the table.
        reasons: What singled the matrices out, in words, in the order applied.
        follows: What it means, one sentence each.
    """

    table: Table
    rows: tuple[RowCheck, ...]
    reasons: tuple[str, ...]
    follows: tuple[str, ...]

    @property
    def majority(self) -> float | None:
        """Accuracy of always giving the commoner answer."""
        matrix = next((row.matrix for row in self.rows if row.matrix), None)
        return None if matrix is None else max(matrix.positives, matrix.negatives) / matrix.films


def check(table: Table) -> TableCheck:
    """Search the matrices of a table, and keep those that fit all that is known of it."""
    if table.films is None:
        return TableCheck(table, (), (), (_no_matrix(),))
    found = [fits(row, table.films, table.positives) for row in table.rows]
    kept, reasons = _narrowed(table, found)
    rows: list[RowCheck] = []
    for row, every, left in zip(table.rows, found, kept, strict=True):
        first = rows[0].matrix if rows else None
        rows.append(
            RowCheck(
                row,
                every,
                left,
                _printed_alone(row, left),
                _alone(row, left, table.films),
                _tested(left, first, row.compared),
            )
        )
    return TableCheck(table, tuple(rows), reasons, _follows(table, rows))


def _printed_alone(row: Row, kept: tuple[Fit, ...]) -> int | None:
    printed = tuple(figure for figure in row.figures if figure.source is Source.PRINTED)
    if not printed or not kept:
        return None
    matrix, readings = kept[0].matrix, tuple({fit.reading for fit in kept})
    fresh = replace(row, figures=printed)
    return len({fit.matrix for fit in fits(fresh, matrix.films, matrix.positives, readings)})


def _narrowed(
    table: Table, found: list[tuple[Fit, ...]]
) -> tuple[list[tuple[Fit, ...]], tuple[str, ...]]:
    kept, reasons = list(found), []
    if any(row.area for row in table.rows):
        kept = [
            tuple(fit for fit in some if row.area is None or prints_area(fit.matrix, row.area))
            for row, some in zip(table.rows, kept, strict=True)
        ]
        reasons.append("DeLong's method on the calls must give the printed AUC and interval")
    if len(table.rows) > 1:
        kept = _one_test_set(kept)
        reasons.append("all rows have one test set and one reading")
    if table.positives is None and table.share is not None and table.films is not None:
        expected = table.films * table.share[0] / table.share[1]
        kept = [
            tuple(fit for fit in some if abs(fit.matrix.positives - expected) < _NEAR)
            for some in kept
        ]
        reasons.append(
            f"the classes are split as in the data set ({table.share[0]} of {table.share[1]}: "
            f"{expected:.1f} of {table.films})"
        )
    elif table.positives is not None:
        reasons.append(f"the test set holds {table.positives} positives of {table.films}")
    return kept, tuple(reasons)


def _one_test_set(found: list[tuple[Fit, ...]]) -> list[tuple[Fit, ...]]:
    """Keep readings under which every row can have the same number of positives."""
    choices: list[set[tuple[Reading, int]]] = [
        {(fit.reading, fit.matrix.positives) for fit in some} for some in found if some
    ]
    shared = set.intersection(*choices) if choices else set()
    return [
        tuple(fit for fit in some if (fit.reading, fit.matrix.positives) in shared)
        for some in found
    ]


def _alone(row: Row, kept: tuple[Fit, ...], films: int) -> tuple[Alone, ...]:
    if not kept:
        return ()
    matrix = kept[0].matrix
    sizes = {"sensitivity": matrix.positives, "specificity": matrix.negatives}
    named = [
        figure
        for figure in row.figures
        if figure.column in sizes and figure.source is Source.PRINTED
    ]
    every = [Alone(one, sizes[one.column], sizes_that_print(one, films)) for one in named]
    return tuple(one for one in every if one.size not in one.would)


def _tested(kept: tuple[Fit, ...], first: ConfusionMatrix | None, compared: bool) -> ZTest | None:
    if not kept or first is None or not compared:
        return None
    matrix = kept[0].matrix
    pair = (matrix.right, matrix.films), (first.right, first.films)
    return two_proportion_z(*pair, "greater" if matrix.right >= first.right else "less")


def _no_matrix() -> str:
    return (
        "Differences without a number of test films allow no matrix: nothing can be checked, and "
        "no interval can be given."
    )


def _follows(table: Table, rows: list[RowCheck]) -> tuple[str, ...]:
    chosen = [row.matrix for row in rows if row.matrix is not None]
    if len(chosen) < len(rows):
        return ("Not every row comes down to one matrix: see what fits.",)
    rare = min(chosen[0].positives, chosen[0].negatives) < _RARE * chosen[0].films
    return (
        _how_to_read(rows),
        *_about_areas(rows),
        *_about_rounding(rows),
        _about_the_rare(table, chosen) if rare else _about_few(chosen),
        *_about_tests(rows),
    )


def _how_to_read(rows: list[RowCheck]) -> str:
    reading = rows[0].kept[0].reading
    if reading.transposed:
        return (
            "Truth and call were exchanged in the table: the printed sensitivity is the PPV, the "
            "specificity the NPV, and the precision the sensitivity."
        )
    return f"The columns are no figures of one class but each a {reading}."


def _about_areas(rows: list[RowCheck]) -> list[str]:
    return [
        f"The printed AUC is the balanced accuracy ({area.estimate:.4f}), and its interval "
        f"DeLong's on the calls [{area.low:.4f}, {area.high:.4f}]: the curve was drawn from "
        "thresholded predictions."
        for area in (row.area for row in rows)
        if area is not None
    ]


def _about_rounding(rows: list[RowCheck]) -> list[str]:
    cut = [
        f"{row.row.figures[0].per_cent:.2f} ({row.matrix.right} right: "
        f"{row.matrix.right / row.matrix.films:.3%})"
        for row in rows
        if row.matrix is not None and row.kept[0].rounding is Rounding.CUT_OFF
    ]
    if not cut:
        return []
    return [f"No number of right calls rounds to {' or '.join(cut)}: cut off, not rounded."]


def _about_the_rare(table: Table, chosen: list[ConfusionMatrix]) -> str:
    films, positives = chosen[0].films, chosen[0].positives
    found = sorted({matrix.true_negative for matrix in chosen})
    balanced = sorted(_balanced(matrix) for matrix in chosen)
    best = max(matrix.right for matrix in chosen) / films
    return (
        f"The models find {_listed(found)} of {films - positives} negatives, balanced accuracy "
        f"{balanced[0]:.3f} to {balanced[-1]:.3f}. Always answering “{table.positive}” scores "
        f"{positives / films:.2%}, the best of them {best:.2%}."
    )


def _about_few(chosen: list[ConfusionMatrix]) -> str:
    most = max(matrix.sensitivity().estimate for matrix in chosen)
    positives = chosen[0].positives
    bound = clopper_pearson(positives, positives, 0.90).low
    return (
        f"The best true sensitivity is {most:.1%}; and even {positives} of {positives} has a "
        f"one-sided 95 % lower bound of {bound:.3f}, so that no result on this test set could "
        "show a sensitivity of 95 %."
    )


def _about_tests(rows: list[RowCheck]) -> list[str]:
    tests = [row.against_first for row in rows if row.against_first is not None]
    if not tests:
        return []
    least = min(2 * test.p for test in tests)
    sentence = (
        "The p-values are one-sided and take the same films for different ones; two-sided the "
        f"least of the {len(tests)} is {least:.3f}, before any correction for their number. The "
        "right test is McNemar's, and needs the predictions."
    )
    return [sentence]


def _balanced(matrix: ConfusionMatrix) -> float:
    return (matrix.sensitivity().estimate + matrix.specificity().estimate) / 2


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers[:-1])) + f" or {numbers[-1]}"
