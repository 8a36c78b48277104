"""What the training loop is given: heat maps, corners and readers, each with loss and figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss

from training.loop import Schedule, batch_to
from training.spine.augment import (
    drawn_exposures,
    exposed,
    jittered,
    moved,
    shaded,
    shuttered,
    uniform,
)
from training.spine.films import finding_truth
from training.statistics import area_under_curve
from triage.vision.geometry import Frames, corner_offsets, endplate_frames, endplate_windows
from triage.vision.networks import Locator, halved
from triage.vision.readers import SpineReader, Windows, cut_out

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.spine.films import Films

Rows = np.ndarray[tuple[int, ...], np.dtype[np.int64]]

_CELL: Final = 4  # pixels of the halved film to a cell of the heat maps
_TARGET_SIGMA: Final = 1.0  # cells
_CORNER_JITTER: Final = 7.0  # pixels; the heat maps' own imprecision is about as much
_ATTRIBUTE_WEIGHT: Final = 4.0
_RARE_WEIGHT: Final = 4.0  # there are few films with another attribute than most
_USUAL: Final = torch.tensor([1.0, 0.0, 0.0, 0.0, 0.0])  # of `ATTRIBUTES`
_FILM_SCALE: Final = 8.0  # pixels of the square to one of the film at low resolution
_SPINE_SCALE: Final = 2.0  # about as many to one of the spine window


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast to learn.

    Attributes:
        learning_rate: Highest rate of the one-cycle schedule (Smith and Topin 2019).
        weight_decay: Of AdamW.
    """

    learning_rate: float = 3e-3
    weight_decay: float = 1e-3

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        """AdamW over what is to be learnt."""
        learnt = [one for one in network.parameters() if one.requires_grad]
        return torch.optim.AdamW(learnt, self.learning_rate, weight_decay=self.weight_decay)

    def schedule(self, optimiser: torch.optim.Optimizer, steps: int) -> Schedule:
        """One cycle over all steps."""
        cycle = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, self.learning_rate, total_steps=steps, pct_start=0.15
        )
        return Schedule(cycle, every="step")


class PacedTask:
    """A network that is learnt at a pace: what the tasks of a bundle have in common.

    Args:
        network: What is learnt.
        pace: How fast.
    """

    def __init__(self, network: nn.Module, pace: Pace) -> None:
        self._learner, self._pace = network, pace

    def optimiser(self) -> torch.optim.Optimizer:
        """The optimiser."""
        return self._pace.optimiser(self._learner)

    def schedule(
        self, optimiser: torch.optim.Optimizer, steps_per_epoch: int, epochs: int
    ) -> Schedule:
        """One cycle."""
        return self._pace.schedule(optimiser, steps_per_epoch * epochs)


class LocatorTask(PacedTask):
    """Finding the landmarks, and saying what kind of film it is.

    Args:
        network: The locator.
        films: Films of every kind, with and without landmarks.
        tuning: Films that decide when to stop.
        pace: How fast.
    """

    def __init__(self, network: Locator, films: Films, tuning: Films, pace: Pace) -> None:
        super().__init__(network, pace)
        self.network = network
        self._films, self._tuning = films, tuning
        self._halves, self._landmarks = halved_films(films)
        self._attributes = torch.from_numpy(films.attributes)

    def __len__(self) -> int:
        return len(self._films)

    def loss(self, rows: Rows, chance: torch.Generator) -> Tensor:
        """Cross-entropy of the heat maps, and of what is said about the film."""
        images, places = moved(self._halves[rows].float(), self._landmarks[rows], chance)
        images, places = shuttered(images, places, chance)
        images = exposed(images, drawn_exposures(len(images), chance), chance, scale=2.0)
        target = heat_target(places, images.shape[-1])
        images, target, known = batch_to(
            self.network, shaded(images, chance), target, self._attributes[rows]
        )
        heat, attributes, _ = self.network.maps(images)
        placing = -(target * heat.log_softmax(dim=2)).sum(dim=2)
        usual = known == _USUAL.to(known.device)
        weight = torch.where(usual, 1.0, _RARE_WEIGHT)
        return placing.mean() + _ATTRIBUTE_WEIGHT * known_loss(attributes, known, weight)

    def figure(self) -> float:
        """The mean error of the landmarks in pixels, negated."""
        return -landmark_error(self.network, self._tuning)


