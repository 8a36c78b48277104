"""Charts as SVG that take their colours from the page, and so follow light and dark."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# About as many units as a figure has pixels, so that words are as large as those around it.
_WIDTH, _HEIGHT = 280, 210
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 10, 12, 40
_LINE: Final = 12  # from one line of words to the next
_TICKS: Final = 5  # about so many on an axis

Style = Literal["line", "dashed", "dots", "bars"]


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Some points that are drawn alike.

    Attributes:
        name: For the legend; empty for none.
        x: Their places; left edges of bars, with the right edge of the last one on top.
        y: Their values.
        tone: Which of the page's colours, 0 to 7.
        style: How they are drawn.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    tone: int = 0
    style: Style = "line"


@dataclass(frozen=True, slots=True)
class Guide:
    """A line across a chart.

    Attributes:
        at: Where it stands.
        name: What is written at it; may be empty.
        upright: Whether it is vertical.
    """

    at: float
    name: str = ""
    upright: bool = True


@dataclass(frozen=True, slots=True)
class Axes:
    """What a chart is drawn on.

    Attributes:
        title: What the chart shows, for those who cannot see it.
        x: Words at the horizontal axis.
        y: Words at the vertical axis.
        x_range: Its ends; None takes those of the points.
        y_range: Its ends; None takes those of the points.
        guides: Lines across.
        diagonal: Whether a line from corner to corner is drawn.
        x_names: What is written at 0, 1, 2 ... instead of numbers.
    """

    title: str
    x: str
    y: str
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    guides: tuple[Guide, ...] = ()
    diagonal: bool = False
    x_names: tuple[str, ...] = field(default=())


def chart(axes: Axes, series: Sequence[Series]) -> str:
    """Draw a chart.

    Args:
        axes: What it is drawn on.
        series: What is drawn, the last on top.

    Returns:
        An ``<svg>`` element and, where series have names, a legend.
    """
    frame = _Frame(
        axes.x_range or _range(value for one in series for value in one.x),
        axes.y_range or _range(value for one in series for value in one.y),
    )
    parts = [*frame.grid(axes)]
    if axes.diagonal:
        (left, right), (low, high) = frame.x_range, frame.y_range
        parts.append(f'<path class="guide" d="{frame.path([left, right], [low, high])}"/>')
    parts += [_drawn(frame, one) for one in series]
    parts += [text for row, guide in enumerate(axes.guides) for text in frame.guide(guide, row)]
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(axes.title)}">'
        f"{''.join(parts)}</svg>{_legend(series)}"
    )


def _range(values: Iterable[float]) -> tuple[float, float]:
    """The ends of an axis that shows some values, with a little room."""
    known = [value for value in values if np.isfinite(value)] or [0.0, 1.0]
    low, high = min(known), max(known)
    room = 0.04 * (high - low) or max(abs(high), 1.0) * 0.1
    return low - room, high + room


def _legend(series: Sequence[Series]) -> str:
    named = [(one.name, one.tone) for one in series if one.name]
    if not named:
        return ""
    items = (f'<li><i class="t{tone}"></i>{escape(name)}</li>' for name, tone in named)
    return f'<ul class="legend">{"".join(items)}</ul>'


def _drawn(frame: _Frame, series: Series) -> str:
    if series.style == "bars":
        return "".join(frame.bars(series))
    if series.style == "dots":
        return "".join(
            f'<circle class="t{series.tone}" cx="{frame.across(x):.1f}" cy="{frame.up(y):.1f}" '
            'r="3"/>'
            for x, y in zip(series.x, series.y, strict=True)
        )
    dashed = ' stroke-dasharray="5 4"' if series.style == "dashed" else ""
    path = frame.path(series.x, series.y)
    return f'<path class="line t{series.tone}"{dashed} d="{path}"/>'


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where values lie in the picture."""

    x_range: tuple[float, float]
    y_range: tuple[float, float]

    def across(self, x: float) -> float:
        low, high = self.x_range
        share = (min(max(x, low), high) - low) / (high - low)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def up(self, y: float) -> float:
        low, high = self.y_range
        share = (min(max(y, low), high) - low) / (high - low)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)

    def path(self, x: Sequence[float], y: Sequence[float]) -> str:
        points = [
            f"{self.across(one):.1f} {self.up(other):.1f}" for one, other in zip(x, y, strict=True)
        ]
        return "M" + "L".join(dict.fromkeys(points))  # points that fall together are drawn once

    def bars(self, series: Series) -> Iterable[str]:
        floor = self.up(self.y_range[0])
        edges = list(series.x)
        for left, right, value in zip(edges, edges[1:], series.y, strict=False):
            if value > 0:
                begin, top = self.across(left), self.up(value)
                width = max(self.across(right) - begin - 0.6, 0.6)
                yield (
                    f'<rect class="t{series.tone}" x="{begin:.1f}" y="{top:.1f}" '
                    f'width="{width:.1f}" height="{floor - top:.1f}"/>'
                )

    def grid(self, axes: Axes) -> Iterable[str]:
        bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
        for value in ticks(*self.y_range):
            height = self.up(value)
            yield f'<path class="grid" d="M{_LEFT} {height:.1f}H{right}"/>'
            yield f'<text x="{_LEFT - 6}" y="{height + 3.5:.1f}" class="end">{value:g}</text>'
        places = [(at, f"{at:g}") for at in ticks(*self.x_range)]
        if axes.x_names:
            places = [(float(at), name) for at, name in enumerate(axes.x_names)]
        for at, name in places:
            yield (
                f'<text x="{self.across(at):.1f}" y="{bottom + 14}" class="mid">'
                f"{escape(name)}</text>"
            )
        yield f'<path class="axis" d="M{_LEFT} {_TOP}V{bottom}H{right}"/>'
        middle = (_LEFT + right) / 2
        yield f'<text x="{middle}" y="{_HEIGHT - 6}" class="mid name">{escape(axes.x)}</text>'
        height = (_TOP + bottom) / 2
        yield (
            f'<text transform="translate(11 {height}) rotate(-90)" class="mid name">'
            f"{escape(axes.y)}</text>"
        )

    def guide(self, guide: Guide, row: int) -> Iterable[str]:
        """A line with its name; upright ones that lie side by side have names in rows."""
        bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
        if guide.upright:
            at = self.across(guide.at)
            yield f'<path class="guide" d="M{at:.1f} {_TOP}V{bottom}"/>'
            side = "end" if at > (_LEFT + right) / 2 else "start"
            place = at - 4 if side == "end" else at + 4
            below = _TOP + 9 + row * _LINE
            yield f'<text class="{side}" x="{place:.1f}" y="{below}">{escape(guide.name)}</text>'
        else:
            at = self.up(guide.at)
            yield f'<path class="guide" d="M{_LEFT} {at:.1f}H{right}"/>'
            yield f'<text x="{_LEFT + 4}" y="{at - 4:.1f}">{escape(guide.name)}</text>'


def ticks(low: float, high: float) -> list[float]:
    """Round numbers between the ends of an axis."""
    rough = (high - low) / _TICKS
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(power * part for part in (1, 2, 2.5, 5, 10) if power * part >= rough * 0.999)
    first = np.ceil(low / step - 1e-9)
    count = int(np.floor(high / step + 1e-9) - first) + 1
    return [float(round((first + number) * step, 10)) for number in range(count)]
