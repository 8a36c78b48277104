"""Mean and deviation of a data set's pictures, in one pass and a few numbers of memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Moments:
    """Of each channel, grey values 0 to 1."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]


# Mean and deviation of ImageNet: what torchvision's weights were trained with.
IMAGENET = Moments((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def moments_of(pictures: Iterable[NDArray[np.uint8]]) -> Moments:
    """Mean and population deviation, picture by picture (Chan, Golub and LeVeque 1979).

    Args:
        pictures: Each (channels, rows, columns), 8 bits; at least one.
    """
    count, mean, squares = 0, np.zeros(1), np.zeros(1)
    for picture in pictures:
        values = picture.reshape(len(picture), -1).astype(np.float64) / 255
        fresh, own = values.shape[1], values.mean(axis=1)
        apart, together = own - mean, count + fresh
        squares = squares + ((values - own[:, None]) ** 2).sum(axis=1)
        squares = squares + apart**2 * count * fresh / together
        mean = mean + apart * fresh / together
        count = together
    deviation = np.sqrt(squares / count)
    return Moments(tuple(map(float, mean)), tuple(map(float, deviation)))
