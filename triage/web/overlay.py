"""What lies over a film in the larger view: landmarks, vertebrae, and where the networks looked.

Pure. Drawn in pixels of the film as it was decoded, whatever the size of the picture below.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from triage.store import FilmView, Landmark

_BODIES = ("C3", "C4", "C5", "C6", "C7")
_BEFORE_BODIES = 3  # of C2: its centroid, and its lower corners
_CORNERS = 4  # of a body: upper anterior and posterior, lower anterior and posterior
_SURE = 0.5  # a point of less confidence is drawn, and marked
_DOTS = 160.0  # diameters of a point to the longer side of a film


@dataclass(frozen=True, slots=True)
class Point:
    """A landmark; `sure` is false where the network that found it doubts."""

    x: float
    y: float
    sure: bool


@dataclass(frozen=True, slots=True)
class Body:
    """A vertebral body: its outline as SVG writes it, and where its name stands."""

    name: str
    outline: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Overlay:
    """What can be drawn over a film.

    Attributes:
        columns: Width of the film in pixels.
        rows: Its height.
        radius: Of a point.
        points: The landmarks.
        bodies: C3 to C7, as far as all corners of one are known.
        finding: What raised the film; empty when nothing did.
        saliency: There is a picture of where the networks looked for it.
    """

    columns: int
    rows: int
    radius: float
    points: tuple[Point, ...]
    bodies: tuple[Body, ...]
    finding: str
    saliency: bool


def overlay_of(drawn: FilmView | None) -> Overlay | None:
    """Return what can be drawn over a film, None when nothing is kept of it."""
    if drawn is None or not drawn.rows or not drawn.columns:
        return None
    return Overlay(
        columns=drawn.columns,
        rows=drawn.rows,
        radius=max(drawn.rows, drawn.columns) / _DOTS,
        points=tuple(
            Point(_middle(one.x), _middle(one.y), one.confidence >= _SURE)
            for one in drawn.landmarks
        ),
        bodies=tuple(_bodies(drawn.landmarks)),
        finding=drawn.finding,
        saliency=bool(drawn.saliency),
    )


def _bodies(landmarks: tuple[Landmark, ...]) -> Iterator[Body]:
    for number, name in enumerate(_BODIES):
        first = _BEFORE_BODIES + number * _CORNERS
        corners = landmarks[first : first + _CORNERS]
        if len(corners) < _CORNERS:
            return
        upper_front, upper_back, lower_front, lower_back = corners
        around = (upper_front, upper_back, lower_back, lower_front)
        outline = " ".join(f"{_middle(one.x):.1f},{_middle(one.y):.1f}" for one in around)
        yield Body(
            name,
            outline,
            x=sum(one.x for one in corners) / _CORNERS,
            y=sum(one.y for one in corners) / _CORNERS,
        )


def _middle(pixel: float) -> float:
    """Return where the centre of a pixel lies: pixels begin at 0 in a picture, and end at 1."""
    return round(pixel + 0.5, 1)
