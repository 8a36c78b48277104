"""Factories for UPS-RS: a running site with its client, a peer, and a list that is long."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.web.dicomweb.items import UpsClient
from tests.web.site import ALGORITHM, RunningWeb
from triage.settings import Peer
from triage.values import UserRole
from triage.web.access.tokens import new_token, token_hash

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def token(morning):
    """The token of a machine that may read and change the list."""
    text = new_token()
    assert morning.store.add_user("viewer", (UserRole.READER,), "")
    assert morning.store.set_user_token("viewer", token_hash(text))
    return text


@pytest.fixture
def ups(serve, token):
    """A client of the morning's site, which is served."""
    running = serve()
    with running.client() as http:
        yield UpsClient(http, running.url, token)


@pytest.fixture
def ups_of_peer(morning, token):
    """A client of a site that has the DIMSE peer PACS1."""
    peer = Peer(name="pacs", ae_title="PACS1", address="127.0.0.1", port=1104)
    running = RunningWeb(
        replace(morning.settings(), peers=(peer,)),
        read=lambda _folder: ALGORITHM,
        clock=morning.clock,
    ).start()
    with running.client() as http:
        yield UpsClient(http, running.url, token)
    running.stop()


@pytest.fixture
def many_studies(morning) -> Callable[[int], None]:
    """Return a function that fills the list with so many studies, in one transaction."""
    return morning.copy_study
