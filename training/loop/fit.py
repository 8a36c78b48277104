"""The training loop: epochs of steps, a figure after each, a checkpoint, and the weights kept."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import nn

from training.errors import RunError
from training.loop.chance import derived_seed, global_chance_kept, seed_step
from training.loop.history import Epoch, History
from training.loop.keeping import Keeping
from training.loop.logs import step_bar
from training.loop.processes import join
from training.loop.state import State, identity_of
from training.loop.steps import Steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from rich.console import Console

    from training.loop.processes import Processes
    from training.loop.task import LoopSettings, Task

_SHOWN_ROWS: Final = 8


def fit(
    task: Task,
    settings: LoopSettings,
    *,
    folder: Path | None = None,
    name: str = "network",
    data: str = "",
    report: Callable[[str], None] = lambda _: None,
    console: Console | None = None,
    resume: bool = True,
    clock: Callable[[], float] = time.perf_counter,
) -> History:
    """Train the network of a task; afterwards it holds the weights that were kept.

    Args:
        task: What is learnt.
        settings: How long and how fast.
        folder: Of the run, for checkpoints and logs; None writes nothing.
        name: Of the network in the run: names its files, and its chance differs by it.
        data: Digest of the films; a checkpoint made with others is refused.
        report: Called with one line after each epoch.
        console: Where to show a bar of the steps, when it is a terminal.
        resume: Whether to take up what is in the folder; otherwise it is removed first.
        clock: Seconds of a clock that never goes back.

    Returns:
        The epochs, those before a resumption included.

    Raises:
        DataError: There are too few films.
        RunError: The settings or the checkpoint are wrong, or the loss or figure is not finite.
        DiskError: A checkpoint or a log could not be written.
        StoppedError: Ctrl-C or SIGTERM came; the last whole epoch is kept.
    """
    processes = join(settings.device)
    say = report if processes.leads else lambda _: None
    steps = Steps.of(len(task), settings.batch, processes)
    if settings.batch > len(task):
        say(
            f"{name}: there are {len(task)} films, a step would take {settings.batch}: it takes all"
        )
    task.network.to(processes.device)
    processes.share([*task.network.parameters(), *task.network.buffers()])
    state = State.begin(task, settings, steps, processes.device)
    identity = identity_of(state, settings, len(task), data, processes)
    keeping = Keeping(folder, name, identity, leads=processes.leads, report=say)
    if not (resume and keeping.finished(state)):
        loop = _Loop(task, settings, name, state, steps, processes, clock)
        with keeping.told(), global_chance_kept(processes.device), _repeatable():
            keeping.begin(state, resume=resume)
            loop.run(keeping, say, console if processes.leads else None)
    task.network.eval()
    return state.history


@contextmanager
def _repeatable() -> Iterator[None]:
    """Compute the same twice wherever PyTorch can, with a warning where it cannot."""
    if torch.are_deterministic_algorithms_enabled():  # the caller may want more than a warning
        yield
        return
    benchmark, torch.backends.cudnn.benchmark = torch.backends.cudnn.benchmark, False
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(mode=False)
        torch.backends.cudnn.benchmark = benchmark


@dataclass(frozen=True, slots=True)
class _Loop:
    """Everything that the epochs need."""

    task: Task
    settings: LoopSettings
    name: str
    state: State
    steps: Steps
    processes: Processes
    clock: Callable[[], float]

    def run(self, keeping: Keeping, report: Callable[[str], None], console: Console | None) -> None:
        """Train until the epochs are over or nothing is gained any more."""
        last, history = self.settings.epochs, self.state.history
        for number in range(len(history.epochs) + 1, last + 1):
            if self._gains_no_more():
                break
            begin = self.clock()
            with step_bar(console, f"{self.name} {number}/{last}", self.steps.count) as advance:
                loss, rate = self._train(number, advance)
            trained = self.clock()
            figure = self._figure(number)
            speed = self.steps.films / max(trained - begin, 1e-9)
            epoch = Epoch(number, loss, figure, rate, self.clock() - begin, speed)
            self.state.end_epoch(epoch, keep_last=self.settings.keep == "last")
            keeping.keep(self.state)
            report(
                f"{self.name}: epoch {number}/{last}  loss {loss:.4f}  tuning {figure:.4f}  "
                f"{speed:.0f} films/s"
            )
        self.state.network.load_state_dict(self.state.best)
        keeping.finish(self.state)

    def _gains_no_more(self) -> bool:
        history, patience = self.state.history, self.settings.patience
        return patience is not None and len(history.epochs) - history.kept >= patience

    def _train(self, epoch: int, advance: Callable[[float, float], None]) -> tuple[float, float]:
        """Take the steps of an epoch; return the mean loss and the last learning rate."""
        self.task.network.train()
        order = np.random.default_rng(derived_seed(self.settings.seed, self.name, epoch, "order"))
        begin, films, total, rate = self.clock(), 0, 0.0, 0.0
        for step, rows in enumerate(self.steps.rows(self.task, order), start=1):
            place = (self.name, epoch, step, self.processes.rank)
            chance = seed_step(self.settings.seed, *place)
            rate = self.state.learning_rate
            loss = self._step(rows, chance, f"epoch {epoch}, step {step}")
            films, total = films + len(rows), total + loss * len(rows)
            advance(loss, films / max(self.clock() - begin, 1e-9))
        schedule = self.state.schedule
        if schedule is not None and schedule.every == "epoch":
            schedule.scheduler.step()
        self.processes.share(self.task.network.buffers())  # batch norm's, as process 0 has them
        return total / films, rate

    def _step(self, rows: NDArray[np.int64], chance: torch.Generator, where: str) -> float:
        """Take one step; return the mean loss of its films, those of all processes."""
        state, processes = self.state, self.processes
        own = rows[processes.rank :: processes.count]
        state.optimiser.zero_grad(set_to_none=True)
        mixed = state.precision != torch.float32
        with torch.autocast(processes.device.type, state.precision, enabled=mixed):
            loss = self.task.loss(own, chance)
        share = len(own) / len(rows)
        mean = processes.total(float(loss.detach()) * share)
        if not math.isfinite(mean):
            raise RunError(self._not_finite(mean, where, rows))
        state.scaler.scale(loss * share).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        trained = [one for one in self.task.network.parameters() if one.requires_grad]
        processes.add_gradients(trained)
        state.scaler.unscale_(state.optimiser)
        if self.settings.gradient_clip is not None:
            nn.utils.clip_grad_norm_(trained, self.settings.gradient_clip)
        state.scaler.step(state.optimiser)
        state.scaler.update()
        if state.schedule is not None and state.schedule.every == "step":
            state.schedule.scheduler.step()
        return mean

    def _not_finite(self, loss: float, where: str, rows: NDArray[np.int64]) -> str:
        shown = ", ".join(map(str, rows[:_SHOWN_ROWS])) + " …" * (len(rows) > _SHOWN_ROWS)
        return (
            f"{self.name}: the loss is {loss} in {where} (training films {shown}). Look for "
            "labels or pixels that are no numbers there; otherwise take a lower learning rate, "
            "a gradient_clip, or no mixed precision."
        )

    def _figure(self, epoch: int) -> float:
        """How good the network is on the tuning films, as process 0 finds."""
        self.task.network.eval()
        figure = 0.0
        if self.processes.leads:
            seed_step(self.settings.seed, self.name, epoch, "figure")
            with torch.no_grad():
                figure = self.task.figure()
        figure = self.processes.agreed(figure)
        if not math.isfinite(figure):
            raise RunError(
                f"{self.name}: the figure on the tuning films is {figure} after epoch {epoch}: "
                "look whether they have films of each class."
            )
        return figure
