"""The network architectures that a bundle can name.

A bundle has one *locator*, which finds the landmarks of C2 to C7 and says what kind of image
it sees, and one or more *members*, which read the film at those landmarks. All of them take
the square of `triage.vision.pixels`; points are (x, y) in pixels of that square, pixel
centres at integers.

The 23 landmarks are those of CSXA (Ran et al., Sci Data 11:625, 2024): 0 the centroid of C2,
1 and 2 its lower corners, then for C3 to C7 upper and lower corners. "Left" of a pair comes
first and is the anterior one, also when the patient faces right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from triage.errors import BundleError
from triage.vision.geometry import (
    LANDMARKS,
    depth,
    endplate_frames,
    endplate_windows,
    ring_windows,
    shifted,
)
from triage.vision.readers import SpineReader, conv_block, standardised

if TYPE_CHECKING:
    from collections.abc import Mapping

# What the locator says about a film as a whole, in the order of its outputs.
ATTRIBUTES: Final = ("lateral", "inverted", "hardware", "child", "text")

_INPUT_POOL: Final = 2  # the locator works at half the square's resolution
_CELL: Final = 8  # pixels of the square to a cell of the heat maps
_REFINEMENTS: Final = 2  # the second one starts from where the first one ended
_PEAK_RADIUS: Final = 2  # cells around a peak that place a landmark


_Network = TypeVar("_Network", bound=nn.Module)


class Location(NamedTuple):
    """What the locator finds.

    Attributes:
        landmarks: (n, 23, 2), pixels of the square.
        confidence: (n, 23), the probability mass at the peak of each heat map, 0 to 1.
        attributes: (n, 5), logits in the order of `ATTRIBUTES`, by the film as a whole.
        embedding: (n, width), the film as the locator sees it.
    """

    landmarks: Tensor
    confidence: Tensor
    attributes: Tensor
    embedding: Tensor


class Locator(nn.Module):
    """Heat maps over a small encoder and decoder, then corners refined in windows of their own.

    Each heat map has a bin for "not in the film". The heat maps are coarse: a second, shared
    network looks at each endplate in a window at full resolution and moves its two corners; a
    third one looks there for ring apophyses, which only a spine that grows has.

    Args:
        width: Channels of the first level.
    """

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        deep = 6 * width
        self.embedding_width = deep
        self.stem = conv_block(1, width, kernel=5, stride=2)
        self.quarter = nn.Sequential(
            conv_block(width, 2 * width, stride=2), conv_block(2 * width, 2 * width)
        )
        self.eighth = nn.Sequential(
            conv_block(2 * width, 4 * width, stride=2), conv_block(4 * width, 4 * width)
        )
        self.sixteenth = nn.Sequential(
            conv_block(4 * width, deep, stride=2),
            conv_block(deep, deep, dilation=2),
            conv_block(deep, deep, dilation=4),
        )
        self.from_deep = nn.Conv2d(deep, 3 * width, 1)
        self.from_eighth = nn.Conv2d(4 * width, 3 * width, 1)
        self.from_quarter = nn.Conv2d(2 * width, 3 * width, 1)
        self.smooth = conv_block(3 * width, 3 * width)
        self.heat = nn.Conv2d(3 * width, LANDMARKS, 1)
        self.absent = nn.Linear(deep, LANDMARKS)
        self.attribute = nn.Linear(2 * deep, len(ATTRIBUTES))
        self.corners = _window_network(width, cells=6 * 12, outputs=4)
        for parameter in self.corners[-1].parameters():
            nn.init.zeros_(parameter)  # before it has learned anything it moves nothing
        self.rings = _window_network(width, cells=6 * 8, outputs=1)

    def maps(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Heat-map logits with the bin "not in the film" last, attributes, embedding.

        Args:
            image: (n, 1, side / 2, side / 2), see `halved`.

        Returns:
            (n, 23, cells + 1), (n, attributes), (n, width).
        """
        quarter = self.quarter(self.stem(image))
        eighth = self.eighth(quarter)
        deep = self.sixteenth(eighth)
        embedding = deep.mean(dim=(2, 3))
        pyramid = _doubled(self.from_deep(deep)) + self.from_eighth(eighth)
        pyramid = self.smooth(_doubled(pyramid) + self.from_quarter(quarter))
        heat = torch.cat([self.heat(pyramid).flatten(2), self.absent(embedding)[..., None]], dim=2)
        brightest = deep.amax(dim=(2, 3))  # hardware is small: a mean would drown it
        attributes = self.attribute(torch.cat([embedding, brightest], dim=1))
        return heat, attributes, embedding

    def forward(self, image: Tensor) -> Location:
        """Locate the landmarks of films (n, 1, side, side)."""
        heat, attributes, embedding = self.maps(halved(image))
        landmarks, confidence = _peaks(heat.softmax(dim=2)[..., :-1], image.shape[-1] // _CELL)
        for _ in range(_REFINEMENTS):
            landmarks = self.refined(image, landmarks)
        return Location(landmarks, confidence, attributes, embedding)

    def refined(self, image: Tensor, landmarks: Tensor) -> Tensor:
        """Move the corners of landmarks (n, 23, 2) to where they look right."""
        frames = endplate_frames(landmarks)
        return shifted(frames, landmarks, self.offsets(endplate_windows(image, frames)))

    def unrest(self, image: Tensor, landmarks: Tensor) -> Tensor:
        """How far one more look would move the corners: its median (n,), in vertebral depths.

        Landmarks that lie on corners stay where they are. A median, because a single corner
        behind a shoulder moves to and fro between two edges on many a good film.

        Args:
            image: (n, 1, side, side).
            landmarks: (n, 23, 2), as `forward` gave them.
        """
        moves = (self.refined(image, landmarks) - landmarks)[:, 1:].norm(dim=2)
        middle: Tensor = moves.median(dim=1).values
        return middle / depth(landmarks)

    def said(self, image: Tensor, location: Location) -> Tensor:
        """What is said of films (n, 1, side, side): logits (n, 5), in the order of `ATTRIBUTES`.

        Of a child, the film as a whole tells the small ones, and the endplates those that have
        nearly grown up: their logits are added.
        """
        child = torch.arange(len(ATTRIBUTES), device=image.device) == ATTRIBUTES.index("child")
        return location.attributes + child * self.growth(image, location.landmarks)[:, None]

    def growth(self, image: Tensor, landmarks: Tensor) -> Tensor:
        """Logits (n,) that a spine still grows, by its endplates alone: their mean.

        Args:
            image: (n, 1, side, side).
            landmarks: (n, 23, 2).
        """
        return self.ring_logits(ring_windows(image, landmarks))

    def ring_logits(self, windows: Tensor) -> Tensor:
        """Logits (n,) that spines still grow, from `ring_windows`."""
        mean: Tensor = self.rings(standardised(windows)).view(-1, 11).mean(dim=1)
        return mean

    def offsets(self, windows: Tensor) -> Tensor:
        """How far corners should move (n, 11, 2, 2), in the units of their windows."""
        offsets: Tensor = self.corners(standardised(windows))
        return offsets.view(-1, 11, 2, 2)


def halved(image: Tensor) -> Tensor:
    """Films at half the square's resolution, which is all that the locator needs."""
    return avg_pool2d(image, _INPUT_POOL)


def _doubled(features: Tensor) -> Tensor:
    return interpolate(features, scale_factor=2, mode="nearest")


def _peaks(probability: Tensor, cells: int) -> tuple[Tensor, Tensor]:
    """Place each landmark at the mean of its heat map around the highest cell."""
    column = torch.arange(cells * cells, device=probability.device) % cells
    row = torch.arange(cells * cells, device=probability.device) // cells
    peak = probability.argmax(dim=2, keepdim=True)
    near = ((column - peak % cells).abs() <= _PEAK_RADIUS) & (
        (row - peak // cells).abs() <= _PEAK_RADIUS
    )
    weight = probability * near
    mass = weight.sum(dim=2)
    x = (weight * column).sum(dim=2) / mass.clamp_min(1e-9)
    y = (weight * row).sum(dim=2) / mass.clamp_min(1e-9)
    return (torch.stack([x, y], dim=2) + 0.5) * _CELL - 0.5, mass


def _window_network(width: int, cells: int, outputs: int) -> nn.Sequential:
    """What is seen (n, outputs) in small windows of the film that have so many cells at the end."""
    return nn.Sequential(
        conv_block(1, width, pooled=True),
        conv_block(width, 2 * width, pooled=True),
        conv_block(2 * width, 2 * width),
        nn.Flatten(),  # where an edge lies is what counts: no pooling over the window
        nn.Linear(2 * width * cells, 64),
        nn.ReLU(inplace=True),
        nn.Linear(64, outputs),
    )


def build_locator(architecture: str, parameters: Mapping[str, Any]) -> Locator:
    """Build the locator that a bundle names, with random weights.

    Raises:
        BundleError: No such locator, or parameters that it does not take.
    """
    return _built({"heat-map-locator/4": Locator}, architecture, parameters)


def build_member(architecture: str, parameters: Mapping[str, Any]) -> SpineReader:
    """Build the member that a bundle names, with random weights.

    Raises:
        BundleError: No such architecture, or parameters that it does not take.
    """
    return _built({"spine-reader/2": SpineReader}, architecture, parameters)


def _built(
    known: Mapping[str, type[_Network]], architecture: str, parameters: Mapping[str, Any]
) -> _Network:
    if architecture not in known:
        raise BundleError(
            f"The bundle names the architecture {architecture!r}; this program knows "
            f"{', '.join(known)}: use a bundle made for this version."
        )
    try:
        return known[architecture](**parameters)
    except (TypeError, ValueError, RuntimeError) as error:
        raise BundleError(
            f"bundle.json gives {architecture} parameters that it does not take: {error}"
        ) from error
