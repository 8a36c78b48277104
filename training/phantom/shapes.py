"""Bones that several projections have in common: shafts, rings, rounded blocks, rows of teeth.

Each is spongy bone inside a thin bright wall; what differs is the outline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.phantom.canvas import Canvas, Points, closed_curve, ellipse, open_curve

if TYPE_CHECKING:
    from collections.abc import Sequence

Generator = np.random.Generator


def smooth(corners: Points | Sequence[tuple[float, float]]) -> Points:
    """Run a smooth closed curve through corners given as a plain list."""
    return closed_curve(np.asarray(corners, dtype=np.float64))


def both_sides(shape: Points | Sequence[tuple[float, float]]) -> tuple[Points, Points]:
    """Return a shape given to the right of the midline, and its mirror image to the left."""
    right = np.asarray(shape, dtype=np.float64)
    return right, right * (-1.0, 1.0)


def draw_block(
    canvas: Canvas,
    outline: Points,
    amount: float,
    *,
    sheet: str = "bodies",
    wall: float = 0.3,
    wall_mm: float = 0.7,
) -> None:
    """Draw a bone of any outline: spongy inside, one wall all around.

    Args:
        canvas: Takes it.
        outline: Closed, mm on the film.
        amount: Optical path of the inside.
        sheet: Where the inside goes.
        wall: Optical path of the wall.
        wall_mm: Thickness of the wall.
    """
    canvas.fill(sheet, outline, amount)
    canvas.stroke("cortex", outline, wall_mm, wall, closed=True)


def draw_shaft(
    canvas: Canvas,
    knots: Sequence[tuple[float, float, float]] | Points,
    amount: float,
    *,
    sheet: str = "arches",
    wall: float = 0.25,
    wall_mm: float = 1.2,
) -> None:
    """Draw a long bone: a hollow shaft whose walls are seen edge-on as two bright lines.

    Args:
        canvas: Takes it.
        knots: (n, 3): x, y and diameter along its middle, mm.
        amount: Optical path between the walls.
        sheet: Where the inside goes.
        wall: Optical path of the walls.
        wall_mm: Thickness of the walls.
    """
    along = open_curve(np.asarray(knots, dtype=np.float64))
    line, half = along[:, :2], along[:, 2:] / 2
    way = np.gradient(line, axis=0)
    normal = np.stack([-way[:, 1], way[:, 0]], axis=1)
    normal /= np.maximum(np.hypot(*normal.T), 1e-6)[:, None]
    sides = line + normal * half, line - normal * half
    canvas.fill(sheet, np.concatenate([sides[0], sides[1][::-1]]), amount)
    for side in sides:
        canvas.stroke("cortex", side, wall_mm, wall)


def draw_ring(
    canvas: Canvas, centre: Points, radii: tuple[float, float], degrees: float, wall: float = 0.3
) -> None:
    """Draw a pedicle or another stalk seen end-on: a bright ring, a little denser inside."""
    draw_block(canvas, ellipse(centre, radii, degrees), 0.1, sheet="wear", wall=wall)


def draw_tooth(
    canvas: Canvas, crown: Points, width_mm: float, root: tuple[float, float], rng: Generator
) -> None:
    """Draw a tooth; every fifth crown is filled with metal, which is no hardware of a spine.

    Args:
        canvas: Takes it.
        crown: Middle of the crown, mm.
        width_mm: Of the crown.
        root: From the crown to the tip of the root, mm.
        rng: For size and fillings.
    """
    size = width_mm / 2 * rng.uniform(0.9, 1.1)
    tip = crown + np.array(root)
    across = np.array([-root[1], root[0]]) / np.hypot(*root)
    outline = [crown - across * size, crown + across * size, tip + across * size * 0.35]
    canvas.fill("arches", smooth(np.array([*outline, tip - across * size * 0.35])), 0.34)
    canvas.fill("arches", ellipse(crown, (size, size * 1.05)), 0.6)
    if rng.random() < 0.2:  # noqa: PLR2004 - about every fifth
        canvas.fill("metal", ellipse(crown, (size * 0.7, size * 0.5)), 1.5)
