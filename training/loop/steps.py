"""Which films each step of an epoch takes, and which of them each process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from training.errors import DataError, RunError
from training.loop.task import Ordered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from training.loop.processes import Processes
    from training.loop.task import Task

_LEAST: Final = 2  # films for a process in a shorter step: batch norm finds no spread in one


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps of an epoch.

    Attributes:
        films: In the training set.
        batch: Films a step, of all processes together.
        count: Steps an epoch.
    """

    films: int
    batch: int
    count: int

    @classmethod
    def of(cls, films: int, batch: int, processes: Processes) -> Steps:
        """Plan the epochs.

        Raises:
            DataError: There are too few films for a step.
            RunError: A step has fewer films than there are processes.
        """
        if batch < processes.count:
            raise RunError(
                f"batch {batch} is less than the {processes.count} processes that share it: "
                f"take at least {processes.count}."
            )
        least = min(batch, _LEAST * processes.count)
        if films < least:
            raise DataError(
                f"{films} training films are too few: {least} make the smallest step. Look at "
                "the split of the data."
            )
        return cls(films, batch, films // batch + int(films % batch >= least))

    def rows(self, task: Task, chance: np.random.Generator) -> Iterator[NDArray[np.int64]]:
        """The films of each step, in an order drawn anew.

        Raises:
            RunError: The task's own order is none.
        """
        if isinstance(task, Ordered):
            order = np.asarray(task.order(chance), dtype=np.int64)
            if order.shape != (self.films,) or order.min() < 0 or order.max() >= self.films:
                raise RunError(
                    f"the task's order has shape {order.shape} and rows up to {order.max()}: "
                    f"{self.films} rows below {self.films} belong there."
                )
        else:
            order = chance.permutation(self.films)
        for step in range(self.count):
            yield order[step * self.batch : (step + 1) * self.batch]
