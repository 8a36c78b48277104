"""What a recipe hands to the training loop: what is learnt, how long, and how fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from training.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """How a network is trained.

    Attributes:
        epochs: Most passes over the films.
        batch: Films a step, those of all processes together.
        seed: All chance follows from it.
        patience: Epochs without gain on the tuning films after which training ends; None trains
            for all epochs.
        gradient_clip: Longest gradient, by its Euclidean norm over all weights; None for any.
        keep: Which epoch's weights stay: the best by the tuning films, or the last.
        mixed_precision: Compute in bfloat16 (float16 with loss scaling where a GPU lacks it) what
            bears it; None does so on a GPU only.
        device: As PyTorch names it, for instance ``"cuda:1"``; ``"auto"`` takes a GPU when there
            is one.
    """

    epochs: int
    batch: int = 16
    seed: int = 1
    patience: int | None = None
    gradient_clip: float | None = None
    keep: Literal["best", "last"] = "best"
    mixed_precision: bool | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        for name, value in (("epochs", self.epochs), ("batch", self.batch)):
            if value < 1:
                raise RunError(f"{name} is {value}: at least 1 is needed.")
        if self.patience is not None and self.patience < 1:
            raise RunError(f"patience is {self.patience}: at least 1, or None to train on.")
        if self.gradient_clip is not None and not self.gradient_clip > 0:
            raise RunError(f"gradient_clip is {self.gradient_clip}: above 0, or None.")
        if self.keep == "last" and self.patience is not None:
            raise RunError("keep is 'last' with a patience: the last epoch would be a worse one.")


@dataclass(frozen=True, slots=True)
class Schedule:
    """How the learning rate changes.

    Attributes:
        scheduler: Of the optimiser.
        every: Whether it goes on after each step or after each epoch.
    """

    scheduler: torch.optim.lr_scheduler.LRScheduler
    every: Literal["step", "epoch"]


class Task(Protocol):
    """What is learnt, from which films, and how gain is measured."""

    @property
    def network(self) -> nn.Module:
        """What is trained; the loop puts it on its device and switches train and eval mode."""

    def __len__(self) -> int:
        """The number of training films."""

    def loss(self, rows: NDArray[np.int64], chance: torch.Generator) -> Tensor:
        """The mean loss over some training films, computed by `network`.

        Args:
            rows: Which films, int64 (n,), numbers below ``len``.
            chance: On the CPU; every augmentation draws from it.
        """

    def figure(self) -> float:
        """How good the network is on the tuning films; higher is better."""

    def optimiser(self) -> torch.optim.Optimizer:
        """The optimiser, made anew; called once the network is on its device."""

    def schedule(
        self, optimiser: torch.optim.Optimizer, steps_per_epoch: int, epochs: int
    ) -> Schedule | None:
        """How the learning rate changes; None leaves it as it is."""


@runtime_checkable
class Ordered(Protocol):
    """A task that chooses the films of an epoch itself, for instance as many of each class."""

    def order(self, chance: np.random.Generator) -> NDArray[np.int64]:
        """The rows of an epoch in their order, ``len`` of them; rows may repeat."""


def device_of(network: nn.Module) -> torch.device:
    """The device that a network's weights are on."""
    return next(network.parameters()).device


def batch_to(network: nn.Module, *arrays: NDArray[np.generic] | Tensor) -> Iterator[Tensor]:
    """Put the arrays of a batch on the device of a network, in their order."""
    device = device_of(network)
    for array in arrays:
        tensor = array if isinstance(array, Tensor) else torch.from_numpy(array)
        yield tensor.to(device, non_blocking=True)


def numpy_chance(chance: torch.Generator) -> np.random.Generator:
    """A NumPy generator that follows from a PyTorch one, which moves on by one draw."""
    return np.random.default_rng(int(torch.randint(2**62, (1,), generator=chance)))
