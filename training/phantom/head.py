"""The lower head from the side: jaws, teeth, skull base, hyoid and laryngeal cartilage."""

# ruff: noqa: RUF005 - a plus between points is a sum, not a join

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.phantom.canvas import (
    Canvas,
    Map,
    Points,
    closed_curve,
    ellipse,
    open_curve,
    texture,
)

if TYPE_CHECKING:
    from training.phantom.skeleton import Vertebra

_FILLED_SHARE = 0.15  # of the crowns

Generator = np.random.Generator

# mm from the centroid of C2 of an adult, x backwards, y downwards.
_FACE = np.array(
    [(-150, 78), (-100, 60), (-60, 48), (-30, 34), (-25, 10), (-20, -30), (4, -48), (-10, -130)]
    + [(-150, -130)], dtype=np.float64,
)  # fmt: skip
_JAW = np.array(
    [(-140, 86), (-100, 72), (-66, 59), (-40, 44), (-30, 29), (-30, 4), (-27, -22), (-22, -40)]
    + [(-30, -47), (-38, -34), (-50, -38), (-58, -30), (-55, -4), (-66, 22), (-100, 36)]
    + [(-140, 42)],
    dtype=np.float64,
)  # fmt: skip
# Both sides of the jaws around the teeth.
_ALVEOLAR = np.array(
    [(-160, -14), (-80, -10), (-54, 0), (-50, 24), (-62, 40), (-100, 54), (-160, 66)],
    dtype=np.float64,
)
_PALATE = np.array([(-150, -12), (-90, -10), (-52, -14), (-40, -18)], dtype=np.float64)
_SINUS = np.array([(-120, -20), (-70, -16), (-52, -30), (-60, -52), (-110, -56)], dtype=np.float64)
_CLIVUS = np.array([(8, -24), (-2, -36), (-14, -52), (-24, -60), (-36, -60)], dtype=np.float64)
# The lower edge of the skull: nose, sella, clivus, occiput, nape.
_SKULL_FLOOR = np.array(
    [(-190, -66), (-120, -66), (-60, -64), (-34, -58), (-14, -48), (0, -37), (14, -30), (36, -26)]
    + [(58, -27), (82, -37), (106, -54), (128, -77), (146, -130), (160, -260)], dtype=np.float64,
)  # fmt: skip
_NASION, _OPISTHION = 8, 56  # points of the smooth skull floor


def skull_floor(c2: Points, size: float, rng: Generator) -> Points:
    """Return the lower edge of the skull from front to back, mm on the film, (105, 2).

    The head nods against the neck, so that the occiput lies now higher, now lower.
    """
    nod = rng.normal(0, 0.09)
    knots = _SKULL_FLOOR + rng.normal(0, 1.2, _SKULL_FLOOR.shape)
    knots[:, 1] -= nod * knots[:, 0]
    return open_curve(c2 + knots * size, steps=8)


def draw_head(canvas: Canvas, c2: Points, floor: Points, size: float, rng: Generator) -> None:
    """Draw face, jaws and skull base before and above C1.

    Args:
        canvas: Takes them on its sheets.
        c2: Centre of C2, mm on the film.
        floor: From ``skull_floor``.
        size: 1 for an adult, less for a child.
        rng: For what differs from one person to the next.
    """
    c2 = c2 + rng.normal(0, 2.5, 2)
    canvas.fill("face", closed_curve(c2 + _FACE * size), 0.46)
    alveolar = closed_curve(c2 + (_ALVEOLAR + rng.normal(0, 2.0, _ALVEOLAR.shape)) * size)
    canvas.fill("face", alveolar, 0.70)
    canvas.fill("air", closed_curve(c2 + _SINUS * size), 0.20)
    _draw_skull_base(canvas, c2, size, rng)
    _draw_tables(canvas, floor, size, rng)
    for sheet in ("left", "right"):
        shift = rng.normal(0, (3.5, 2.5)) - (0, 6)
        jaw = closed_curve(c2 + (_JAW + rng.normal(0, 1.0, _JAW.shape)) * size + shift)
        canvas.fill(sheet, jaw, rng.uniform(0.10, 0.17))
        canvas.stroke(sheet, jaw[:22], 3.0, 0.26)
        canvas.stroke("cortex", jaw[:22], 0.8, 0.05)
    palate = open_curve(c2 + _PALATE * size)
    canvas.stroke("arches", palate, 2.6, 0.26)
    _draw_teeth(canvas, c2, size, rng)


def _draw_teeth(canvas: Canvas, c2: Points, size: float, rng: Generator) -> None:
    """Draw crowns with their roots in both jaws, of both sides; some are filled with metal."""
    for side in range(2):
        begin = -67.0 - rng.uniform(0, 9) - 2 * side
        for number in range(7):
            for crown, root in ((17.5, 1.0), (6.0, -1.0)):
                ahead = np.array([begin - 8.0 * number, crown + 0.5 * number])
                centre = c2 + (ahead + rng.normal(0, 1.3, 2)) * size
                lean = float(rng.normal(0, 10))
                deep = centre + np.array([0.0, 8.0 * root]) * size
                canvas.fill("wear", ellipse(deep, (3.4 * size, 8.5 * size), lean), 0.24)
                canvas.fill("wear", ellipse(centre, (5.2 * size, 5.6 * size), lean), 0.70)
                if rng.random() < _FILLED_SHARE:
                    filling = ellipse(centre - (0, 2.2 * root), (3.4, 2.2), lean)
                    canvas.fill("metal", filling, 1.2)


