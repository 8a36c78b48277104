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
