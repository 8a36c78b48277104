"""One subscriber's lane, pass by pass: what an event that is refused for now does to the others."""

from __future__ import annotations

import threading

import pytest
from pydicom.uid import generate_uid

from tests.factories import make_facts, record
from tests.peers import LOOPBACK
from tests.ups.site import Watcher
from triage.delivery.lane import Tools
from triage.settings import Peer, default_settings
from triage.uids import work_item_uid
from triage.ups.events import EventLane
from triage.ups.service import StepService

BUSY = 0x0110
ONE, OTHER = work_item_uid("1.2.1"), work_item_uid("1.2.2")


@pytest.fixture(autouse=True)
def two_studies(store):
    """Let the store have two studies."""
    for uid in ("1.2.1", "1.2.2"):
        record(store, make_facts(uid), content=uid)


@pytest.fixture
def watcher():
    """Return a watcher that listens."""
    with Watcher("WATCHER").start() as listening:
        yield listening


def test_what_follows_an_event_that_is_to_come_again_waits_for_it_and_nothing_else_does(
    store, clock, watcher
):
    peer = Peer("watcher", "WATCHER", LOOPBACK, watcher.port)
    settings = default_settings(store.state_folder)
    service = StepService(store, settings.__class__(settings.state_folder, peers=(peer,)))
    for uid in (ONE, OTHER):
        service.subscribe(uid, "WATCHER", deletion_lock=False)
        service.change_state(uid, "IN PROGRESS", generate_uid(), "READER")
    tools = Tools(jitter=lambda: 0.0)
    lane = EventLane(settings, peer, store, threading.Event(), tools)
    watcher.statuses.append(BUSY)
    lane.deliver_due()
    life = [(1, "SCHEDULED"), (1, "IN PROGRESS")]
    assert (watcher.of(ONE), watcher.of(OTHER)) == ([], life)
    assert lane.deliver_due() == -1, "nothing of it is due yet"
    clock.advance(settings.delivery.first_retry_seconds)
    lane.deliver_due()
    assert (watcher.of(ONE), watcher.of(OTHER)) == (life, life)
