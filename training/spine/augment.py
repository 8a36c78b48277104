"""Random changes to films in training: all of them could have happened in front of a detector."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, avg_pool2d, grid_sample, interpolate

if TYPE_CHECKING:
    from torch import Generator

_TURN_DEGREES = 14.0
_ZOOM = 0.18
_SHIFT = 0.08
_SHUTTER_SHARE = 0.2
_MEAN_VARIANCE: Final = 2 / 3  # of a mean over three pixels


def uniform(count: int, low: float, high: float, chance: Generator) -> Tensor:
    """Draw (count,) numbers evenly between two bounds."""
    return low + (high - low) * torch.rand(count, generator=chance)


def moved(images: Tensor, landmarks: Tensor, chance: Generator) -> tuple[Tensor, Tensor]:
    """Turn, zoom, shift and mirror films together with their landmarks.

    Args:
        images: (n, 1, side, side).
        landmarks: (n, 23, 2) in pixels; anatomical, so that mirroring swaps no labels.
        chance: Where the random numbers come from.
    """
    count, side = len(images), images.shape[-1]
    turn = torch.deg2rad(uniform(count, -_TURN_DEGREES, _TURN_DEGREES, chance))
    zoom = torch.exp(uniform(count, -_ZOOM, _ZOOM, chance))
    mirror = torch.where(torch.rand(count, generator=chance) < 0.5, -1.0, 1.0)  # noqa: PLR2004 - a coin
    matrix = torch.stack(
        [
            torch.stack([mirror * turn.cos(), -turn.sin()], dim=1),
            torch.stack([mirror * turn.sin(), turn.cos()], dim=1),
        ],
        dim=1,
    )
    matrix = matrix * zoom[:, None, None]  # from the new film to the old one
    shift = torch.stack([uniform(count, -_SHIFT, _SHIFT, chance) for _ in range(2)], dim=1)
    theta = torch.cat([matrix, shift[:, :, None]], dim=2)
    grid = affine_grid(theta, list(images.shape), align_corners=False)
    places = (landmarks + 0.5) / side * 2 - 1 - shift[:, None]
    places = torch.linalg.solve(matrix, places.transpose(1, 2)).transpose(1, 2)
    warped = grid_sample(images, grid, align_corners=False, padding_mode="zeros")
    return warped, (places + 1) * side / 2 - 0.5


def shuttered(images: Tensor, landmarks: Tensor, chance: Generator) -> tuple[Tensor, Tensor]:
    """Close shutters over part of some films; what they cover is no longer there to be found."""
    images, landmarks = images.clone(), landmarks.clone()
    side = images.shape[-1]
    for row in range(len(images)):
        if torch.rand((), generator=chance) > _SHUTTER_SHARE:
            continue
        edge = int(torch.randint(4, (), generator=chance))
        depth = int(side * float(uniform(1, 0.15, 0.5, chance)))
        x, y = landmarks[row].unbind(-1)
        if edge == 0:
            images[row, :, :depth] = 0
            landmarks[row, y < depth] = torch.nan
        elif edge == 1:
            images[row, :, side - depth :] = 0
            landmarks[row, y >= side - depth] = torch.nan
        elif edge == 2:  # noqa: PLR2004 - the third of four edges
            images[row, :, :, :depth] = 0
            landmarks[row, x < depth] = torch.nan
        else:
            images[row, :, :, side - depth :] = 0
            landmarks[row, x >= side - depth] = torch.nan
    return images, landmarks


@dataclass(frozen=True, slots=True, eq=False)
class Exposure:
    """How a few films were taken: one number (n,) each, so that all windows of a film agree.

    Attributes:
        gamma: Exponent of the grey values.
        gain: Factor of the grey values.
        offset: Added to them.
        blur: Standard deviation in pixels; below 0 the film is sharpened.
        noise: Standard deviation of the noise where the film is darkest; twice that where it is
            brightest, since few quanta come through bone.
    """

    gamma: Tensor
    gain: Tensor
    offset: Tensor
    blur: Tensor
    noise: Tensor


def drawn_exposures(count: int, chance: Generator) -> Exposure:
    """Draw exposures: half of them ordinary, half as blurred and noisy as gates still let pass."""
    hard = torch.rand(count, generator=chance) < 0.5  # noqa: PLR2004 - a coin
    blur = uniform(count, -0.5, 0.5, chance) + hard * uniform(count, 0, 1.7, chance)
    noise = uniform(count, 0, 0.015, chance) + hard * uniform(count, 0, 0.05, chance)
    return Exposure(
        gamma=torch.exp(uniform(count, -0.4, 0.4, chance)),
        gain=uniform(count, 0.85, 1.15, chance),
        offset=uniform(count, -0.08, 0.08, chance),
        blur=blur,
        noise=noise,
    )


def exposed(images: Tensor, exposure: Exposure, chance: Generator, scale: float = 1.0) -> Tensor:
    """Take films (n, 1, rows, columns), or windows of them (n, k, 1, rows, columns), anew.

    Args:
        images: Grey values 0 to 1.
        exposure: How.
        chance: Where the noise comes from.
        scale: Pixels of the film to one of the images.
    """
    shape, each = images.shape, images.shape[1] if images.ndim == 5 else 1  # noqa: PLR2004 - windows
    images = images.reshape(-1, 1, *shape[-2:])
    gamma, gain, offset, blur, noise = (
        getattr(exposure, name).repeat_interleave(each)[:, None, None, None]
        for name in Exposure.__slots__
    )
    images = blurred(images, blur / scale)
    images = images.clamp(0, 1) ** gamma * gain + offset
    grain = noise / scale * (1 + images) * torch.randn(images.shape, generator=chance)
    seen: Tensor = (images + grain).clamp(0, 1).view(shape)
    return seen


def blurred(images: Tensor, deviation: Tensor) -> Tensor:
    """Blur films (n, 1, rows, columns) by deviations (n, 1, 1, 1) in pixels of up to about 2.5.

    A mean over 3 pixels has a deviation of 0.8, and variances of repeated means add up: what
    is left over a whole number of means is a share of the next one.
    """
    variance = deviation.sign() * deviation**2
    for _ in range(max(math.ceil(float(variance.max()) / _MEAN_VARIANCE), 1)):
        share = (variance / _MEAN_VARIANCE).clamp(-0.5, 1)
        # Few films need all of the means: the others are left out, which is most of the work.
        rows = share.flatten().nonzero().flatten()
        films = images[rows]
        mean = avg_pool2d(films, 3, 1, 1, count_include_pad=False)
        images = images.index_copy(0, rows, films + share[rows] * (mean - films))
        variance = variance.clamp_min(0) - share.clamp_min(0) * _MEAN_VARIANCE
    return images


def shaded(images: Tensor, chance: Generator) -> Tensor:
    """Lay soft shadows over films, as shoulders and badly levelled detectors do."""
    count, side = len(images), images.shape[-1]
    coarse = torch.randn((count, 1, 4, 4), generator=chance)
    field = interpolate(coarse, (side, side), mode="bicubic", align_corners=False)
    images = images + uniform(count, 0, 0.12, chance)[:, None, None, None] * field
    return images.clamp(0, 1)


def jittered(landmarks: Tensor, pixels: float | Tensor, chance: Generator) -> Tensor:
    """Misplace landmarks (n, 23, 2) as a locator would: each by itself, all half as much together.

    Args:
        landmarks: The true ones.
        pixels: Standard deviation of each by itself, one for all films or (n, 1, 1).
        chance: Where the random numbers come from.
    """
    each = torch.randn(landmarks.shape, generator=chance) * pixels
    together = torch.randn((len(landmarks), 1, 2), generator=chance) * pixels / 2
    return landmarks + each + together
