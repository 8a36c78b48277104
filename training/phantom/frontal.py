"""The frontal projections: AP cervical spine, open-mouth odontoid, and a chest.

They are simpler than the lateral view: what matters is that they are unmistakably another
view, which the gates should keep from the models.
"""

# ruff: noqa: RUF005 - a plus between points is a sum, not a join

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from training.phantom.canvas import Canvas, Map, Points, closed_curve, ellipse, open_curve
from training.phantom.softtissue import SOFT

if TYPE_CHECKING:
    from training.phantom.values import PhantomCase

Generator = np.random.Generator

# One half of a frontal body of C3 to C7: shares of its half width and height.
_BODY_HALF = ((0.0, -0.36), (0.55, -0.42), (0.86, -0.78), (1.0, -0.60), (0.94, 0.0))
_BODY_LOW = ((1.0, 0.46), (0.6, 0.52), (0.0, 0.44))
_LUNG = np.array(
    [(14, -118), (44, -132), (84, -104), (108, -40), (116, 30), (118, 92), (84, 78), (44, 72)]
    + [(26, 60), (20, 0)], dtype=np.float64,
)  # fmt: skip
_HEART = np.array(
    [(-28, -40), (-22, -78), (4, -86), (26, -70), (34, -20), (66, 30), (74, 66), (40, 82)]
    + [(-30, 80), (-46, 50), (-40, 0)], dtype=np.float64,
)  # fmt: skip


def _mirrored(half: Points, middle: Points) -> tuple[Points, Points]:
    """Return a shape that is given to the right of the midline on both sides of it."""
    return middle + half, middle + half * (-1.0, 1.0)


def _trunk(canvas: Canvas, knots: list[tuple[float, float]], middle: float, thick: float) -> Map:
    """Return the path through a body of round section whose half width is given by height."""
    x, y = canvas.axes()
    heights, widths = np.array(knots, dtype=np.float64).T
    half = np.interp(y[:, 0], heights, widths)
    half = ndimage.gaussian_filter1d(half, 8 / canvas.spacing, mode="nearest")
    round_half = half.astype(np.float32)[:, None]
    across = (x - np.float32(middle)) / round_half
    depth = np.minimum(round_half * np.float32(2), np.float32(thick))
    return np.asarray(np.float32(SOFT) * depth * np.sqrt(np.maximum(1 - across * across, 0)))


def draw_ap(canvas: Canvas, case: PhantomCase, rng: Generator) -> Map:
    """Draw an AP cervical spine and return the path through its soft tissue."""
    middle = np.array([105.0 + rng.normal(0, 5), 58.0 + rng.normal(0, 5)])
    knots = [(0, 78), (55, 72), (80, 58), (150, 60), (190, 85), (225, 140), (256, 170)]
    path = _trunk(canvas, [(y, x + rng.normal(0, 2)) for y, x in knots], middle[0], 135)
    _draw_column(canvas, case, middle, rng)
    jaw = np.array([(0, -4), (34, -10), (62, -30), (74, -70), (0, -120)], dtype=np.float64)
    for shape in _mirrored(open_curve(jaw), middle):
        canvas.fill("face", np.concatenate([shape, [middle + (0, -120)]]), 0.5)
        canvas.stroke("cortex", shape, 2.2, 0.4)
    occiput = ellipse(middle + (0, -60), (66, 58))
    canvas.fill("face", occiput, 0.7)
    canvas.stroke("cortex", occiput, 1.4, 0.3, closed=True)
    trachea = np.array([(-6, 70), (6, 70), (9, 120), (9, 190), (-9, 190), (-9, 120)]) + middle
    canvas.fill("air", closed_curve(trachea), 0.34)
    for side in (-1.0, 1.0):
        lung = ellipse(middle + (side * 62, 196), (34, 40), side * 15)
        canvas.fill("air", lung, 0.7)
        clavicle = np.array([(12, 152), (46, 148), (86, 128), (112, 118)]) * (side, 1) + middle
        canvas.stroke("arches", open_curve(clavicle), 9.0, 0.3)
        canvas.stroke("cortex", open_curve(clavicle), 9.5, 0.06)
        for rib in range(2):
            arc = np.array([(16, 128 + 22 * rib), (48, 120 + 26 * rib), (66, 158 + 26 * rib)])
            canvas.stroke("left", open_curve(arc * (side, 1) + middle), 6.5, 0.25)
    return path


