"""Waiting for something that another process does, with a bound and a name for the failure."""

from __future__ import annotations

import select
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

POLL_SECONDS = 0.05


def until(condition: Callable[[], object], what: str, timeout_seconds: float = 30.0) -> None:
    """Wait until a condition holds; fail with `what` when it does not in time.

    For what other processes do there is no event to wait on: this asks often, and is bounded.
    """
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_seconds:g} s: {what}")
        select.select([], [], [], POLL_SECONDS)
