"""What training reported, epoch by epoch, and the table that holds it."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Final

from training.errors import RunError
from training.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the training films.

    Attributes:
        epoch: Its number, from 1.
        loss: Mean over its films.
        figure: On the tuning films after it; higher is better.
        learning_rate: In its last step, of the optimiser's first group.
        seconds: It took, evaluation included. Two epochs are equal whatever they took.
        films_per_second: In its steps, evaluation left out.
    """

    epoch: int
    loss: float
    figure: float
    learning_rate: float
    seconds: float = field(compare=False)
    films_per_second: float = field(compare=False)


COLUMNS: Final = tuple(one.name for one in fields(Epoch))


@dataclass(frozen=True, slots=True)
class History:
    """The epochs of a fit.

    Attributes:
        epochs: In their order.
        kept: The number of the epoch whose weights were kept; 0 before the first.
    """

    epochs: tuple[Epoch, ...] = ()
    kept: int = 0

    @property
    def losses(self) -> list[float]:
        """The loss of each epoch."""
        return [one.loss for one in self.epochs]

    @property
    def figures(self) -> list[float]:
        """The figure of each epoch."""
        return [one.figure for one in self.epochs]

    def extended(self, epoch: Epoch, *, kept: bool) -> History:
        """This history with one more epoch."""
        return History((*self.epochs, epoch), epoch.epoch if kept else self.kept)

    def lines(self) -> list[dict[str, float]]:
        """The epochs as plain values, by the names of `COLUMNS`."""
        return [asdict(one) for one in self.epochs]


def history_of(lines: Iterable[Mapping[str, float]], kept: int) -> History:
    """The history that `History.lines` came from.

    Raises:
        KeyError, TypeError, ValueError: The lines are no history.
    """
    epochs = tuple(
        Epoch(int(line["epoch"]), *(float(line[name]) for name in COLUMNS[1:])) for line in lines
    )
    if [one.epoch for one in epochs] != list(range(1, len(epochs) + 1)):
        raise ValueError("the epochs are not numbered 1, 2, 3 …")
    return History(epochs, kept)


def write_history(path: Path, history: History) -> None:
    """Write one line an epoch, whole or not at all.

    Raises:
        DiskError: It could not be written.
    """
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, (*COLUMNS, "kept"))
    table.writeheader()
    for line in history.lines():
        kept = int(line["epoch"] == history.kept)
        table.writerow({name: repr(value) for name, value in line.items()} | {"kept": kept})
    write_whole(path, text.getvalue().encode())


def read_history(path: Path) -> History:
    """Read what `write_history` wrote, ``logs/<name>.csv`` of a run.

    Raises:
        RunError: It is missing or damaged.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            lines = list(csv.DictReader(stream))
        kept = [int(line["epoch"]) for line in lines if line["kept"] == "1"]
        numbers = [{name: _finite(line[name]) for name in COLUMNS} for line in lines]
        return history_of(numbers, kept[-1] if kept else 0)
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise RunError(
            f"{path} is no log of training ({type(error).__name__}: {error}): give the folder of "
            "a run, or resume the run, which writes its logs anew."
        ) from error


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value
