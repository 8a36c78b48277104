"""The files of a fit, and what a person is told of them when it ends early."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

from training.errors import DiskError, StoppedError
from training.loop.checkpoint import Checkpoints
from training.loop.interrupts import Interrupts
from training.loop.logs import Logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from training.loop.checkpoint import Identity
    from training.loop.state import State


class Keeping:
    """Checkpoints and logs of one fit, or none where there is no folder.

    Args:
        folder: Of the run, or None.
        name: Of the fit.
        identity: What the fit follows from.
        leads: Whether this process is the one that writes.
        report: Told what a person should know.
    """

    def __init__(
        self,
        folder: Path | None,
        name: str,
        identity: Identity,
        *,
        leads: bool,
        report: Callable[[str], None],
    ) -> None:
        self._name, self._report = name, report
        self._checkpoints = Checkpoints(folder / "checkpoints", name, identity) if folder else None
        self._logs = Logs(folder, name, report) if folder and leads else None
        self._leads = leads
        self._interrupts = Interrupts()
        self._kept_epoch = 0

    def finished(self, state: State) -> bool:
        """Take up the end of a finished fit; False when it is not finished.

        Raises:
            RunError: What is there is damaged, or of another fit.
        """
        found = self._checkpoints and self._checkpoints.read_weights()
        if not found:
            return False
        weights, state.history = found
        state.network.load_state_dict(weights)
        self._report(f"{self._name}: trained already, {len(state.history.epochs)} epochs")
        return True

    def begin(self, state: State, *, resume: bool) -> None:
        """Take up an unfinished fit, or remove it; then begin the logs.

        Raises:
            RunError: What is there is damaged, or of another fit.
            DiskError: The logs could not be written.
        """
        if self._checkpoints and resume:
            progress = self._checkpoints.read_progress()
            if progress:
                state.take_up(progress)
                self._kept_epoch = len(state.history.epochs)
                self._report(f"{self._name}: goes on behind epoch {self._kept_epoch}")
        elif self._checkpoints and self._leads:
            self._checkpoints.discard()
        if self._logs:
            self._logs.begin(state.history)

    def keep(self, state: State) -> None:
        """Write a whole epoch.

        Raises:
            DiskError: It could not be written; the epoch before is still there.
            StoppedError: A signal came meanwhile.
        """
        if self._checkpoints and self._logs:
            with self._interrupts.held_back():
                self._checkpoints.write_progress(state.progress())
                self._kept_epoch = len(state.history.epochs)
                self._logs.add(state.history)

    def finish(self, state: State) -> None:
        """Write what the fit ends with.

        Raises:
            DiskError: It could not be written; the last epoch is still there.
        """
        if self._checkpoints and self._logs:
            with self._interrupts.held_back():
                self._checkpoints.write_weights(state.best, state.history)
                self._logs.close()

    @contextmanager
    def told(self) -> Iterator[None]:
        """Catch signals, and say of them and of a full disk what is kept and how to go on."""
        try:
            with self._interrupts.caught():
                yield
        except StoppedError as stop:
            what = f"{self._name}: stopped by {signal.Signals(stop.signal_number).name}"
            raise StoppedError(stop.signal_number, f"{what}. {self._way_on()}") from None
        except DiskError as error:
            raise DiskError(f"{self._name}: {error} {self._way_on()}") from error

    def _way_on(self) -> str:
        if self._checkpoints is None:
            return "Nothing is kept, for want of a folder."
        if self._kept_epoch == 0:
            return "No epoch was whole yet: the same command with --resume begins it again."
        return (
            f"Epoch {self._kept_epoch} is kept whole in {self._checkpoints.progress_path}: "
            "the same command with --resume goes on behind it."
        )
