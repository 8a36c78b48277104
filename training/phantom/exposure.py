"""From optical path to grey levels: Beer-Lambert, scatter, quanta, point spread, log, display."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from training.phantom.canvas import Map, soften
from training.phantom.values import HIGHEST_PIXEL

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HALO_MM = 3.0  # radius of the edge enhancement that detector makers apply


@dataclass(frozen=True, slots=True)
class Exposure:
    """How a film was exposed and displayed.

    Attributes:
        quanta_per_mm2: Detected without any object in the beam.
        scatter_ratio: Scattered over primary radiation.
        point_spread_mm: Standard deviation of the detector's point spread.
        contrast: Slope of the display curve, 1 / optical path.
        brightness: Optical path added to the automatic choice of the middle grey.
        enhancement: Strength of the edge enhancement.
    """

    quanta_per_mm2: float = 220_000.0
    scatter_ratio: float = 0.12
    point_spread_mm: float = 0.26
    contrast: float = 1.25
    brightness: float = 0.0
    enhancement: float = 0.5


def expose(
    path: Map,
    exposure: Exposure,
    spacing: float,
    target: tuple[slice, slice],
    rng: np.random.Generator,
) -> NDArray[np.uint16]:
    """Turn optical path into 12-bit grey levels, bone bright.

    Args:
        path: Attenuation times thickness along each ray, (rows, columns).
        exposure: Dose, scatter and display.
        spacing: Millimetres per pixel; the quanta of a pixel go with its area.
        target: Rows and columns that the display curve is centred on, as by the detector's
            automatic.
        rng: For the quanta; with more than some 30 of them the Poisson distribution is
            taken as normal.

    Returns:
        uint16 (rows, columns), 0 to 4095.
    """
    seen = np.exp(-path)
    seen += np.float32(exposure.scatter_ratio) * soften(seen, 14.0, spacing)
    seen = soften(seen, exposure.point_spread_mm, spacing)
    full = exposure.quanta_per_mm2 * spacing * spacing
    quanta = np.float32(full) * seen
    quanta += np.sqrt(quanta) * rng.standard_normal(quanta.shape, np.float32)
    depth = np.log(np.float32(full * (1 + exposure.scatter_ratio)) / np.maximum(quanta, 1))
    depth += np.float32(exposure.enhancement) * (depth - soften(depth, _HALO_MM, spacing))
    middle = float(depth[target][::4, ::4].mean()) - exposure.brightness
    return _displayed(depth, exposure.contrast, middle)


def _displayed(depth: Map, contrast: float, middle: float) -> NDArray[np.uint16]:
    """Apply the S-shaped display curve."""
    rising = np.exp(np.float32(contrast) * (np.float32(middle) - depth))
    return np.asarray(np.float32(HIGHEST_PIXEL) / (1 + rising) + np.float32(0.5), np.uint16)
