"""Factories: a site, and its server."""

from __future__ import annotations

from functools import partial

import pytest

from tests.web.site import ALGORITHM, CHEAP, PASSWORD, Morning, RunningWeb, busy_morning
from triage.values import UserRole
from triage.web import server
from triage.web.access import gate
from triage.web.access.checks import PasswordChecks
from triage.web.access.passwords import hash_password


@pytest.fixture(scope="session", autouse=True)
def _impatient_server():
    """Let servers hear at once that they are to stop: a test waits for each of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "_POLL_SECONDS", 0.02)
        yield


@pytest.fixture(autouse=True)
def _cheap_checks(monkeypatch):
    monkeypatch.setattr(gate, "PasswordChecks", partial(PasswordChecks, cost=CHEAP))


@pytest.fixture
def add_user(morning):
    """Return a function that adds a user and returns the name."""

    def add(name="anna", *roles, password=PASSWORD):
        hashed = hash_password(password, CHEAP)
        assert morning.store.add_user(name, roles or (UserRole.READER,), hashed)
        return name

    return add


@pytest.fixture
def algorithm():
    """The bundle that the tests' pages name."""
    return ALGORITHM


@pytest.fixture
def morning(tmp_path):
    """A site whose store is empty."""
    site = Morning(tmp_path / "state")
    yield site
    site.store.close()


@pytest.fixture
def serve(morning):
    """Return a function that starts the web role for the morning's site."""
    running: list[RunningWeb] = []

    def start(*, algorithm=ALGORITHM, **web) -> RunningWeb:
        details = {"read": lambda _folder: algorithm, "clock": morning.clock}
        started = RunningWeb(morning.settings(**web), **details).start()
        running.append(started)
        return started

    yield start
    for each in running:
        each.stop()


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory):
    """A client of a site with a study of each kind, for tests that only look."""
    site = Morning(tmp_path_factory.mktemp("looked-at") / "state")
    busy_morning(site)
    running = RunningWeb(site.settings(), read=lambda _: ALGORITHM, clock=site.clock).start()
    with running.client() as client:
        yield client
    running.stop()
    site.store.close()
