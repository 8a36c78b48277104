"""The table of a trial for a terminal: a line for each shift."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from training.trial.verdicts import Line, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.statistics import Interval
    from training.trial.campaign import Trial

_COLOURS: Final = {
    Verdict.HOLDS: "green",
    Verdict.STOPPED: "green",
    Verdict.NOT_SHOWN: "yellow",
    Verdict.NOTHING_LOWERED: "yellow",
    Verdict.NEITHER: "bold red",
}
_HEAD: Final = ("films", "drawn", "stopped", "mostly by", "missed / passed", "allowed",
                "normals lowered", "AUC of those passed")  # fmt: skip
_WIDTHS: Final = (36, 7, 24, 26, 30, 9, 26, 23)


def table(trial: Trial) -> Iterator[Text]:
    """What the certificate says, and every line of the trial with its verdict in colour."""
    yield Text(_claim(trial))
    yield Text(_row(_HEAD) + "verdict", style="bold")
    for line in trial.lines:
        yield Text(_row(_cells(line))) + Text(line.verdict.value, _COLOURS[line.verdict])


def _claim(trial: Trial) -> str:
    if trial.claim is None:
        return "No certificate: the bundle lowers nothing."
    return (
        f"Certificate: a miss rate of at most {trial.claim.alpha:g}, "
        f"with confidence {1 - trial.claim.delta:g}."
    )


def _row(cells: tuple[str, ...]) -> str:
    return "".join(f"{cell:<{width}}" for cell, width in zip(cells, _WIDTHS, strict=True))


def _cells(line: Line) -> tuple[str, ...]:
    return (
        f"{line.kind}, {line.level}" if line.level else line.kind,
        str(line.films),
        _share(line.stopped_share),
        line.gate,
        f"{line.missed} / {line.passed}  {_share(line.missed_share)}",
        "too few" if line.allowed is None else str(line.allowed),
        _share(line.normals_share),
        "" if line.area is None else str(line.area),
    )


def _share(interval: Interval | None) -> str:
    if interval is None:
        return ""
    return f"{interval.estimate:.1%} [{interval.low:.1%}, {interval.high:.1%}]"