def _draw_column(canvas: Canvas, case: PhantomCase, middle: Points, rng: Generator) -> None:
    """Draw C3 to T2 from the front: bodies with hooks, pillars, spinous processes."""
    spine, top = case.spine, middle[1] + 4.0
    heights = [*spine.anterior_height_mm, 17.0, 18.0]
    gaps = [*spine.disc_height_mm[1:], spine.disc_height_mm[4], 5.0, 5.0]
    sway = rng.normal(0, 2.0)
    for index, (height, gap) in enumerate(zip(heights, gaps, strict=True)):
        half = (0.56 + 0.02 * index) * spine.depth_mm[3]
        centre = np.array([middle[0] + sway * np.sin(index / 2), top + height / 2])
        right = [(p * half, d * height) for p, d in (*_BODY_HALF, *_BODY_LOW)]
        left = [(-p, d) for p, d in right[-2:0:-1]]
        outline = closed_curve(centre + np.array(right + left))
        canvas.fill("bodies", outline, 0.34)
        canvas.stroke("cortex", outline, 0.8, 0.34, closed=True)
        for side in (-1.0, 1.0):
            pillar = ellipse(centre + (side * half * 1.55, 0), (half * 0.55, height * 0.72))
            canvas.fill("left", pillar, 0.26)
            canvas.stroke("cortex", pillar, 0.8, 0.2, closed=True)
        process = ellipse(centre + (0, 0.55 * height), (3.2, 4.6))
        canvas.stroke("cortex", process, 1.1, 0.34, closed=True)
        top += height + gap


def draw_odontoid(canvas: Canvas, case: PhantomCase, rng: Generator) -> Map:
    """Draw an open-mouth view of C1 and C2 and return the path through its soft tissue."""
    middle = np.array([105.0 + rng.normal(0, 4), 132.0 + rng.normal(0, 5)])
    path = _trunk(canvas, [(0, 86), (90, 80), (150, 74), (200, 62), (256, 66)], middle[0], 150)
    depth = case.spine.depth_mm[0]
    dens = np.array([(-5, 16), (-6, -4), (-4.6, -22), (0, -26), (4.6, -22), (6, -4), (5, 16)])
    axis = np.array(
        [(-7, 4), (-26, 12), (-27, 22), (-13, 34), (13, 34), (27, 22), (26, 12), (7, 4)]
    )
    for shape, amount in ((dens, 0.36), (axis, 0.36)):
        outline = closed_curve(middle + shape * depth / 18)
        canvas.fill("bodies", outline, amount)
        canvas.stroke("cortex", outline, 0.9, 0.4, closed=True)
    mass = np.array([(10, -20), (20, -24), (34, -16), (30, 8), (14, 3)], dtype=np.float64)
    for outline in _mirrored(closed_curve(mass), middle):
        canvas.fill("left", outline, 0.4)
        canvas.stroke("cortex", outline, 0.9, 0.36, closed=True)
    mouth = ellipse(middle + (0, 4), (36, 28))
    canvas.fill("air", mouth, 0.55)
    for row, sign in ((-36.0, 1.0), (42.0, -1.0)):
        for number in range(-4, 5):
            centre = middle + (number * 8.4, row + sign * abs(number) * 1.6)
            canvas.fill("arches", ellipse(centre, (3.9, 9.0)), 0.7)
    for side in (-1.0, 1.0):
        ramus = np.array([(58, -70), (64, -10), (54, 50), (30, 88)]) * (side, 1) + middle
        canvas.stroke("right", open_curve(ramus), 12.0, 0.35)
        canvas.stroke("cortex", open_curve(ramus), 13.0, 0.08)
    skull = ellipse(middle + (0, -112), (84, 78))
    canvas.fill("face", skull, 0.9)
    canvas.stroke("cortex", skull, 2.0, 0.4, closed=True)
    return path


def draw_chest(canvas: Canvas, rng: Generator) -> Map:
    """Draw a PA chest on a canvas of 430 by 352 mm and return the path through soft tissue."""
    middle = np.array([176.0 + rng.normal(0, 6), 205.0 + rng.normal(0, 8)])
    knots = [(0, 62), (40, 66), (70, 150), (110, 172), (300, 160), (430, 150)]
    path = _trunk(canvas, [(float(y), float(x)) for y, x in knots], middle[0], 200) * np.float32(
        0.85
    )
    for outline in _mirrored(closed_curve(_LUNG * rng.normal(1, 0.03)), middle):
        canvas.fill("air", outline, 0.95)
    canvas.fill("face", closed_curve(_HEART * rng.normal(1, 0.05) + middle), 0.5)
    for number in range(13):
        level = middle + (0, -150 + 22 * number)
        body = closed_curve(level + np.array([(-14, -8), (14, -8), (13, 8), (-13, 8)]))
        canvas.fill("bodies", body, 0.25)
        canvas.stroke("cortex", body, 1.4, 0.1, closed=True)
    for number in range(10):
        drop, reach = -134 + 21 * number, 62 + 38 * np.sin((number + 1) / 11 * np.pi)
        rear = np.array([(16, drop), (reach * 0.6, drop - 6), (reach + 8, drop + 24)])
        front = np.array([(reach + 8, drop + 24), (reach * 0.8, drop + 46), (34, drop + 62)])
        for side in (-1.0, 1.0):
            canvas.stroke("left", open_curve(rear * (side, 1) + middle), 8.0, 0.16)
            canvas.stroke("right", open_curve(front * (side, 1) + middle), 8.0, 0.10)
    for side in (-1.0, 1.0):
        clavicle = np.array([(14, -122), (60, -132), (104, -150), (140, -152)]) * (side, 1) + middle
        canvas.stroke("arches", open_curve(clavicle), 11.0, 0.3)
    return path
