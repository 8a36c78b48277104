"""The oblique cervical spine: turned by 45 degrees, so that the foramina of one side stand open."""

# ruff: noqa: RUF005 - a plus between points is a sum, not a join

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.phantom.canvas import Canvas, Map, Points, ellipse, open_curve, texture
from training.phantom.frontal import trunk
from training.phantom.shapes import draw_block, draw_ring, draw_shaft, draw_tooth, smooth
from training.phantom.skeleton import build_chain, move_chain
from training.phantom.values import DISCS

if TYPE_CHECKING:
    from training.phantom.skeleton import Vertebra
    from training.phantom.values import PhantomCase

Generator = np.random.Generator

_FINDING = "foraminal-stenosis"
_OPEN_MM = (3.7, 6.2)  # half width and half height of a foramen, enlarged as on the film
_NARROWED = (0.42, 0.62)  # what stenosis leaves of the two
# Shares of body depth (p, backwards) and height (d, downwards).
_BODY = ((-0.44, -0.42), (0.0, -0.44), (0.38, -0.50), (0.46, -0.40), (0.41, 0.0), (0.47, 0.44))
_BODY_LOW = ((0.40, 0.50), (0.0, 0.44), (-0.42, 0.52), (-0.49, 0.44), (-0.43, 0.0))
_LAMINA = ((1.02, -0.46), (1.30, -0.30), (1.52, 0.18), (1.50, 0.56), (1.30, 0.44), (1.06, 0.02))
_SPINOUS = ((1.30, 0.05), (1.62, 0.26), (1.86, 0.52), (1.76, 0.74), (1.48, 0.56))
_JAW = (
    (-104, 52), (-84, 62), (-52, 50), (-26, 30), (-14, -6), (-10, -34), (-26, -42), (-36, -8),
    (-58, 16), (-100, 30),
)  # fmt: skip


def draw_oblique(canvas: Canvas, case: PhantomCase, rng: Generator) -> Map:
    """Draw an oblique view and return the path through its soft tissue.

    Args:
        canvas: Takes the bones.
        case: A finding ``foraminal-stenosis:C5/C6`` narrows the foramen at that disc.
        rng: For what differs from one person to the next.
    """
    middle = np.array([108.0 + rng.normal(0, 5), 132.0 + rng.normal(0, 5)])
    chain = move_chain(build_chain(case.spine), (float(middle[0]) - 6.0, float(middle[1])))
    top, low = chain[0].centre, chain[5].centre
    knots = [(0, 92.0), (top[1] - 6, 82.0), (top[1] + 22, 62.0), (low[1] - 22, 60.0)]
    knots += [(low[1] + 10, 92.0), (low[1] + 50, 150.0), (256, 170.0)]
    path = trunk(canvas, knots, float(middle[0]) + 8, 128)
    path *= 1 + np.float32(0.006) * texture(canvas, 1.0, 6.0, rng, stretch=3)
    _draw_throat(canvas, chain)
    _draw_chest_inlet(canvas, low, rng)
    _draw_bodies(canvas, chain, rng)
    _draw_foramina(canvas, chain, case, rng)
    _draw_head(canvas, top, rng)
    return path


def _shaped(vertebra: Vertebra, shape: tuple[tuple[float, float], ...]) -> Points:
    return vertebra.place(smooth(list(shape)) * (vertebra.depth, vertebra.height))


def _draw_throat(canvas: Canvas, chain: tuple[Vertebra, ...]) -> None:
    """Air before the spine: pharynx and trachea, seen half from the front."""
    line = np.array([v.place([(-1.15 * v.depth - 5, 0.0)])[0] for v in chain])
    line = np.concatenate([line[:1] - (2, 34), line, line[5:] + (8, 40), line[5:] + (16, 88)])
    widths = np.array([12, 15, 13, 11, 13, 15, 17, 18, 18]) / 2
    outline = np.concatenate(
        [line - widths[:, None] * (1, 0), (line + widths[:, None] * (1, 0))[::-1]]
    )
    canvas.fill("air", smooth(outline), 0.34)


def _draw_chest_inlet(canvas: Canvas, low: Points, rng: Generator) -> None:
    """Upper ribs, both clavicles and the apex of one lung below the neck."""
    lung = ellipse(low + (44 + rng.normal(0, 4), 74), (40, 46), 12)
    canvas.fill("air", lung, 0.62)
    canvas.fill("air", ellipse(low + (-40, 92), (26, 40), -10), 0.5)
    for number in range(4):
        drop, reach = 16.0 + 17 * number, 46.0 + 9 * number
        near = [(10, drop, 7), (reach * 0.7, drop - 6, 8), (reach, drop + 16, 8)]
        near += [(reach * 0.82, drop + 44, 8)]
        draw_shaft(canvas, np.array(near) + (*low, 0), 0.17, sheet="left", wall=0.16)
        far = [(-6, drop + 4, 6), (-26 - 5 * number, drop + 2, 7), (-44 - 6 * number, drop + 26, 7)]
        draw_shaft(canvas, np.array(far) + (*low, 0), 0.13, sheet="right", wall=0.12)
    clavicle = [(-14, 46, 12), (-50, 40, 10), (-88, 24, 10), (-112, 22, 11)]
    draw_shaft(canvas, np.array(clavicle) + (*low, 0), 0.3)
    other = [(16, 54, 11), (46, 36, 10), (88, 30, 11)]
    draw_shaft(canvas, np.array(other) + (*low, 0), 0.24)


