"""A case becomes a film: geometry, attenuation, exposure, and what spoils it.

Each part of a film has random numbers of its own, so that the same patient is drawn whatever
else is asked for, and a spoilt film differs from the sound one by nothing but what spoils it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image

from training.phantom import chest, lumbar, skull
from training.phantom.burnedin import burn_in
from training.phantom.canvas import Canvas, Map, Points
from training.phantom.collimation import shutter
from training.phantom.degrade import amount_of
from training.phantom.exposure import Exposure, expose
from training.phantom.frontal import ODONTOID_SCALE, draw_ap, draw_odontoid
from training.phantom.hand import draw_hand
from training.phantom.lateral import HEIGHT_MM, WIDTH_MM, draw_lateral, gathered
from training.phantom.markers import draw_marker
from training.phantom.oblique import draw_oblique
from training.phantom.sites import origin_of
from training.phantom.swimmers import draw_swimmers
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

# Larger or smaller parts of the body are taken on films of their own size, with as many pixels.
FILM_SCALES: Final = {
    View.ODONTOID: ODONTOID_SCALE,
    View.CHEST: chest.SCALE,
    View.LUMBAR: lumbar.SCALE,
    View.SKULL: skull.SCALE,
}

_SAFE_MM = 10.0  # ordinary shutters stay this far away from every keypoint
_ORDINARY_TURN_DEGREES = 3.0
_FWHM = 2.3548  # full width at half maximum of a Gaussian of deviation 1
_DRAWING, _EXPOSURE, _NOISE, _TURN, _SHUTTERS, _MARKER = 1, 9, 10, 11, 12, 13  # streams of chance

Generator = np.random.Generator
Shutters = tuple[float, float, float, float]


def render(case: PhantomCase, pixel_spacing_mm: float = PIXEL_SPACING_MM) -> Film:
    """Draw the film of a case.

    Args:
        case: From ``draw_case``.
        pixel_spacing_mm: 0.5 gives 512 by 420 pixels, for training; 0.2 gives 1280 by 1050,
            the size that a detector gives. Views in ``FILM_SCALES`` have as many pixels, each
            that much larger.

    Returns:
        The film with its truth; the same case and spacing give the same film.
    """
    scale = FILM_SCALES.get(case.view, 1.0)
    canvas = Canvas(HEIGHT_MM * scale, WIDTH_MM * scale, pixel_spacing_mm * scale)
    spacing = canvas.spacing
    path, keypoints = _drawn(canvas, case, _chance(case, _DRAWING))
    path, keypoints = _turned(path, keypoints, case, spacing)
    path, keypoints = _faced(path, keypoints, case, spacing)
    draw_marker(canvas, case.marker, origin_of(case).site, _chance(case, _MARKER))
    path = path + canvas.read("marker")
    target = _target(canvas, keypoints)
    pixels = expose(path, _exposure(case), spacing, target, _chance(case, _NOISE))
    shutter(pixels, _shutters(keypoints, case), spacing)
    if Degradation.INVERSION in case.degradations:
        pixels = (HIGHEST_PIXEL - pixels).astype(np.uint16)
    if (written_over := amount_of(case, Degradation.BURNED_IN)) is not None:
        pixels = burn_in(pixels, written_over, case.seed)
    return Film(
        pixels=pixels,
        pixel_spacing_mm=spacing,
        keypoints=(keypoints / spacing - 0.5).astype(np.float32),
        disc_labels=disc_labels(case),
        case=case,
    )


def disc_labels(case: PhantomCase) -> NDArray[np.bool_]:
    """Return which of the discs C2/3 to C6/7 carry a finding of their own, bool (5,)."""
    levels = {finding.partition(":")[2] for finding in case.findings}
    return np.array([disc in levels for disc in DISCS])


def _chance(case: PhantomCase, stream: int) -> Generator:
    return np.random.default_rng((case.seed, stream))


def _drawn(canvas: Canvas, case: PhantomCase, rng: Generator) -> tuple[Map, Points]:
    """Draw the projection and return its optical path and keypoints, mm."""
    keypoints = np.full((KEYPOINT_COUNT, 2), np.nan)
    if case.view is View.LATERAL:
        path, keypoints = draw_lateral(canvas, case, rng)
    elif case.view is View.CHEST:
        path = chest.draw_chest(canvas, rng)
    else:
        path = _OTHER_VIEWS[case.view](canvas, case, rng)
    return gathered(canvas, path, rng), keypoints


_OTHER_VIEWS: Final = {
    View.AP: draw_ap,
    View.ODONTOID: draw_odontoid,
    View.OBLIQUE: draw_oblique,
    View.SWIMMERS: draw_swimmers,
    View.LUMBAR: lumbar.draw_lumbar,
    View.SKULL: skull.draw_skull,
    View.HAND: draw_hand,
}


def _turned(path: Map, keypoints: Points, case: PhantomCase, spacing: float) -> tuple[Map, Points]:
    """Turn the patient on the film: by a little always, by more where the case says so.

    What comes in at the corners goes on as the edge of the film was; half of the films that
    are turned by more have black corners instead.
    """
    rng = _chance(case, _TURN)
    degrees = float(np.clip(rng.normal(0, 1.3), -_ORDINARY_TURN_DEGREES, _ORDINARY_TURN_DEGREES))
    sign, black_corners = float(rng.choice([-1, 1])), bool(rng.random() < 0.5)  # noqa: PLR2004 - coin
    asked_for = amount_of(case, Degradation.ROTATION)
    if asked_for is not None:
        degrees = asked_for * sign
    angle = np.radians(degrees)
    margin = 0 if asked_for and black_corners else int(abs(np.sin(angle)) * max(path.shape) / 2) + 2
    wide = Image.fromarray(np.pad(path, margin, mode="edge"))
    turned = np.asarray(wide.rotate(degrees, Image.Resampling.BILINEAR), np.float32)
    rows, columns = path.shape
    turned = turned[margin : margin + rows, margin : margin + columns]
    middle = np.array([columns, rows]) * spacing / 2
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return turned, np.asarray((keypoints - middle) @ matrix + middle)


def _faced(path: Map, keypoints: Points, case: PhantomCase, spacing: float) -> tuple[Map, Points]:
    """Mirror a patient who faces right."""
    if case.facing != "right":
        return path, keypoints
    width = path.shape[1] * spacing
    return path[:, ::-1], keypoints * (-1.0, 1.0) + (width, 0.0)


def _exposure(case: PhantomCase) -> Exposure:
    """Draw how the film was exposed: its machine, ordinary variation, and what was asked for."""
    rng, origin = _chance(case, _EXPOSURE), origin_of(case)
    machine = origin.machine
    quanta = 220_000 * machine.dose * rng.lognormal(0, 0.25)
    brightness, spread = rng.normal(0.35, 0.1), 0.26 * rng.lognormal(0, 0.15)
    contrast = machine.contrast * rng.lognormal(0, 0.07)
    scatter, enhancement = rng.uniform(0.08, 0.18), machine.enhancement * rng.uniform(0.75, 1.25)
    grid = origin.site.grid and rng.random() < 0.4  # noqa: PLR2004 - a share of its films
    if case.view is View.HAND:  # thin parts are taken with softer rays
        contrast, brightness = contrast * 1.7, brightness - 0.75
    electronic = amount_of(case, Degradation.NOISE)
    width = amount_of(case, Degradation.BLUR)
    return Exposure(
        quanta_per_mm2=float(quanta * (amount_of(case, Degradation.UNDEREXPOSED) or 1.0)),
        point_spread_mm=float(spread if width is None else width / _FWHM),
        contrast=float(contrast),
        brightness=float(brightness - np.log(amount_of(case, Degradation.OVEREXPOSED) or 1.0)),
        scatter_ratio=float(scatter),
        enhancement=float(enhancement),
        halo_mm=machine.halo_mm,
        levelling=machine.levelling,
        tone=machine.tone,
        grain_mm=machine.grain_mm,
        electronic_noise=(electronic or 0.0) / 100,
        grid_mm=1.3 if grid else 0.0,
    )


def _target(canvas: Canvas, keypoints: Points) -> tuple[slice, slice]:
    """Return what the display is centred on: the spine, or the middle of the film."""
    rows, columns = canvas.shape
    if np.isnan(keypoints).any():
        return slice(rows // 4, 3 * rows // 4), slice(columns // 4, 3 * columns // 4)
    low = np.clip(keypoints.min(axis=0) / canvas.spacing, 0, (columns - 40, rows - 40)).astype(int)
    high = np.maximum(keypoints.max(axis=0) / canvas.spacing, low + 40).astype(int)
    return slice(low[1], high[1]), slice(low[0], high[0])


def _shutters(keypoints: Points, case: PhantomCase) -> Shutters:
    """Draw where the shutters stand (left, top, right, bottom, mm); half of all films have none."""
    rng = _chance(case, _SHUTTERS)
    edges = rng.uniform(0, 12, 4) * (rng.random(4) < 0.8) * (rng.random() < 0.5)  # noqa: PLR2004 - shares
    if np.isnan(keypoints).any():
        return _as_shutters(edges)
    low, high = keypoints.min(axis=0), keypoints.max(axis=0)
    room = np.array([low[0], low[1], WIDTH_MM - high[0], HEIGHT_MM - high[1]])
    edges = np.minimum(edges, np.maximum(room - _SAFE_MM, 0))
    side = int(rng.integers(4))
    if (covered := amount_of(case, Degradation.COLLIMATION)) is not None:
        edges[side] = room[side] + covered * (high - low)[side % 2]
    return _as_shutters(edges)


def _as_shutters(edges: NDArray[np.float64]) -> Shutters:
    left, top, right, bottom = (float(edge) for edge in edges)
    return left, top, right, bottom