class CornerTask(PacedTask):
    """Refining corners; the rest of the locator stays as it is.

    Args:
        network: A locator whose heat maps are trained.
        films: Films in scope, with all landmarks.
        tuning: Films that decide when to stop.
        pace: How fast.
    """

    def __init__(self, network: Locator, films: Films, tuning: Films, pace: Pace) -> None:
        network.requires_grad_(requires_grad=False)
        network.corners.requires_grad_(requires_grad=True)
        super().__init__(network, pace)
        self.network = network
        self._films, self._tuning = films, tuning

    def __len__(self) -> int:
        return len(self._films)

    def loss(self, rows: Rows, chance: torch.Generator) -> Tensor:
        """How far from where they should be the corners are moved."""
        images, wanted = batch_of(self._films, rows)
        reach = float(uniform(1, 0.0, _CORNER_JITTER, chance))
        landmarks = jittered(wanted, reach, chance)
        frames = endplate_frames(landmarks)
        windows = endplate_windows(images, frames)
        windows = windows.view(len(rows), -1, *windows.shape[1:])
        windows = exposed(windows, drawn_exposures(len(rows), chance), chance).flatten(0, 1)
        windows, landmarks, wanted = batch_to(self.network, windows, landmarks, wanted)
        offsets = self.network.offsets(windows)
        frames = Frames(*batch_to(self.network, *frames))
        return smooth_l1_loss(offsets, corner_offsets(frames, landmarks, wanted), beta=0.05)

    def figure(self) -> float:
        """The mean error of the landmarks in pixels, negated."""
        return -landmark_error(self.network, self._tuning)


class ReaderTask(PacedTask):
    """Reading films at landmarks that are more imprecise than the locator's.

    Args:
        network: The reader.
        films: Films that a reader may learn from.
        tuning: Films that decide when to stop.
        jitter_pixels: Largest standard deviation of the imprecision.
        pace: How fast.
        truth: Of the findings in films and tuning films (n, findings), NaN where nobody says;
            None where it follows from the components.
    """

    def __init__(
        self,
        network: SpineReader,
        films: Films,
        tuning: Films,
        jitter_pixels: float,
        pace: Pace,
        truth: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None,
    ) -> None:
        super().__init__(network, pace)
        self.network = network
        self._films, self._tuning = films, tuning
        self._jitter = jitter_pixels
        columns = [films.columns.index(name) for name in network.parts.columns]
        self._components = torch.from_numpy(films.components[:, columns])
        if truth is None:
            truth = finding_truth(films, network.findings), finding_truth(tuning, network.findings)
        self._truth, self._held_out = torch.from_numpy(truth[0]), truth[1]

    def __len__(self) -> int:
        return len(self._films)

    def loss(self, rows: Rows, chance: torch.Generator) -> Tensor:
        """Cross-entropy of the components and of the findings made of them."""
        images, landmarks = batch_of(self._films, rows)
        reach = self._jitter * torch.rand((len(rows), 1, 1), generator=chance)
        landmarks = jittered(landmarks, reach, chance)
        windows = retaken(cut_out(images, landmarks), chance)
        moved_windows = Windows(*batch_to(self.network, *windows))
        landmarks, components, truth = batch_to(
            self.network, landmarks, self._components[rows], self._truth[rows]
        )
        found = self.network.components(moved_windows, landmarks)
        kinds = self.network.parts
        sizes = [len(kinds.disc) * 5, len(kinds.vertebra) * 5, len(kinds.spine)]
        losses = [
            known_loss(logits, known)
            for logits, known in zip(
                torch.split(found, sizes, 1), torch.split(components, sizes, 1), strict=True
            )
            if logits.shape[1]
        ]
        return 2 * torch.stack(losses).sum() + known_loss(self.network.combine(found), truth)

    def figure(self) -> float:
        """The mean AUC of the findings, at landmarks as imprecise as the most imprecise."""
        scores = read_scores(self.network, self._tuning, self._jitter)
        areas = [
            area_under_curve(score[known], present[known] > 0)
            for score, present in zip(scores.T, self._held_out.T, strict=True)
            if len(set(present[known := np.isfinite(present)])) > 1  # a rare finding may be absent
        ]
        return float(np.mean(areas)) if areas else 0.0


