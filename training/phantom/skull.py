"""A lateral of the head: vault, sutures, sella, sinuses, face and jaws, the upper neck below."""

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
    soften,
    texture,
)
from training.phantom.shapes import draw_block, draw_ring, draw_tooth, smooth
from training.phantom.skeleton import build_chain, move_chain
from training.phantom.softtissue import SOFT
from training.phantom.vertebrae import draw_body, draw_pillars, draw_spinous

if TYPE_CHECKING:
    from training.phantom.values import PhantomCase

Generator = np.random.Generator

SCALE = 1.12

# mm from the middle of the sella; the face looks to the left, y downwards.
_VAULT = np.array(
    [(-82, -16), (-86, -44), (-68, -80), (-28, -104), (26, -108), (78, -84), (104, -38), (100, 8)]
    + [(76, 40), (48, 50), (24, 44), (8, 28), (-6, 4), (-30, -2), (-60, -4)],
    dtype=np.float64,
)
_FACE = np.array(
    [(-84, -18), (-94, 8), (-92, 42), (-84, 58), (-50, 56), (-34, 44), (-24, 10), (-40, -4)],
    dtype=np.float64,
)
_JAW = np.array(
    [(-88, 74), (-90, 96), (-78, 100), (-40, 88), (-12, 72), (-4, 44), (6, 18), (-2, 12)]
    + [(-12, 24), (-24, 24), (-30, 46), (-44, 66)],
    dtype=np.float64,
)
_FLOOR = np.array(
    [(-78, -18), (-50, -14), (-26, -6), (-10, -8), (-8, 4), (6, 4), (8, -8), (14, 20)]
)
_FOSSA = np.array([(14, 20), (30, 42), (52, 46), (78, 36), (98, 10)], dtype=np.float64)


def draw_skull(canvas: Canvas, case: PhantomCase, rng: Generator) -> Map:
    """Draw a lateral skull and return the path through brain and soft tissue."""
    middle = np.array([112.0 + rng.normal(0, 5), 118.0 + rng.normal(0, 5)])
    size = rng.normal(1.0, 0.03)
    vault = middle + closed_curve(_VAULT) * size
    _draw_vault(canvas, middle, vault, size, rng)
    _draw_base(canvas, middle, size, rng)
    _draw_face(canvas, middle, size, rng)
    _draw_neck(canvas, case, middle, rng)
    return _soft(canvas, middle, vault, size, rng)


def _draw_vault(canvas: Canvas, middle: Points, vault: Points, size: float, rng: Generator) -> None:
    """Outer and inner table, the coronal and lambdoid sutures, the grooves of the vessels."""
    inner = middle + (vault - middle) * (0.952, 0.948)
    canvas.fill("wear", vault, 0.20)
    canvas.fill("wear", inner, 0.0)
    canvas.stroke("cortex", vault[:60], 1.4, 0.5)
    canvas.stroke("cortex", inner[:60], 1.2, 0.42)
    for start, end in (((-34, -98), (-22, -14)), ((60, -92), (72, 30))):
        steps = np.linspace(0, 1, 26)[:, None]
        line = np.array(start) + steps * (np.array(end) - start)
        line = line + rng.normal(0, 1.5, line.shape)
        canvas.stroke("cortex", middle + line * size, 0.7, 0.12)
    for _ in range(6):
        root = np.array([rng.uniform(-40, 0), rng.uniform(-30, -10)])
        bend = np.array([root, root + rng.normal((16, -24), 6), root + rng.normal((36, -44), 10)])
        canvas.fill(
            "air", np.concatenate([open_curve(middle + bend), middle + bend[::-1] + 1.2]), 0.1
        )


def _draw_base(canvas: Canvas, middle: Points, size: float, rng: Generator) -> None:
    """Anterior fossa, sella, clivus, petrous bone with its cells, occiput."""
    canvas.stroke("cortex", middle + open_curve(_FLOOR * size), 1.4, 0.44)
    canvas.stroke("cortex", middle + open_curve(_FOSSA * size), 1.6, 0.40)
    canvas.fill("face", middle + closed_curve(_FLOOR[3:] * (1.4, 2.4)) + (14, 8), 0.55)
    petrous = np.array([(10, 8), (34, 4), (52, 18), (46, 34), (20, 36)], dtype=np.float64)
    canvas.fill("face", smooth(middle + petrous * size), 0.65)
    draw_ring(canvas, middle + (24, 22), (4.0, 4.5), 0, 0.3)
    for _ in range(30):
        centre = middle + (np.array([42.0, 26.0]) + rng.normal(0, (10, 8))) * size
        cell = ellipse(centre, (rng.uniform(1.2, 3.4), rng.uniform(1, 2.6)), rng.uniform(0, 90))
        canvas.fill("air", cell, rng.uniform(0.08, 0.3))
        canvas.stroke("cortex", cell, 0.6, rng.uniform(0.06, 0.22), closed=True)


