"""Soft tissue around the spine from the side: neck, shoulders, brain and skull, airway."""

# ruff: noqa: RUF005 - a plus between points is a sum, not a join

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from training.phantom.canvas import Canvas, Map, Points, closed_curve, open_curve, texture

if TYPE_CHECKING:
    from training.phantom.skeleton import Vertebra
    from training.phantom.values import PhantomCase

SOFT = 0.0205  # attenuation of soft tissue at the beam's mean energy, 1/mm
BONE = 0.052  # of compact bone, 1/mm

# Thickness of a neck from front to back, mm: larynx and trachea, great vessels and spine, nape.
_NECK_PLACE = (0.0, 0.03, 0.08, 0.28, 0.38, 0.46, 0.60, 0.70, 0.80, 0.90, 0.97, 1.0)
_NECK_THICK = (0.0, 34.0, 52.0, 66.0, 86.0, 112.0, 118.0, 106.0, 84.0, 56.0, 30.0, 0.0)
_NECK = np.interp(np.linspace(0, 1, 256), _NECK_PLACE, _NECK_THICK).astype(np.float32)
# Planes of fat between muscles, and under the skin of the nape: they run along the neck.
_LAYERS = np.interp(np.arange(256), [0, 130, 190, 235, 255], [0.02, 0.02, 0.05, 0.14, 0.08])
_SHOULDER = (
    (-150, 92), (-110, 76), (-60, 50), (-25, 31), (10, 16), (40, 2), (64, -7), (84, -7)
) + ((104, 10), (130, 44), (170, 90))  # fmt: skip

Generator = np.random.Generator


def soft_tissue(
    canvas: Canvas, chain: tuple[Vertebra, ...], floor: Points, size: float, rng: Generator
) -> Map:
    """Return the optical path through neck, shoulders and cranium.

    Args:
        canvas: Gives the grid.
        chain: C2 to C7 in place.
        floor: The lower edge of the skull from front to back, mm on the film.
        size: 1 for an adult, less for a child.
        rng: For habitus and position.
    """
    c2, c7 = chain[0].centre, chain[5].centre
    path = _neck(canvas, c2, c7, size, rng)
    path *= 1 + np.float32(0.012) * texture(canvas, 1.0, 6.0, rng, stretch=4)
    path += _shoulders(canvas, c7, size, rng)
    rows = min(canvas.shape[0], max(1, int((floor[:, 1].max() + 5) / canvas.spacing)))
    path[:rows] += _cranium(canvas, rows, floor, size, rng)
    return path


def _border(y: Map, knots: list[tuple[float, float]]) -> Map:
    """Return a smooth horizontal position for each row, through (y, x) knots."""
    heights, places = np.array(knots, dtype=np.float64).T
    straight = np.interp(y[:, 0], heights, places)
    step = float(y[1, 0] - y[0, 0])
    smooth = ndimage.gaussian_filter1d(straight, 13 / step, mode="nearest")
    return np.asarray(smooth[:, None], np.float32)


def _neck(canvas: Canvas, c2: Points, c7: Points, size: float, rng: Generator) -> Map:
    x, y = canvas.axes()
    front = _border(
        y,
        [
            (c2[1] + 30 * size, c2[0] - 150 * size),
            (c2[1] + 62 * size, c2[0] - 100 * size),
            (c2[1] + 76 * size, c2[0] - 64 * size),
            (c2[1] + 95 * size, c2[0] - 60 * size),
            (c7[1] + 22, c7[0] - (63 + rng.normal(0, 6)) * size),
            (c7[1] + 60, c7[0] - 70 * size),
            (c7[1] + 110, c7[0] - 100),
        ],
    )
    nape = 72 + rng.normal(0, 6)
    back = _border(
        y,
        [
            (c2[1] - 90, c2[0] + 135 * size),
            (c2[1] - 40, c2[0] + 112 * size),
            (c2[1] + 10, c2[0] + 92 * size),
            (c2[1] * 0.4 + c7[1] * 0.6, c7[0] + nape * size),
            (c7[1] - 15, c7[0] + (nape + 12) * size),
            (c7[1] + 20, c7[0] + (nape + 40) * size),
            (c7[1] + 60, c7[0] + (nape + 75) * size),
        ],
    )
    place = np.clip((x - front) * (255 / (back - front)), 0, 255)
    layers = ndimage.gaussian_filter1d(rng.standard_normal(256), 3.0) * _LAYERS
    layers += ndimage.gaussian_filter1d(rng.standard_normal(256), 12.0) * 0.12
    thick = (_NECK * (1 + layers)).astype(np.float32).take(place.astype(np.uint8))
    return np.asarray(thick * np.float32(SOFT * size * rng.normal(1.0, 0.05)))


