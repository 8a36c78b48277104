"""Sites with a UPS service: one that the tests share, and one for a test's own."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from tests.ups.site import Site, Watcher, make_site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return a site whose listener runs; for tests that look at work items of their own."""
    running = make_site(tmp_path_factory.mktemp("site"))
    running.start("listener")
    yield running
    running.stop()


@pytest.fixture
def own_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Return a function that makes a site; its roles are ended with the test."""
    with contextlib.ExitStack() as stack:

        def make(*watchers: Watcher, **delivery: Any) -> Site:
            made = make_site(tmp_path / "site", *watchers, **delivery)
            stack.callback(made.stop)
            return made

        yield make


@pytest.fixture
def watchers() -> Iterator[tuple[Watcher, Watcher]]:
    """Return two watchers that listen for events."""
    both = Watcher("WATCH1"), Watcher("WATCH2")
    for one in both:
        one.start()
    yield both
    for one in both:
        one.stop()
