"""Training the networks of a bundle, one after the other."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import torch

from training.loop import LoopSettings, fit
from training.spine.rings import RingTask
from training.spine.tasks import CornerTask, LocatorTask, Pace, ReaderTask
from triage.vision.networks import Locator
from triage.vision.readers import SpineReader

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from training.loop import History
    from training.spine.films import Films
    from triage.vision.readers import Components

_GRADIENT_CLIP: Final = 5.0
_WINDOW_BATCH: Final = 32  # windows are small: more films a step than whole films


@dataclass(frozen=True, slots=True)
class Sizes:
    """How wide the networks are and how long they are trained.

    Attributes:
        locator_width: Channels of the locator's first level.
        reader_width: Channels of each reader's first level.
        locator_epochs: Passes over the films for the heat maps.
        corner_epochs: For the corners.
        ring_epochs: For the ring apophyses.
        reader_epochs: For each reader.
        members: Readers.
        jitter_pixels: Largest imprecision of the landmarks that readers learn with.
    """

    locator_width: int = 12
    reader_width: int = 12
    locator_epochs: int = 6
    corner_epochs: int = 5
    ring_epochs: int = 8
    reader_epochs: int = 6
    members: int = 2
    jitter_pixels: float = 3.5

    def scaled(self, share: float) -> Sizes:
        """Fewer epochs, for a quick run."""
        return replace(
            self,
            **{
                name: max(int(getattr(self, name) * share**0.5), 2)
                for name in ("locator_epochs", "corner_epochs", "ring_epochs", "reader_epochs")
            },
        )


@dataclass(frozen=True, slots=True, eq=False)
class Fitter:
    """Trains networks and keeps what the training loop writes.

    Attributes:
        folder: Of the run, None for none.
        seed: Everything random follows from it.
        report: Called with one line after each epoch.
        data: Digest of the films.
        resume: Whether to take up what lies in the folder.
        pace: How fast to learn.
        histories: Of the networks so far, by their names.
    """

    folder: Path | None
    seed: int
    report: Callable[[str], None] = lambda _: None
    data: str = ""
    resume: bool = True
    pace: Pace = field(default_factory=Pace)
    histories: dict[str, History] = field(default_factory=dict)

    def locator(self, films: Films, tuning: Films, sizes: Sizes) -> Locator:
        """Train the heat maps and what is said about a film as a whole.

        Args:
            films: Films of every kind.
            tuning: Films in scope that decide which epoch is kept.
            sizes: How wide and how long.
        """
        torch.manual_seed(self.seed)
        network = Locator(sizes.locator_width).to(memory_format=torch.channels_last)
        task = LocatorTask(network, films, tuning, self.pace)
        self._fit(task, "locator", LoopSettings(sizes.locator_epochs, seed=self.seed))
        return network

    def corners(self, network: Locator, films: Films, tuning: Films, sizes: Sizes) -> None:
        """Train the part of a locator that refines corners, on films in scope."""
        task = CornerTask(network, films, tuning, self.pace)
        settings = LoopSettings(sizes.corner_epochs, batch=_WINDOW_BATCH, seed=self.seed)
        self._fit(task, "corners", settings)
        network.requires_grad_(requires_grad=True)

    def rings(self, network: Locator, parts: Sequence[Films], sizes: Sizes) -> None:
        """Train the part of a locator that sees whether a spine still grows.

        Args:
            network: Whose landmarks are trained.
            parts: Upright laterals of adults and children, with all landmarks.
            sizes: How wide and how long.
        """
        task = RingTask(network, parts, self.pace)
        settings = LoopSettings(sizes.ring_epochs, batch=_WINDOW_BATCH, seed=self.seed)
        self._fit(task, "rings", settings)
        network.requires_grad_(requires_grad=True)

    def reader(
        self,
        number: int,
        films: Films,
        tuning: Films,
        findings: Mapping[str, Sequence[str]],
        components: Components,
        sizes: Sizes,
        truth: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None,
    ) -> SpineReader:
        """Train one member.

        Args:
            number: Its own, from 1: members differ by it alone.
            films: Films in scope.
            tuning: Films in scope that decide which epoch is kept.
            findings: For each finding the components it consists of.
            components: What it looks for.
            sizes: How wide and how long.
            truth: See `ReaderTask`.
        """
        torch.manual_seed(self.seed + number)
        network = SpineReader(
            components.disc, components.vertebra, components.spine, findings, sizes.reader_width
        ).to(memory_format=torch.channels_last)
        task = ReaderTask(network, films, tuning, sizes.jitter_pixels, self.pace, truth)
        settings = LoopSettings(sizes.reader_epochs, seed=self.seed + number)
        self._fit(task, f"reader-{number}", settings)
        return network

    def _fit(
        self,
        task: LocatorTask | CornerTask | RingTask | ReaderTask,
        name: str,
        settings: LoopSettings,
    ) -> None:
        full = replace(settings, gradient_clip=_GRADIENT_CLIP)
        self.histories[name] = fit(
            task,
            full,
            folder=self.folder,
            name=name,
            data=self.data,
            report=self.report,
            resume=self.resume,
        )
