"""Factories of the receivers' tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.receivers.site import ScriptedReceiver, Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from triage.receivers.receiver import Receiver


@pytest.fixture
def receiver() -> ScriptedReceiver:
    """Return a receiver that does as it is told."""
    return ScriptedReceiver()


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Return a factory of a site with receivers."""
    made: list[Site] = []

    def make(*receivers: Receiver) -> Site:
        made.append(Site(tmp_path / "state", *receivers))
        return made[-1]

    yield make
    for site in made:
        site.store.close()


@pytest.fixture
def site(make_site: Callable[..., Site], receiver: ScriptedReceiver) -> Site:
    """Return a site with that receiver."""
    return make_site(receiver)
