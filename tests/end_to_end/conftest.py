"""A whole site: the real daemon in its own processes, and real peers around it."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.peers import start_orthanc
from triage.demo.stage import Daemon, demonstration_settings, running_daemon
from triage.settings import Destination

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.peers import Orthanc
    from triage.settings import Settings


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[Orthanc]:
    """Return a running Orthanc."""
    with start_orthanc(tmp_path / "orthanc") as peer:
        yield peer


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Daemon]]:
    """Return a function that starts a daemon whose reports go to a PACS.

    `adapt` changes its settings before it starts.
    """
    with contextlib.ExitStack() as stack:

        def begin(
            pacs_ae_title: str = "NOBODY",
            pacs_port: int = 9,
            adapt: Callable[[Settings], Settings] = lambda settings: settings,
        ) -> Daemon:
            settings = demonstration_settings(tmp_path / "site", pacs_ae_title, pacs_port, 0)
            settings = replace(
                settings, destinations=(Destination("pacs", pacs_ae_title, "127.0.0.1", pacs_port),)
            )
            daemon = stack.enter_context(running_daemon(tmp_path / "site", adapt(settings)))
            daemon.wait_until_ready()
            return daemon

        yield begin
