"""Landmarks from LabelMe files, as annotators have left them.

Labels vary in case and spaces, points come as polygons of one to four vertices, a label may
stand twice, and the size that the file states is not always that of the picture.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from training.sources.landmarks import COUNT, FIRST, NAMES, SECOND
from training.values import Fault

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_FAR_PIXELS: Final = 4.0  # vertices of one landmark lie closer together than this
_HALF: Final = 0.5  # pixel centres have whole coordinates
_INDEX: Final = {name.lower(): index for index, name in enumerate(NAMES)}


@dataclass(frozen=True, slots=True, eq=False)
class Annotation:
    """What one LabelMe file says.

    Attributes:
        points: float32 (23, 2), left and right as labelled; NaN for a missing landmark.
        faults: What was wrong with it.
    """

    points: NDArray[np.float32]
    faults: tuple[Fault, ...]


def read_labelme(path: Path, film: str, size: tuple[int, int]) -> Annotation | Fault:
    """Read the landmarks of one film.

    Args:
        path: The file.
        film: Name of the film, for faults.
        size: Columns and rows of the decoded picture; what the file states does not count.

    Returns:
        The landmarks by label, never by position; a fault alone when the file gives none.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        shapes = content["shapes"]
        labelled = [(str(shape["label"]), _vertices(shape)) for shape in shapes]
    except OSError as error:
        what = f"{path.name} cannot be read ({error.strerror})"
        return Fault(film, what, "read without landmarks", "unreadable-json")
    except (ValueError, KeyError, TypeError) as error:
        what = f"{path.name} is no LabelMe file ({type(error).__name__}: {error})"
        return Fault(film, what, "read without landmarks", "unreadable-json")
    faults: list[Fault] = []
    places: dict[int, list[NDArray[np.float32]]] = {}
    for label, vertices in labelled:
        placed = _placed(label, vertices, film, faults)
        if placed is not None:
            places.setdefault(placed[0], []).append(placed[1])
    points = _settled(places, film, faults)
    faults += without_strays(points, size, film)
    _compare_sizes(content, size, film, faults)
    missing = [NAMES[index] for index in np.flatnonzero(np.isnan(points[:, 0]))]
    if missing:
        what = f"no landmark {', '.join(missing)}"
        faults.append(Fault(film, what, "left missing", "missing-landmark"))
    return Annotation(points, tuple(faults))


def _vertices(shape: dict[str, Any]) -> NDArray[np.float32]:
    """The vertices of a shape (n, 2); an empty shape has none."""
    vertices = np.asarray(shape["points"], np.float64)
    if not vertices.size:
        return np.zeros((0, 2), np.float32)
    if vertices.ndim != 2 or vertices.shape[1] != 2:  # noqa: PLR2004 - x and y of each
        raise ValueError("points are not pairs of x and y")
    return vertices.astype(np.float32)


def _placed(
    label: str, vertices: NDArray[np.float32], film: str, faults: list[Fault]
) -> tuple[int, NDArray[np.float32]] | None:
    """Which landmark a shape is, and where: at the median of its vertices."""
    index = _INDEX.get(" ".join(label.lower().replace("_", " ").split()))
    if index is None:
        faults.append(Fault(film, f"a shape labelled {label!r}", "left out", "unknown-label"))
        return None
    if not len(vertices) or not np.isfinite(vertices).all():
        faults.append(Fault(film, f"{NAMES[index]} without a place", "left out", "empty-shape"))
        return None
    place = np.median(vertices, axis=0)
    if len(vertices) > 1:
        apart = float(np.abs(vertices - place).max())
        far = apart > _FAR_PIXELS
        what = (
            f"{NAMES[index]} is a polygon of {len(vertices)} vertices, up to {apart:.1f} px apart"
        )
        done = "left out" if far else "their median taken"
        faults.append(Fault(film, what, done, "wide-polygon" if far else "polygon"))
        if far:
            return None
    return index, np.asarray(place, np.float32)


def _settled(
    places: dict[int, list[NDArray[np.float32]]], film: str, faults: list[Fault]
) -> NDArray[np.float32]:
    """One place for each landmark; of two the one that fits the other corner of its endplate."""
    points = np.full((COUNT, 2), np.nan, np.float32)
    for index, found in places.items():
        points[index] = found[0]
    across = points[SECOND] - points[FIRST]
    across = across[np.isfinite(across).all(axis=1)]
    usual = np.median(across, axis=0) if len(across) else np.zeros(2, np.float32)
    for index, found in places.items():
        if len(found) == 1:
            continue
        on_right = index in SECOND
        partner = (
            points[index - 1] + usual if on_right else points[min(index + 1, COUNT - 1)] - usual
        )
        if index > 0 and np.isfinite(partner).all():
            distances = [float(np.hypot(*(place - partner))) for place in found]
            found.insert(0, found.pop(int(np.argmin(distances))))
        apart = max(float(np.hypot(*(place - found[0]))) for place in found)
        what = f"{NAMES[index]} stands {len(found)} times, up to {apart:.1f} px apart"
        faults.append(Fault(film, what, "the one that fits best taken", "double-landmark"))
        points[index] = found[0]
    return points


def without_strays(points: NDArray[np.float32], size: tuple[int, int], film: str) -> list[Fault]:
    """Leave out landmarks outside their picture.

    Args:
        points: (23, 2); those outside become NaN.
        size: Columns and rows of the picture.
        film: Name of the film, for faults.
    """
    faults = []
    outside = ((points < -_HALF) | (points > np.asarray(size) - _HALF)).any(axis=1)
    for index in np.flatnonzero(outside):
        x, y = points[index]
        what = f"{NAMES[index]} at ({x:.0f}, {y:.0f}) lies outside {size[0]} x {size[1]} pixels"
        faults.append(Fault(film, what, "left out", "stray-landmark"))
    points[outside] = np.nan
    return faults


def _compare_sizes(
    content: dict[str, Any], size: tuple[int, int], film: str, faults: list[Fault]
) -> None:
    stated = content.get("imageWidth"), content.get("imageHeight")
    if stated not in (size, (None, None)):
        what = f"the file says {stated[0]} x {stated[1]}, the picture has {size[0]} x {size[1]}"
        faults.append(Fault(film, what, "the picture's size taken", "size-differs"))
