"""A task that is small and has everything that chance and state get into."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from tests.training.loop.tiny import TinyTask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Compute in one thread: with nets this small a second one only waits for the first."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def make_task() -> Callable[..., TinyTask]:
    """Return a function that makes the task anew, as a recipe that starts again does."""

    def make(**changes: object) -> TinyTask:
        return TinyTask(**changes)

    torch.manual_seed(99)  # what a recipe that forgets to seed would begin with
    return make
