"""A hand from above: nothing of a spine, and little to attenuate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.phantom.canvas import Canvas, Map, Points, ellipse, soften, texture
from training.phantom.shapes import draw_block, draw_shaft, smooth

if TYPE_CHECKING:
    from training.phantom.values import PhantomCase

Generator = np.random.Generator

# Thumb to little finger: base of the metacarpal (mm from the capitate), heading from upwards in
# degrees (positive to the right), lengths of metacarpal and phalanges, diameter of the shaft.
_RAYS = (
    ((-26.0, -2.0), -42.0, (46.0, 32.0, 25.0), 9.5),
    ((-12.0, -16.0), -11.0, (67.0, 42.0, 25.0, 18.0), 8.6),
    ((0.0, -18.0), -1.0, (64.0, 46.0, 29.0, 19.0), 8.6),
    ((10.0, -15.0), 8.0, (57.0, 43.0, 28.0, 19.0), 7.8),
    ((19.0, -10.0), 18.0, (52.0, 34.0, 20.0, 17.0), 7.2),
)
_CARPALS = (
    ((-20, -6), (7, 6)), ((-11, -9), (5, 5)), ((0, -6), (6, 9)), ((12, -5), (6, 7)),
    ((-15, 7), (8, 5)), ((-2, 10), (7, 6)), ((10, 9), (6, 5)), ((13, 4), (4, 4)),
)  # fmt: skip


def draw_hand(canvas: Canvas, case: PhantomCase, rng: Generator) -> Map:
    """Draw a hand and its wrist and return the path through its soft tissue.

    Args:
        canvas: Takes the bones.
        case: A child's hand is smaller.
        rng: For size, spread of the fingers and place.
    """
    size = rng.normal(1.0, 0.05) * (0.7 + 0.3 * min(1.0, case.age_years / 18))
    wrist = np.array([105.0 + rng.normal(0, 6), 186.0 + rng.normal(0, 6)])
    flesh = np.zeros(canvas.shape, np.float32)
    spread = rng.normal(1.0, 0.12)
    for base, heading, lengths, width in _RAYS:
        turn = np.radians(heading * spread + rng.normal(0, 2))
        way = np.array([np.sin(turn), -np.cos(turn)])
        at = wrist + np.array(base) * size
        points = [at]
        for number, length in enumerate(lengths):
            end = at + way * length * size
            _draw_bone(
                canvas, at, end, width * size * (1 - 0.14 * number), tip=number == len(lengths) - 1
            )
            at = end + way * 1.8 * size
            points.append(at)
        finger = np.array([points[0], points[-1] - way * 4])
        canvas.stroke("skin", finger, 18 * size, 0.2)
        canvas.fill("skin", ellipse(finger[1], (8.6 * size, 11 * size), -np.degrees(turn)), 0.2)
    palm = (
        wrist + np.array([(-34, 14), (-40, -30), (-26, -80), (24, -74), (36, -20), (30, 18)]) * size
    )
    canvas.fill("skin", smooth(palm), 0.28)
    for centre, radii in _CARPALS:
        from_wrist = wrist + np.array(centre) * size + rng.normal(0, 0.8, 2)
        block = from_wrist + smooth(_rounded(radii, rng)) * size
        draw_block(canvas, block, 0.34, wall=0.34, wall_mm=0.7)
    _draw_forearm(canvas, wrist, size)
    flesh += soften(canvas.read("skin"), 2.0, canvas.spacing) * np.float32(2.4)
    return np.asarray(flesh * (1 + np.float32(0.02) * texture(canvas, 1.0, 6.0, rng)), np.float32)


def _rounded(radii: tuple[float, float], rng: Generator) -> Points:
    turn = np.linspace(0, 2 * np.pi, 7, endpoint=False)
    reach = rng.uniform(0.86, 1.12, 7)
    return np.stack([np.cos(turn) * radii[0] * reach, np.sin(turn) * radii[1] * reach], axis=1)


def _draw_bone(canvas: Canvas, base: Points, end: Points, width: float, *, tip: bool) -> None:
    """A metacarpal or phalanx: broad ends, a waisted shaft with thick walls, a tuft at the tip."""
    places = np.array([0.0, 0.1, 0.3, 0.55, 0.8, 0.93, 1.0])
    widths = np.array(
        [1.25, 1.5, 0.95, 0.82, 0.95, 0.7, 0.8] if tip else [1.3, 1.6, 1, 0.9, 1.1, 1.45, 1.1]
    )
    along = base + places[:, None] * (end - base)
    knots = np.concatenate([along, width * widths[:, None]], axis=1)
    draw_shaft(canvas, knots, 0.24, sheet="bodies", wall=0.4, wall_mm=1.3)


def _draw_forearm(canvas: Canvas, wrist: Points, size: float) -> None:
    radius = [(-9, 18, 30), (-10, 30, 24), (-13, 50, 16), (-15, 110, 14)]
    draw_shaft(
        canvas, np.array(radius) * size + (*wrist, 0), 0.36, sheet="left", wall=0.42, wall_mm=1.8
    )
    ulna = [(15, 21, 13), (16, 32, 14), (15, 55, 11), (13, 110, 12)]
    draw_shaft(
        canvas, np.array(ulna) * size + (*wrist, 0), 0.34, sheet="right", wall=0.42, wall_mm=1.8
    )
    arm = np.array([(-36, 8), (-36, 60), (-40, 140), (40, 140), (32, 60), (32, 8)]) * size
    canvas.fill("skin", smooth(wrist + arm), 0.42)
