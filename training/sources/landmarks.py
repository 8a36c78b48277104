"""The 23 landmarks: their names, their order, and what their shape says about mistakes.

The order is that of the Cervical Spine X-ray Atlas (Ran et al., Sci Data 11:625, 2024): the
centroid and the lower corners of C2, then top left, top right, bottom left and bottom right of
C3 to C7. Its "left" and "right" are sides of the picture; records say anterior first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from training.values import Fault

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAMES: Final = (
    "C2 centroid",
    "C2 bottom left",
    "C2 bottom right",
    *(
        f"C{level} {end} {side}"
        for level in range(3, 8)
        for end in ("top", "bottom")
        for side in ("left", "right")
    ),
)
COUNT: Final = len(NAMES)
FIRST: Final = np.arange(1, COUNT, 2)  # of each pair of corners the left one, or the anterior
SECOND: Final = FIRST + 1
PAIRS: Final = tuple(name.rpartition(" ")[0] for name in NAMES[1::2])  # "C2 bottom", "C3 top" ...
_TOPS: Final = np.arange(3, COUNT, 4)  # the first of the four corners of C3 to C7
_FEWEST_PAIRS: Final = 4
_PLAUSIBLE_DEPTH: Final = (0.5, 1.8)  # of a body, as a share of the median of the eleven pairs
_FACES_RIGHT_DEGREES: Final = -2.0  # see _slope_degrees


def put_right(
    points: NDArray[np.float32], film: str
) -> tuple[NDArray[np.float32] | None, tuple[Fault, ...]]:
    """Put right what the shape shows to be mixed up, and bring the anterior corners first.

    Args:
        points: (23, 2) with left and right as labelled; NaN for a missing landmark.
        film: Name of the film, for faults.

    Returns:
        The landmarks, anterior first, and what was wrong. None where their order makes no
        spine.
    """
    faults: list[Fault] = []
    found = points.copy()
    down = _downwards(found)
    if down is None:
        what = "too few landmarks to tell which way the spine runs"
        return found, (Fault(film, what, "left as they are", "few-landmarks"),)
    _sort_sides(found, down, film, faults)
    _sort_ends(found, down, film, faults)
    heights = _middles(found) @ down
    if (np.diff(heights[np.isfinite(heights)]) <= 0).any():
        what = "the vertebrae do not follow each other from C2 to C7"
        faults.append(Fault(film, what, "landmarks left out", "disordered-landmarks"))
        return None, tuple(faults)
    _name_odd_ones(found, film, faults)
    slope = _slope_degrees(found, down)
    if slope < _FACES_RIGHT_DEGREES:
        found[FIRST], found[SECOND] = found[SECOND], found[FIRST].copy()
    elif slope < 0:
        what = f"endplates slope by {slope:.1f} degrees: which way the patient faces is unsure"
        faults.append(Fault(film, what, "taken as facing left", "unsure-facing"))
    return found, tuple(faults)


def faces_right(points: NDArray[np.float32]) -> bool:
    """Whether landmarks, anterior first, are those of a patient who faces right."""
    return bool(np.nanmedian(points[SECOND, 0] - points[FIRST, 0]) < 0)


def shape_of(points: NDArray[np.float32]) -> NDArray[np.float64] | None:
    """Landmarks without place and size: (46,) of unit length; None when one is missing."""
    if not np.isfinite(points).all():
        return None
    centred = points.astype(np.float64) - points.mean(axis=0)
    return np.asarray((centred / np.linalg.norm(centred)).ravel())


def _middles(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """The middles of the eleven pairs of corners, from C2 down (11, 2)."""
    return np.asarray((points[FIRST] + points[SECOND]) / 2, np.float32)


def _downwards(points: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """The direction from the uppermost to the lowest pair of corners, or None."""
    middles = _middles(points)
    there = middles[np.isfinite(middles).all(axis=1)]
    if len(there) < _FEWEST_PAIRS:
        return None
    way = there[-1] - there[0]
    length = float(np.hypot(*way))
    return np.asarray(way / length, np.float32) if length > 0 else None


def _sort_sides(
    points: NDArray[np.float32], down: NDArray[np.float32], film: str, faults: list[Fault]
) -> None:
    """Make the first of each pair the one on the left of the picture."""
    right = np.array([down[1], -down[0]])
    across = (points[SECOND] - points[FIRST]) @ right
    wrong = across < 0
    if not wrong.any():
        return
    points[FIRST[wrong]], points[SECOND[wrong]] = (
        points[SECOND[wrong]],
        points[FIRST[wrong]].copy(),
    )
    names = ", ".join(name for name, is_wrong in zip(PAIRS, wrong, strict=True) if is_wrong)
    mirrored = wrong.sum() > np.isfinite(across).sum() / 2
    kind = "mirrored-labels" if mirrored else "swapped-sides"
    faults.append(Fault(film, f"left and right are swapped at {names}", "put right", kind))


def _sort_ends(
    points: NDArray[np.float32], down: NDArray[np.float32], film: str, faults: list[Fault]
) -> None:
    """Make the first two corners of each vertebra the upper ones."""
    for level, first in enumerate(_TOPS, start=3):
        tops, bottoms = points[first : first + 2], points[first + 2 : first + 4]
        if float((bottoms.mean(axis=0) - tops.mean(axis=0)) @ down) < 0:
            points[first : first + 4] = np.concatenate([bottoms, tops])
            what = f"top and bottom are swapped at C{level}"
            faults.append(Fault(film, what, "put right", "swapped-ends"))


def _name_odd_ones(points: NDArray[np.float32], film: str, faults: list[Fault]) -> None:
    """Say which bodies are far deeper or shallower than the others."""
    depth = np.hypot(*(points[SECOND] - points[FIRST]).T)
    share = depth / np.nanmedian(depth)
    low, high = _PLAUSIBLE_DEPTH
    for index in np.flatnonzero((share < low) | (share > high)):
        what = f"{PAIRS[index]} is {share[index]:.2f} times as wide as the others"
        faults.append(Fault(film, what, "kept", "odd-landmarks"))


def _slope_degrees(points: NDArray[np.float32], down: NDArray[np.float32]) -> float:
    """How far the endplates fall from the right to the left of the picture, against the axis.

    Endplates fall forwards. Of 3567 outlines of the atlas, whose patients face left, the slope is
    7.6 degrees in the median and above -1.7 in all.
    """
    middles = _middles(points)[1:]
    middles = middles[np.isfinite(middles).all(axis=1)]
    axis = middles[-1] - middles[0] if len(middles) > 1 else down
    across = points[SECOND] - points[FIRST]
    across = across[np.isfinite(across).all(axis=1)]
    steep = -(across @ axis) / (np.hypot(*across.T) * np.hypot(*axis))
    return float(np.degrees(np.median(np.arcsin(np.clip(steep, -1, 1)))))
