"""Marks of a viewer burned into the pixels: text, a toolbar, a drawn border, as on screenshots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from training.phantom.values import HIGHEST_PIXEL

if TYPE_CHECKING:
    from numpy.typing import NDArray

Generator = np.random.Generator
Place = tuple[float, float]

_LINES = (
    "W:4096 L:2048", "Se:1 Im:1", "CERVICAL SPINE", "LAT", "Zoom 86%", "70 kV 16 mAs", "DR 1500",
    "2048 x 1680", "ROOM 2", "Z 1.0 X 0 Y 0", "COMPARE", "FOR REVIEW",
)  # fmt: skip
_CORNERS: tuple[Place, ...] = ((0.02, 0.02), (0.62, 0.02), (0.02, 0.9), (0.6, 0.93), (0.4, 0.97))
_GREY = 170  # a screenshot's dark red as grey
_WHITE = 255
_ROWS = 512  # of a film on which the marks are of usual size
_STREAM = 7  # of the random numbers of a case


def burn_in(pixels: NDArray[np.uint16], share_percent: float, seed: int) -> NDArray[np.uint16]:
    """Write over a film until a share of it is covered.

    The order of the marks follows from the seed; a greater share only adds to a smaller one.

    Args:
        pixels: The displayed film, (rows, columns).
        share_percent: How much of the film is to be written over.
        seed: Of the case.

    Returns:
        The film with its marks.
    """
    rows, columns = pixels.shape
    layer = Image.new("L", (columns, rows))
    drawing = ImageDraw.Draw(layer)
    wanted = share_percent / 100 * rows * columns
    rng = np.random.default_rng((seed, _STREAM))
    scale = float(rng.uniform(0.85, 1.4)) * rows / _ROWS
    for mark in _marks(rng):
        _draw_mark(drawing, mark, (columns, rows), scale)
        if np.count_nonzero(np.asarray(layer)) >= wanted:
            break
    written = np.asarray(layer, np.uint16)
    marked = written * np.uint16(HIGHEST_PIXEL // _WHITE)
    return np.where(written > 0, marked, pixels).astype(np.uint16)


def _marks(rng: Generator) -> list[tuple[str, Place]]:
    """Put the marks into an order: one line of text first, then anything."""
    lines = [str(line) for line in rng.permutation(_LINES)]
    rest: list[tuple[str, Place]] = [("toolbar", (float(rng.uniform(0.3, 0.6)), 0.03))]
    rest.append(("border", (0.0, 0.0)))
    rest.append(("tray", (float(rng.uniform(0, 0.3)), 0.955)))
    for number, line in enumerate(lines[1:]):
        left, top = _CORNERS[number % len(_CORNERS)]
        drop = 0.035 * (number // len(_CORNERS) + 1)
        rest.append((line, (left, top + (drop if top < 0.5 else -drop))))  # noqa: PLR2004 - upper half
    order = [int(index) for index in rng.permutation(len(rest))]
    first = (lines[0], _CORNERS[int(rng.integers(len(_CORNERS)))])
    return [first, *(rest[index] for index in order)]


def _draw_mark(
    drawing: ImageDraw.ImageDraw, mark: tuple[str, Place], size: tuple[int, int], scale: float
) -> None:
    name, (left, top) = mark
    at = (left * size[0], top * size[1])
    if name == "toolbar":
        _draw_toolbar(drawing, at, scale)
    elif name == "tray":
        drawing.rectangle((0, at[1], size[0], size[1]), fill=40)
        _draw_toolbar(drawing, (at[0], at[1] + 2 * scale), scale * 0.8)
    elif name == "border":
        drawing.rectangle(
            (0, 0, size[0] - 1, size[1] - 1), outline=_GREY, width=max(1, round(2 * scale))
        )
    else:
        font = ImageFont.load_default(size=max(6.0, 11 * scale))
        drawing.text((at[0] + 1, at[1] + 1), name, fill=1, font=font)
        drawing.text(at, name, fill=_WHITE, font=font)


def _draw_toolbar(drawing: ImageDraw.ImageDraw, at: Place, scale: float) -> None:
    """A white bar with a logo and six small icons."""
    x, y = at
    high, wide = 13 * scale, 92 * scale
    drawing.rectangle((x, y, x + wide, y + high), fill=_WHITE)
    drawing.ellipse((x + 1, y + 1, x + high - 1, y + high - 1), fill=120)
    for number in range(6):
        left = x + (16 + 12.5 * number) * scale
        box = (left, y + 3 * scale, left + 7 * scale, y + 10 * scale)
        if number % 3 == 0:
            drawing.rectangle(box, outline=90, width=max(1, round(scale)))
        elif number % 3 == 1:
            drawing.ellipse(box, outline=90, width=max(1, round(scale)))
        else:
            drawing.line(
                (box[0], box[3], box[2], box[1]), fill=90, width=max(1, round(1.5 * scale))
            )