def known_loss(logits: Tensor, known: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean cross-entropy over what is known; NaN is not.

    Args:
        logits: Any shape.
        known: 1, 0 or NaN, of the same shape.
        weight: How much each counts; None for all alike.
    """
    said = known.isfinite()
    each = said.to(logits.dtype) if weight is None else said * weight
    loss = binary_cross_entropy_with_logits(
        logits, known.nan_to_num(0.0), weight=each, reduction="sum"
    )
    return loss / said.sum().clamp_min(1)


def retaken(windows: Windows, chance: torch.Generator) -> Windows:
    """Change the exposure of all windows of a film alike."""
    exposure = drawn_exposures(len(windows.film), chance)
    return Windows(
        exposed(windows.discs, exposure, chance),
        exposed(windows.vertebrae, exposure, chance),
        exposed(windows.spine, exposure, chance, scale=_SPINE_SCALE),
        exposed(windows.film, exposure, chance, scale=_FILM_SCALE),
    )


def halved_films(films: Films) -> tuple[Tensor, Tensor]:
    """Films (n, 1, side / 2, side / 2) in half precision, and landmarks in their pixels."""
    images = [
        halved(torch.from_numpy(film[None, None].astype(np.float32))) for film in films.images
    ]
    landmarks = (torch.from_numpy(films.landmarks) + 0.5) / 2 - 0.5
    return torch.cat(images).half(), landmarks


def heat_target(landmarks: Tensor, side: int) -> Tensor:
    """Gaussian targets over the cells, or all in the last bin where a landmark is absent.

    Args:
        landmarks: (n, 23, 2) in pixels of the halved film, NaN where absent.
        side: Pixels of its side.

    Returns:
        (n, 23, cells + 1), each row summing to 1.
    """
    cells = side // _CELL
    place = (landmarks + 0.5) / _CELL - 0.5
    inside = ((place + 0.5 >= 0) & (place + 0.5 <= cells)).all(dim=2)
    place = torch.where(inside[..., None], place, 0.0)
    steps = torch.arange(cells)
    x, y = (
        torch.exp(-((steps - place[..., axis, None]) ** 2) / (2 * _TARGET_SIGMA**2))
        for axis in range(2)
    )
    maps = (y[..., :, None] * x[..., None, :]).flatten(2)
    maps = maps / maps.sum(dim=2, keepdim=True) * inside[..., None]
    return torch.cat([maps, (~inside).float()[..., None]], dim=2)


def batch_of(films: Films, rows: Rows) -> tuple[Tensor, Tensor]:
    """Images (n, 1, side, side) and landmarks (n, 23, 2) of some films."""
    images = torch.from_numpy(films.images[rows].astype(np.float32))[:, None]
    return images, torch.from_numpy(films.landmarks[rows])


def landmark_error(network: Locator, films: Films, batch: int = 32) -> float:
    """Mean distance in pixels between found and true landmarks, where there are true ones."""
    errors = []
    with torch.inference_mode():
        for start in range(0, len(films), batch):
            rows = np.arange(start, min(start + batch, len(films)))
            images, truth = batch_to(network, *batch_of(films, rows))
            errors.append((network(images).landmarks - truth).norm(dim=2).cpu().numpy())
    return float(np.nanmean(np.concatenate(errors)))


def read_scores(
    network: SpineReader, films: Films, jitter_pixels: float, seed: int = 0, batch: int = 64
) -> NDArray[np.float32]:
    """Logits (n, findings) at true landmarks with some imprecision."""
    chance = torch.Generator().manual_seed(seed)
    scores = []
    with torch.inference_mode():
        for start in range(0, len(films), batch):
            rows = np.arange(start, min(start + batch, len(films)))
            images, truth = batch_of(films, rows)
            placed = batch_to(network, images, jittered(truth, jitter_pixels, chance))
            scores.append(network(*placed).cpu().numpy())
    return np.concatenate(scores)
