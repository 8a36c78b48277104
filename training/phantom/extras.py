"""What is on a film besides the patient: marker, shutters, plate and screws."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.phantom.canvas import Canvas
    from training.phantom.skeleton import Vertebra

Generator = np.random.Generator

_LETTERS = {
    "R": (((0, 9), (0, 0), (4, 0), (5, 2.2), (4, 4.4), (0, 4.4)), ((2, 4.4), (5.2, 9))),
    "L": (((0, 0), (0, 9), (5, 9)),),
}


def draw_marker(canvas: Canvas, letter: str, rng: Generator) -> None:
    """Lay a lead letter into an upper corner behind the patient."""
    rows, columns = canvas.shape
    width = columns * canvas.spacing
    corner = np.array([width - rng.uniform(22, 34), rng.uniform(10, 26)])
    if rng.random() < 0.3:  # noqa: PLR2004 - a few lie low in front
        corner = np.array([rng.uniform(8, 16), rows * canvas.spacing * rng.uniform(0.62, 0.8)])
    size = rng.uniform(0.9, 1.3)
    for stroke in _LETTERS.get(letter, ()):
        canvas.stroke("marker", corner + np.array(stroke, dtype=np.float64) * size, 1.5, 3.0)


def draw_plate(canvas: Canvas, chain: tuple[Vertebra, ...], rng: Generator) -> None:
    """Screw an anterior plate onto two or three vertebrae, two screws in each."""
    first = int(rng.integers(1, 4))
    fixed = chain[first : first + int(rng.integers(2, 4))]
    slant = rng.normal(0, 0.08)
    for vertebra in fixed:
        half = vertebra.depth / 2
        for height in (-0.24, 0.24):
            reach = half * rng.uniform(0.3, 0.6)
            ends = [(-half - 2.0, height), (reach, height * 0.8 + slant)]
            screw = vertebra.place([(p, d * vertebra.height) for p, d in ends])
            canvas.stroke("metal", screw, 3.0, 2.4)
            canvas.stroke("metal", screw[:1] + (screw[1:] - screw[:1]) * [[0.0], [0.12]], 5.0, 3.2)
    edge = [
        vertebra.place([(-vertebra.depth / 2 - 1.6, d * vertebra.height) for d in (-0.34, 0.34)])
        for vertebra in fixed
    ]
    canvas.stroke("metal", np.concatenate(edge), 2.3, 3.2)


def shutter(
    grey: NDArray[np.uint16], edges_mm: tuple[float, float, float, float], spacing: float
) -> None:
    """Black out what the collimator's shutters cover, in place.

    Args:
        grey: Displayed film, (rows, columns).
        edges_mm: How far the shutters reach in from left, top, right and bottom.
        spacing: Millimetres per pixel.
    """
    left, top, right, bottom = (max(0, round(edge / spacing)) for edge in edges_mm)
    rows, columns = grey.shape
    grey[:top] = 0
    grey[rows - bottom :] = 0
    grey[:, :left] = 0
    grey[:, columns - right :] = 0
