"""The training loops: plain PyTorch, deterministic by seed, stopped when they stop gaining."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss

from training.spine.augment import exposed, jittered, moved, shuttered, uniform
from training.spine.films import LEVEL_COMPONENTS, SPINE_COMPONENTS, Films
from training.statistics import area_under_curve
from triage.vision.geometry import (
    corner_offsets,
    disc_windows,
    endplate_frames,
    endplate_windows,
    spine_window,
)
from triage.vision.networks import DiscReader, Locator, halved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_CELL: Final = 4  # pixels of the halved film to a cell of the heat maps
_TARGET_SIGMA: Final = 1.0  # cells
_CORNER_JITTER: Final = 7.0  # pixels; the heat maps' own imprecision is about as much
_ATTRIBUTE_WEIGHT: Final = 3.0  # there are few films with another attribute than most


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """How long and how fast to train.

    Attributes:
        epochs: Most passes over the films.
        batch: Films a step.
        learning_rate: Highest rate of the one-cycle schedule (Smith and Topin 2019).
        patience: Epochs without gain on the tuning films after which training ends.
        weight_decay: Of AdamW.
    """

    epochs: int
    batch: int = 16
    learning_rate: float = 3e-3
    patience: int = 4
    weight_decay: float = 1e-3


@dataclass(slots=True)
class History:
    """What training reported, epoch by epoch."""

    losses: list[float] = field(default_factory=list)
    figures: list[float] = field(default_factory=list)  # on the tuning films


_Network = TypeVar("_Network", bound=nn.Module)


def train_locator(
    films: Films,
    tuning: Films,
    width: int,
    settings: LoopSettings,
    seed: int,
    report: Callable[[str], None] = lambda _: None,
) -> tuple[Locator, History]:
    """Train the network that finds the landmarks.

    Args:
        films: Films of every kind, with and without landmarks.
        tuning: Films that decide when to stop.
        width: Channels of its first level.
        settings: How long and how fast.
        seed: Everything random follows from it.
        report: Called with one line after each epoch.

    Returns:
        The network as it was at its best, and its history; figures are mean errors in pixels.
    """
    torch.manual_seed(seed)
    network = Locator(width).to(memory_format=torch.channels_last)
    chance = torch.Generator().manual_seed(seed)

    halves, landmarks = halved_films(films)

    def loss(rows: NDArrayInt) -> Tensor:
        images, places = moved(halves[rows].float(), landmarks[rows], chance)
        images, places = shuttered(images, places, chance)
        heat, attributes, _ = network.maps(exposed(images, chance))
        placing = -(heat_target(places, images.shape[-1]) * heat.log_softmax(dim=2)).sum(dim=2)
        known = torch.from_numpy(films.attributes[rows])
        stated = binary_cross_entropy_with_logits(attributes, known)
        return placing.mean() + _ATTRIBUTE_WEIGHT * stated

    def figure() -> float:
        return -landmark_error(network, tuning)

    return _fitted(network, len(films), loss, figure, settings, seed, report)


NDArrayInt = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


def train_corners(
    network: Locator,
    films: Films,
    tuning: Films,
    settings: LoopSettings,
    seed: int,
    report: Callable[[str], None] = lambda _: None,
) -> History:
    """Train the part of a locator that refines corners; the rest stays as it is.

    Args:
        network: A locator whose heat maps are trained.
        films: Films in scope.
        tuning: Films that decide when to stop.
        settings: How long and how fast.
        seed: Everything random follows from it.
        report: Called with one line after each epoch.

    Returns:
        The history; figures are mean errors in pixels, negated.
    """
    chance = torch.Generator().manual_seed(seed)
    network.requires_grad_(requires_grad=False)
    network.corners.requires_grad_(requires_grad=True)

    def loss(rows: NDArrayInt) -> Tensor:
        images, wanted = _batch(films, rows)
        reach = float(uniform(1, 0.0, _CORNER_JITTER, chance))
        landmarks = jittered(wanted, reach, chance)
        frames = endplate_frames(landmarks)
        offsets = network.offsets(exposed(endplate_windows(images, frames), chance))
        return smooth_l1_loss(offsets, corner_offsets(frames, landmarks, wanted), beta=0.05)

    def figure() -> float:
        return -landmark_error(network, tuning)

    _, history = _fitted(network, len(films), loss, figure, settings, seed, report)
    network.requires_grad_(requires_grad=True)
    return history


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


def train_reader(
    films: Films,
    tuning: Films,
    findings: Mapping[str, Sequence[str]],
    width: int,
    jitter_pixels: float,
    settings: LoopSettings,
    seed: int,
    report: Callable[[str], None] = lambda _: None,
) -> tuple[DiscReader, History]:
    """Train one member at landmarks that are as imprecise as the locator's.

    Args:
        films: Films that a reader may learn from.
        tuning: Films that decide when to stop.
        findings: For each finding the components it consists of.
        width: Channels of its first level.
        jitter_pixels: Standard deviation of the imprecision.
        settings: How long and how fast.
        seed: Everything random follows from it.
        report: Called with one line after each epoch.

    Returns:
        The network as it was at its best, and its history; figures are the mean AUC.
    """
    torch.manual_seed(seed)
    network = DiscReader(LEVEL_COMPONENTS, SPINE_COMPONENTS, findings, width)
    network = network.to(memory_format=torch.channels_last)
    chance = torch.Generator().manual_seed(seed)
    truth = torch.from_numpy(_finding_truth(films, findings))

    def loss(rows: NDArrayInt) -> Tensor:
        images, landmarks = _batch(films, rows)
        landmarks = jittered(landmarks, jitter_pixels, chance)
        discs, spines = disc_windows(images, landmarks), spine_window(images, landmarks)
        discs = exposed(discs.flatten(0, 1), chance).view_as(discs)
        level, spine = network.components(discs, exposed(spines, chance), landmarks)
        return (
            2 * binary_cross_entropy_with_logits(level, torch.from_numpy(films.levels[rows]))
            + binary_cross_entropy_with_logits(spine, torch.from_numpy(films.spine[rows]))
            + binary_cross_entropy_with_logits(network.combine(level, spine), truth[rows])
        )

    held_out = _finding_truth(tuning, findings) > 0

    def figure() -> float:
        scores = read_scores(network, tuning, jitter_pixels, seed)
        areas = [
            area_under_curve(score, present)
            for score, present in zip(scores.T, held_out.T, strict=True)
            if 0 < present.sum() < len(present)  # few tuning films may lack a rare finding
        ]
        return float(np.mean(areas))

    return _fitted(network, len(films), loss, figure, settings, seed, report)


def _finding_truth(
    films: Films, findings: Mapping[str, Sequence[str]]
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    present = np.concatenate([films.levels.max(axis=1), films.spine], axis=1)
    names = (*LEVEL_COMPONENTS, *SPINE_COMPONENTS)
    columns = [
        present[:, [names.index(part) for part in parts]].max(axis=1) for parts in findings.values()
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _batch(films: Films, rows: NDArrayInt) -> tuple[Tensor, Tensor]:
    images = torch.from_numpy(films.images[rows].astype(np.float32))[:, None]
    return images, torch.from_numpy(films.landmarks[rows])


def _fitted(
    network: _Network,
    count: int,
    loss: Callable[[NDArrayInt], Tensor],
    figure: Callable[[], float],
    settings: LoopSettings,
    seed: int,
    report: Callable[[str], None],
) -> tuple[_Network, History]:
    """Run the epochs; keep the weights of the best one."""
    optimiser = torch.optim.AdamW(
        [one for one in network.parameters() if one.requires_grad],
        settings.learning_rate,
        weight_decay=settings.weight_decay,
    )
    steps = -(-count // settings.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, total_steps=steps * settings.epochs, pct_start=0.15
    )
    history, best, best_epoch = History(), copy.deepcopy(network.state_dict()), 0
    for epoch in range(settings.epochs):
        network.train()
        total = 0.0
        for rows in _shuffled(count, settings.batch, np.random.default_rng((seed, epoch))):
            optimiser.zero_grad(set_to_none=True)
            value = loss(rows)
            value.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimiser.step()
            schedule.step()
            total += float(value.detach()) * len(rows)
        network.eval()
        history.losses.append(total / count)
        history.figures.append(figure())
        loss_now, figure_now = history.losses[-1], history.figures[-1]
        report(f"epoch {epoch + 1}/{settings.epochs}  loss {loss_now:.4f}  tuning {figure_now:.4f}")
        if history.figures[-1] >= max(history.figures):
            best, best_epoch = copy.deepcopy(network.state_dict()), epoch
        elif epoch - best_epoch >= settings.patience:
            break
    network.load_state_dict(best)
    return network, history


def _shuffled(count: int, batch: int, chance: np.random.Generator) -> Iterator[NDArrayInt]:
    """Rows in random order, batch by batch; a last batch of one is left out for batch norm."""
    order = chance.permutation(count)
    for start in range(0, count, batch):
        if len(order[start : start + batch]) > 1:
            yield order[start : start + batch]


def landmark_error(network: Locator, films: Films, batch: int = 32) -> float:
    """Mean distance in pixels between found and true landmarks, where there are true ones."""
    errors = []
    with torch.inference_mode():
        for start in range(0, len(films), batch):
            images, truth = _batch(films, np.arange(start, min(start + batch, len(films))))
            errors.append((network(images).landmarks - truth).norm(dim=2).numpy())
    return float(np.nanmean(np.concatenate(errors)))


def read_scores(
    network: DiscReader, films: Films, jitter_pixels: float, seed: int, batch: int = 64
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Logits (n, findings) at true landmarks with the locator's imprecision."""
    chance = torch.Generator().manual_seed(seed)
    scores = []
    with torch.inference_mode():
        for start in range(0, len(films), batch):
            images, truth = _batch(films, np.arange(start, min(start + batch, len(films))))
            scores.append(network(images, jittered(truth, jitter_pixels, chance)).numpy())
    return np.concatenate(scores)
