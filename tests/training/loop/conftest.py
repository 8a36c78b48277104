"""Tiny tasks, made as a recipe makes its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from tests.training.loop.tiny import TinyTask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Compute in one thread: with nets this small a second one only waits for the first."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def make_task() -> Callable[..., TinyTask]:
    """Return a function that makes the task anew, as a recipe that starts again does."""
    return TinyTask


@pytest.fixture
def same_weights() -> Callable[..., bool]:
    """Return a function that tells whether two sets of weights agree in every bit."""

    def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
        return all(torch.equal(first[key], second[key]) for key in first | second)

    return same
