"""What a person follows a fit by: a bar, the table of epochs, and TensorBoard."""

from __future__ import annotations

import functools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from training.errors import DiskError
from training.loop.history import Epoch, History, write_history

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rich.console import Console


class Writer(Protocol):
    """What is used of TensorBoard's writer."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        """Note a number."""

    def flush(self) -> None:
        """Hand everything to the disk."""

    def close(self) -> None:
        """Flush and end."""


class Logs:
    """The files that a fit logs into: the same after a resumed run as after an uninterrupted one.

    Args:
        folder: Of the run.
        name: Of the fit.
        report: Told once when TensorBoard is not installed.
    """

    def __init__(self, folder: Path, name: str, report: Callable[[str], None]) -> None:
        self._table = folder / "logs" / f"{name}.csv"
        self._scalars = folder / "tensorboard" / name
        self._report = report
        self._writer: Writer | None = None

    def begin(self, history: History) -> None:
        """Write both anew from what is known, so that nothing of a lost epoch stays.

        Raises:
            DiskError: They could not be written.
        """
        try:
            for stale in self._scalars.glob("events.out.tfevents.*"):
                stale.unlink()
            self._writer = _writer(self._scalars, self._report)
        except OSError as error:
            raise _refused(self._scalars, error) from error
        write_history(self._table, history)
        for epoch in history.epochs:
            self._add(epoch)

    def add(self, history: History) -> None:
        """Log the last epoch.

        Raises:
            DiskError: It could not be written.
        """
        write_history(self._table, history)
        self._add(history.epochs[-1])

    def close(self) -> None:
        """End the files."""
        if self._writer is not None:
            try:
                self._writer.close()
            except OSError as error:
                raise _refused(self._scalars, error) from error

    def _add(self, epoch: Epoch) -> None:
        if self._writer is None:
            return
        try:
            self._writer.add_scalar("loss/train", epoch.loss, epoch.epoch)
            self._writer.add_scalar("figure/tuning", epoch.figure, epoch.epoch)
            self._writer.add_scalar("learning_rate", epoch.learning_rate, epoch.epoch)
            self._writer.add_scalar("films_per_second", epoch.films_per_second, epoch.epoch)
            self._writer.flush()
        except OSError as error:
            raise _refused(self._scalars, error) from error


def _refused(path: Path, error: OSError) -> DiskError:
    return DiskError(f"{path} could not be written ({error.strerror}): free some space.")


def _writer(folder: Path, report: Callable[[str], None]) -> Writer | None:
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - slow, and optional
    except ImportError:
        _tell_once(report)
        return None
    writer: Writer = SummaryWriter(folder)
    return writer


@functools.cache
def _tell_once(report: Callable[[str], None]) -> None:
    report(
        "TensorBoard is not installed: the curves are in logs/ only "
        "(pip install 'cspine-triage[training]' brings it)."
    )


@contextmanager
def step_bar(
    console: Console | None, what: str, steps: int
) -> Iterator[Callable[[float, float], None]]:
    """Show the steps of an epoch while it goes on; nothing where nobody watches a terminal.

    Yields:
        To be called after each step with its loss and the films a second.
    """
    if console is None or not console.is_terminal:
        yield lambda _loss, _speed: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.4f}  {task.fields[speed]:.0f} films/s"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=steps, loss=0.0, speed=0.0)
        yield lambda loss, speed: progress.update(task, advance=1, loss=loss, speed=speed)
