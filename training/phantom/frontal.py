"""Two frontal projections of the neck: AP, and C1 with C2 through the open mouth."""

# ruff: noqa: RUF005 - a plus between points is a sum, not a join

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from training.phantom.canvas import Canvas, Map, Points, ellipse, open_curve, texture
from training.phantom.shapes import (
    both_sides,
    draw_block,
    draw_ring,
    draw_shaft,
    draw_tooth,
    smooth,
)
from training.phantom.softtissue import SOFT

if TYPE_CHECKING:
    from training.phantom.values import PhantomCase

Generator = np.random.Generator

ODONTOID_SCALE = 0.72  # only the mouth is on the film, 184 by 151 mm

# One half of a frontal body of C3 to C7: shares of its half width and height. The hook of the
# upper corner reaches beside the disc above.
_BODY_HALF = ((0.0, -0.42), (0.5, -0.45), (0.76, -0.56), (0.93, -0.82), (1.04, -0.62), (0.95, -0.1))
_BODY_LOW = ((0.96, 0.30), (1.02, 0.46), (0.84, 0.56), (0.4, 0.52), (0.0, 0.50))
_JAW = ((0, 4), (24, 0), (44, -12), (60, -34), (68, -64), (70, -120))
_DENS = (
    (0, -27), (4.4, -24), (6.0, -16), (4.6, -6), (6.0, 3), (14, 8), (25, 9), (28, 17), (22, 28),
    (12, 38), (0, 40),
)  # fmt: skip
_MASS = ((9.5, -18), (19, -24), (31, -18), (30, 0), (25, 6), (12, 2))
_WING = ((30, -16), (46, -12), (50, -5), (44, 1), (31, -2))


def trunk(canvas: Canvas, knots: list[tuple[float, float]], middle: float, thick: float) -> Map:
    """Return the path through a body of round section whose half width is given by height.

    Args:
        canvas: Gives the grid.
        knots: (y, half width) in mm, downwards.
        middle: x of its axis.
        thick: Greatest thickness along the rays, mm.
    """
    x, y = canvas.axes()
    heights, widths = np.array(knots, dtype=np.float64).T
    half = np.interp(y[:, 0], heights, widths)
    half = ndimage.gaussian_filter1d(half, 8 / canvas.spacing, mode="nearest")
    round_half = half.astype(np.float32)[:, None]
    across = (x - np.float32(middle)) / round_half
    depth = np.minimum(round_half * np.float32(2), np.float32(thick))
    return np.asarray(np.float32(SOFT) * depth * np.sqrt(np.maximum(1 - across * across, 0)))


def draw_ap(canvas: Canvas, case: PhantomCase, rng: Generator) -> Map:
    """Draw an AP cervical spine and return the path through its soft tissue.

    Args:
        canvas: Takes the bones.
        case: Heights of bodies and discs.
        rng: For position and what differs from one person to the next.
    """
    middle = np.array([105.0 + rng.normal(0, 5), 58.0 + rng.normal(0, 5)])
    knots = [(0, 76), (55, 70), (80, 58), (140, 60), (178, 84), (214, 138), (256, 172)]
    path = trunk(canvas, [(y, x + rng.normal(0, 2)) for y, x in knots], middle[0], 128)
    path *= 1 + np.float32(0.006) * texture(canvas, 1.0, 6.0, rng, stretch=3)
    _draw_thorax(canvas, middle, rng)
    _draw_column(canvas, case, middle, rng)
    _draw_jaw(canvas, middle, rng)
    larynx = [(-4, 46), (4, 46), (2.4, 66), (8, 84), (9, 130), (8, 196), (-9, 196), (-9, 130)]
    canvas.fill(
        "air", smooth([*larynx, (-8, 84), (-2.4, 66)]) + middle + (rng.normal(0, 2), 0), 0.34
    )
    return path


def _draw_jaw(canvas: Canvas, middle: Points, rng: Generator) -> None:
    """The jaw and the occiput, which lie over each other and hide C1 and C2."""
    right, left = both_sides(_JAW)
    edge = np.concatenate([open_curve(left[::-1]), open_curve(right)[1:]]) + middle + (0, -6)
    canvas.fill("face", edge, 0.46)
    for thick, width, amount in ((0.8, 1.6, 0.34), (9.0, 1.2, 0.16)):
        canvas.stroke("cortex", middle + (edge - middle) * (1 - thick / 80), width, amount)
    occiput = ellipse(middle + (rng.normal(0, 2), -58 + rng.normal(0, 3)), (64, 56))
    canvas.fill("face", occiput, 0.34)
    for grow in (0.0, 0.05):
        inner = middle + (0, -58) + (occiput - middle - (0, -58)) * (1 - grow)
        canvas.stroke("cortex", inner, 1.3, 0.26, closed=True)
    for number in range(-5, 6):
        for drop, root in ((-22.0, 13.0), (-32.0, -13.0)):
            crown = middle + (number * 7.0, drop - 0.22 * number * number) + rng.normal(0, 0.5, 2)
            draw_tooth(canvas, crown, 6.6, (0.4 * number, root), rng)


