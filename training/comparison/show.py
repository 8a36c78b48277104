"""A comparison on the console, and as plain values for a program."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.table import Table as Grid
from rich.text import Text

from training.comparison.words import sentences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from training.comparison.figures import FindingComparison, Rates
    from training.comparison.pairs import Pairing
    from training.statistics import Interval

Line = tuple[str, str, str, str, str]

COLUMNS: Line = ("figure", "A", "B", "A - B", "p (Holm)")


def heading(one: FindingComparison) -> str:
    """The films of one finding in a line."""
    stopped = ""
    if any(one.stopped):
        stopped = f"; gates stopped {one.stopped[0]} films in A and {one.stopped[1]} in B"
    return (
        f"{one.films} films of {one.patients} patients, {one.positives} with the finding{stopped}"
    )


def lines(one: FindingComparison) -> list[Line]:
    """The table of one finding, in the order of `COLUMNS`."""
    rows: list[Line] = []
    if one.ranking:
        ranking = one.ranking
        rows.append(
            (
                "AUC (DeLong)",
                str(ranking.first),
                str(ranking.second),
                _signed(ranking.test.difference),
                _p(ranking.test.p, ranking.adjusted),
            )
        )
        if ranking.by_patient:
            rows.append(("AUC (BCa by patient)", "", "", _signed(ranking.by_patient), ""))
    if one.calls:
        calls = one.calls
        one_threshold, other_threshold = calls.thresholds
        rows.append(("threshold", f"{one_threshold:.3f}", f"{other_threshold:.3f}", "", ""))
        rows.append(_rates("sensitivity", calls.sensitivity))
        rows.append(_rates("specificity", calls.specificity))
        rows.append(_rates("right calls (McNemar)", calls.right, calls.adjusted))
    if one.rule_out:
        rows.append(_rates("ruled out, without finding", one.rule_out.normals))
        rows.append(_rates("ruled out, with finding", one.rule_out.misses))
    return rows


def _rates(name: str, rates: Rates, adjusted: float | None = None) -> Line:
    shares = str(rates.first), str(rates.second)
    return (name, *shares, _signed(rates.difference), _p(rates.p, adjusted))


def _signed(interval: Interval) -> str:
    return f"{interval.estimate:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"


def _p(raw: float, adjusted: float | None) -> str:
    return _small(raw) if adjusted is None else f"{_small(raw)} ({_small(adjusted)})"


def _small(p: float) -> str:
    return "< .001" if p < 0.001 else f"{p:.3f}"  # noqa: PLR2004 - the last digit shown


def show(console: Console, pairing: Pairing, done: Sequence[FindingComparison]) -> None:
    """Print a comparison."""
    for letter, name in zip("AB", pairing.names, strict=True):
        console.print(f"{letter}: {name}", highlight=False, markup=False)
    console.print(f"Films of split {pairing.split!r}, the same in both.", highlight=False)
    if pairing.unshared:
        console.print("In one run only: " + ", ".join(pairing.unshared), highlight=False)
    for one in done:
        console.rule(f"[bold]{one.finding}", align="left")
        console.print(heading(one), highlight=False)
        rows = lines(one)
        if rows:
            grid = Grid()
            for column in COLUMNS:
                grid.add_column(column, justify="left" if column == COLUMNS[0] else "right")
            for row in rows:
                grid.add_row(*row)
            console.print(grid)
        for sentence in sentences(one):
            console.print(Text("→ " + sentence))


def as_json(pairing: Pairing, done: Sequence[FindingComparison]) -> dict[str, Any]:
    """Every figure of a comparison."""
    return {
        "first": pairing.names[0],
        "second": pairing.names[1],
        "split": pairing.split,
        "unshared": list(pairing.unshared),
        "findings": [_plain(asdict(one)) | {"says": list(sentences(one))} for one in done],
    }


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """The same values with None for what JSON has no number for: an infinite z."""
    return {name: _plain_value(value) for name, value in values.items()}


def _plain_value(value: object) -> object:
    if isinstance(value, dict):
        return _plain(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