def _draw_bodies(canvas: Canvas, chain: tuple[Vertebra, ...], rng: Generator) -> None:
    """Bodies C2 to T1, and on each the pedicle of the far side seen end-on."""
    for vertebra in (*chain[1:], _thoracic(chain[5])):
        body = _shaped(vertebra, (*_BODY, *_BODY_LOW))
        canvas.fill("bodies", body, 0.33 * rng.uniform(0.93, 1.07))
        canvas.stroke("cortex", body, 0.7, 0.30, closed=True)
        canvas.stroke("cortex", body[:14], 0.8, 0.46)
        canvas.stroke("cortex", body[34:50], 0.8, 0.46)
        far = vertebra.place([(-0.26 * vertebra.depth, -0.08 * vertebra.height)])[0]
        draw_ring(canvas, far, (2.3, 3.3), -vertebra.tilt_degrees, 0.26)
    axis = chain[0]
    top = [(-0.46, 0.4), (-0.2, -0.6), (-0.22, -1.7), (0.06, -2.0), (0.26, -1.7), (0.3, -0.6)]
    draw_block(canvas, _shaped(axis, (*top, (0.62, -0.2), (0.5, 0.44))), 0.34, wall=0.36)
    for place, radii in (((-0.36, -1.5), (5, 7)), ((0.75, -1.35), (7, 6)), ((1.7, -1.3), (5, 4))):
        centre = axis.place([(place[0] * axis.depth, place[1] * axis.height)])[0]
        draw_block(canvas, ellipse(centre, radii, 20), 0.24, sheet="wear", wall=0.34)


def _thoracic(c7: Vertebra) -> Vertebra:
    return move_chain((c7,), tuple(c7.place([(1.0, c7.height + 5.0)])[0] - c7.centre))[0]


def _draw_foramina(
    canvas: Canvas, chain: tuple[Vertebra, ...], case: PhantomCase, rng: Generator
) -> None:
    """Pedicles, articular masses, laminae: a band behind the bodies; the foramina are holes."""
    front = np.array([v.place([(0.40 * v.depth, 0.0)])[0] for v in chain])
    rear = np.array([v.place([(1.12 * v.depth, 0.12 * v.height)])[0] for v in chain])
    band = np.concatenate([open_curve(front), open_curve(rear)[::-1]])
    canvas.fill("left", band, 0.26)
    for vertebra in chain:
        for shape, amount in ((_LAMINA, 0.20), (_SPINOUS, 0.20)):
            draw_block(canvas, _shaped(vertebra, shape), amount, sheet="arches", wall=0.26)
        joint = vertebra.place(
            np.array([(0.72, -0.62), (1.02, -0.20)]) * (vertebra.depth, vertebra.height)
        )
        canvas.stroke("cortex", joint, 0.7, 0.26)
    for level, disc in enumerate(DISCS):
        upper, lower = chain[level], chain[level + 1]
        size = lower.depth / 18.5 * rng.normal(1.0, 0.06)
        narrow = rng.uniform(*_NARROWED)
        if f"{_FINDING}:{disc}" in case.findings:
            size *= narrow
        above = upper.place([(0.62 * upper.depth, 0.32 * upper.height)])[0]
        below = lower.place([(0.62 * lower.depth, -0.52 * lower.height)])[0]
        hole = ellipse(
            (above + below) / 2, (_OPEN_MM[0] * size, _OPEN_MM[1] * size), -8 - lower.tilt_degrees
        )
        canvas.fill("left", hole, 0.0)
        canvas.fill("air", hole, 0.10)
        canvas.stroke("cortex", hole, 0.9, 0.42, closed=True)
    for vertebra in chain[1:]:
        near = vertebra.place([(0.58 * vertebra.depth, -0.10 * vertebra.height)])[0]
        canvas.stroke(
            "cortex", ellipse(near, (3.4, 1.7), -vertebra.tilt_degrees), 0.7, 0.3, closed=True
        )


def _draw_head(canvas: Canvas, top: Points, rng: Generator) -> None:
    """The turned jaw with its teeth, and the base of the skull."""
    flesh = [(-150, -60), (-30, -60), (-6, -20), (-8, 20), (-40, 66), (-90, 84), (-150, 80)]
    canvas.fill("face", smooth(flesh) + top, 0.46)
    jaw = smooth(list(_JAW)) + top + (-6, 8)
    draw_block(canvas, jaw, 0.26, sheet="right", wall=0.3, wall_mm=1.5)
    other = smooth(list(_JAW)) * (0.62, 0.9) + top + (-34, 2)
    draw_block(canvas, other, 0.2, sheet="left", wall=0.22, wall_mm=1.2)
    for number in range(6):
        for drop, root in ((18.0, 9.0), (2.0, -9.0)):
            crown = top + (-52 - 8.0 * number, drop + 0.8 * number) + rng.normal(0, 0.6, 2)
            draw_tooth(canvas, crown, 7.5, (0.0, root), rng)
    floor = open_curve(
        np.array(
            [(-150, -38), (-70, -40), (-22, -38), (6, -24), (40, -16), (72, -24), (104, -60)]
        ).astype(np.float64)
        + top
    )
    canvas.fill("face", np.concatenate([floor, [top + (104, -200), top + (-150, -200)]]), 0.42)
    for thick, amount in ((1.4, 0.34), (5.0, 0.16), (9.0, 0.12)):
        canvas.stroke("cortex", floor - (0, thick), 1.3, amount)
    for _ in range(14):
        centre = top + (8, -42) + rng.normal(0, (26, 9))
        cell = ellipse(centre, tuple(rng.uniform(1.4, 5, 2)), rng.uniform(0, 90))
        canvas.stroke("cortex", cell, 0.8, rng.uniform(0.06, 0.24), closed=True)
