"""The parts of a film that the papers look at, as boxes in its pixels.

Vertebral lengths come from the landmarks themselves: the *pitch* is the mean distance between
the centres of neighbouring vertebrae C3 to C7, the *depth* the mean length of the endplates from
front to back. A box is cut off at the film's edges, but for the centre crop, whose missing part
is black.
"""

from __future__ import annotations

import math
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np

from training.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.values import Box

_CENTRE_SIDE: Final = 500
_WIDER_VERTICALLY: Final = 200
_WIDER_HORIZONTALLY: Final = 100
# From the lower edge of C2 to the tip of the dens, which C1 surrounds: 38 mm where a pitch is
# 16 mm, and a little room. C1 itself carries no landmark in any of the data sets.
_C1_ABOVE_PITCHES: Final = 2.5
_BELOW_C7_PITCHES: Final = 0.25
_BEFORE_DEPTHS: Final = 1.0  # prevertebral soft tissue
_BEHIND_DEPTHS: Final = 2.75  # canal, lamina and spinous process
_FORAMEN_DEPTHS: Final = 1.0  # foramina lie behind the bodies, over the canal
_FORAMEN_PITCHES: Final = 0.5
_LEAST_SIDE: Final = 16

_Grey = TypeVar("_Grey", bound=np.generic)


class Crop(Enum):
    """Which part of a film is looked at."""

    WHOLE = "the whole film"
    CENTRE = "500 x 500 pixels around the film's centre"
    KEYPOINTS = "the box around all landmarks"
    WIDE = "that box and up to 200 pixels above and below, 100 to either side"
    C1_TO_C7 = "C1 to C7 with soft tissue in front and spinous processes behind"
    FORAMINA = "the bodies C2 to C7 and the foramina behind them"

    @property
    def needs_landmarks(self) -> bool:
        """Whether it cannot be found without landmarks."""
        return self not in {Crop.WHOLE, Crop.CENTRE}


def crop_box(crop: Crop, size: tuple[int, int], landmarks: NDArray[np.float32] | None) -> Box:
    """Where a crop lies.

    Args:
        crop: Which part.
        size: Rows and columns of the film.
        landmarks: (23, 2), x and y in its pixels; None where there are none.

    Returns:
        Left, top, right and bottom, the last two exclusive. Only the centre crop may reach beyond
        the film.

    Raises:
        DataError: The landmarks that it needs are missing, or it lies outside the film.
    """
    if crop is Crop.WHOLE:
        return 0, 0, size[1], size[0]
    if crop is Crop.CENTRE:
        return centre_box(size)
    points = _complete(landmarks)
    if crop is Crop.KEYPOINTS:
        reach = keypoint_reach(points)
    elif crop is Crop.WIDE:
        reach = _widened(keypoint_reach(points))
    elif crop is Crop.C1_TO_C7:
        reach = c1_to_c7_reach(points)
    else:
        reach = foramina_reach(points)
    return _clipped(reach, size)


def centre_box(size: tuple[int, int], side: int = _CENTRE_SIDE) -> Box:
    """A square around the centre; it reaches beyond a film that is smaller.

    Args:
        size: Rows and columns of the film.
        side: Of the square.
    """
    rows, columns = size
    left, top = math.floor((columns - side) / 2), math.floor((rows - side) / 2)
    return left, top, left + side, top + side


Reach = tuple[float, float, float, float]  # as a box, but not yet in whole pixels of the film


def keypoint_reach(points: NDArray[np.float32]) -> Reach:
    """The smallest upright box around all landmarks."""
    low, high = points.min(axis=0), points.max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def c1_to_c7_reach(points: NDArray[np.float32]) -> Reach:
    """From above the dens to below C7, and from the throat to the spinous processes."""
    left, _, right, bottom = keypoint_reach(points)
    before, behind = _BEFORE_DEPTHS * _depth(points), _BEHIND_DEPTHS * _depth(points)
    to_left, to_right = (before, behind) if _faces_left(points) else (behind, before)
    top = float(points[1:3, 1].mean()) - _C1_ABOVE_PITCHES * _pitch(points)
    return left - to_left, top, right + to_right, bottom + _BELOW_C7_PITCHES * _pitch(points)


def foramina_reach(points: NDArray[np.float32]) -> Reach:
    """The bodies with half a pitch above and below, and one depth behind them."""
    left, top, right, bottom = keypoint_reach(points)
    behind, beyond = _FORAMEN_DEPTHS * _depth(points), _FORAMEN_PITCHES * _pitch(points)
    if _faces_left(points):
        return left, top - beyond, right + behind, bottom + beyond
    return left - behind, top - beyond, right, bottom + beyond


def _widened(reach: Reach) -> Reach:
    left, top, right, bottom = reach
    return (
        left - _WIDER_HORIZONTALLY,
        top - _WIDER_VERTICALLY,
        right + _WIDER_HORIZONTALLY,
        bottom + _WIDER_VERTICALLY,
    )


def _complete(landmarks: NDArray[np.float32] | None) -> NDArray[np.float32]:
    if landmarks is None:
        raise DataError("it has no landmarks, and this crop is found by them")
    missing = int(np.isnan(landmarks).any(axis=1).sum())
    if missing:
        raise DataError(f"{missing} of its {len(landmarks)} landmarks are missing")
    return landmarks


def _clipped(reach: Reach, size: tuple[int, int]) -> Box:
    rows, columns = size
    left, top = max(math.floor(reach[0]), 0), max(math.floor(reach[1]), 0)
    right, bottom = min(math.ceil(reach[2]) + 1, columns), min(math.ceil(reach[3]) + 1, rows)
    if min(right - left, bottom - top) < _LEAST_SIDE:
        raise DataError(
            f"its landmarks give a crop of {max(right - left, 0)} x {max(bottom - top, 0)} pixels "
            f"within a film of {columns} x {rows}"
        )
    return left, top, right, bottom


def _centres(points: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(points[3:].reshape(5, 4, 2).mean(axis=1))


def _pitch(points: NDArray[np.float32]) -> float:
    return float(np.linalg.norm(np.diff(_centres(points), axis=0), axis=1).mean())


def _depth(points: NDArray[np.float32]) -> float:
    rims = points[1:].reshape(11, 2, 2)
    return float(np.linalg.norm(rims[:, 1] - rims[:, 0], axis=1).mean())


def _faces_left(points: NDArray[np.float32]) -> bool:
    rims = points[1:].reshape(11, 2, 2)  # anterior first
    return bool((rims[:, 1, 0] - rims[:, 0, 0]).mean() >= 0)


def cut(film: NDArray[_Grey], box: Box) -> NDArray[_Grey]:
    """Cut a box out of a film; what lies beyond the film is black."""
    rows, columns = film.shape
    left, top, right, bottom = box
    part = film[max(top, 0) : min(bottom, rows), max(left, 0) : min(right, columns)]
    beyond: Any = (
        (max(-top, 0), max(bottom - rows, 0)),
        (max(-left, 0), max(right - columns, 0)),
    )
    return np.pad(part, beyond)
