"""Who is told of what: the standard's table of subscriptions, filters, the order of events."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.ups.service.walk import MINE, WATCHER, events_of
from tests.ups.steps import data
from triage.store import Channel
from triage.ups.subscriptions import (
    FILTERED_SUBSCRIPTION,
    GLOBAL_AFTER,
    GLOBAL_SUBSCRIPTION,
    Instruction,
    Subscription,
)
from triage.ups.subscriptions import TABLE as SUBSCRIPTIONS

LOCKS = {None: Subscription.NONE, True: Subscription.LOCKED, False: Subscription.UNLOCKED}


@pytest.mark.parametrize(
    ("instruction", "before"),
    [cell for cell in SUBSCRIPTIONS if "CREATED" not in cell[0].name],
    ids=lambda one: one.name,
)
def test_a_subscription_follows_the_standards_table(service, store, study, instruction, before):
    uid = study()
    if before is not Subscription.NONE:
        locked = before is Subscription.LOCKED
        service.subscribe(uid, WATCHER, deletion_lock=locked)
    events_of(store, uid)
    assert instruct(service, uid, instruction).status == 0
    follows = SUBSCRIPTIONS[instruction, before]
    assert standing(store, uid) is follows.state
    assert events_of(store, uid) == (["SCHEDULED"] if follows.is_told else [])
    if instruction in GLOBAL_AFTER:
        known = [one.global_lock for one in store.watchers() if one.ae_title == WATCHER]
        lock = known[0] if known else None
        assert LOCKS[lock] is GLOBAL_AFTER[instruction]


def instruct(service, uid, instruction):
    """Do what an instruction of the subscription table says."""
    one, every = uid, GLOBAL_SUBSCRIPTION
    return {
        Instruction.ALL_WITH_LOCK: lambda: service.subscribe(every, WATCHER, deletion_lock=True),
        Instruction.ALL_WITHOUT_LOCK: lambda: service.subscribe(
            every, WATCHER, deletion_lock=False
        ),
        Instruction.ONE_WITH_LOCK: lambda: service.subscribe(one, WATCHER, deletion_lock=True),
        Instruction.ONE_WITHOUT_LOCK: lambda: service.subscribe(one, WATCHER, deletion_lock=False),
        Instruction.LEAVE_ONE: lambda: service.unsubscribe(one, WATCHER),
        Instruction.LEAVE_ALL: lambda: service.unsubscribe(every, WATCHER),
        Instruction.SUSPEND: lambda: service.suspend(every, WATCHER),
    }[instruction]()


def standing(store, uid):
    """Return the UPS Subscription State of the watcher for an item."""
    return LOCKS[store.subscription_of(uid, WATCHER)]


@pytest.mark.parametrize("lock", [None, False, True])
def test_a_new_item_is_subscribed_as_the_global_subscription_says(service, store, study, lock):
    if lock is not None:
        service.subscribe(GLOBAL_SUBSCRIPTION, WATCHER, deletion_lock=lock)
    names = {
        None: Instruction.CREATED_WITHOUT_GLOBAL,
        True: Instruction.CREATED_WITH_LOCK,
        False: Instruction.CREATED_WITHOUT_LOCK,
    }
    follows = SUBSCRIPTIONS[names[lock], Subscription.NONE]
    uid = study()
    assert standing(store, uid) is follows.state
    assert events_of(store, uid) == (["SCHEDULED"] if follows.is_told else [])


def test_a_filter_holds_for_what_there_is_and_for_what_comes(service, store, study):
    matching, other = study(patient_id="FILTER1"), study(patient_id="ELSE1")
    keys = data(PatientID="FILTER*")
    service.subscribe(FILTERED_SUBSCRIPTION, WATCHER, deletion_lock=False, matching_keys=keys)
    later, later_other = study(patient_id="FILTER2"), study(patient_id="ELSE2")
    assert standing(store, later) is Subscription.NONE
    assert service.judge_candidates() == 2
    assert service.judge_candidates() == 0
    unlocked = [uid for uid in (matching, other, later, later_other) if standing(store, uid)]
    subscribed = [u for u in unlocked if standing(store, u) is Subscription.UNLOCKED]
    assert subscribed == [matching, later]
    assert events_of(store, later) == ["SCHEDULED"]


def test_what_waits_for_whoever_leaves_is_forgotten(service, store, study):
    uid = study()
    service.subscribe(uid, WATCHER, deletion_lock=True)
    service.unsubscribe(uid, WATCHER)
    assert events_of(store, uid) == []


def test_an_event_whose_courier_died_is_taken_up_again(service, store, study, clock):
    uid = study()
    service.subscribe(uid, WATCHER, deletion_lock=False)
    (event,) = store.claim_events("dead", WATCHER, Channel.DIMSE, 10, 60)
    assert store.claim_events("other", WATCHER, Channel.DIMSE, 10, 60) == ()
    assert store.reap_events() == 0
    clock.advance(61)
    assert store.reap_events() == 1
    (again,) = store.claim_events("other", WATCHER, Channel.DIMSE, 10, 60)
    assert (again.event_id, again.attempts) == (event.event_id, 2)
    assert not store.event_delivered(event.event_id, "dead")
    assert store.event_delivered(event.event_id, "other")


def test_the_events_of_an_item_are_told_in_order_and_hold_up_no_other(service, store, study, clock):
    one, other = study(), study()
    for uid in (one, other):
        service.subscribe(uid, WATCHER, deletion_lock=False)
    claimed = store.claim_events("one", WATCHER, Channel.DIMSE, 1, 60)
    assert [event.work_item_uid for event in claimed] == [one]
    service.change_state(one, "IN PROGRESS", MINE, "READER")

    def due():
        found = store.claim_events("two", WATCHER, Channel.DIMSE, 10, 60)
        store.events_released([event.event_id for event in found], "two")
        return [event.work_item_uid for event in found]

    assert due() == [other], "the first is with another owner"
    later = clock() + timedelta(seconds=10)
    store.event_failed(claimed[0].event_id, "one", "busy", next_attempt_at=later)
    assert due() == [other], "the first rests"
    clock.advance(10)
    assert due() == [one, other, one]
    store.claim_events("one", WATCHER, Channel.DIMSE, 1, 60)
    store.event_failed(claimed[0].event_id, "one", "refused", next_attempt_at=None)
    assert due() == [other, one], "the first was given up"
