"""How far the phantom's spines are from real ones, where real outlines are given."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

import numpy as np

from training.phantom import draw_case
from training.phantom.outlines import (
    curvatures,
    distances,
    halves,
    measures,
    outlines_of_cases,
    outlines_of_films,
    read_outlines,
    unit_of,
)
from training.report.chart import Axes, Series, chart
from training.report.page import figure, figures, paragraph, table
from training.sources import open_set

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_CASES: Final = 2000
_FIRST_SEED: Final = 3 * 10**12
_BINS: Final = 24
_SHOWN: Final = (
    "C2-C7 curve",
    "C3-C7 anterior walls",
    "C2-C7 inclination",
    "C5 body height / depth",
    "C5/C6 disc / body height",
)
_WORDS: Final = (
    "Measures without a unit of length of the front of C2 to C7, on held-out real films and on "
    "the phantom. “Floor” is how far two halves of the real films are apart: no phantom can be "
    "expected to be nearer."
)


def real_outlines(path: Path) -> NDArray[np.float64]:
    """The outlines of real films.

    Args:
        path: A table of outlines, or the folder of a data set whose films have landmarks.

    Raises:
        DataError: It cannot be read, or holds too few outlines.
    """
    return outlines_of_films(open_set(path).films) if path.is_dir() else read_outlines(path)


def outlines(real: NDArray[np.float64] | None) -> str:
    """The comparison with the phantom's; empty where there are no real outlines."""
    if real is None:
        return ""
    drawn = outlines_of_cases(draw_case(_FIRST_SEED + number) for number in range(_CASES))
    rows = [
        (
            escape(one.measure),
            _spread(one.real, one.unit),
            _spread(one.phantom, one.unit),
            _apart(one.wasserstein, one.unit),
            _apart(one.wasserstein_floor, one.unit),
            f"{one.kolmogorov_smirnov:.3f}",
            f"{one.kolmogorov_smirnov_floor:.3f}",
        )
        for one in distances(real, drawn)
    ]
    head = ("measure", "real", "phantom", "Wasserstein", "floor", "Kolmogorov-Smirnov", "floor")
    return paragraph(_WORDS) + table(head, rows) + figures(_charts(halves(real)[1], drawn))


def _spread(moments: tuple[float, float], unit: str) -> str:
    mean, deviation = moments
    return (
        f"{mean:.1f} ± {deviation:.1f}°" if unit == "degrees" else f"{mean:.3f} ± {deviation:.3f}"
    )


def _apart(distance: float, unit: str) -> str:
    return f"{distance:.2f}°" if unit == "degrees" else f"{distance:.4f}"


def _charts(real: NDArray[np.float64], drawn: NDArray[np.float64]) -> list[str]:
    true, phantom = measures(real), measures(drawn)
    charts = [_histogram(name, true[name], phantom[name]) for name in _SHOWN]
    return [_classes(curvatures(real), curvatures(drawn)), *charts]


def _histogram(name: str, real: NDArray[np.float64], drawn: NDArray[np.float64]) -> str:
    low, high = (float(np.percentile([*real, *drawn], share)) for share in (0.5, 99.5))
    edges = np.linspace(low, high, _BINS + 1)
    series = [
        Series(words, list(edges), list(np.histogram(values, edges)[0] / len(values)), tone, "bars")
        for words, values, tone in (("real", real, 7), ("phantom", drawn, 1))
    ]
    axes = Axes(name, unit_of(name), "share of films", (low, high))
    return figure(chart(axes, series), f"{name}.")


def _classes(real: dict[str, float], drawn: dict[str, float]) -> str:
    series = [
        Series(words, [place + shift for place in range(len(real))], list(shares.values()), tone,
               "dots")
        for words, shares, tone, shift in (("real", real, 7, -0.1), ("phantom", drawn, 1, 0.1))
    ]  # fmt: skip
    axes = Axes("Curvature classes", "", "share of films", (-0.5, len(real) - 0.5), (0, 0.6),
                x_names=tuple(real))  # fmt: skip
    return figure(chart(axes, series), "Curvature classes.")
