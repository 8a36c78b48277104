"""A case becomes a film: geometry, attenuation, exposure, and what spoils it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from training.phantom.canvas import Canvas, Map, Points
from training.phantom.exposure import Exposure, expose
from training.phantom.extras import draw_marker, shutter
from training.phantom.frontal import draw_ap, draw_chest, draw_odontoid
from training.phantom.lateral import HEIGHT_MM, WIDTH_MM, draw_lateral, gathered
from training.phantom.values import (
    DISCS,
    HIGHEST_PIXEL,
    KEYPOINT_COUNT,
    Degradation,
    Film,
    PhantomCase,
    View,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

PIXEL_SPACING_MM = 0.5
CHEST_SCALE = 1.68  # a chest is taken on a film that much larger, with as many pixels

_SAFE_MM = 10.0  # ordinary shutters stay this far away from every keypoint

Generator = np.random.Generator
Shutters = tuple[float, float, float, float]


def render(case: PhantomCase, pixel_spacing_mm: float = PIXEL_SPACING_MM) -> Film:
    """Draw the film of a case.

    Args:
        case: From ``draw_case``.
        pixel_spacing_mm: 0.5 gives 512 by 420 pixels, for training; 0.2 gives 1280 by 1050,
            the size that a detector gives. A chest has as many pixels, each 1.68 times larger.

    Returns:
        The film with its truth; the same case and spacing give the same film.
    """
    rng = np.random.default_rng((case.seed, 1))
    spacing = pixel_spacing_mm
    scale = CHEST_SCALE if case.view is View.CHEST else 1.0
    canvas = Canvas(HEIGHT_MM * scale, WIDTH_MM * scale, spacing * scale)
    path, keypoints = _drawn(canvas, case, rng)
    path, keypoints = _faced(canvas, path, keypoints, case, rng)
    path, keypoints = _turned(path, keypoints, case, rng, canvas.spacing)
    exposure, shutters = _exposure(case, rng), _shutters(keypoints, case, rng)
    pixels = expose(path, exposure, canvas.spacing, _target(canvas, keypoints), rng)
    shutter(pixels, shutters, canvas.spacing)
    if Degradation.INVERSION in case.degradations:
        pixels = (HIGHEST_PIXEL - pixels).astype(np.uint16)
    return Film(
        pixels=pixels,
        pixel_spacing_mm=canvas.spacing,
        keypoints=(keypoints / canvas.spacing - 0.5).astype(np.float32),
        disc_labels=disc_labels(case),
        case=case,
    )


def disc_labels(case: PhantomCase) -> NDArray[np.bool_]:
    """Return which of the discs C2/3 to C6/7 carry a finding of their own, bool (5,)."""
    levels = {finding.partition(":")[2] for finding in case.findings}
    return np.array([disc in levels for disc in DISCS])


def _drawn(canvas: Canvas, case: PhantomCase, rng: Generator) -> tuple[Map, Points]:
    """Draw the projection and return its optical path and keypoints, mm."""
    keypoints = np.full((KEYPOINT_COUNT, 2), np.nan)
    if case.view is View.LATERAL:
        path, keypoints = draw_lateral(canvas, case, rng)
    elif case.view is View.AP:
        path = draw_ap(canvas, case, rng)
    elif case.view is View.ODONTOID:
        path = draw_odontoid(canvas, case, rng)
    else:
        path = draw_chest(canvas, rng)
    return gathered(canvas, path, rng), keypoints


def _faced(
    canvas: Canvas, path: Map, keypoints: Points, case: PhantomCase, rng: Generator
) -> tuple[Map, Points]:
    """Mirror a patient who faces right, then lay the marker, which is never mirrored."""
    if case.facing == "right":
        width = canvas.shape[1] * canvas.spacing
        path, keypoints = path[:, ::-1], keypoints * (-1.0, 1.0) + (width, 0.0)
    draw_marker(canvas, case.marker, rng)
    return path + canvas.read("marker"), keypoints


def _turned(
    path: Map, keypoints: Points, case: PhantomCase, rng: Generator, spacing: float
) -> tuple[Map, Points]:
    """Turn the film when it is degraded by rotation."""
    if Degradation.ROTATION not in case.degradations:
        return path, keypoints
    degrees = float(rng.uniform(15, 45) * rng.choice([-1, 1]))
    turned = Image.fromarray(path).rotate(degrees, Image.Resampling.BILINEAR)
    middle = np.array([path.shape[1], path.shape[0]]) * spacing / 2
    angle = np.radians(degrees)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray(turned, np.float32), np.asarray((keypoints - middle) @ matrix + middle)


def _exposure(case: PhantomCase, rng: Generator) -> Exposure:
    """Draw how the film was exposed: ordinary variation, or what was asked for."""
    quanta, brightness = 220_000 * rng.lognormal(0, 0.25), rng.normal(0.35, 0.1)
    spread = 0.26 * rng.lognormal(0, 0.15)
    if Degradation.UNDEREXPOSED in case.degradations:
        quanta *= rng.uniform(0.0016, 0.008)
    if Degradation.OVEREXPOSED in case.degradations:
        brightness -= rng.uniform(1.5, 2.4)
    if Degradation.BLUR in case.degradations:
        spread = rng.uniform(1.3, 2.6)
    return Exposure(
        quanta_per_mm2=float(quanta),
        point_spread_mm=float(spread),
        contrast=float(1.25 * rng.lognormal(0, 0.07)),
        brightness=float(brightness),
        scatter_ratio=float(rng.uniform(0.08, 0.18)),
        enhancement=float(rng.uniform(0.5, 1.0)),
    )


def _target(canvas: Canvas, keypoints: Points) -> tuple[slice, slice]:
    """Return what the display is centred on: the spine, or the middle of the film."""
    rows, columns = canvas.shape
    if np.isnan(keypoints).any():
        return slice(rows // 4, 3 * rows // 4), slice(columns // 4, 3 * columns // 4)
    low = np.clip(keypoints.min(axis=0) / canvas.spacing, 0, (columns - 40, rows - 40)).astype(int)
    high = np.maximum(keypoints.max(axis=0) / canvas.spacing, low + 40).astype(int)
    return slice(low[1], high[1]), slice(low[0], high[0])


def _shutters(keypoints: Points, case: PhantomCase, rng: Generator) -> Shutters:
    """Draw where the shutters stand (left, top, right, bottom, mm); half of all films have none."""
    edges = rng.uniform(0, 12, 4) * (rng.random(4) < 0.8) * (rng.random() < 0.5)  # noqa: PLR2004 - shares
    if np.isnan(keypoints).any():
        return _as_shutters(edges)
    low, high = keypoints.min(axis=0), keypoints.max(axis=0)
    room = np.array([low[0], low[1], WIDTH_MM - high[0], HEIGHT_MM - high[1]]) - _SAFE_MM
    edges = np.minimum(edges, np.maximum(room, 0))
    if Degradation.COLLIMATION in case.degradations:
        side = int(rng.integers(4))
        reach = rng.uniform(0.25, 0.5) * (high - low)[side % 2]
        edges[side] = room[side] + _SAFE_MM + reach
    return _as_shutters(edges)


def _as_shutters(edges: NDArray[np.float64]) -> Shutters:
    left, top, right, bottom = (float(edge) for edge in edges)
    return left, top, right, bottom
