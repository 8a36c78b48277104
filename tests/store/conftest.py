"""A store on a clock that only tests move."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.factories import Clock
from triage.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def clock() -> Clock:
    """Return the store's clock."""
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    """Return an empty store."""
    with Store.open(tmp_path / "state", clock) as opened:
        yield opened
