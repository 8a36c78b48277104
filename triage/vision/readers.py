"""The members of a bundle: networks that read a film at its landmarks.

A reader looks at five disc spaces and at five vertebrae through windows that lie along the
spine, at C2 to C7 as a whole, and at the film as a whole at low resolution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from triage.vision.geometry import (
    BODIES,
    DISC_FEATURES,
    DISCS,
    SPINE_FEATURES,
    disc_features,
    disc_windows,
    spine_features,
    spine_window,
    vertebra_windows,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_FILM_POOL: Final = 8  # pixels of the square to one of the film as a whole
_LARGEST_FEATURE: Final = 3.0  # beyond it a measure says that landmarks are wrong, not how much


@dataclass(frozen=True, slots=True)
class Components:
    """What a reader looks for, window by window.

    Attributes:
        disc: In each of the five disc spaces.
        vertebra: At each of the vertebrae C3 to C7, with the canal behind it.
        spine: In the spine and the film as a whole.
    """

    disc: tuple[str, ...]
    vertebra: tuple[str, ...]
    spine: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all outputs in their order, for instance ``spondylosis:C5/C6``."""
        return (
            *(f"{name}:{disc}" for disc in DISCS for name in self.disc),
            *(f"{name}:{body}" for body in BODIES for name in self.vertebra),
            *self.spine,
        )

    def chosen(self, parts: Sequence[str]) -> list[int]:
        """The columns that a finding consists of.

        Args:
            parts: Names of components; without a level all levels are meant.

        Raises:
            ValueError: A part is no component.
        """
        found = []
        for part in parts:
            columns = [
                number
                for number, column in enumerate(self.columns)
                if part in (column, column.split(":")[0])
            ]
            if not columns:
                raise ValueError(f"{part!r} is no component: there are {', '.join(self.columns)}")
            found += columns
        return found


class Windows(NamedTuple):
    """What a reader sees of films, cut out at landmarks.

    Attributes:
        discs: (n, 5, 1, 48, 64).
        vertebrae: (n, 5, 1, 48, 96).
        spine: (n, 1, 96, 64).
        film: (n, 1, side / 8, side / 8).
    """

    discs: Tensor
    vertebrae: Tensor
    spine: Tensor
    film: Tensor


def cut_out(image: Tensor, landmarks: Tensor) -> Windows:
    """Cut the windows of films (n, 1, side, side) at landmarks (n, 23, 2)."""
    return Windows(
        disc_windows(image, landmarks),
        vertebra_windows(image, landmarks),
        spine_window(image, landmarks),
        avg_pool2d(image, _FILM_POOL),
    )


class SpineReader(nn.Module):
    """Reads discs, vertebrae, spine and film, each kind of window with one shared network.

    A finding is the log-sum-exp over all components it consists of: one bad level is enough,
    and the film's logit can be explained by its levels.

    Args:
        disc_components: Names of what is looked for in each disc space.
        vertebra_components: Names of what is looked for at each vertebra.
        spine_components: Names of what is looked for in the spine as a whole.
        findings: For each finding the components it consists of; a name without a level means
            all of its levels.
        width: Channels of the first level.
    """

    def __init__(
        self,
        disc_components: Sequence[str],
        vertebra_components: Sequence[str],
        spine_components: Sequence[str],
        findings: Mapping[str, Sequence[str]],
        width: int = 12,
    ) -> None:
        super().__init__()
        names = Components(
            tuple(disc_components), tuple(vertebra_components), tuple(spine_components)
        )
        self.parts = names
        self.findings = {name: tuple(parts) for name, parts in findings.items()}
        self._columns = [names.chosen(parts) for parts in self.findings.values()]
        seen = 4 * width
        if names.disc:
            self.disc = _patch_network(width, (2, 8))
            self.disc_head = _head(seen + DISC_FEATURES, len(names.disc))
        if names.vertebra:
            self.vertebra = _patch_network(width, (2, 6))
            self.vertebra_head = _head(seen, len(names.vertebra))
        if names.spine:
            self.spine = _patch_network(width, (4, 2))
            self.film = _patch_network(width, (2, 2))
            self.spine_head = _head(2 * seen + SPINE_FEATURES, len(names.spine))

    def forward(self, image: Tensor, landmarks: Tensor) -> Tensor:
        """Read films (n, 1, side, side) at landmarks (n, 23, 2): logits (n, findings)."""
        return self.combine(self.components(cut_out(image, landmarks), landmarks))

    def components(self, windows: Windows, landmarks: Tensor) -> Tensor:
        """Logits (n, columns) of every component, in the order of `Components.columns`."""
        found = []
        if self.parts.disc:
            discs = _each(self.disc, windows.discs)
            features = _bounded(disc_features(landmarks))
            found.append(self.disc_head(torch.cat([discs, features], dim=2)).flatten(1))
        if self.parts.vertebra:
            bodies = _each(self.vertebra, windows.vertebrae)
            found.append(self.vertebra_head(bodies).flatten(1))
        if self.parts.spine:
            seen = [self.spine(standardised(windows.spine)), self.film(standardised(windows.film))]
            features = _bounded(spine_features(landmarks))
            found.append(self.spine_head(torch.cat([*seen, features], dim=1)))
        return torch.cat(found, dim=1)

    def combine(self, components: Tensor) -> Tensor:
        """Logits (n, findings) from those of the components (n, columns)."""
        return torch.stack(
            [components[:, columns].logsumexp(dim=1) for columns in self._columns], dim=1
        )


def _each(network: nn.Module, windows: Tensor) -> Tensor:
    """Features (n, k, width) of windows (n, k, 1, rows, columns)."""
    seen: Tensor = network(standardised(windows.flatten(0, 1)))
    return seen.view(*windows.shape[:2], -1)


def _bounded(features: Tensor) -> Tensor:
    return features.clamp(-_LARGEST_FEATURE, _LARGEST_FEATURE)


def conv_block(
    inputs: int,
    outputs: int,
    *,
    kernel: int = 3,
    stride: int = 1,
    dilation: int = 1,
    pooled: bool = False,
) -> nn.Module:
    """A convolution with batch normalisation that keeps the size but for its stride.

    Args:
        inputs: Channels that come in.
        outputs: Channels that go out.
        kernel: Rows and columns that a value is made of.
        stride: Of the convolution.
        dilation: Of the convolution.
        pooled: Whether only the highest of every 2 by 2 values goes on. It is taken before
            normalisation, which then has a quarter to do.
    """
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, bias=False),
        *((nn.MaxPool2d(2),) if pooled else ()),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def standardised(patches: Tensor) -> Tensor:
    """Give every patch mean 0 and deviation 1: exposure and window do not count."""
    spread, mean = torch.std_mean(patches, dim=(2, 3), keepdim=True)
    return (patches - mean) / (spread + 1e-3)


def _patch_network(width: int, grid: tuple[int, int]) -> nn.Sequential:
    """Features (n, 4 * width) of patches; a finer grid keeps more of where things lie."""
    deep = 4 * width
    return nn.Sequential(
        conv_block(1, width, kernel=5, stride=2),
        conv_block(width, 2 * width, pooled=True),
        conv_block(2 * width, deep, pooled=True),
        conv_block(deep, deep),
        nn.AdaptiveAvgPool2d(grid),
        nn.Flatten(),
        nn.Linear(deep * grid[0] * grid[1], deep),
        nn.ReLU(inplace=True),
    )


def _head(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, 48), nn.ReLU(inplace=True), nn.Dropout(0.2), nn.Linear(48, outputs)
    )
