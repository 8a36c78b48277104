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
    DISC_FEATURES,
    LANDMARKS,
    SPINE_FEATURES,
    disc_features,
    disc_windows,
    endplate_frames,
    endplate_windows,
    shifted,
    spine_features,
    spine_window,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# What the locator says about a film as a whole, in the order of its outputs.
ATTRIBUTES: Final = ("lateral", "inverted", "hardware")

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
        attributes: (n, 3), logits in the order of `ATTRIBUTES`.
        embedding: (n, width), the film as the locator sees it.
    """

    landmarks: Tensor
    confidence: Tensor
    attributes: Tensor
    embedding: Tensor


def _conv(
    inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1, dilation: int = 1
) -> nn.Module:
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Locator(nn.Module):
    """Heat maps over a small encoder and decoder, then corners refined in windows of their own.

    Each heat map has a bin for "not in the film". The heat maps are coarse: a second, shared
    network looks at each endplate in a window at full resolution and moves its two corners.

    Args:
        width: Channels of the first level.
    """

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        deep = 6 * width
        self.embedding_width = deep
        self.stem = _conv(1, width, kernel=5, stride=2)
        self.quarter = nn.Sequential(_conv(width, 2 * width, stride=2), _conv(2 * width, 2 * width))
        self.eighth = nn.Sequential(
            _conv(2 * width, 4 * width, stride=2), _conv(4 * width, 4 * width)
        )
        self.sixteenth = nn.Sequential(
            _conv(4 * width, deep, stride=2),
            _conv(deep, deep, dilation=2),
            _conv(deep, deep, dilation=4),
        )
        self.from_deep = nn.Conv2d(deep, 3 * width, 1)
        self.from_eighth = nn.Conv2d(4 * width, 3 * width, 1)
        self.from_quarter = nn.Conv2d(2 * width, 3 * width, 1)
        self.smooth = _conv(3 * width, 3 * width)
        self.heat = nn.Conv2d(3 * width, LANDMARKS, 1)
        self.absent = nn.Linear(deep, LANDMARKS)
        self.attribute = nn.Linear(2 * deep, len(ATTRIBUTES))
        self.corners = _corner_network(width)

    def maps(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Heat-map logits with the bin "not in the film" last, attributes, embedding.

        Args:
            image: (n, 1, side / 2, side / 2), see `halved`.

        Returns:
            (n, 23, cells + 1), (n, 3), (n, width).
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

    def offsets(self, windows: Tensor) -> Tensor:
        """How far corners should move (n, 11, 2, 2), in the units of their windows."""
        offsets: Tensor = self.corners(_standardised(windows))
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


class DiscReader(nn.Module):
    """Reads the five disc spaces with one shared network, and the spine as a whole with another.

    Level components (for instance spondylosis) are found disc by disc, spine components (for
    instance kyphosis) once. A finding is the log-sum-exp over all components it consists of:
    one bad level is enough, and the film's logit can be explained by its levels.

    Args:
        width: Channels of the first level.
        level_components: Names of what is looked for in each disc space.
        spine_components: Names of what is looked for in the spine as a whole.
        findings: For each finding the components it consists of.
    """

    def __init__(
        self,
        level_components: Sequence[str],
        spine_components: Sequence[str],
        findings: Mapping[str, Sequence[str]],
        width: int = 12,
    ) -> None:
        super().__init__()
        self.level_components = tuple(level_components)
        self.spine_components = tuple(spine_components)
        self.findings = {name: tuple(parts) for name, parts in findings.items()}
        self.disc = _patch_network(width)
        self.spine = _patch_network(width)
        self.disc_head = _head(4 * width + DISC_FEATURES, len(self.level_components))
        self.spine_head = _head(4 * width + SPINE_FEATURES, len(self.spine_components))

    def forward(self, image: Tensor, landmarks: Tensor) -> Tensor:
        """Read films (n, 1, side, side) at landmarks (n, 23, 2): logits (n, findings)."""
        discs, spines = disc_windows(image, landmarks), spine_window(image, landmarks)
        return self.combine(*self.components(discs, spines, landmarks))

    def components(self, discs: Tensor, spines: Tensor, landmarks: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the level components and of the spine components.

        Args:
            discs: (n, 5, 1, rows, columns), from `disc_windows`.
            spines: (n, 1, rows, columns), from `spine_window`.
            landmarks: (n, 23, 2).

        Returns:
            (n, 5, level components), (n, spine components).
        """
        count, levels = discs.shape[:2]
        seen = self.disc(_standardised(discs.flatten(0, 1))).view(count, levels, -1)
        level = self.disc_head(torch.cat([seen, disc_features(landmarks)], dim=2))
        whole = self.spine(_standardised(spines))
        spine = self.spine_head(torch.cat([whole, spine_features(landmarks)], dim=1))
        return level, spine

    def combine(self, level: Tensor, spine: Tensor) -> Tensor:
        """Logits (n, findings) from those of the components."""
        return torch.stack(
            [self._finding(parts, level, spine) for parts in self.findings.values()], dim=1
        )

    def _finding(self, parts: Sequence[str], level: Tensor, spine: Tensor) -> Tensor:
        columns = [
            level[:, :, self.level_components.index(part)]
            for part in parts
            if part in self.level_components
        ]
        columns += [
            spine[:, self.spine_components.index(part)][:, None]
            for part in parts
            if part in self.spine_components
        ]
        return torch.cat(columns, dim=1).logsumexp(dim=1)


def _patch_network(width: int) -> nn.Sequential:
    return nn.Sequential(
        _conv(1, width, kernel=5, stride=2),
        _conv(width, 2 * width),
        nn.MaxPool2d(2),
        _conv(2 * width, 4 * width),
        nn.MaxPool2d(2),
        _conv(4 * width, 4 * width),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


def _corner_network(width: int) -> nn.Sequential:
    last = nn.Linear(64, 4)
    nn.init.zeros_(last.weight)  # before it has learned anything it moves nothing
    nn.init.zeros_(last.bias)
    return nn.Sequential(
        _conv(1, width),
        nn.MaxPool2d(2),
        _conv(width, 2 * width),
        nn.MaxPool2d(2),
        _conv(2 * width, 2 * width),
        nn.Flatten(),  # where an edge lies is what counts: no pooling over the window
        nn.Linear(2 * width * 6 * 12, 64),
        nn.ReLU(inplace=True),
        last,
    )


def _head(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, 48), nn.ReLU(inplace=True), nn.Dropout(0.2), nn.Linear(48, outputs)
    )


def _standardised(patches: Tensor) -> Tensor:
    """Give every patch mean 0 and deviation 1: exposure and window do not count."""
    spread, mean = torch.std_mean(patches, dim=(2, 3), keepdim=True)
    return (patches - mean) / (spread + 1e-3)


def build_locator(architecture: str, parameters: Mapping[str, Any]) -> Locator:
    """Build the locator that a bundle names, with random weights.

    Raises:
        BundleError: No such locator, or parameters that it does not take.
    """
    return _built({"heat-map-locator/1": Locator}, architecture, parameters)


def build_member(architecture: str, parameters: Mapping[str, Any]) -> DiscReader:
    """Build the member that a bundle names, with random weights.

    Raises:
        BundleError: No such architecture, or parameters that it does not take.
    """
    return _built({"disc-reader/1": DiscReader}, architecture, parameters)


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
