"""The pixel path: from a decoded film to the square that every network sees.

Training and triage call the same `prepare`, so that the same film gives the same tensor.
Borders without content are cut off, the rest is reduced with antialiasing until its longer
side is the side of the square, its grey values are stretched between two percentiles, and
the shorter side is padded with black.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch.nn.functional import interpolate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from triage.vision.path import PixelPath

# A grey range smaller than this is an image of one value: nothing to stretch.
_NO_RANGE: Final = 1e-6
# Sides of the small copy on which borders are looked for.
_SURVEY_SIDE: Final = 256
# Content smaller than this share of a side is no content box but a mistake of the survey.
_LEAST_CONTENT: Final = 0.25
# Share of a side near the rim where edges are the collimator's.
_RIM: Final = 0.06
# Pixels that a mean over 9 x 9 and a gradient take, and some that are left.
_LEAST_SIDE: Final = 16
# Factor from the median absolute value of a normal distribution to its standard deviation.
_MEDIAN_TO_SIGMA: Final = 1.4826


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a film lies in the square: square = (film - origin) * scale + offset, as (x, y).

    Pixel centres have integer coordinates on both sides.
    """

    origin: tuple[float, float]
    scale: tuple[float, float]
    offset: tuple[float, float]

    def to_square(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map points (..., 2) from the film to the square."""
        centred = (points + 0.5 - np.asarray(self.origin)) * np.asarray(self.scale)
        return np.asarray(centred - 0.5 + np.asarray(self.offset), np.float32)

    def to_film(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map points (..., 2) from the square to the film."""
        centred = (points + 0.5 - np.asarray(self.offset)) / np.asarray(self.scale)
        return np.asarray(centred - 0.5 + np.asarray(self.origin), np.float32)


@dataclass(frozen=True, slots=True)
class FilmStatistics:
    """What the pixel gates look at; all but the sides is measured in the square.

    Attributes:
        shorter_side: Pixels of the shorter side of the film's content.
        content_share: Share of the film that is not border.
        aspect: Longer side of the content over its shorter side.
        saturated_share: Share of the content at its brightest or darkest value.
        sharpness: Steepness of fine edges over that of coarse ones; falls to 1 with blur.
        noise: Standard deviation of the finest diagonal detail; rises with noise.
        spread: Standard deviation of the grey values.
    """

    shorter_side: float
    content_share: float
    aspect: float
    saturated_share: float
    sharpness: float
    noise: float
    spread: float


@dataclass(frozen=True, slots=True)
class PreparedFilm:
    """What the networks see of one film.

    Attributes:
        image: Grey values 0 to 1 of shape (side, side), bone bright.
        placement: Where the film lies in it.
        statistics: What the pixel gates look at.
    """

    image: NDArray[np.float32]
    placement: Placement
    statistics: FilmStatistics


def prepare(pixels: NDArray[Any], path: PixelPath) -> PreparedFilm:
    """Take a film through the pixel path.

    Args:
        pixels: Grey values of shape (rows, columns), any integer or float type, bone bright.
        path: The parameters.

    Returns:
        The prepared film.
    """
    top, bottom, left, right = content_box(pixels, path.border_spread)
    content = pixels[top:bottom, left:right]
    rows, columns = content.shape
    scale = path.side / max(rows, columns)
    height, width = max(round(rows * scale), 1), max(round(columns * scale), 1)
    small = _reduced(content, height, width)
    grey, saturated = _stretched(small, path)
    image = np.zeros((path.side, path.side), np.float32)
    above, before = (path.side - height) // 2, (path.side - width) // 2
    image[above : above + height, before : before + width] = grey
    placement = Placement((left, top), (width / columns, height / rows), (before, above))
    share = rows * columns / pixels.size
    return PreparedFilm(image, placement, _statistics(grey, min(rows, columns), share, saturated))


def content_box(pixels: NDArray[Any], border_spread: float) -> tuple[int, int, int, int]:
    """Find the part of a film inside borders of one grey value.

    Args:
        pixels: Grey values of shape (rows, columns).
        border_spread: See `PixelPath`.

    Returns:
        (top, bottom, left, right), bottom and right exclusive; the whole film when its
        content would be smaller than a quarter of a side.
    """
    rows, columns = pixels.shape
    step = max(max(rows, columns) // _SURVEY_SIDE, 1)
    survey = _block_means(pixels, step)
    low, high = np.percentile(survey, (1, 99))
    limit = border_spread * max(float(high - low), _NO_RANGE)
    top, bottom = _extent(survey, 1, limit)
    left, right = _extent(survey, 0, limit)
    if min((bottom - top) / survey.shape[0], (right - left) / survey.shape[1]) < _LEAST_CONTENT:
        return 0, rows, 0, columns
    return (
        top * step,
        rows if bottom == survey.shape[0] else bottom * step,
        left * step,
        columns if right == survey.shape[1] else right * step,
    )


def _extent(survey: NDArray[np.float32], axis: int, limit: float) -> tuple[int, int]:
    """First and one past the last line whose grey values spread more than the limit."""
    low, high = np.percentile(survey, (5, 95), axis=axis)
    lines = np.flatnonzero(high - low > limit)
    return (int(lines[0]), int(lines[-1]) + 1) if lines.size else (0, 0)


def _block_means(pixels: NDArray[Any], step: int) -> NDArray[np.float32]:
    """Average whole blocks of step x step pixels; a remainder at the far edges is left out."""
    if step == 1:
        return pixels.astype(np.float32)
    rows, columns = (size // step for size in pixels.shape)
    inner = pixels[: rows * step, : columns * step]
    # One strided sum after the other: several times faster than a mean over a 4-D view.
    across = np.zeros((rows * step, columns), np.float32)
    for shift in range(step):
        across += inner[:, shift::step]
    total = np.zeros((rows, columns), np.float32)
    for shift in range(step):
        total += across[shift::step]
    return np.asarray(total / (step * step), np.float32)


def _reduced(content: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    """Resize with antialiasing."""
    source = torch.from_numpy(np.ascontiguousarray(content, dtype=np.float32))
    resized = interpolate(
        source[None, None], (height, width), mode="bilinear", align_corners=False, antialias=True
    )
    return np.asarray(resized[0, 0].numpy())


def _stretched(small: NDArray[np.float32], path: PixelPath) -> tuple[NDArray[np.float32], float]:
    """Stretch grey values to 0..1; also the share of them at either end of their range."""
    low, high = np.percentile(small, (path.low_percentile, path.high_percentile))
    span = max(float(high - low), _NO_RANGE)
    edge = 0.002 * span
    saturated = np.mean((small <= small.min() + edge) | (small >= small.max() - edge))
    grey = np.clip((small - np.float32(low)) / np.float32(span), 0.0, 1.0)
    return np.asarray(grey, np.float32), float(saturated)


def _statistics(
    grey: NDArray[np.float32], shorter_side: int, content_share: float, saturated: float
) -> FilmStatistics:
    return FilmStatistics(
        shorter_side=float(shorter_side),
        content_share=content_share,
        aspect=max(grey.shape) / min(grey.shape),
        saturated_share=saturated,
        sharpness=_sharpness(grey),
        noise=_noise(grey),
        spread=float(grey.std()),
    )


def _sharpness(grey: NDArray[np.float32]) -> float:
    """Measure how much of the gradient a further smoothing takes away.

    The first 3 x 3 mean takes most of the noise. Near the rim of the film the collimator's own
    edges would count: they are left out. As a ratio it does not depend on contrast.
    """
    above, before = (round(size * _RIM) for size in grey.shape)
    inner = grey[above : grey.shape[0] - above, before : grey.shape[1] - before]
    if min(inner.shape) < _LEAST_SIDE:
        return 0.0
    fine = _smoothed(inner)
    coarse = _smoothed(fine, step=3)  # of means over 3 x 3: a mean over 9 x 9
    return _steepness(fine) / max(_steepness(coarse), _NO_RANGE)


def _smoothed(grey: NDArray[np.float32], step: int = 1) -> NDArray[np.float32]:
    """Take the mean over 3 x 3 pixels that lie a step apart; the outermost ones are lost."""
    rows = grey[: -2 * step] + grey[step:-step] + grey[2 * step :]
    columns = rows[:, : -2 * step] + rows[:, step:-step] + rows[:, 2 * step :]
    return np.asarray(columns / 9, np.float32)


def _steepness(grey: NDArray[np.float32]) -> float:
    across = grey[1:-1, 2:] - grey[1:-1, :-2]
    down = grey[2:, 1:-1] - grey[:-2, 1:-1]
    return float(np.percentile(np.hypot(across, down), 95))


def _noise(grey: NDArray[np.float32]) -> float:
    """Estimate the noise from diagonal Haar detail (Donoho and Johnstone 1994)."""
    rows, columns = grey.shape[0] // 2 * 2, grey.shape[1] // 2 * 2
    even, odd = grey[0:rows:2], grey[1:rows:2]
    detail = even[:, 0:columns:2] - even[:, 1:columns:2] - odd[:, 0:columns:2]
    detail = (detail + odd[:, 1:columns:2]) / 2
    return float(_MEDIAN_TO_SIGMA * np.median(np.abs(detail))) if detail.size else 0.0
