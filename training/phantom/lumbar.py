"""A lateral of the lumbar spine: bodies and discs as in the neck, but twice as large."""

# ruff: noqa: RUF005 - a plus between points is a sum, not a join

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from training.phantom.canvas import Canvas, Map, ellipse, open_curve, texture
from training.phantom.shapes import draw_block, draw_shaft, smooth
from training.phantom.skeleton import Vertebra
from training.phantom.softtissue import SOFT
from training.phantom.vertebrae import body_outline

if TYPE_CHECKING:
    from training.phantom.values import PhantomCase

Generator = np.random.Generator

SCALE = 1.5  # a film of 384 by 315 mm

_NAMES = ("T11", "T12", "L1", "L2", "L3", "L4", "L5")
_DEPTH_MM = (33.0, 35.0, 37.0, 39.0, 40.0, 41.0, 41.0)  # enlarged as on the film
_HEIGHT_MM = (25.0, 27.0, 29.0, 30.0, 30.5, 31.0, 30.0)
_DISC_MM = (5.5, 7.0, 9.0, 11.0, 12.5, 13.0)  # below each but L5
_WEDGE_DEGREES = (-1.0, 1.0, 4.0, 7.0, 10.0, 14.0)
# Shares of depth and height, backwards and downwards from the centre of the body.
_PEDICLE = (
    (0.46, -0.40),
    (0.72, -0.42),
    (0.92, -0.58),
    (1.02, -0.30),
    (0.80, -0.08),
    (0.47, -0.04),
)
_PILLAR = ((0.84, -0.80), (1.04, -0.60), (1.06, 0.0), (1.00, 0.62), (0.86, 0.66), (0.80, 0.0))
_PROCESS = ((1.00, -0.20), (1.40, -0.10), (1.74, 0.02), (1.78, 0.56), (1.46, 0.62), (1.04, 0.34))
_SACRUM = ((-22, 2), (20, -4), (34, 30), (58, 62), (70, 104), (60, 112), (34, 82), (4, 44))


def draw_lumbar(canvas: Canvas, case: PhantomCase, rng: Generator) -> Map:
    """Draw a lateral lumbar spine and return the path through the trunk.

    Args:
        canvas: Of 384 by 315 mm.
        case: Wear of the cervical discs is taken over to the lumbar ones.
        rng: For what differs from one person to the next.
    """
    chain = _chain(case, rng)
    _draw_back(canvas, chain)
    for vertebra in chain:
        outline = body_outline(vertebra, 1.6)
        canvas.fill("bodies", outline, 0.52 * rng.uniform(0.94, 1.06))
        canvas.stroke("cortex", outline, 0.9, 0.36, closed=True)
        canvas.stroke("cortex", outline[:31], 1.2, 0.5)
        canvas.stroke("cortex", outline[42:73], 1.2, 0.5)
    _draw_pelvis(canvas, chain[-1], rng)
    _draw_ribs(canvas, chain[0])
    _draw_gas(canvas, chain, rng)
    return _soft(canvas, chain, rng)


def _chain(case: PhantomCase, rng: Generator) -> list[Vertebra]:
    """Stack T11 to L5 downwards, each turned by the wedge of the disc above it."""
    worn = np.array(case.spine.disc_height_mm) / 5.0
    size = rng.normal(1.0, 0.04)
    place, tilt = np.array([150.0 + rng.normal(0, 10), 36.0 + rng.normal(0, 8)]), 12.0
    chain: list[Vertebra] = []
    for index, name in enumerate(_NAMES):
        depth, height = _DEPTH_MM[index] * size, _HEIGHT_MM[index] * size
        vertebra = Vertebra(name, place.copy(), tilt, 0.0, depth, height * 1.02, height * 0.98)
        chain.append(vertebra)
        if index == len(_DISC_MM):
            break
        gap = _DISC_MM[index] * float(np.clip(worn[min(index, 4)], 0.45, 1.15))
        turned = _WEDGE_DEGREES[index] * rng.normal(1, 0.15)
        angle = np.radians(tilt - turned / 2)
        reach = (height + _HEIGHT_MM[index + 1] * size) / 2 + gap
        place = place + reach * np.array([np.sin(angle), np.cos(angle)])
        tilt -= turned
    return chain


