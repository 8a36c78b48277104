"""Chance in pictures while a network trains, all of it from the generator that is handed in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torchvision.transforms.v2 import InterpolationMode, functional

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Augmentation:
    """What happens to a picture by chance; nothing unless it is named.

    Attributes:
        flip_horizontal: Probability of a mirror image.
        flip_vertical: Probability of a picture upside down.
        rotations: Degrees; for each entry one rotation by an angle drawn between minus and plus
            that many, one after the other.
        shear_degrees: Most shear along the rows, to either side.
        zoom: Most that a picture grows or shrinks, as a share of its size.
        shift_width: Most that a picture moves sideways, as a share of its width.
    """

    flip_horizontal: float = 0.0
    flip_vertical: float = 0.0
    rotations: tuple[float, ...] = ()
    shear_degrees: float = 0.0
    zoom: float = 0.0
    shift_width: float = 0.0

    @property
    def distorts(self) -> bool:
        """Whether it shears, zooms or shifts."""
        return max(self.shear_degrees, self.zoom, self.shift_width) > 0


def augmented(pictures: Tensor, plan: Augmentation, chance: torch.Generator) -> Tensor:
    """Let chance happen to each picture on its own; what comes into it from outside is black.

    Args:
        pictures: (n, channels, rows, columns), 0 to 1.
        plan: What may happen.
        chance: Where chance comes from; as much of it is drawn for every picture.

    Returns:
        As many pictures of the same shape.
    """
    draws = torch.rand(len(pictures), 5 + len(plan.rotations), generator=chance).tolist()
    return torch.stack(
        [_augmented(picture, plan, own) for picture, own in zip(pictures, draws, strict=True)]
    )


def _augmented(picture: Tensor, plan: Augmentation, draws: list[float]) -> Tensor:
    mirror, upside, shear, zoom, shift, *turns = draws
    if mirror < plan.flip_horizontal:
        picture = functional.horizontal_flip(picture)
    if upside < plan.flip_vertical:
        picture = functional.vertical_flip(picture)
    for most, turn in zip(plan.rotations, turns, strict=True):
        picture = functional.rotate(
            picture, _between(most, turn), interpolation=InterpolationMode.BILINEAR
        )
    if not plan.distorts:
        return picture
    moved: Tensor = functional.affine(
        picture,
        angle=0.0,
        # Whole pixels are what torchvision shifts by.
        translate=[round(_between(plan.shift_width, shift) * picture.shape[-1]), 0],
        scale=math.exp(_between(math.log1p(plan.zoom), zoom)),
        shear=[_between(plan.shear_degrees, shear), 0.0],
        interpolation=InterpolationMode.BILINEAR,
    )
    return moved


def _between(most: float, share: float) -> float:
    """The value a share of the way from minus to plus the most."""
    return most * (2 * share - 1)
