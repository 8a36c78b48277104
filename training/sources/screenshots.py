"""What a screenshot shows beside the film: a drawn border, toolbars, text, letters.

They are shortcuts: a network may learn who took a screenshot instead of what the film shows.
Films are grey and, down to single pixels, smooth; screens are coloured, flat and sharp:

- a coloured line along an edge is the border of a selection; it and all outside it is cut off,
  and so are edges of one grey value (other windows, the desktop),
- small coloured patches are icons; they and the flat white around them are a toolbar,
- steps from light to dark within two pixels, packed as letters are, are text or a marker.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.ndimage import find_objects, label

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.values import Box

_COLOURED: Final = 60  # largest less smallest channel of a coloured pixel
_TINGED: Final = 20  # what compression leaves of a coloured line beside it
_LINE_SHARE: Final = 0.3  # a row or column with that share of colour is a drawn line
_EDGE_SHARE: Final = 0.06  # how far from an edge lines and flat bands are looked for
_TASKBAR_SHARE: Final = 0.12  # how far from the lower and upper edge a coloured bar may reach
_FLAT_SHARE: Final = 0.9  # a row or column with that share of one grey value is no film
_FLAT_RANGE: Final = 3
_WHITE: Final = 248  # every channel of a toolbar's ground
_STEP: Final = 110  # grey levels between neighbours that no film has
_EDGE: Final = 60  # grey levels between neighbours that are rare in a film
_SAME: Final = 1  # grey levels between pixels of one drawn stroke
_FLAT_GREYS: Final = (40, 250)  # where films are never flat: they are neither air nor saturated
_ICON_PIXELS: Final = 25
_ICON_REACH: Final = 40  # pixels between icons of one toolbar
_LETTER_REACH: Final = (7, 17)  # rows and columns between letters of one text
_LETTER_PIXELS: Final = 36  # of the outline of a letter
_LETTER_SIDES: Final = (8, 60)  # least and largest height of a line of text
_LETTER_DENSITY: Final = 0.1
_MARGIN: Final = 3


@dataclass(frozen=True, slots=True)
class Overlays:
    """What does not belong to the film.

    Attributes:
        masked: Boxes inside the frame, from top to bottom.
        frame: The part that is the film; None for the whole.
    """

    masked: tuple[Box, ...]
    frame: Box | None


def find_overlays(colours: NDArray[np.uint8]) -> Overlays:
    """Find what a screenshot shows beside the film.

    Args:
        colours: uint8 (rows, columns, 3), as on the screen.

    Returns:
        Masked boxes and the frame, in pixels of the picture.
    """
    rows, columns = colours.shape[:2]
    red, green, blue = (colours[..., channel] for channel in range(3))
    dark = np.minimum(np.minimum(red, green), blue)
    colour = np.maximum(np.maximum(red, green), blue) - dark
    grey = ((red.astype(np.uint16) + green + blue) // 3).astype(np.uint8)
    frame = _frame(colour, grey)
    left, top, right, bottom = frame
    inside = (slice(top, bottom), slice(left, right))
    bars = _toolbars(colour[inside], dark[inside])
    boxes = [*bars, *_joined(_letters(grey[inside], bars))]
    masked = sorted(
        ((x0 + left, y0 + top, x1 + left, y1 + top) for x0, y0, x1, y1 in boxes),
        key=lambda box: (box[1], box[0]),
    )
    whole = frame == (0, 0, columns, rows)
    return Overlays(tuple(masked), None if whole else frame)


def _frame(colour: NDArray[np.uint8], grey: NDArray[np.uint8]) -> Box:
    """Cut off coloured lines, what lies outside them, and flat edges."""
    rows, columns = grey.shape
    top, bottom = _between_lines(colour, _TASKBAR_SHARE)
    left, right = _between_lines(colour[top:bottom].T, _EDGE_SHARE)
    inner = grey[top:bottom, left:right]
    above, below = _flat_edges(inner)
    before, behind = _flat_edges(inner[above : inner.shape[0] - below].T)
    found = left + before, top + above, right - behind, bottom - below
    if found[2] - found[0] < columns // 2 or found[3] - found[1] < rows // 2:
        return 0, 0, columns, rows  # a picture of something else: nothing is certain
    return found


def _between_lines(colour: NDArray[np.uint8], reach: float) -> tuple[int, int]:
    """The rows between coloured lines near the first and the last row."""
    rows = len(colour)
    share = (colour > _COLOURED).mean(axis=1)
    tinged = (colour > _TINGED).mean(axis=1) > _LINE_SHARE
    drawn = (share > _LINE_SHARE) | (tinged & (np.median(colour, axis=1) > _TINGED))
    near = round(reach * rows)
    first = np.flatnonzero(drawn[:near])
    last = np.flatnonzero(drawn[rows - near :])
    begin = int(first[-1]) + 1 if first.size else 0
    end = rows - near + int(last[0]) if last.size else rows
    while begin < near and tinged[begin]:
        begin += 1
    while end > rows - near and tinged[end - 1]:
        end -= 1
    return begin, end


def _flat_edges(grey: NDArray[np.uint8]) -> tuple[int, int]:
    """How many rows at either end have one grey value nearly throughout."""
    near = round(_EDGE_SHARE * len(grey))
    found = []
    for edge in (grey[:near], grey[::-1][:near]):
        middle = np.median(edge, axis=1, keepdims=True)
        flat = (np.abs(edge - middle.astype(np.float32)) <= _FLAT_RANGE).mean(axis=1) >= _FLAT_SHARE
        found.append(int(np.argmin(flat)) if not flat.all() else near)
    return found[0], found[1]


def _toolbars(colour: NDArray[np.uint8], dark: NDArray[np.uint8]) -> list[Box]:
    """Boxes around groups of coloured icons and the white ground that they stand on."""
    icons = colour > _COLOURED
    found = _joined(_boxes(icons, (9, _ICON_REACH), _ICON_PIXELS))
    return [_with_ground(box, dark) for box in found]


def _with_ground(box: Box, dark: NDArray[np.uint8]) -> Box:
    """Widen a box sideways while white ground goes on."""
    left, top, right, bottom = box
    middle = slice(top + (bottom - top) // 3, bottom - (bottom - top) // 3)
    white = (dark[middle] >= _WHITE).mean(axis=0) > _LINE_SHARE
    while left > 0 and white[left - 1]:
        left -= 1
    while right < len(white) and white[right]:
        right += 1
    return _grown((left, top, right, bottom), dark.shape)


def _letters(grey: NDArray[np.uint8], bars: list[Box]) -> list[Box]:
    """Boxes around text and letters: steps that no film has, packed as in glyphs."""
    marks = _drawn(grey)
    for left, top, right, bottom in bars:
        marks[top:bottom, left:right] = False
    least, largest = _LETTER_SIDES
    found = []
    for left, top, right, bottom in _boxes(marks, _LETTER_REACH, _LETTER_PIXELS):
        height, width = bottom - top, right - left
        dense = marks[top:bottom, left:right].mean() >= _LETTER_DENSITY
        if dense and least <= height <= largest and width >= least:
            found.append(_grown((left, top, right, bottom), marks.shape))
    return found


def _drawn(grey: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Mark what was drawn: steps that no film has, and flat grey beside lesser ones."""
    span = _range(grey, 3)
    low, high = _FLAT_GREYS
    flat = _range(grey, 2) <= _SAME
    flat &= (grey > low) & (grey < high)
    marks = (span > _STEP) | (flat & _widened(span > _EDGE, (5, 5)))
    # Edges of the collimator are as sharp, but run on and on.
    rows = len(grey)
    marks[:, _widened((span > _EDGE).mean(axis=0) > 2 * _LETTER_SIDES[1] / rows, (7,))] = False
    marks[_widened(marks.mean(axis=1) > _LINE_SHARE, (7,))] = False
    return np.asarray(marks)