def _draw_face(canvas: Canvas, middle: Points, size: float, rng: Generator) -> None:
    """Frontal, sphenoid and maxillary sinus, orbits, palate, both halves of the jaw, teeth."""
    canvas.fill("face", middle + closed_curve(_FACE * size), 0.26)
    for centre, radii, tilt, gas in (
        ((-80, -24), (5, 10), 12, 0.3), ((-20, 8), (12, 9), 0, 0.3),
        ((-60, 26), (19, 15), 10, 0.36), ((-66, -2), (15, 13), 0, 0.16),
    ):  # fmt: skip
        cavity = ellipse(middle + np.array(centre) * size, radii, tilt)
        canvas.fill("air", cavity, gas)
        canvas.stroke("cortex", cavity, 1.0, 0.26, closed=True)
    palate = np.array([(-92, 46), (-60, 48), (-32, 44)], dtype=np.float64)
    canvas.stroke("cortex", middle + open_curve(palate * size), 2.4, 0.34)
    for sheet in ("left", "right"):
        jaw = middle + (closed_curve(_JAW) + rng.normal(0, 2.0, 2)) * size
        draw_block(canvas, jaw, 0.17, sheet=sheet, wall=0.3, wall_mm=1.6)
    for number in range(7):
        for drop, root in ((58.0, -11.0), (68.0, 11.0)):
            crown = middle + (np.array([-88 + 7.6 * number, drop - 0.9 * number])) * size
            draw_tooth(canvas, crown + rng.normal(0, 0.5, 2), 7.4, (0.0, root), rng)


def _draw_neck(canvas: Canvas, case: PhantomCase, middle: Points, rng: Generator) -> None:
    """C1 to C4 at the lower edge, and the air of the pharynx before them."""
    chain = move_chain(build_chain(case.spine), (0.0, 0.0))
    place = middle + (22, 92) - chain[0].centre
    chain = move_chain(chain, (float(place[0]), float(place[1])))
    dens = chain[0].place([(-6, 4), (7, 4), (8, -12), (6, -30), (1, -36), (-4, -30), (-4, -12)])
    draw_block(canvas, smooth(dens), 0.3, wall=0.36)
    for offset, radii in (((-9, -30), (3.4, 5.6)), ((34, -20), (5, 7)), ((32, 4), (9, 8))):
        draw_block(canvas, ellipse(chain[0].centre + offset, radii, 10), 0.22, sheet="arches")
    for index in (1, 2, 3):
        draw_spinous(canvas, chain[index], case.spine, index, rng)
        draw_pillars(canvas, chain[index], chain[index].height + 5.5, 0.8, rng)
        draw_body(canvas, chain[index], case.spine.endplate_depth_mm, rng)
    throat = np.array(
        [(-14, -44), (-8, -20), (-10, 30), (-12, 90), (-24, 90), (-24, 20), (-22, -20)]
    )
    canvas.fill("air", smooth(chain[0].centre + throat), 0.36)


def _soft(canvas: Canvas, middle: Points, vault: Points, size: float, rng: Generator) -> Map:
    """Return the path: an ellipsoid of brain and skull, the face before and the neck below it."""
    x, y = canvas.axes()
    centre = (vault.max(axis=0) + vault.min(axis=0)) / 2
    radii = (vault.max(axis=0) - vault.min(axis=0)) / 2 + 3
    across, along = (x - np.float32(centre[0])) / radii[0], (y - np.float32(centre[1])) / radii[1]
    brain = np.sqrt(
        np.maximum(1 - across.astype(np.float32) ** 2 - along.astype(np.float32) ** 2, 0)
    )
    brain = brain * np.float32(118 * size)
    face = [(-88, -40), (-98, -10), (-112, 26), (-104, 46), (-106, 66), (-100, 102), (-80, 112)]
    face += [(-30, 96), (2, 70), (20, 30), (0, -30)]
    canvas.fill("skin", middle + smooth(face) * size, 1.0)
    skin = soften(canvas.read("skin"), 5.0, canvas.spacing) * np.float32(82 * size)
    y_low = np.float32(middle[1] + 20)
    lean = (y - y_low) * np.float32(0.08)
    neck = np.sqrt(
        np.maximum(1 - ((x - lean - np.float32(middle[0] + 26)) / np.float32(64)) ** 2, 0)
    )
    neck = neck * np.float32(100) * np.clip((y - y_low) / np.float32(60), 0, 1)
    path = np.float32(SOFT) * np.maximum(np.maximum(brain, skin), neck)
    return np.asarray(path * (1 + np.float32(0.006) * texture(canvas, 1.0, 6.0, rng)), np.float32)