def skull_base(canvas: Canvas, c2: Points, size: float, rng: Generator) -> Map:
    """Return the path through petrous bone and mastoid: dense, and full of small cells.

    Args:
        canvas: Gives the grid.
        c2: Centre of C2, mm on the film.
        size: 1 for an adult, less for a child.
        rng: For place, extent and cells.

    Returns:
        Optical path over the whole film; nearly none of it below the skull.
    """
    x, y = canvas.axes()
    rows = min(canvas.shape[0], max(1, int((c2[1] + 16 * size) / canvas.spacing)))
    path = np.zeros(canvas.shape, np.float32)
    veil = texture(canvas, 3.0, 9.0, rng)[:rows]
    large, small = texture(canvas, 1.3, 5.0, rng)[:rows], texture(canvas, 0.6, 2.2, rng)[:rows]
    septa = np.exp(np.square(large) * np.float32(-4)) + np.float32(0.5) * np.exp(
        np.square(small) * np.float32(-4)
    )
    for place, radii, bone, cells in (
        ((18.0, -36.0), (26.0, 15.0), 0.40, 0.28),  # mastoid
        ((-8.0, -46.0), (34.0, 18.0), 0.50, 0.18),  # petrous bone, clivus and middle fossa
        ((-54.0, -40.0), (50.0, 26.0), 0.50, 0.16),  # pterygoid and maxilla
    ):
        centre = c2 + (np.array(place) + rng.normal(0, (5, 3))) * size
        wide, high = np.array(radii) * size * rng.uniform(0.85, 1.2, 2)
        across = np.square((x - np.float32(centre[0])) / np.float32(wide))
        near = np.exp(
            -np.square(across + np.square((y[:rows] - np.float32(centre[1])) / np.float32(high)))
        )
        uneven = 1 + np.float32(0.35) * veil
        path[:rows] += near * (
            np.float32(bone) * uneven + np.float32(cells) * (septa - np.float32(0.6))
        )
    return path


def _draw_skull_base(canvas: Canvas, c2: Points, size: float, rng: Generator) -> None:
    """Draw the long plates of the skull base, seen on edge."""
    for _ in range(12):
        start = c2 + (np.array([-44.0, -40.0]) + rng.normal(0, (32, 10))) * size
        heading, bend = rng.normal(0, 0.5), rng.normal(0, 0.10)
        step = np.cumsum(heading + bend * np.arange(5))
        along = np.cumsum(np.stack([np.cos(step), np.sin(step)], axis=1), axis=0)
        line = open_curve(start + along * rng.uniform(5, 10) * size)
        canvas.stroke("wear", line, rng.uniform(1.0, 2.4), rng.uniform(0.10, 0.24))
    canvas.stroke("wear", open_curve(c2 + _CLIVUS * size), 2.4, 0.26)


def _draw_tables(canvas: Canvas, floor: Points, size: float, rng: Generator) -> None:
    """Draw outer and inner table of the occiput, which runs on as the floor of the fossa."""
    occiput = floor[_OPISTHION - 24 :]
    along = np.linspace(0, 1, len(occiput))[:, None]
    canvas.stroke("wear", occiput + (0, -0.8), 1.6, 0.16)
    for thick, amount in ((4.0, 0.12), (6.5, 0.14), (10.0, 0.08), (17.0, 0.08)):
        wave = np.sin(along * rng.uniform(4, 11) + rng.uniform(0, 6)) + along * rng.normal(0, 2)
        inner = (
            occiput - np.array([0.35, 1.0]) * (thick * rng.uniform(0.7, 1.3) + 2.2 * wave) * size
        )
        begin, end = sorted(rng.integers(0, len(occiput), 2))
        canvas.stroke("wear", inner[begin : end + 12], rng.uniform(1.2, 2.4), amount)
    canvas.stroke("wear", floor[_NASION : _OPISTHION - 20] - (0, 1.0), 2.0, 0.16)


def draw_throat(canvas: Canvas, chain: tuple[Vertebra, ...], age: float, rng: Generator) -> None:
    """Draw the hyoid and, with age, the calcified thyroid cartilage."""
    place = chain[2].centre + (-48 + rng.normal(0, 4), 10 + rng.normal(0, 4))
    body = closed_curve(place + np.array([(-5, -5), (0, -4), (3, 2), (-1, 5), (-5, 2)]))
    canvas.fill("left", body, 0.24)
    for sheet in ("left", "right"):
        horn = np.array([(1, -1), (10, -4), (19, -7), (26, -10)]) + rng.normal(0, 1.2, (4, 2))
        canvas.stroke(sheet, open_curve(place + horn), rng.uniform(1.8, 2.6), 0.13)
    chalk = float(np.clip((age - 25) / 50, 0, 1)) * float(rng.uniform(0.1, 0.5))
    plate = np.array([(-2, 2), (-5, 12), (-1, 26), (8, 31), (14, 27), (17, 10), (15, -6)])
    rim = open_curve(plate + rng.normal(0, 1.2, plate.shape) + place + (2, 16))
    for sheet in ("left", "right"):
        begin, end = sorted(rng.integers(0, len(rim), 2))
        canvas.stroke(sheet, rim[begin : end + 6], rng.uniform(1.4, 3.0), 0.30 * chalk)
    canvas.stroke("left", rim, 1.6, 0.10 * chalk)
