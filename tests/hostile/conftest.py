"""Listeners for hostile peers to call."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from tests.hostile.listening import Listening, listening
from tests.hostile.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Listening]]:
    """Return a function that starts a listener; keywords are keys of its settings."""
    with contextlib.ExitStack() as stack:

        def begin(name: str = "site", **settings: Any) -> Listening:
            return stack.enter_context(listening(tmp_path / name, **settings))

        yield begin


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Listening]]:
    """Return a function that returns a listener of some settings, the same one each time.

    For tests that look only at what they did themselves.
    """
    running: dict[frozenset[tuple[str, Any]], Listening] = {}
    with contextlib.ExitStack() as stack:

        def find(**settings: Any) -> Listening:
            key = frozenset(settings.items())
            if key not in running:
                folder = tmp_path_factory.mktemp("shared")
                running[key] = stack.enter_context(listening(folder, **settings))
            return running[key]

        yield find


@pytest.fixture
def call() -> Iterator[Callable[..., Wire]]:
    """Return a function that connects to a listener; all connections are closed in the end."""
    with contextlib.ExitStack() as stack:

        def connect(running: Listening, **how: Any) -> Wire:
            return stack.enter_context(Wire(running.port, **how))

        yield connect
