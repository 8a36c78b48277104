"""A task that is small and has everything that chance and state get into; also as a program.

    python -m tests.training.loop.tiny FOLDER [--resume] [--plain] [--wait-in E] [--fill-in E]

trains it in a folder, with the sentences and exit codes of the command `training`.
"""

from __future__ import annotations

import argparse
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR, StepLR

from training.errors import StoppedError
from training.loop import LoopSettings, Schedule, batch_to, fit, numpy_chance
from triage.errors import TriageError

if TYPE_CHECKING:
    from collections.abc import Callable

FILMS = 22
SETTINGS = LoopSettings(4, batch=8, seed=3, device="cpu")  # of the program


def network(*, plain: bool, seed: int = 5) -> nn.Module:
    """Return a net with batch norm and dropout, or with neither."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        middle = [nn.Tanh()] if plain else [nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.3)]
        return nn.Sequential(nn.Linear(4, 6), *middle, nn.Linear(6, 1))


@dataclass
class TinyTask:
    """Tells points on one side of a plane from those on the other.

    Attributes:
        films: Points to learn from.
        plain: Without batch norm, dropout and noise.
        every: When the learning rate changes.
        rate: The highest.
        weights_seed: Of the starting weights.
        told_figures: Figures to give instead of the accuracy, in turn.
        before_step: Called with the epoch and the step, both of this process, before each step.
        faulty: A row whose loss is no number.
    """

    films: int = FILMS
    plain: bool = False
    every: str | None = "step"
    rate: float = 0.05
    weights_seed: int = 5
    told_figures: tuple[float, ...] = ()
    before_step: Callable[[int, int], None] = lambda _epoch, _step: None
    faulty: int | None = None
    network: nn.Module = field(init=False)
    seen: list[list[int]] = field(default_factory=list)
    evaluations: int = 0

    def __post_init__(self) -> None:
        self.network = network(plain=self.plain, seed=self.weights_seed)
        points = np.random.default_rng(1).normal(size=(self.films + 40, 4)).astype(np.float32)
        self.points, self.truth = points, (points.sum(axis=1, keepdims=True) > 0).astype(np.float32)

    def __len__(self) -> int:
        return self.films

    def loss(self, rows: np.ndarray, chance: torch.Generator) -> Tensor:
        self.before_step(self.evaluations + 1, len(self.seen) + 1)
        self.seen.append(rows.tolist())
        points, truth = batch_to(self.network, self.points[rows], self.truth[rows])
        if not self.plain:
            points = points + 0.1 * torch.randn(points.shape, generator=chance)
            points = points + numpy_chance(chance).normal() * 0.1
            points = points + float(np.random.rand()) * 0.1  # noqa: NPY002 - as a library may do
        if self.faulty in rows:
            points = points * torch.nan
        return nn.functional.binary_cross_entropy_with_logits(self.network(points), truth)

    def figure(self) -> float:
        self.evaluations += 1
        if self.told_figures:
            return self.told_figures[self.evaluations - 1]
        found = self.network(torch.from_numpy(self.points[self.films :])) > 0
        return float((found.numpy() == (self.truth[self.films :] > 0)).mean())

    def optimiser(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(
            self.network.parameters(), self.rate, momentum=0.9, weight_decay=0.001
        )

    def schedule(
        self, optimiser: torch.optim.Optimizer, steps_per_epoch: int, epochs: int
    ) -> Schedule | None:
        if self.every == "step":
            total = steps_per_epoch * epochs
            return Schedule(OneCycleLR(optimiser, self.rate, total_steps=total), "step")
        return Schedule(StepLR(optimiser, 2, 0.5), "epoch") if self.every == "epoch" else None


def main(words: list[str] | None = None) -> int:
    """Train in a folder."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--wait-in", type=int, help="epoch in which to wait for a signal")
    parser.add_argument("--fill-in", type=int, help="epoch in which to fill the disk")
    options = parser.parse_args(words)

    def before_step(epoch: int, step: int) -> None:
        if epoch == options.wait_in and step % 3 == 2:  # there are three steps an epoch
            say("waiting")
            signal.pause()
        if epoch == options.fill_in and step % 3 == 2:
            with suppress(OSError), (options.folder / "filler").open("wb", buffering=0) as filler:
                while True:
                    filler.write(bytes(512))

    task = TinyTask(plain=options.plain, before_step=before_step)
    try:
        fit(task, SETTINGS, folder=options.folder, report=say, resume=options.resume)
    except TriageError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except StoppedError as stop:
        sys.stderr.write(f"{stop}\n")
        return stop.exit_code
    return 0


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a program of the tests


if __name__ == "__main__":
    sys.exit(main())
