"""The swimmer's view: a lateral with one arm raised, to see C7 and T1 between the shoulders."""

# ruff: noqa: RUF005 - a plus between points is a sum, not a join

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from training.phantom.axis import draw_cervical_spine
from training.phantom.canvas import Canvas, Map, Points, ellipse, texture
from training.phantom.head import draw_head, skull_floor
from training.phantom.shapes import draw_shaft, smooth
from training.phantom.skeleton import Vertebra, build_chain, move_chain
from training.phantom.softtissue import SOFT
from training.phantom.vertebrae import draw_body

if TYPE_CHECKING:
    from training.phantom.values import PhantomCase

Generator = np.random.Generator


def draw_swimmers(canvas: Canvas, case: PhantomCase, rng: Generator) -> Map:
    """Draw a swimmer's view and return the path through its soft tissue.

    The film is centred lower than a lateral of the neck: the head is cut off above, and T3 to
    T4 come into view.
    """
    chain = build_chain(case.spine)
    place = np.array([92.0, 128.0]) + rng.normal(0, 6, 2) - chain[5].centre
    chain = move_chain(chain, (float(place[0]), float(place[1])))
    low = chain[5].centre
    floor = skull_floor(chain[0].centre, 1.0, rng)
    draw_head(canvas, chain[0].centre, floor, 1.0, rng)
    _draw_thorax(canvas, case, chain[5], rng)
    draw_cervical_spine(canvas, chain, case.spine, case.age_years, rng)
    _draw_shoulders(canvas, low, rng)
    return _soft(canvas, chain, rng)


def _draw_thorax(canvas: Canvas, case: PhantomCase, c7: Vertebra, rng: Generator) -> None:
    """T3 and T4 with the ribs that start from the thoracic spine, trachea and lung apices."""
    below = c7
    for step in range(1, 5):
        tilt = below.tilt_degrees + 6.0
        way = np.radians(tilt - below.lean_degrees)
        down = np.array([np.sin(way), np.cos(way)])
        centre = below.centre + down * (4.6 + 1.06 * below.height)
        below = replace(below, centre=centre, tilt_degrees=tilt, depth=below.depth * 1.02)
        if step > 2:  # noqa: PLR2004 - T1 and T2 come with the cervical spine
            draw_body(canvas, below, case.spine.endplate_depth_mm, rng)
        start = below.place([(0.7 * below.depth, -4.0)])[0]
        for sheet, reach in (("left", 64.0), ("right", 52.0)):
            rib = np.array([(0, 0, 6), (20, 6, 7), (22, 30, 8), (-20, 62, 9), (-reach, 80, 9)])
            draw_shaft(canvas, rib + (*start, 0), 0.11, sheet=sheet, wall=0.1)
    trachea = np.array([(-30, -40), (-26, 0), (-12, 46), (6, 100), (-8, 100), (-28, 46), (-42, 0)])
    canvas.fill("air", smooth(trachea + c7.centre), 0.34)
    canvas.fill("air", ellipse(c7.centre + (26, 92), (46, 52), -16), 0.6)


def _draw_shoulders(canvas: Canvas, low: Points, rng: Generator) -> None:
    """The raised arm crosses the head end of the film; the other shoulder hangs below C7."""
    lift = rng.normal(0, 6)
    joint = low + (-6 + rng.normal(0, 6), -22 + lift)
    raised = [(0, 0, 42), (2, -26, 34), (6, -52, 25), (10, -96, 23), (16, -180, 24)]
    draw_shaft(canvas, np.array(raised) + (*joint, 0), 0.26, wall=0.42, wall_mm=3.2)
    head = ellipse(joint + (0, 2), (22, 23))
    canvas.fill("wear", head, 0.26)
    canvas.stroke("cortex", head, 1.3, 0.36, closed=True)
    hanging = low + (rng.normal(-2, 6), 56 + lift)
    shaft = [(0, 0, 44), (-6, 26, 34), (-12, 52, 26), (-22, 130, 24)]
    draw_shaft(canvas, np.array(shaft) + (*hanging, 0), 0.22, sheet="right", wall=0.36, wall_mm=3.0)
    canvas.stroke("cortex", ellipse(hanging, (22, 24)), 1.2, 0.3, closed=True)
    clavicle = [(-70, 44, 12), (-34, 30, 10), (-6, 4, 10), (14, -16, 13)]
    draw_shaft(canvas, np.array(clavicle) + (*low, 0), 0.26)
    other = [(-66, 64, 12), (-30, 58, 10), (0, 50, 12)]
    draw_shaft(canvas, np.array(other) + (*low, 0), 0.2)
    blade = [(10, -18), (44, -2), (66, 48), (50, 92), (30, 60), (14, 14)]
    outline = smooth(np.array(blade, dtype=np.float64) + low)
    canvas.fill("left", outline, 0.14)
    canvas.stroke("cortex", outline, 1.4, 0.24, closed=True)


def _soft(canvas: Canvas, chain: tuple[Vertebra, ...], rng: Generator) -> Map:
    """Return the path: head and neck above, the raised arm over them, the chest below."""
    x, y = canvas.axes()
    low, top = chain[5].centre, chain[0].centre
    across = np.clip(1 - np.abs((x - np.float32(low[0] + 4)) / np.float32(100)), 0, 1)
    drop = np.clip((y - np.float32(low[1] - 54)) / np.float32(90), 0, 1)
    chest = np.float32(190 * rng.normal(1, 0.06)) * drop * np.sqrt(across)
    neck = np.float32(92) * np.sqrt(
        np.clip(1 - ((x - np.float32(top[0] + 16)) / np.float32(76)) ** 2, 0, 1)
    )
    arm = np.float32(78) * np.sqrt(
        np.clip(1 - ((x - np.float32(low[0] + 4) + (y - low[1]) / 14) / np.float32(44)) ** 2, 0, 1)
    )
    arm *= np.clip((np.float32(low[1] + 20) - y) / np.float32(30), 0, 1)
    head = np.clip((np.float32(top[1] - 30) - y) / np.float32(50), 0, 1) * np.float32(40)
    path = np.float32(SOFT) * (np.maximum(neck + head, chest) + arm)
    return np.asarray(path * (1 + np.float32(0.006) * texture(canvas, 1.0, 6.0, rng)), np.float32)
