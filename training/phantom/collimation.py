"""The collimator's shutters: what they cover is black on the film."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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