def _shoulders(canvas: Canvas, c7: Points, size: float, rng: Generator) -> Map:
    """Return two shoulders, one higher than the other, each growing thick below its edge."""
    x, y = canvas.axes()
    drop = float(rng.normal(7, 8))
    knots = np.array(_SHOULDER, dtype=np.float64)
    total = np.zeros(canvas.shape, np.float32)
    for side in (-1, 1):
        lift, ahead = drop + side * rng.uniform(0, 7), side * rng.uniform(0, 6)
        edge = np.interp(
            x[0], c7[0] + ahead + knots[:, 0] * size, c7[1] + lift + knots[:, 1] * size
        )
        edge = ndimage.gaussian_filter1d(edge, 9 / canvas.spacing, mode="nearest")
        below = np.maximum(y - edge.astype(np.float32)[None, :], 0)
        total += np.float32(1.5) * below / (below + np.float32(13))
    return total


def _cranium(canvas: Canvas, rows: int, floor: Points, size: float, rng: Generator) -> Map:
    """Return brain and skull for the upper rows: thick at its floor, then brain and vault."""
    x, y = canvas.axes()
    edge = np.interp(x[0], floor[:, 0], floor[:, 1]).astype(np.float32)
    above = np.maximum(edge[None, :] - y[:rows], 0)
    rounded = np.minimum(above * np.float32(1 / (62 * size)), 1)
    brain = np.float32(SOFT * 40 * size) * np.sqrt(rounded * (2 - rounded))
    brain *= 1 + np.float32(0.05) * texture(canvas, 2.0, 14.0, rng)[:rows]
    table = np.float32(0.58) * np.exp(above * np.float32(-1 / 9)) + np.float32(BONE * 5)
    table *= 1 + np.float32(0.07) * texture(canvas, 0.8, 5.0, rng)[:rows]
    return np.asarray(brain + table * above / (above + np.float32(1.6)))


def draw_airway(
    canvas: Canvas, chain: tuple[Vertebra, ...], case: PhantomCase, rng: Generator
) -> None:
    """Draw the air of pharynx, larynx and trachea; behind it the prevertebral tissue is left."""
    upper, lower = case.spine.prevertebral_mm
    gaps = (upper + 0.5, upper, upper + 1.0, 0.35 * upper + 0.55 * lower, lower, lower + 1.0)
    rear = [
        vertebra.place([(-vertebra.depth / 2 - gap, 0.0)])[0]
        for vertebra, gap in zip(chain, gaps, strict=True)
    ]
    rear = [rear[0] + (6, -42), rear[0] + (1, -22), *rear, rear[5] + (6, 26), rear[5] + (32, 130)]
    widths = np.array([4, 9, 9, 8, 12, 7, 10, 14, 15, 15]) * rng.normal(1, 0.13, 10)
    front = [point - (width, 0) for point, width in zip(rear, widths, strict=True)]
    wall, face = open_curve(np.array(rear)), open_curve(np.array(front))
    canvas.fill("air", np.concatenate([wall, face[::-1]]), rng.uniform(0.24, 0.36))
    pocket = np.array([(4, -9), (-5, -2), (-13, 8), (-9, 13), (1, 8), (5, 4)]) + front[4]
    canvas.fill("air", closed_curve(pocket), 0.30)
    leaf = np.array([(0, 4), (5, -5), (7, -15), (4, -16), (1, -6)]) + front[4]
    canvas.fill("air", closed_curve(leaf), 0.10)
    cords = np.array([(-3, -2), (8, 0), (9, 3), (-3, 4)]) + front[5]
    canvas.fill("air", closed_curve(cords), 0.18)