def _draw_thorax(canvas: Canvas, middle: Points, rng: Generator) -> None:
    """Lung apices, first to third ribs, clavicles with their inner ends, manubrium."""
    for side in (-1.0, 1.0):
        lung = ellipse(middle + (side * 58, 198 + rng.normal(0, 3)), (36, 48), side * 14)
        canvas.fill("air", lung, 0.6)
        for number in range(3):
            drop, reach = 122.0 + 21 * number, 58.0 + 12 * number
            rib = [
                (16, drop, 8),
                (34, drop - 5, 8),
                (reach, drop + 6, 9),
                (reach + 8, drop + 28, 9),
            ]
            rib += [(reach - 12, drop + 52, 9), (30, drop + 66, 9)]
            placed = np.array(rib) * (side, 1, 1) + (*middle, 0)
            draw_shaft(canvas, placed, 0.15, sheet="left", wall=0.15)
        clavicle = [(11, 163, 15), (24, 157, 12), (52, 148, 10), (84, 130, 10), (120, 118, 12)]
        placed = np.array(clavicle) * (side, 1, 1) + (*middle, 0)
        draw_shaft(canvas, placed + (0, rng.normal(0, 2), 0), 0.24, sheet="right", wall=0.26)


def _draw_column(canvas: Canvas, case: PhantomCase, middle: Points, rng: Generator) -> None:
    """C3 to T3 from the front: bodies with hooks, pillars, pedicles, spinous processes."""
    spine, top = case.spine, middle[1] - 2.0
    heights = [*spine.anterior_height_mm, 18.0, 19.0, 20.0]
    gaps = [*spine.disc_height_mm[1:], spine.disc_height_mm[4], 5.0, 5.0, 5.0]
    sway, lean = rng.normal(0, 2.0), rng.normal(0, 0.6)
    edges: list[Points] = []
    for index, (height, gap) in enumerate(zip(heights, gaps, strict=True)):
        half = (0.57 + 0.015 * index) * spine.depth_mm[3]
        centre = np.array([middle[0] + sway * np.sin(index / 2), top + height / 2])
        right = np.array([*_BODY_HALF, *_BODY_LOW]) * (half, height)
        outline = smooth(np.concatenate([right, (right * (-1, 1))[-2:0:-1]])) + centre
        canvas.fill("bodies", outline, 0.30 * rng.uniform(0.94, 1.06))
        canvas.stroke("cortex", outline, 0.7, 0.30, closed=True)
        if index < len(spine.anterior_height_mm):
            edges += [centre + (half * 1.86, -0.5 * height), centre + (half * 2.05, 0.05 * height)]
            edges += [centre + (half * 1.84, 0.52 * height)]
        else:
            _draw_transverse(canvas, centre, half, height)
        for side in (-1.0, 1.0):
            draw_ring(
                canvas, centre + (side * half * 0.84, -0.1 * height), (2.6, 3.6), side * 12, 0.24
            )
            lamina = np.array([(1.5, 0.1), (1.0, 0.24), (0.35, 0.5)]) * (half * side, height)
            canvas.stroke("cortex", open_curve(lamina + centre), 0.7, 0.14)
        _draw_spinous(canvas, centre + (lean * index, 0.62 * height), index)
        top += height + gap
    pillar = np.array(edges)
    for sheet, side in (("left", 1.0), ("right", -1.0)):
        outer = open_curve((pillar - middle) * (side, 1) + middle)
        inner = middle + (outer - middle) * (0.46, 1.0)
        canvas.fill(sheet, np.concatenate([outer, inner[::-1]]), 0.20)
        canvas.stroke("cortex", outer, 0.8, 0.32)


def _draw_spinous(canvas: Canvas, place: Points, index: int) -> None:
    """A spinous process end-on: cleft at C3 to C5, one drop below."""
    cleft = 2.6 if index < 3 else 0.0  # noqa: PLR2004 - C3, C4, C5
    for side in {-cleft, cleft}:
        ring = ellipse(place + (side, 0), (2.7 if cleft else 3.6, 4.0 + 0.5 * (index > 3)))  # noqa: PLR2004 - C7
        canvas.fill("wear", ring, 0.14)
        canvas.stroke("cortex", ring, 1.0, 0.34, closed=True)


