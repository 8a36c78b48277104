"""From optical path to grey levels: Beer-Lambert, scatter, quanta, point spread, log, display."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from training.phantom.canvas import Map, soften
from training.phantom.values import HIGHEST_PIXEL

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SCATTER_MM = 14.0  # radius of the scatter, and of the machine's levelling
_STEPS = 2048  # entries of a display curve for each unit of its argument
_REACH = 8  # the curves are flat beyond
_NOISE_PIXEL_MM = 0.5  # pixel that the detector's noise is given for


@dataclass(frozen=True, slots=True)
class Exposure:
    """How a film was exposed and displayed.

    Attributes:
        quanta_per_mm2: Detected without any object in the beam.
        scatter_ratio: Scattered over primary radiation.
        point_spread_mm: Standard deviation of the point spread.
        contrast: Slope of the display curve, 1 / optical path.
        brightness: Optical path added to the automatic choice of the middle grey.
        enhancement: Strength of the edge enhancement.
        halo_mm: Radius of the edge enhancement.
        levelling: Share of the wide brightness differences that is taken out.
        tone: Display curve, as `Machine.tone`.
        grain_mm: Standard deviation over which the quantum noise is smeared.
        electronic_noise: Standard deviation of the detector's own noise as a share of the
            grey range, for a pixel of 0.5 mm.
        grid_mm: Period of the faint lines of a standing grid; 0 where there are none.
    """

    quanta_per_mm2: float = 220_000.0
    scatter_ratio: float = 0.12
    point_spread_mm: float = 0.26
    contrast: float = 1.25
    brightness: float = 0.0
    enhancement: float = 0.5
    halo_mm: float = 3.0
    levelling: float = 0.0
    tone: str = "sigmoid"
    grain_mm: float = 0.0
    electronic_noise: float = 0.0
    grid_mm: float = 0.0


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
        rng: For the noise; with more than some 30 quanta the Poisson distribution is taken as
            normal.

    Returns:
        uint16 (rows, columns), 0 to 4095.
    """
    seen = np.exp(-path)
    seen += np.float32(exposure.scatter_ratio) * soften(seen, _SCATTER_MM, spacing)
    seen = soften(seen, exposure.point_spread_mm, spacing)
    depth = _counted(seen, exposure, spacing, rng)
    if exposure.levelling:
        depth -= np.float32(exposure.levelling) * soften(depth, _SCATTER_MM, spacing)
    depth += np.float32(exposure.enhancement) * (depth - soften(depth, exposure.halo_mm, spacing))
    middle = float(depth[target][::4, ::4].mean()) - exposure.brightness
    if exposure.electronic_noise:
        share = 4 / exposure.contrast * exposure.electronic_noise * _NOISE_PIXEL_MM / spacing
        depth += np.float32(share) * rng.standard_normal(depth.shape, np.float32)
    if exposure.grid_mm:
        lines = np.arange(depth.shape[1]) * (2 * np.pi * spacing / exposure.grid_mm)
        depth += (0.012 * np.sin(lines)).astype(np.float32)
    return _displayed(depth, exposure, middle)


def _counted(seen: Map, exposure: Exposure, spacing: float, rng: np.random.Generator) -> Map:
    """Count quanta and return the logarithm of how many are missing."""
    full = exposure.quanta_per_mm2 * spacing * spacing
    quanta = np.float32(full) * seen
    noise = rng.standard_normal(quanta.shape, np.float32)
    if exposure.grain_mm > spacing / 2:
        noise = soften(noise, exposure.grain_mm, spacing)
    noise *= np.sqrt(quanta)
    quanta += noise
    np.maximum(quanta, 1, out=quanta)
    np.log(quanta, out=quanta)
    return np.float32(np.log(full * (1 + exposure.scatter_ratio))) - quanta


@cache
def _curve(tone: str) -> NDArray[np.uint16]:
    """Return a display curve as a table over -8 to 8, middle grey at 0."""
    x = np.arange(-_REACH * _STEPS, _REACH * _STEPS) / _STEPS
    if tone == "film":
        share = np.exp(-np.log(2) * np.exp(-0.95 * x))
    elif tone == "window":
        share = 0.5 + 0.27 * x / (1 + np.abs(0.54 * x) ** 3) ** (1 / 3)
    else:
        share = 1 / (1 + np.exp(-x))
    return np.asarray(HIGHEST_PIXEL * share + 0.5, np.uint16)


def _displayed(depth: Map, exposure: Exposure, middle: float) -> NDArray[np.uint16]:
    """Apply the display curve."""
    table = _curve(exposure.tone)
    scale = np.float32(exposure.contrast * _STEPS)
    place = (depth - np.float32(middle)) * scale + np.float32(len(table) // 2)
    return table.take(place.astype(np.int32), mode="clip")
