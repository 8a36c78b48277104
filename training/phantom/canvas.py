"""Drawing in millimetres onto maps of attenuation: filled outlines and cortical lines.

A canvas holds sheets. Shapes on one sheet cover each other, as paint does; the sheets
themselves are added up, as rays add up attenuation. Pillow rasterises them oversampled.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

Points = NDArray[np.float64]  # (n, 2): x to the right, y downwards, mm from the film's corner
Map = NDArray[np.float32]

COARSE_MM = 0.3  # pixels larger than this need one more step of oversampling
_OVERSAMPLING = {"face": 0, "air": 0, "cortex": 2, "metal": 2, "marker": 2}  # bone: 1
METAL_SCALE = 4.0  # the most that a metal sheet can hold; every other sheet holds 1
METAL_SHEETS = frozenset({"metal", "marker"})
_FULL = 255


@cache
def _basis(steps: int) -> NDArray[np.float64]:
    """Catmull-Rom weights of the four neighbours at evenly spaced places of a segment."""
    t = np.arange(steps) / steps
    powers = np.stack([np.ones_like(t), t, t**2, t**3], axis=1)
    weights = 0.5 * np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]])
    return np.asarray(powers @ weights)


@cache
def _closed_matrix(count: int, steps: int) -> NDArray[np.float64]:
    matrix = np.zeros((count * steps, count))
    for segment in range(count):
        for column in range(4):
            rows = slice(segment * steps, (segment + 1) * steps)
            matrix[rows, (segment + column - 1) % count] += _basis(steps)[:, column]
    return matrix


@cache
def _open_matrix(count: int, steps: int) -> NDArray[np.float64]:
    """As the closed one, with the end points mirrored outwards."""
    padded = np.zeros(((count - 1) * steps + 1, count + 2))
    for segment in range(count - 1):
        padded[segment * steps : (segment + 1) * steps, segment : segment + 4] = _basis(steps)
    matrix = padded[:, 1:-1].copy()
    matrix[:, 0] += 2 * padded[:, 0]
    matrix[:, 1] -= padded[:, 0]
    matrix[:, -1] += 2 * padded[:, -1]
    matrix[:, -2] -= padded[:, -1]
    matrix[-1, -1] = 1.0
    return matrix


def closed_curve(corners: Points, steps: int = 6) -> Points:
    """Run a smooth closed curve through control points.

    Args:
        corners: (n, 2) control points.
        steps: Points for each segment.

    Returns:
        (n * steps, 2) points.
    """
    return np.asarray(_closed_matrix(len(corners), steps) @ corners)


def open_curve(corners: Points, steps: int = 6) -> Points:
    """Run a smooth curve through control points from the first to the last.

    Returns:
        ((n - 1) * steps + 1, 2) points.
    """
    return np.asarray(_open_matrix(len(corners), steps) @ corners)


def ellipse(centre: Points, radii: tuple[float, float], degrees: float = 0.0) -> Points:
    """Return an ellipse as a polygon of 28 points, turned anticlockwise on the film."""
    turn = np.linspace(0.0, 2 * np.pi, 28, endpoint=False)
    x, y = radii[0] * np.cos(turn), radii[1] * np.sin(turn)
    angle = np.radians(degrees)
    across = x * np.cos(angle) + y * np.sin(angle)
    along = -x * np.sin(angle) + y * np.cos(angle)
    return np.asarray(centre + np.stack([across, along], axis=1))


class Canvas:
    """The sheets of one film, all empty at first.

    Attributes:
        spacing: Millimetres per pixel.
        shape: Rows and columns.
    """

    def __init__(self, height_mm: float, width_mm: float, spacing: float) -> None:
        self.spacing = spacing
        self.shape = (round(height_mm / spacing), round(width_mm / spacing))
        self._least_oversampling = 1 if spacing > COARSE_MM else 0
        self._sheets: dict[str, ImageDraw.ImageDraw] = {}

    def axes(self) -> tuple[Map, Map]:
        """Return x (1, columns) and y (rows, 1) of the pixel centres in mm."""
        rows, columns = self.shape
        x = (np.arange(columns, dtype=np.float32) + 0.5) * np.float32(self.spacing)
        y = (np.arange(rows, dtype=np.float32) + 0.5) * np.float32(self.spacing)
        return x[None, :], y[:, None]

    def fill(self, sheet: str, outline: Points, amount: float) -> None:
        """Put an amount of optical path inside a closed outline."""
        self._draw(sheet).polygon(self._flat(sheet, outline), fill=self._grey(sheet, amount))

    def stroke(
        self, sheet: str, line: Points, width_mm: float, amount: float, *, closed: bool = False
    ) -> None:
        """Put an amount of optical path along a line of a given width."""
        path = np.concatenate([line, line[:1]]) if closed else line
        width = max(1, round(width_mm / self.spacing * self._oversampling(sheet)))
        self._draw(sheet).line(self._flat(sheet, path), fill=self._grey(sheet, amount), width=width)

    def read(self, *sheets: str) -> Map:
        """Return the sum of what some sheets hold, as a map of optical path."""
        total = np.zeros(self.shape, np.float32)
        for sheet in sheets:
            if sheet in self._sheets:
                total += self._read_one(sheet)
        return total

    def _read_one(self, sheet: str) -> Map:
        image = self._draw(sheet)._image.reduce(self._oversampling(sheet))  # noqa: SLF001 - Pillow keeps it there
        return np.asarray(image, np.float32) * np.float32(self._scale(sheet) / _FULL)

    def _draw(self, sheet: str) -> ImageDraw.ImageDraw:
        if sheet not in self._sheets:
            rows, columns = self.shape
            scale = self._oversampling(sheet)
            size = (columns * scale, rows * scale)
            self._sheets[sheet] = ImageDraw.Draw(Image.new("L", size))
        return self._sheets[sheet]

    def _oversampling(self, sheet: str) -> int:
        """How many times finer than the film a sheet is drawn; soft things need it least."""
        return max(1, self._least_oversampling + _OVERSAMPLING.get(sheet, 1))

    def _flat(self, sheet: str, points: Points) -> list[float]:
        scaled = points * (self._oversampling(sheet) / self.spacing)
        flat: list[float] = scaled.ravel().tolist()
        return flat

    def _scale(self, sheet: str) -> float:
        return METAL_SCALE if sheet in METAL_SHEETS else 1.0

    def _grey(self, sheet: str, amount: float) -> int:
        return min(_FULL, round(amount / self._scale(sheet) * _FULL))


def soften(layer: Map, radius_mm: float, spacing: float) -> Map:
    """Blur a map by a Gaussian of that standard deviation in mm.

    Wide blurs are done on a reduced map: what they keep needs no finer grid.
    """
    sigma = radius_mm / spacing
    factor = max(1, int(sigma))
    if factor == 1:
        return np.asarray(ndimage.gaussian_filter(layer, sigma, truncate=3, mode="nearest"))
    small = np.asarray(Image.fromarray(layer).reduce(factor), np.float32)
    small = ndimage.gaussian_filter(small, sigma / factor, truncate=3, mode="nearest")
    size = (layer.shape[1], layer.shape[0])
    wide = Image.fromarray(small).resize(size, Image.Resampling.BILINEAR)
    return np.array(wide, np.float32)  # a copy: what Pillow lends cannot be written to


@cache
def _tile(
    fine_mm: float, coarse_mm: float, spacing: float, shape: tuple[int, int], stretch: int
) -> Map:
    """Draw a texture between two scales once for each process; it is the same in all of them."""
    rows, columns = shape
    white = np.random.default_rng(1895).standard_normal((rows // stretch, columns), np.float32)
    band = soften(white, fine_mm, spacing) - soften(white, coarse_mm, spacing)
    if stretch > 1:
        image = Image.fromarray(band).resize((columns, rows), Image.Resampling.BICUBIC)
        band = np.asarray(image, np.float32)
    return np.asarray(band / band.std(), np.float32)


def texture(
    canvas: Canvas, fine_mm: float, coarse_mm: float, rng: np.random.Generator, stretch: int = 1
) -> Map:
    """Return a texture of unit deviation: a random part of a fixed tile, mirrored at random.

    Args:
        canvas: Gives shape and spacing.
        fine_mm: Structures below this scale are smoothed away.
        coarse_mm: Structures above this scale are taken out.
        rng: Chooses the part.
        stretch: How many times longer than wide the structures are, downwards.
    """
    rows, columns = canvas.shape
    shape = (rows * 3 // 2, columns * 3 // 2)
    tile = _tile(fine_mm, coarse_mm, canvas.spacing, shape, stretch)
    top, left, upright, faced = rng.random(4)  # as many draws at every resolution
    first_row = int(top * (tile.shape[0] - rows))
    first_column = int(left * (tile.shape[1] - columns))
    part = tile[first_row : first_row + rows, first_column : first_column + columns]
    return part[:: 1 if upright < 0.5 else -1, :: 1 if faced < 0.5 else -1]  # noqa: PLR2004 - coins