def _widened(mask: NDArray[np.bool_], size: tuple[int, ...]) -> NDArray[np.bool_]:
    """Dilate by a box of that many pixels."""
    return np.asarray(_over_window(mask.view(np.uint8), size, np.maximum).view(np.bool_))


def _range(grey: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The largest less the smallest grey value in a square around each pixel."""
    size = (side, side)
    return _over_window(grey, size, np.maximum) - _over_window(grey, size, np.minimum)


def _over_window(
    values: NDArray[np.uint8], size: tuple[int, ...], larger: np.ufunc
) -> NDArray[np.uint8]:
    """The largest or smallest value in a window around each.

    Shifted whole arrays are compared: quicker by far than a filter that goes pixel by pixel.
    """
    for axis, length in enumerate(size):
        room = [(0, 0)] * values.ndim
        room[axis] = ((length - 1) // 2, length // 2)
        found = np.moveaxis(np.pad(values, room, mode="edge"), axis, 0)
        reach = 1
        while reach < length:
            step = min(reach, length - reach)
            found = larger(found[:-step], found[step:])
            reach += step
        values = np.moveaxis(found, 0, axis)
    return values


def _boxes(mask: NDArray[np.bool_], reach: tuple[int, int], least: int) -> list[Box]:
    """Boxes around groups of marked pixels that lie within reach (rows, columns) of each other."""
    if not mask.any():
        return []
    groups, _ = label(_widened(mask, reach))
    found = []
    for number, (down, across) in enumerate(find_objects(groups), start=1):
        own = mask[down, across] & (groups[down, across] == number)
        if own.sum() < least:
            continue
        rows, columns = np.flatnonzero(own.any(axis=1)), np.flatnonzero(own.any(axis=0))
        found.append(
            (
                across.start + int(columns[0]),
                down.start + int(rows[0]),
                across.start + int(columns[-1]) + 1,
                down.start + int(rows[-1]) + 1,
            )
        )
    return found


def _joined(boxes: list[Box]) -> list[Box]:
    """Join boxes that overlap or touch, until none does."""
    found: list[Box] = []
    for box in boxes:
        now = box
        for other in [old for old in found if _meet(now, old)]:
            found.remove(other)
            now = (*np.minimum(now[:2], other[:2]), *np.maximum(now[2:], other[2:]))
        found.append((int(now[0]), int(now[1]), int(now[2]), int(now[3])))
    return found if len(found) == len(boxes) else _joined(found)


def _meet(one: Box, other: Box) -> bool:
    return (
        one[0] <= other[2] + _MARGIN
        and other[0] <= one[2] + _MARGIN
        and one[1] <= other[3] + _MARGIN
        and other[1] <= one[3] + _MARGIN
    )


def _grown(box: Box, shape: tuple[int, int]) -> Box:
    left, top, right, bottom = box
    rows, columns = shape
    return (
        max(left - _MARGIN, 0),
        max(top - _MARGIN, 0),
        min(right + _MARGIN, columns),
        min(bottom + _MARGIN, rows),
    )
