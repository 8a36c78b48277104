"""The waiting-time effect of a model at its own operating point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from training.report.chart import Axes, Guide, Series, chart
from training.report.page import DASH, figure, figures, paragraph, table
from training.report.waiting import Sorting, Waits, by_class, draw_arrivals, in_turn, simulate
from triage.values import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.report.material import Material
    from training.trial.films import TrialFilm

_LOAD: Final = 0.9
_CAP: Final = 40.0
_STUDIES: Final = 100_000
_SEED: Final = 1
_LOADS: Final = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.95)


def waiting(material: Material) -> str:
    """Waiting first come first served, re-ordered, and re-ordered with a cap."""
    sorting = sorting_of(material)
    if sorting is None:
        return ""
    arrivals = draw_arrivals(sorting, _LOAD, _STUDIES, _SEED)
    plain, free, capped = (
        simulate(arrivals, reorder=False),
        simulate(arrivals),
        simulate(arrivals, cap=_CAP),
    )
    rows = [
        _row("first come, first served", in_turn(_LOAD), plain),
        _row("re-ordered by class", by_class(sorting, _LOAD), free),
        _row(f"re-ordered, nobody waits beyond {_CAP:g}", capped, capped),
    ]
    head = ("order of reading", "all", "abnormal", "normal", "missed abnormal", "longest")
    return (
        paragraph(_words(sorting))
        + table(head, rows)
        + figures([figure(_chart(sorting), "Mean wait at other loads, in reading times.")])
    )


def sorting_of(material: Material) -> Sorting | None:
    """How a model sorts the films of its trial, else those of its table; None for neither."""
    if material.trial is not None and material.trial.films:
        return _of_films(material.trial.films)
    main = material.main
    if main is None or not main.both:
        return None
    flagged = main.score >= main.flag
    raised = [float(flagged[among].mean()) for among in (main.truth, ~main.truth)]
    return Sorting.two_classes(float(main.truth.mean()), raised[0], 1 - raised[1])


def _of_films(films: Sequence[TrialFilm]) -> Sorting | None:
    groups = [[film for film in films if film.abnormal is sick] for sick in (True, False)]
    if not all(groups):
        return None
    shares = []
    for group in groups:
        raised = sum(film.outcome is Outcome.ABNORMAL for film in group) / len(group)
        lowered = sum(film.lowered for film in group) / len(group)
        shares.append((raised, 1 - raised - lowered, lowered))
    return Sorting(len(groups[0]) / len(films), shares[0], shares[1])


def _words(sorting: Sorting) -> str:
    raised, _, missed = sorting.abnormal
    lowered = sorting.normal[2]
    return (
        f"One reader who is busy {_LOAD:.0%} of the time, studies that arrive at random, times in "
        f"units of one reading. Of the films of the table {sorting.prevalence:.0%} are abnormal; "
        f"{raised:.1%} of those are raised and {missed:.1%} lowered; {lowered:.1%} of the normal "
        "ones are lowered. Re-ordering saves no work: what the abnormal gain, the normal pay, "
        "and an abnormal study that was taken for normal pays most. Means are exact "
        "(non-preemptive priority queue) but for the cap, which is simulated, as is the longest "
        f"wait of {_STUDIES:,} studies."
    )


def _row(name: str, exact: Waits, simulated: Waits) -> tuple[str, ...]:
    return (
        name,
        f"{exact.everyone:.1f}",
        f"{exact.abnormal:.1f}",
        f"{exact.normal:.1f}",
        DASH if exact.missed is None else f"{exact.missed:.1f}",
        DASH if simulated.longest is None else f"{simulated.longest:.0f}",
    )


def _chart(sorting: Sorting) -> str:
    ordered = [by_class(sorting, load) for load in _LOADS]
    series = [
        Series("first come", _LOADS, [in_turn(load).everyone for load in _LOADS], 7, "dashed"),
        Series("abnormal", _LOADS, [waits.abnormal for waits in ordered], 1),
        Series("normal", _LOADS, [waits.normal for waits in ordered], 0),
    ]
    if ordered[0].missed is not None:
        missed = [waits.missed or 0.0 for waits in ordered]
        series.append(Series("missed abnormal", _LOADS, missed, 3))
    guide = Guide(_LOAD, "table above")
    axes = Axes("Mean wait by load", "load", "mean wait", guides=(guide,))
    return chart(axes, series)
