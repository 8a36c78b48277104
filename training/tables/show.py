"""The check of a table for a person, and for a program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table as Grid
from rich.text import Text

from training.tables.values import Rounding, Source

if TYPE_CHECKING:
    from rich.console import Console

    from training.statistics import ConfusionMatrix, Interval
    from training.tables.check import RowCheck, TableCheck

_FOOTNOTE = (
    "* The printed figure was not at hand: computed from the published matrix. Such a row is "
    "checked from what is printed; that the computed figures then leave one matrix shows only "
    "that no other would print the same."
)
_MOST_SIZES = 4  # of a class that are listed for a figure that fits none


def show(console: Console, check: TableCheck) -> None:
    """Print what was found for one paper."""
    table = check.table
    console.rule(f"[bold]{table.name}[/bold] · {table.paper}", align="left")
    if table.films is not None:
        classes = f", {table.positives} of them positive" if table.positives is not None else ""
        console.print(
            f"Test set: {table.films} films{classes}; positive is “{table.positive}”.",
            highlight=False,
        )
    console.print(table.remark, highlight=False, style="dim")
    if check.rows:
        console.print(_grid(check.rows))
        if any(_computed(row) for row in check.rows):
            console.print(_FOOTNOTE, style="dim")
        for row in check.rows:
            _show_alone(console, row)
        _show_choice(console, check)
    if check.majority is not None:
        console.print(f"Majority baseline: accuracy {check.majority:.2%}.", highlight=False)
    for sentence in check.follows:
        console.print(Text("→ " + sentence, style="bold"))
    console.print()


def _grid(rows: tuple[RowCheck, ...]) -> Grid:
    grid = Grid(show_lines=len(rows) > 1)
    columns = (
        "model",
        "figures (* computed)",
        "matrix",
        "fit the printed figures",
        "sensitivity",
        "specificity",
        "balanced accuracy",
    )
    for column in columns:
        grid.add_column(column)
    tested = any(row.against_first for row in rows)
    if tested:
        grid.add_column("accuracy against the first row, one-sided p")
    for row in rows:
        counts, *shares = _of_matrix(row.matrix)
        cells = [row.row.name, _figures(row), counts, _alone(row), *shares]
        test = row.against_first
        if tested:
            cells.append("" if test is None else f"z {test.z:+.2f}, p {test.p:.3f}")
        grid.add_row(*cells)
    return grid


def _alone(row: RowCheck) -> str:
    return "none printed" if row.printed_alone is None else str(row.printed_alone)


def _figures(row: RowCheck) -> str:
    return "\n".join(
        f"{figure}{'*' if figure.source is Source.COMPUTED else ''}" for figure in row.row.figures
    )


def _computed(row: RowCheck) -> bool:
    return any(figure.source is Source.COMPUTED for figure in row.row.figures)


def _of_matrix(matrix: ConfusionMatrix | None) -> tuple[str, str, str, str]:
    if matrix is None:
        return "several or none", "", "", ""
    sensitivity, specificity = matrix.sensitivity(), matrix.specificity()
    counts = (
        f"TP {matrix.true_positive}  FN {matrix.false_negative}\n"
        f"TN {matrix.true_negative}  FP {matrix.false_positive}"
    )
    return (
        counts,
        _stacked(sensitivity),
        _stacked(specificity),
        f"{(sensitivity.estimate + specificity.estimate) / 2:.3f}",
    )


def _stacked(interval: Interval) -> str:
    return f"{interval.estimate:.3f}\n[{interval.low:.3f}, {interval.high:.3f}]"


def _show_alone(console: Console, row: RowCheck) -> None:
    for one in row.alone:
        would = ", ".join(map(str, one.would[:_MOST_SIZES]))
        more = " …" if len(one.would) > _MOST_SIZES else ""
        console.print(
            f"{row.row.name}: {one.figure} is no share of {one.size} films; it would need "
            f"{would}{more}.",
            highlight=False,
        )


def _show_choice(console: Console, check: TableCheck) -> None:
    for row in check.rows:
        others = [fit for fit in row.found if fit not in row.kept]
        if not others:
            continue
        console.print(f"{row.row.name}: its figures alone fit {len(row.found)} ways:", style="dim")
        for fit in row.found:
            mark = "kept   " if fit in row.kept else "dropped"
            console.print(f"  {mark} {fit.matrix} as {fit.reading}", style="dim", highlight=False)
    if check.reasons:
        console.print("Kept because " + "; ".join(check.reasons) + ".", highlight=False)


def as_json(check: TableCheck) -> dict[str, Any]:
    """Everything that `show` prints, as plain values."""
    return {
        "name": check.table.name,
        "paper": check.table.paper,
        "films": check.table.films,
        "remark": check.table.remark,
        "rows": [_row_json(row) for row in check.rows],
        "reasons": list(check.reasons),
        "majority_accuracy": check.majority,
        "follows": list(check.follows),
    }


def _row_json(row: RowCheck) -> dict[str, Any]:
    matrix, test, area = row.matrix, row.against_first, row.area
    return {
        "name": row.row.name,
        "figures": {
            figure.column: {"per_cent": figure.per_cent, "source": figure.source.value}
            for figure in row.row.figures
        },
        "fits": [
            {
                "matrix": _counts(fit.matrix),
                "reading": str(fit.reading),
                "cut_off": fit.rounding is Rounding.CUT_OFF,
                "kept": fit in row.kept,
            }
            for fit in row.found
        ],
        "matrix": None if matrix is None else _counts(matrix),
        "matrices_that_fit_the_printed_figures": row.printed_alone,
        "sensitivity": None if matrix is None else _bounds(matrix.sensitivity()),
        "specificity": None if matrix is None else _bounds(matrix.specificity()),
        "area_of_calls": None if area is None else _bounds(area),
        "no_share_of_its_class": [str(one.figure) for one in row.alone],
        "one_sided_p": None if test is None else test.p,
    }


def _counts(matrix: ConfusionMatrix) -> list[int]:
    return [
        matrix.true_positive,
        matrix.false_negative,
        matrix.true_negative,
        matrix.false_positive,
    ]


def _bounds(interval: Interval) -> list[float]:
    return [interval.estimate, interval.low, interval.high]
