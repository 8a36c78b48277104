"""Random changes to films in training: all of them could have happened in front of a detector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, avg_pool2d, grid_sample

if TYPE_CHECKING:
    from torch import Generator

_TURN_DEGREES = 14.0
_ZOOM = 0.18
_SHIFT = 0.08
_SHUTTER_SHARE = 0.2


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


def exposed(images: Tensor, chance: Generator) -> Tensor:
    """Change gamma, contrast, sharpness and noise a little, film by film."""
    count = len(images)
    gamma = torch.exp(uniform(count, -0.3, 0.3, chance))[:, None, None, None]
    gain = uniform(count, 0.92, 1.08, chance)[:, None, None, None]
    offset = uniform(count, -0.04, 0.04, chance)[:, None, None, None]
    soft = uniform(count, 0, 0.8, chance)[:, None, None, None]
    soft = soft * (torch.rand((count, 1, 1, 1), generator=chance) < 0.5)  # noqa: PLR2004 - a coin
    images = images + soft * (avg_pool2d(images, 3, 1, 1) - images)
    noise = uniform(count, 0, 0.02, chance)[:, None, None, None]
    images = images.clamp(0, 1) ** gamma * gain + offset
    return (images + noise * torch.randn(images.shape, generator=chance)).clamp(0, 1)


def jittered(landmarks: Tensor, pixels: float, chance: Generator) -> Tensor:
    """Misplace landmarks (n, 23, 2) as a locator would: each by itself and all together."""
    each = torch.randn(landmarks.shape, generator=chance) * pixels
    together = torch.randn((len(landmarks), 1, 2), generator=chance) * pixels
    return landmarks + each + together
