"""A spatial transformer: a small network that says where the large one shall look.

Jaderberg et al. 2015. It begins as the identity, so that a pre-trained network behind it sees at
first what it would see without.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, grid_sample

_IDENTITY: Final = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
_POOLED: Final = 4  # cells to a side before the affine map is read off


class SpatialTransformer(nn.Module):
    """Turns, shifts, zooms and shears each picture as its localisation network says."""

    def __init__(self) -> None:
        super().__init__()
        self.localisation = nn.Sequential(
            nn.Conv2d(3, 8, 7, stride=2, padding=3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            # A mean over cells, and not an adaptive one, whose gradient is random on a GPU.
            _CellMeans(_POOLED),
            nn.Flatten(),
        )
        last = nn.Linear(32, len(_IDENTITY))
        nn.init.zeros_(last.weight)
        last.bias.data.copy_(torch.tensor(_IDENTITY))
        self.affine = nn.Sequential(nn.Linear(16 * _POOLED**2, 32), nn.ReLU(), last)

    def forward(self, pictures: Tensor) -> Tensor:
        """Look where the localisation network points.

        Args:
            pictures: (n, 3, side, side), normalised.

        Returns:
            As many of the same shape; zero (the mean grey) beyond the picture.
        """
        maps = self.affine(self.localisation(pictures)).reshape(-1, 2, 3)
        grid = affine_grid(maps, list(pictures.shape), align_corners=False)
        return grid_sample(pictures, grid, align_corners=False)


class _CellMeans(nn.Module):
    """Means over a fixed number of cells of equal size to a side."""

    def __init__(self, cells: int) -> None:
        super().__init__()
        self._cells = cells

    def forward(self, maps: Tensor) -> Tensor:
        """From (n, c, rows, columns) to (n, c, cells, cells); an odd edge is left out."""
        count, channels, rows, columns = maps.shape
        high, wide = rows // self._cells, columns // self._cells
        inner = maps[:, :, : high * self._cells, : wide * self._cells]
        return inner.reshape(count, channels, self._cells, high, self._cells, wide).mean((3, 5))
