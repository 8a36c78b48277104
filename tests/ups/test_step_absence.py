"""A subscriber that never fetches its events is dropped in the end, and never silently."""

from __future__ import annotations

import dataclasses

import pytest

from tests.factories import make_facts, record
from triage.clock import drop_absent
from triage.settings import Peer, WebSettings, default_settings
from triage.store import Channel
from triage.uids import work_item_uid
from triage.ups.service import StepService
from triage.ups.subscriptions import GLOBAL_SUBSCRIPTION

DAY = 86_400
ABSENT, PEER = "ABSENT", "PEER"
RESTART = 4
COLD = {"vr": "CS", "Value": ["COLD START"]}


@pytest.fixture
def site(store):
    """Return the settings of a site that waits a week, or for three events; with one peer."""
    return dataclasses.replace(
        default_settings(store.state_folder),
        web=WebSettings(subscriber_days=7, subscriber_events=3),
        peers=(Peer("peer", PEER, "127.0.0.1", 104),),
    )


@pytest.fixture
def service(store, site):
    """Return the service of that site."""
    return StepService(store, site)


@pytest.fixture
def subscribe(store, service):
    """Return a function that subscribes to all there will be, without a study so far."""

    def make(ae_title=ABSENT, channel=Channel.WEBSOCKET):
        service.subscribe(GLOBAL_SUBSCRIPTION, ae_title, deletion_lock=False, channel=channel)

    return make


@pytest.fixture
def study(store):
    """Return a function that receives a study, of which every subscriber is told once."""

    def receive(number):
        record(store, make_facts(f"1.2.{number}"), content=str(number))
        return work_item_uid(f"1.2.{number}")

    return receive


def waiting(store, ae_title=ABSENT, channel=Channel.WEBSOCKET):
    """Return what waits for a subscriber, and leave it waiting."""
    found = store.claim_events("test", ae_title, channel, 99, 60)
    store.events_released([one.event_id for one in found], "test")
    return found


def dropped(store):
    return [(one.ae_title, one.waiting) for one in store.dropped_watchers(9)]


def test_who_leaves_an_event_waiting_for_too_long_is_dropped_and_told_so(
    store, site, clock, subscribe, study
):
    subscribe()
    study(1)
    clock.advance(7 * DAY)
    drop_absent(store, site)
    assert dropped(store) == []
    clock.advance(1)
    drop_absent(store, site)
    assert dropped(store) == [(ABSENT, 1)]
    assert store.watchers() == ()
    assert store.subscription_of(work_item_uid("1.2.1"), ABSENT) is None
    study(2)
    (last,) = waiting(store)
    assert (last.work_item_uid, last.kind) == (GLOBAL_SUBSCRIPTION, RESTART)
    assert last.information["00741244"] == COLD


def test_who_leaves_too_many_waiting_is_dropped_at_once(store, site, subscribe, study):
    subscribe()
    for number in range(3):
        study(number)
    drop_absent(store, site)
    assert dropped(store) == []
    study(3)
    drop_absent(store, site)
    assert dropped(store) == [(ABSENT, 4)]


def test_a_peer_that_the_site_has_configured_is_waited_for(store, site, clock, subscribe, study):
    subscribe(PEER, Channel.DIMSE)
    for number in range(5):
        study(number)
    clock.advance(90 * DAY)
    drop_absent(store, site)
    assert dropped(store) == []
    assert len(waiting(store, PEER, Channel.DIMSE)) == 5
    drop_absent(store, dataclasses.replace(site, peers=()))
    assert dropped(store) == [(PEER, 5)]


def test_who_is_connected_just_now_is_not_dropped(store, site, clock, subscribe, study):
    subscribe()
    for number in range(5):
        study(number)
    clock.advance(8 * DAY)
    (held, *_) = store.claim_events("connection", ABSENT, Channel.WEBSOCKET, 1, 60)
    drop_absent(store, site)
    assert dropped(store) == []
    store.events_released([held.event_id], "connection")
    drop_absent(store, site)
    assert dropped(store) == [(ABSENT, 5)]


def test_who_fetches_is_never_dropped(store, site, clock, subscribe, study):
    subscribe()
    for number in range(20):
        study(number)
        clock.advance(DAY)
        found = store.claim_events("connection", ABSENT, Channel.WEBSOCKET, 9, 60)
        store.events_delivered([one.event_id for one in found], "connection")
        drop_absent(store, site)
    assert dropped(store) == []


def test_who_subscribes_again_is_told_of_what_comes_and_of_nothing_else(
    store, site, clock, subscribe, study
):
    subscribe()
    study(1)
    clock.advance(8 * DAY)
    drop_absent(store, site)
    subscribe()
    assert dropped(store) == []
    uid = study(2)
    assert [one.work_item_uid for one in waiting(store)] == [uid]


def test_a_restart_does_not_take_away_that_a_subscriber_has_to_subscribe_again(
    store, site, clock, service, subscribe, study
):
    subscribe()
    study(1)
    clock.advance(8 * DAY)
    drop_absent(store, site)
    service.tell_of_restart()
    assert [one.information["00741244"] for one in waiting(store)] == [COLD]


def test_who_was_dropped_and_never_came_back_is_forgotten_with_the_last_word_to_it(
    store, site, clock, subscribe, study
):
    subscribe()
    study(1)
    clock.advance(8 * DAY)
    drop_absent(store, site)
    clock.advance(31 * DAY)
    drop_absent(store, site)
    assert dropped(store) == []
    assert waiting(store) == ()
