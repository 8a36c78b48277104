"""The lower head from the side: jaws, teeth, skull base, hyoid and laryngeal cartilage."""

# ruff: noqa: RUF005 - a plus between points is a sum, not a join

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.phantom.canvas import Canvas, Points, closed_curve, ellipse, open_curve

if TYPE_CHECKING:
    from training.phantom.skeleton import Vertebra

Generator = np.random.Generator

# mm from the centroid of C2 of an adult, x backwards, y downwards.
_FACE = np.array(
    [(-150, 84), (-100, 66), (-60, 54), (-30, 40), (-25, 10), (-20, -30), (4, -48), (-10, -130)]
    + [(-150, -130)], dtype=np.float64,
)  # fmt: skip
_JAW = np.array(
    [(-140, 86), (-100, 72), (-66, 59), (-40, 44), (-30, 29), (-30, 4), (-27, -22), (-22, -40)]
    + [(-30, -47), (-38, -34), (-50, -38), (-58, -30), (-55, -4), (-66, 22), (-100, 36)]
    + [(-140, 42)],
    dtype=np.float64,
)  # fmt: skip
_PALATE = np.array([(-150, -12), (-90, -10), (-52, -14), (-40, -18)], dtype=np.float64)
_SINUS = np.array([(-120, -20), (-70, -16), (-52, -30), (-60, -52), (-110, -56)], dtype=np.float64)
_CLIVUS = np.array([(8, -24), (-2, -36), (-14, -52), (-24, -60), (-36, -60)], dtype=np.float64)
_PETROUS = np.array(
    [(-8, -40), (6, -54), (24, -56), (44, -44), (50, -30), (34, -22), (12, -26)], dtype=np.float64
)
# The lower edge of the skull: nose, sella, clivus, occiput, nape.
_SKULL_FLOOR = np.array(
    [(-190, -66), (-120, -66), (-60, -64), (-34, -58), (-14, -46), (0, -32), (14, -23), (36, -17)]
    + [(58, -17), (80, -26), (100, -44), (116, -78), (130, -130), (150, -260)], dtype=np.float64,
)  # fmt: skip
_NASION, _OPISTHION = 8, 56  # points of the smooth skull floor


def skull_floor(c2: Points, size: float, rng: Generator) -> Points:
    """Return the lower edge of the skull from front to back, mm on the film, (105, 2).

    The head nods against the neck, so that the occiput lies now higher, now lower.
    """
    nod = rng.normal(0, 0.06)
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
    canvas.fill("face", closed_curve(c2 + _FACE * size), 0.42)
    canvas.fill("air", closed_curve(c2 + _SINUS * size), 0.16)
    _draw_skull_base(canvas, c2, size, rng)
    _draw_tables(canvas, floor, size, rng)
    for sheet in ("left", "right"):
        shift = rng.normal(0, (2.6, 2.0)) + (0, 2)
        jaw = closed_curve(c2 + (_JAW + rng.normal(0, 1.0, _JAW.shape)) * size + shift)
        canvas.fill(sheet, jaw, 0.12)
        canvas.stroke("cortex", jaw[:25], 1.5, 0.26)
        canvas.stroke("cortex", jaw[24:46], 0.8, 0.14)
        canvas.stroke("cortex", jaw[46:], 0.7, 0.07)
    palate = open_curve(c2 + _PALATE * size)
    canvas.stroke("cortex", palate, 2.2, 0.34)
    _draw_teeth(canvas, c2, size, rng)


def _draw_teeth(canvas: Canvas, c2: Points, size: float, rng: Generator) -> None:
    """Draw crowns with their roots in both jaws; every third crown is filled with metal."""
    for number in range(6):
        ahead = -66.0 - 8.5 * number
        for crown, root in ((18.0, 1.0), (4.0, -1.0)):
            centre = c2 + (np.array([ahead, crown + 0.5 * number]) + rng.normal(0, 0.7, 2)) * size
            lean = float(rng.normal(0, 7))
            deep = centre + np.array([0.0, 8.0 * root]) * size
            canvas.fill("arches", ellipse(deep, (2.6 * size, 7.5 * size), lean), 0.34)
            canvas.fill("arches", ellipse(centre, (4.3 * size, 4.6 * size), lean), 0.62)
            if rng.random() < 0.3:  # noqa: PLR2004 - about every third
                filling = ellipse(centre - (0, 2.2 * root), (3.0, 1.8), lean)
                canvas.fill("metal", filling, 1.6)


