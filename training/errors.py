"""What training refuses, and why: each message says what was wrong, where, and what to do."""

from __future__ import annotations

from triage.errors import PermanentError, TransientError


class DataError(PermanentError):
    """A data set cannot be trained on as it is: a file, a column, a label or a split is wrong."""


class RunError(PermanentError):
    """A run cannot be begun, resumed or read: its folder or its settings are wrong."""


class WeightsError(PermanentError):
    """Pre-trained weights are neither in the cache nor to be had."""


class RefusedError(PermanentError):
    """A certificate cannot be given: the films do not show what was asked for."""


class DiskError(TransientError):
    """Something could not be written; what was there before is still whole."""


class StoppedError(KeyboardInterrupt):
    """Somebody ended the program by a signal: no fault, and nothing that takes it for one.

    Args:
        signal_number: Of the signal.
        message: What is kept and how to go on; empty where nobody has said it yet.

    Attributes:
        exit_code: As a shell gives it for a program that a signal ended.
    """

    def __init__(self, signal_number: int, message: str = "") -> None:
        super().__init__(message)
        self.signal_number = signal_number
        self.exit_code = 128 + signal_number
