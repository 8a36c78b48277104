"""A small folder of phantom films, and a way to run a recipe on it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
import torch
from rich.console import Console

from training.cli import main
from training.progress import Stages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def phantom_films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty lateral films, every second one abnormal."""
    folder = tmp_path_factory.mktemp("phantom") / "films"
    assert main(["phantom", "--out", str(folder), "--count", "20", "--seed", "3"]) == 0
    return folder


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small pictures gain nothing by threads, which wait for one another on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def said() -> io.StringIO:
    """What a run has said so far."""
    return io.StringIO()


@pytest.fixture
def stages(said: io.StringIO) -> Stages:
    """Stages that a test can read."""
    return Stages(Console(file=said, width=200))
