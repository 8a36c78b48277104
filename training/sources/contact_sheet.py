"""A contact sheet: small films with their landmarks drawn and masked parts hatched."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image, ImageDraw

from training.sources.landmarks import FIRST, SECOND
from training.sources.pixels import landmarks_in_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.sources.looks import Look
    from training.values import FilmRecord

_CELL: Final = 200
_COLUMNS: Final = 6
_HATCH: Final = 5  # pixels between lines
_ANTERIOR, _POSTERIOR, _CENTRE = (80, 220, 120), (255, 160, 40), (90, 180, 255)
_MASKED: Final = (255, 70, 70)
_QUALITY: Final = 80


def chosen_films(films: Sequence[FilmRecord], count: int) -> list[int]:
    """Which films to show: evenly over the set, in its order."""
    if len(films) <= count:
        return list(range(len(films)))
    return [int(place) for place in np.linspace(0, len(films) - 1, count)]


def draw_sheet(films: Sequence[FilmRecord], looks: Sequence[Look]) -> bytes:
    """Draw a contact sheet.

    Args:
        films: The films to show.
        looks: What was seen of each.

    Returns:
        A JPEG file: anterior landmarks green, posterior ones orange, the centre of C2 blue.
    """
    rows = -(-len(films) // _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * _CELL, max(rows, 1) * _CELL), (24, 24, 24))
    for number, (film, look) in enumerate(zip(films, looks, strict=True)):
        cell = _drawn(film, look) if look.size else _unreadable()
        left = number % _COLUMNS * _CELL + (_CELL - cell.width) // 2
        sheet.paste(cell, (left, number // _COLUMNS * _CELL + 4))
    content = io.BytesIO()
    sheet.save(content, "JPEG", quality=_QUALITY)
    return content.getvalue()


def _drawn(film: FilmRecord, look: Look) -> Image.Image:
    picture = Image.fromarray(look.thumbnail).convert("RGB")
    pen = ImageDraw.Draw(picture)
    size = look.size or picture.size
    scale = picture.width / size[0], picture.height / size[1]
    left, top = film.frame[:2] if film.frame else (0, 0)
    for box in film.masked:
        _hatch(
            pen,
            (box[0] - left) * scale[0],
            (box[1] - top) * scale[1],
            (box[2] - left) * scale[0],
            (box[3] - top) * scale[1],
        )
    points = landmarks_in_frame(film)
    if points is not None:
        placed = (points + 0.5) * np.array(scale)
        for colour, indices in ((_CENTRE, [0]), (_ANTERIOR, FIRST), (_POSTERIOR, SECOND)):
            for x, y in placed[indices]:
                if np.isfinite(x):
                    pen.ellipse((x - 1.5, y - 1.5, x + 1.5, y + 1.5), fill=colour)
    return picture


def _hatch(pen: ImageDraw.ImageDraw, left: float, top: float, right: float, bottom: float) -> None:
    """Draw a box with diagonal lines in it."""
    height = bottom - top
    for start in np.arange(left - height, right, _HATCH):
        begin = max(start, left)
        end = min(start + height, right)
        pen.line((begin, top + begin - start, end, top + end - start), fill=_MASKED)
    pen.rectangle((left, top, right, bottom), outline=_MASKED)


def _unreadable() -> Image.Image:
    picture = Image.new("RGB", (_CELL - 8, _CELL - 8), (60, 20, 20))
    ImageDraw.Draw(picture).text((20, _CELL // 2 - 10), "cannot be read", fill=(255, 220, 220))
    return picture
