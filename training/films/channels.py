"""From the grey values of a crop to the 8-bit picture that a network is shown."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torchvision.transforms.v2 import functional

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WHITE: Final = 255
_PERCENTILES: Final = (1.0, 99.0)  # those of the pixel path


class Channels(Enum):
    """What the channels of a picture hold."""

    GREY = "grey"  # one channel; the network is shown it three times
    EQUALISED = "equalised"  # one channel, its histogram equalised
    COLOUR = "grey, inverted, equalised"
    COLOUR_REVERSED = "equalised, inverted, grey"


class Fit(Enum):
    """How a crop becomes a square."""

    STRETCHED = "stretched to the square, whatever its shape"
    WHITE_BORDERS = "padded with white to a square, then reduced"


def eight_bit(grey: NDArray[Any]) -> NDArray[np.uint8]:
    """Grey values in 8 bits, bone bright.

    A film of 8 bits is left as it is: it was windowed when it was saved. A deeper one is
    stretched between its 1st and 99th percentile, as the pixel path does.

    Args:
        grey: (rows, columns).
    """
    if grey.dtype == np.uint8 or (grey.min() >= 0 and 1 < grey.max() <= _WHITE):
        return np.asarray(np.rint(grey), np.uint8)
    low, high = np.percentile(grey, _PERCENTILES)
    share = (grey.astype(np.float32) - np.float32(low)) / max(float(high - low), 1e-6)
    return np.asarray(np.rint(np.clip(share, 0, 1) * _WHITE), np.uint8)


def equalised(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A film (rows, columns) with its histogram equalised, as Pillow defines that."""
    return np.asarray(functional.equalize(torch.from_numpy(grey)[None])[0].numpy())


def white_bordered(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A film padded with white to a square: left and right, or above and below a wide one.

    An odd pixel goes to the right, or below.
    """
    rows, columns = grey.shape
    side = max(rows, columns)
    above, before = (side - rows) // 2, (side - columns) // 2
    margins = (above, side - rows - above), (before, side - columns - before)
    return np.pad(grey, margins, constant_values=_WHITE)


def channels_of(grey: NDArray[np.uint8], channels: Channels) -> NDArray[np.uint8]:
    """The channels (1 or 3, rows, columns) of a film (rows, columns)."""
    if channels is Channels.GREY:
        return grey[None]
    if channels is Channels.EQUALISED:
        return equalised(grey)[None]
    parts = [grey, np.asarray(_WHITE - grey, np.uint8), equalised(grey)]
    return np.stack(parts if channels is Channels.COLOUR else parts[::-1])


def resized(picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """A picture (channels, rows, columns) with other sides, bilinear and antialiased."""
    image = functional.resize(torch.from_numpy(picture), [side, side], antialias=True)
    return np.asarray(image.numpy())


def as_picture(
    crop: NDArray[np.uint8], channels: Channels, fit: Fit, side: int
) -> NDArray[np.uint8]:
    """The square that a network is shown.

    Histograms are taken over the crop itself, before white borders and before it is reduced.

    Args:
        crop: (rows, columns).
        channels: What the channels hold.
        fit: How it becomes a square.
        side: Of the square in pixels.

    Returns:
        (1 or 3, side, side).
    """
    parts = channels_of(crop, channels)
    if fit is Fit.WHITE_BORDERS:
        parts = np.stack([white_bordered(part) for part in parts])
    return resized(np.ascontiguousarray(parts), side)
