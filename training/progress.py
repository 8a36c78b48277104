"""What a person sees of a run: bars while something goes on, a line when it is done."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console
    from rich.table import Table


class Stages:
    """The stages of a run, each timed.

    Args:
        console: Where to show them.
        clock: Seconds of a clock that never goes back.

    Attributes:
        console: Where they are shown.
        seconds: Wall-clock seconds of each finished stage.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds: dict[str, float] = {}
        self.console, self._clock = console, clock
        self._advance: Callable[[], None] = lambda: None

    def advance(self) -> None:
        """Count one more film of the stage that goes on."""
        self._advance()

    def say(self, line: str) -> None:
        """Show a line."""
        self.console.print(line, highlight=False)

    def show(self, table: Table) -> None:
        """Show a table."""
        self.console.print(table)

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[None]:
        """Show a stage, with a bar where the number of films is known."""
        begin = self._clock()
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.console, transient=True) as progress:
            task = progress.add_task(name, total=total)
            self._advance = lambda: progress.advance(task)
            yield
        self.seconds[name] = round(self._clock() - begin, 1)
        self.say(f"{name}: {self.seconds[name]:.0f} s")
