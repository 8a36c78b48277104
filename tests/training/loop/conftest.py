"""A task that is small and has everything that chance and state get into."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from tests.training.loop.tiny import TinyTask

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def make_task() -> Callable[..., TinyTask]:
    """Return a function that makes the task anew, as a recipe that starts again does."""

    def make(**changes: object) -> TinyTask:
        return TinyTask(**changes)

    torch.manual_seed(99)  # what a recipe that forgets to seed would begin with
    return make
