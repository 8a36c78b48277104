"""Factories for UPS-RS: a running site with its client, and the service behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.web.dicomweb.items import UpsClient
from triage.ups.service import StepService

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def ups(serve):
    """A client of the morning's site, which is served."""
    running = serve()
    with running.client() as http:
        yield UpsClient(http, running.url)


@pytest.fixture
def make_steps(morning) -> Callable[[], StepService]:
    """Return a function that makes the UPS service of the morning's site."""
    return lambda: StepService(morning.store, morning.settings())
