"""What changes while a network is trained, and what must not change for it to go on."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from training.loop.checkpoint import Progress, weights_digest
from training.loop.history import Epoch, History

if TYPE_CHECKING:
    from collections.abc import Mapping

    from training.loop.checkpoint import Identity
    from training.loop.processes import Processes
    from training.loop.steps import Steps
    from training.loop.task import LoopSettings, Schedule, Task


@dataclass(slots=True)
class State:
    """A network in training.

    Attributes:
        network: Is changed by each step.
        optimiser: Of the task.
        schedule: Of the task, or None.
        precision: What a step computes in where it can; float32 turns that off.
        scaler: Keeps small gradients from vanishing in float16; does nothing otherwise.
        history: The whole epochs.
        best: Copies of the weights that are kept so far.
    """

    network: nn.Module
    optimiser: torch.optim.Optimizer
    schedule: Schedule | None
    precision: torch.dtype
    scaler: torch.amp.GradScaler
    history: History = field(default_factory=History)
    best: dict[str, Tensor] = field(default_factory=dict)

    @classmethod
    def begin(cls, task: Task, settings: LoopSettings, steps: Steps, device: torch.device) -> State:
        """The state before the first step; the network is on its device already."""
        optimiser = task.optimiser()
        schedule = task.schedule(optimiser, steps.count, settings.epochs)
        precision = _precision(settings.mixed_precision, device)
        scaler = torch.amp.GradScaler(device.type, enabled=precision == torch.float16)
        return cls(task.network, optimiser, schedule, precision, scaler)

    @property
    def learning_rate(self) -> float:
        """The present one, of the optimiser's first group."""
        return float(self.optimiser.param_groups[0]["lr"])

    def end_epoch(self, epoch: Epoch, *, keep_last: bool) -> None:
        """Add an epoch, and keep its weights when none before was better."""
        gained = keep_last or epoch.figure >= max([epoch.figure, *self.history.figures])
        self.history = self.history.extended(epoch, kept=gained)
        if gained:
            self.best = {
                key: value.detach().clone() for key, value in self.network.state_dict().items()
            }

    def progress(self) -> Progress:
        """All of it, to be written."""
        states = {"optimiser": self.optimiser.state_dict(), "scaler": self.scaler.state_dict()}
        if self.schedule is not None:
            states["schedule"] = self.schedule.scheduler.state_dict()
        return Progress(self.history, dict(self.network.state_dict()), self.best, states)

    def take_up(self, progress: Progress) -> None:
        """Become what was written."""
        self.network.load_state_dict(progress.network)
        self.optimiser.load_state_dict(progress.states["optimiser"])
        self.scaler.load_state_dict(progress.states["scaler"])
        if self.schedule is not None:
            self.schedule.scheduler.load_state_dict(progress.states["schedule"])
        self.history = progress.history
        self.best = progress.best


def _precision(wanted: bool | None, device: torch.device) -> torch.dtype:
    if not (device.type == "cuda" if wanted is None else wanted):
        return torch.float32
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.float16
    return torch.bfloat16


def identity_of(
    state: State, settings: LoopSettings, films: int, data: str, processes: Processes
) -> Identity:
    """What a fit follows from, in words; called before the first step.

    Args:
        state: As it was begun, with the starting weights.
        settings: Of the fit.
        films: Their number.
        data: Their digest.
        processes: Those that train.
    """
    said = {key: value for key, value in asdict(settings).items() if key != "device"}
    said |= {"films": films, "data": data or "unnamed", "processes": processes.count}
    said |= {"device": processes.device.type, "precision": state.precision}
    said["starting weights"] = weights_digest(state.network.state_dict())
    said["optimiser"] = type(state.optimiser).__name__
    for number, group in enumerate(state.optimiser.param_groups):
        said |= _plain(f"optimiser group {number + 1}", group)
    if state.schedule is not None:
        said["schedule"] = f"{type(state.schedule.scheduler).__name__} {state.schedule.every}"
        said |= _plain("schedule", state.schedule.scheduler.state_dict())
    return {key: str(value) for key, value in said.items()}


def _plain(what: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        f"{what} {key}": value
        for key, value in values.items()
        if isinstance(value, (bool, int, float, str, tuple))
    }
