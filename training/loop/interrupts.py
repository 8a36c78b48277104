"""Ctrl-C and a plain `kill`, turned into an error that says what is kept."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from training.errors import StoppedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """While entered, a signal raises `StoppedError`; where files are written, just after them."""

    def __init__(self) -> None:
        self._writing = False
        self._arrived: int | None = None
        self._process = 0

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Catch the signals; in a thread other than the main one, which gets none, do nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._process = os.getpid()
        before = {number: signal.signal(number, self._arrive) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Let what is within be done to its end, and raise the error then."""
        self._writing = True
        try:
            yield
        finally:
            self._writing = False
        if self._arrived is not None:
            raise StoppedError(self._arrived)

    def _arrive(self, number: int, _frame: FrameType | None) -> None:
        if os.getpid() != self._process:  # a worker that was forked: it ends as workers do
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        self._arrived = number
        if not self._writing:
            raise StoppedError(number)
