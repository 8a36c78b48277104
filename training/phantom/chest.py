"""A PA chest that has strayed into a study of the neck."""

# ruff: noqa: RUF005 - a plus between points is a sum, not a join

from __future__ import annotations

import numpy as np

from training.phantom.canvas import Canvas, Map, closed_curve, open_curve, texture
from training.phantom.frontal import trunk
from training.phantom.shapes import draw_block, draw_shaft, smooth

Generator = np.random.Generator

SCALE = 1.68  # a film of 430 by 353 mm

# Right of the midline on the film is the patient's left.
_LUNG = np.array(
    [(16, -122), (40, -134), (74, -114), (100, -56), (112, 20), (117, 88), (104, 84), (74, 62)]
    + [(40, 60), (24, 40), (18, -20)], dtype=np.float64,
)  # fmt: skip
_HEART = np.array(
    [(-24, -44), (-20, -82), (2, -92), (24, -84), (27, -66), (22, -44), (34, -18), (58, 26)]
    + [(70, 62), (40, 84), (-26, 82), (-42, 50), (-36, 4)], dtype=np.float64,
)  # fmt: skip


def draw_chest(canvas: Canvas, rng: Generator) -> Map:
    """Draw a PA chest on a canvas of 430 by 353 mm and return the path through soft tissue."""
    middle = np.array([176.0 + rng.normal(0, 6), 205.0 + rng.normal(0, 8)])
    knots = [(0, 62), (34, 66), (58, 130), (90, 172), (250, 170), (430, 158)]
    path = trunk(canvas, [(float(y), float(x)) for y, x in knots], middle[0], 170)
    path *= 1 + np.float32(0.005) * texture(canvas, 1.5, 8.0, rng)
    growth = rng.normal(1, 0.03)
    for side in (-1.0, 1.0):
        outline = closed_curve(_LUNG * (side, 1 if side > 0 else 0.94) * growth) + middle
        canvas.fill("air", outline, 0.98)
    _draw_vessels(canvas, middle, rng)
    canvas.fill("face", closed_curve(_HEART * rng.normal(1, 0.05)) + middle, 0.30)
    belly = [(-170, 92), (-60, 56), (0, 84), (60, 68), (150, 92), (160, 240), (-160, 240)]
    canvas.fill("face", smooth(belly) + middle, 0.24)
    for number in range(13):
        level = middle + (0, -150 + 22 * number)
        body = smooth([(-14, -8), (0, -7), (14, -8), (13, 8), (0, 7), (-13, 8)]) + level
        draw_block(canvas, body, 0.10, wall=0.08, wall_mm=1.2)
    for number in range(10):
        _draw_rib_pair(canvas, middle, number)
    for side in (-1.0, 1.0):
        clavicle = [(14, -120, 14), (40, -124, 11), (84, -142, 11), (128, -152, 13)]
        draw_shaft(canvas, np.array(clavicle) * (side, 1, 1) + (*middle, 0), 0.26, wall=0.2)
        blade = [(92, -142), (132, -128), (136, -96), (118, -30), (104, -20), (96, -80)]
        outline = smooth(np.array(blade, dtype=np.float64) * (side, 1)) + middle
        draw_block(canvas, outline, 0.10, sheet="right", wall=0.16, wall_mm=1.6)
        arm = [(138, -136, 40), (144, -112, 34), (148, -84, 24), (150, -40, 22), (152, 30, 21)]
        placed = np.array(arm) * (side, 1, 1) + (*middle, 0)
        draw_shaft(canvas, placed, 0.16, sheet="left", wall=0.2, wall_mm=2.6)
    trachea = [
        (-8, -200),
        (8, -200),
        (8, -110),
        (22, -84),
        (14, -80),
        (0, -98),
        (-14, -80),
        (-22, -84),
    ]
    canvas.fill("air", smooth([*trachea, (-8, -110)]) + middle, 0.3)
    return path


def _draw_rib_pair(canvas: Canvas, middle: np.ndarray, number: int) -> None:
    """The steep rear part and the sloping front part of one rib on both sides."""
    drop, reach = -136 + 21 * number, 58 + 46 * np.sin((number + 2.2) / 12 * np.pi)
    rear = [
        (14, drop, 9),
        (reach * 0.5, drop - 9, 9),
        (reach, drop + 12, 9),
        (reach + 8, drop + 30, 8),
    ]
    front = [(reach + 8, drop + 30, 8), (reach * 0.86, drop + 56, 9), (36, drop + 78, 10)]
    for side in (-1.0, 1.0):
        for sheet, knots, amount in (("left", rear, 0.15), ("right", front, 0.08)):
            placed = np.array(knots) * (side, 1, 1) + (*middle, 0)
            draw_shaft(canvas, placed, amount, sheet=sheet, wall=0.10, wall_mm=1.0)


def _draw_vessels(canvas: Canvas, middle: np.ndarray, rng: Generator) -> None:
    """Vessels that spread from both hila and thin out."""
    for side in (-1.0, 1.0):
        root = middle + (side * 26, -34)
        for _ in range(16):
            turn = rng.uniform(-1.2, 1.5)
            reach = rng.uniform(26, 74)
            way = np.array([side * np.cos(turn), np.sin(turn)]) * reach
            bend = rng.normal(0, 6, 2)
            line = open_curve(np.array([root, root + way * 0.5 + bend, root + way]))
            canvas.stroke("wear", line[:7], rng.uniform(2.5, 5.5), 0.13)
            canvas.stroke("wear", line[6:], rng.uniform(1.2, 2.6), 0.09)