def _draw_back(canvas: Canvas, chain: list[Vertebra]) -> None:
    """Pedicles, articular pillars of both sides and the hatchet-shaped spinous processes."""
    for vertebra in chain:
        size = (vertebra.depth, vertebra.height)
        for sheet, shape, amount in (
            ("arches", _PROCESS, 0.20), ("left", _PEDICLE, 0.34), ("right", _PILLAR, 0.30),
        ):  # fmt: skip
            outline = vertebra.place(smooth(list(shape)) * size)
            draw_block(canvas, outline, amount, sheet=sheet, wall=0.28, wall_mm=1.1)
        other = vertebra.place((smooth(list(_PILLAR)) + (0.06, 0.05)) * size)
        canvas.stroke("cortex", other, 1.0, 0.16, closed=True)


def _draw_pelvis(canvas: Canvas, last: Vertebra, rng: Generator) -> None:
    """The sacrum behind and below L5, and the crests of both iliac bones over it."""
    start = last.place([(2.0, last.height / 2 + 11)])[0]
    sacrum = smooth(np.array(_SACRUM, dtype=np.float64) * (1.05, 0.95)) + start
    draw_block(canvas, sacrum, 0.46, wall=0.42, wall_mm=1.4)
    for drop in (26, 52, 78):
        line = np.array([(-6 + drop * 0.5, drop), (30 + drop * 0.45, drop - 12)]) + start
        canvas.stroke("cortex", line.astype(np.float64), 1.2, 0.22)
    for sheet, lift in (("left", 0.0), ("right", 7.0)):
        crest = [
            (-58, 70),
            (-50, 26),
            (-18, -4),
            (24, -14),
            (66, 2),
            (88, 44),
            (70, 110),
            (-30, 130),
        ]
        shape = smooth(np.array(crest, dtype=np.float64) + start + (rng.normal(0, 4), lift))
        draw_block(canvas, shape, 0.12, sheet=sheet, wall=0.26, wall_mm=1.6)


def _draw_ribs(canvas: Canvas, first: Vertebra) -> None:
    for sheet, lean in (("left", 0.0), ("right", 9.0)):
        for number in range(3):
            start = first.place([(0.7 * first.depth, 34.0 * number - 22)])[0]
            rib = [(0, 0, 9), (16, 16, 9), (4, 44, 9), (-30, 70 + lean, 9), (-64, 88 + lean, 8)]
            draw_shaft(canvas, np.array(rib) + (*start, 0), 0.13, sheet=sheet, wall=0.14)


def _draw_gas(canvas: Canvas, chain: list[Vertebra], rng: Generator) -> None:
    """Gas of the bowel before the spine, and the lung above the diaphragm."""
    for _ in range(int(rng.integers(7, 15))):
        centre = chain[4].centre + (rng.uniform(-120, -40), rng.uniform(-70, 110))
        bubble = ellipse(centre, (rng.uniform(4, 15), rng.uniform(3, 9)), rng.uniform(-50, 50))
        canvas.fill("air", bubble, rng.uniform(0.2, 0.55))
    dome = (
        np.array([(-150, 46), (-96, 6), (-50, 0), (0, 20), (50, 60), (90, 110)]) + chain[0].centre
    )
    outline = np.concatenate(
        [open_curve(dome), chain[0].centre + np.array([(120, -120), (-170, -120)])]
    )
    canvas.fill("air", outline, 0.85)


def _soft(canvas: Canvas, chain: list[Vertebra], rng: Generator) -> Map:
    """Return the path through the trunk: belly in front, thin skin behind."""
    x, y = canvas.axes()
    rows = np.array([vertebra.centre for vertebra in chain])
    column = np.interp(y[:, 0], rows[:, 1], rows[:, 0])
    column = ndimage.gaussian_filter1d(column, 30 / canvas.spacing).astype(np.float32)[:, None]
    behind = np.float32(92 + rng.normal(0, 6))
    before = np.float32(138 + rng.normal(0, 14))
    side = np.where(x > column, (x - column) / behind, (column - x) / before)
    width = np.float32(235 * rng.normal(1, 0.08))
    shape = np.sqrt(np.maximum(1 - side.astype(np.float32) ** 2, 0))
    hips = np.clip((y - np.float32(rows[-2, 1])) / np.float32(110), 0, 1)
    path = np.float32(SOFT) * width * shape * (1 + np.float32(0.22) * hips)
    return np.asarray(path * (1 + np.float32(0.005) * texture(canvas, 1.5, 8.0, rng)), np.float32)