def _draw_transverse(canvas: Canvas, centre: Points, half: float, height: float) -> None:
    for side in (-1.0, 1.0):
        process = [(0.9, -0.1, 12), (1.7, -0.34, 10), (2.4, -0.5, 9), (2.8, -0.54, 7)]
        placed = np.array(process) * (half * side, height, 1) + (*centre, 0)
        draw_shaft(canvas, placed, 0.2, sheet="arches", wall=0.2)


def draw_odontoid(canvas: Canvas, case: PhantomCase, rng: Generator) -> Map:
    """Draw an open-mouth view of C1 and C2 and return the path through its soft tissue.

    Args:
        canvas: Takes the bones.
        case: Size of C2.
        rng: For position and what differs from one person to the next.
    """
    middle = np.array([76.0 + rng.normal(0, 3), 90.0 + rng.normal(0, 4)])
    path = trunk(canvas, [(0, 80), (60, 78), (110, 74), (150, 66), (190, 66)], middle[0], 128)
    path *= 1 + np.float32(0.006) * texture(canvas, 1.0, 6.0, rng)
    size = case.spine.depth_mm[0] / 17
    right = np.array(_DENS, dtype=np.float64)
    outline = smooth(np.concatenate([right, (right * (-1, 1))[-2:0:-1]]) * size) + middle
    draw_block(canvas, outline, 0.34, wall=0.4, wall_mm=0.9)
    turn = np.array([rng.normal(0, 0.8), 0.0])
    for shape, amount in ((_MASS, 0.34), (_WING, 0.2)):
        for half in both_sides(shape):
            sheet = "left" if shape is _MASS else "right"
            draw_block(canvas, smooth(half * size) + middle + turn, amount, sheet=sheet, wall=0.34)
    canvas.stroke("cortex", ellipse(middle + (0, 29 * size), (4.2, 5.4)), 1.2, 0.34, closed=True)
    body = np.array([(0, 48), (14, 47), (22, 43), (21, 62), (16, 66), (0, 65)]) * size
    low = smooth(np.concatenate([body, (body * (-1, 1))[-2:0:-1]])) + middle
    draw_block(canvas, low, 0.28, wall=0.3)
    _draw_mouth(canvas, middle, rng)
    return path


def _draw_mouth(canvas: Canvas, middle: Points, rng: Generator) -> None:
    """Air between the teeth of both jaws, their rami beside, the skull above, the chin below."""
    opening = smooth(
        [(-40, 6), (-30, -30), (0, -36), (30, -30), (40, 6), (28, 34), (0, 42), (-28, 34)]
    )
    canvas.fill("air", opening + middle, 0.30)
    canvas.fill("air", middle + (opening) * 0.8, 0.42)
    for row, root in ((-38.0, -13.0), (46.0, 13.0)):
        for number in range(-6, 7):
            rise = np.sign(-root) * 0.38 * number * number
            crown = middle + (number * 7.2, row - rise * 0.6) + rng.normal(0, 0.4, 2)
            draw_tooth(canvas, crown, 7.0 + 0.25 * abs(number), (0.0, root), rng)
    for side, sheet in ((-1.0, "left"), (1.0, "right")):
        ramus = [
            (58, -84, 14),
            (64, -40, 19),
            (62, 10, 20),
            (54, 44, 18),
            (34, 76, 17),
            (4, 88, 17),
        ]
        placed = np.array(ramus) * (side, 1, 1) + (*middle, 0)
        draw_shaft(canvas, placed, 0.20, sheet=sheet, wall=0.28, wall_mm=1.8)
    base = [(-80, -120), (80, -120), (80, -52), (56, -34), (24, -25), (0, -29), (-24, -25)]
    edge = smooth([*base, (-56, -34), (-80, -52)]) + middle
    canvas.fill("face", edge, 0.5)
    for lift, amount in ((0, 0.34), (-7, 0.2), (-15, 0.22), (-30, 0.16)):
        line = [(-66, -42), (-40, -28), (-20, -22), (0, -27), (20, -22), (40, -28), (66, -42)]
        wave = rng.normal(0, 1.4, (7, 2))
        placed = open_curve(np.array(line, dtype=np.float64) + wave + middle + (0, lift))
        canvas.stroke("cortex", placed, 1.5, amount)
    chin = smooth([(-44, 62), (0, 70), (44, 62), (56, 90), (0, 104), (-56, 90)]) + middle
    canvas.fill("face", chin, 0.34)
    for side in (-1.0, 1.0):
        for centre, radii in (((24, -58), (17, 13)), ((7, -60), (5, 18))):
            cavity = ellipse(middle + np.array(centre) * (side, 1), radii)
            canvas.fill("air", cavity, 0.22)
            canvas.stroke("cortex", cavity, 1.2, 0.16, closed=True)