def _draw_skull_base(canvas: Canvas, c2: Points, size: float, rng: Generator) -> None:
    """Draw occiput, clivus and the petrous bones with their cells, a tangle of lines."""
    canvas.fill("face", closed_curve(c2 + _PETROUS * size), 0.5)
    for _ in range(22):
        start = c2 + (np.array([-2.0, -42.0]) + rng.normal(0, (28, 9))) * size
        heading, bend = rng.uniform(-0.6, 0.6), rng.normal(0, 0.5)
        step = np.cumsum(heading + bend * np.arange(4))
        along = np.cumsum(np.stack([np.cos(step), np.sin(step)], axis=1), axis=0)
        line = open_curve(start + along * rng.uniform(3, 7) * size, steps=4)
        canvas.stroke("cortex", line, rng.uniform(0.7, 1.8), rng.uniform(0.08, 0.30))
    for _ in range(14):
        centre = c2 + (np.array([22.0, -38.0]) + rng.normal(0, (12, 8))) * size
        cell = ellipse(centre, (rng.uniform(1.0, 3.4), rng.uniform(0.8, 2.4)), rng.uniform(0, 90))
        canvas.fill("air", cell, rng.uniform(0.05, 0.22))
        canvas.stroke("cortex", cell, 0.6, rng.uniform(0.05, 0.2), closed=True)
    canvas.stroke("cortex", open_curve(c2 + _CLIVUS * size), 1.8, 0.34)


def _draw_tables(canvas: Canvas, floor: Points, size: float, rng: Generator) -> None:
    """Draw outer and inner table of the occiput, which runs on as the floor of the fossa."""
    occiput = floor[_OPISTHION - 24 :]
    along = np.linspace(0, 1, len(occiput))[:, None]
    canvas.stroke("cortex", occiput + (0, -0.6), 0.9, 0.30)
    for thick, amount in ((3.5, 0.22), (5.5, 0.26), (9.0, 0.12), (14.0, 0.09)):
        wave = np.sin(along * rng.uniform(4, 11) + rng.uniform(0, 6)) + along * rng.normal(0, 2)
        inner = (
            occiput - np.array([0.35, 1.0]) * (thick * rng.uniform(0.7, 1.3) + 1.3 * wave) * size
        )
        begin, end = sorted(rng.integers(0, len(occiput), 2))
        canvas.stroke("cortex", inner[begin : end + 12], rng.uniform(0.7, 1.3), amount)
    canvas.stroke("cortex", floor[_NASION : _OPISTHION - 20] - (0, 1.0), 1.4, 0.26)


def draw_throat(canvas: Canvas, chain: tuple[Vertebra, ...], age: float, rng: Generator) -> None:
    """Draw the hyoid and, with age, the calcified thyroid cartilage."""
    place = chain[2].centre + (-45 + rng.normal(0, 4), 2 + rng.normal(0, 5))
    body = closed_curve(place + np.array([(-6, -4), (1, -5), (4, 1), (-2, 6), (-7, 3)]))
    canvas.fill("left", body, 0.18)
    canvas.stroke("cortex", body, 0.8, 0.30, closed=True)
    horn = open_curve(place + np.array([(2, -2), (13, -5), (25, -9)]))
    canvas.stroke("left", horn, 3.0, 0.16)
    canvas.stroke("cortex", horn + (0, -1.4), 0.6, 0.18)
    canvas.stroke("cortex", horn + (0, 1.4), 0.6, 0.18)
    chalk = float(np.clip((age - 25) / 50, 0, 1)) * float(rng.uniform(0.05, 0.30))
    plate = np.array([(0, 0), (-4, 12), (0, 26), (12, 30), (16, 14), (14, -4)]) + place + (2, 16)
    canvas.stroke("cortex", closed_curve(plate), 1.1, chalk, closed=True)
