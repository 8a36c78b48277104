"""The UPS service over a store that the tests of a module share, each with items of its own."""

from __future__ import annotations

import dataclasses

import pytest

from tests.factories import Clock, make_facts, record
from tests.ups.service.walk import NUMBERS, WATCHER
from triage.settings import Peer, default_settings
from triage.store import Store
from triage.uids import work_item_uid
from triage.ups.service import StepService
from triage.ups.subscriptions import GLOBAL_SUBSCRIPTION


@pytest.fixture(scope="module")
def clock():
    """Return the time of the module's store."""
    return Clock()


@pytest.fixture(scope="module")
def store(tmp_path_factory, clock):
    """Return a store that the tests of this module share, each with items of its own."""
    with Store.open(tmp_path_factory.mktemp("steps") / "state", clock) as opened:
        yield opened


@pytest.fixture(scope="module")
def service(store):
    """Return the service, with one peer that may subscribe."""
    found = default_settings(store.state_folder)
    peer = Peer("watcher", WATCHER, "127.0.0.1", 104)
    return StepService(store, dataclasses.replace(found, peers=(peer,)))


@pytest.fixture(autouse=True)
def _nobody_watches(service):
    """Begin without subscriptions and without events."""
    service.unsubscribe(GLOBAL_SUBSCRIPTION, WATCHER)


@pytest.fixture
def study(store, clock):
    """Return a function that receives a study and returns its work item."""

    def receive(**facts):
        clock.advance(1)
        uid = f"1.2.{next(NUMBERS)}"
        record(store, make_facts(uid, **facts), content=uid)
        return work_item_uid(uid)

    return receive
