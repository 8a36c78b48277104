"""Watching work items: subscriptions, and event reports that the courier delivers."""

from __future__ import annotations

import pytest
from pydicom.uid import generate_uid

from tests.ups.site import (
    PUSH,
    WAIT_SECONDS,
    Watcher,
    act,
    change_state,
    claim,
    set_attributes,
)
from tests.ups.steps import code, data, make_pushed_step, make_results, progress
from tests.waiting import until
from triage.store import Channel
from triage.ups.service import StepService
from triage.ups.subscriptions import FILTERED_SUBSCRIPTION, GLOBAL_SUBSCRIPTION
from triage.values import StudyState

SUBSCRIBE, UNSUBSCRIBE, SUSPEND = 3, 4, 5
STATE, CANCEL, PROGRESS, RESTART, ASSIGNED = 1, 2, 3, 4, 5


@pytest.fixture
def watched(own_site, watchers):
    """Return a site with two watchers, whose listener and courier run."""
    site = own_site(*watchers)
    site.start("listener")
    site.start("courier")
    return site


def subscribe(association, uid, receiver="WATCH1", lock="FALSE", **keys):
    """Subscribe a watcher and return the status."""
    return act(association, SUBSCRIBE, uid, ReceivingAE=receiver, DeletionLock=lock, **keys)


def test_a_watcher_of_one_study_is_told_of_its_whole_life(watched, watchers):
    uid, mine = watched.receive_study(), generate_uid()
    other = watched.receive_study()
    with watched.associated(ae_title="WATCH1") as reader:
        assert subscribe(reader, uid) == 0x0000
        assert claim(reader, uid, mine) == 0x0000
        assert claim(reader, other, generate_uid()) == 0x0000
        percent = data(**progress(ProcedureStepProgress="50"))
        assert set_attributes(reader, uid, percent, mine) == 0x0000
        assert act(reader, 2, uid, PUSH, ReasonForCancellation="moved") == 0x0000
        assert set_attributes(reader, uid, make_results(), mine) == 0x0000
        assert change_state(reader, uid, "COMPLETED", mine) == 0x0000
    watchers[0].wait_for(lambda one: len(one.of(uid)) == 5, "the study's life")
    assert watchers[0].of(uid) == [
        (STATE, "SCHEDULED"),
        (STATE, "IN PROGRESS"),
        (PROGRESS, ""),
        (CANCEL, "WATCH1"),
        (STATE, "COMPLETED"),
    ]
    assert watchers[0].of(other) == []
    assert watchers[1].told == []


def test_everybody_who_watches_globally_hears_of_new_studies(watched, watchers):
    old = watched.receive_study()
    with watched.associated() as reader:
        assert subscribe(reader, GLOBAL_SUBSCRIPTION, lock="TRUE") == 0x0000
        assert subscribe(reader, GLOBAL_SUBSCRIPTION, "WATCH2") == 0x0000
        # With lock, every item is told at once; without, only what happens from now on.
        watchers[0].wait_for(lambda one: one.of(old) == [(STATE, "SCHEDULED")], "what there is")
        new = watched.receive_study()
        pushed = str(generate_uid())
        station = [code("WS1", "99TEST", "Workstation 1")]
        item = make_pushed_step(ScheduledStationNameCodeSequence=station)
        reader.send_n_create(item, PUSH, pushed, meta_uid=PUSH)
        for one in watchers:
            one.wait_for(lambda who: len(who.of(pushed)) == 2, "the pushed item")
            assert one.of(new) == [(STATE, "SCHEDULED")]
            assert [kind for kind, _ in one.of(pushed)] == [STATE, ASSIGNED]
        assert watchers[1].of(old) == []
        assert claim(reader, old, generate_uid()) == 0x0000
        watchers[1].wait_for(lambda one: one.of(old) == [(STATE, "IN PROGRESS")], "the claim")
        # Suspended: what there is stays watched, what comes is not.
        assert act(reader, SUSPEND, GLOBAL_SUBSCRIPTION, ReceivingAE="WATCH2") == 0x0000
        assert act(reader, UNSUBSCRIBE, GLOBAL_SUBSCRIPTION, ReceivingAE="WATCH1") == 0x0000
        later = watched.receive_study()
        assert claim(reader, new, generate_uid()) == 0x0000
        watchers[1].wait_for(lambda one: len(one.of(new)) == 2, "the claim of what there was")
        assert watchers[1].of(later) == []
        assert watchers[0].of(new) == [(STATE, "SCHEDULED")]


def test_a_filtered_watcher_hears_of_what_matches(watched, watchers):
    seen = watched.receive_study(patient_id="F1")
    unseen = watched.receive_study(patient_id="G1")
    with watched.associated() as reader:
        assert subscribe(reader, FILTERED_SUBSCRIPTION, lock="TRUE", PatientID="F*") == 0x0000
        watchers[0].wait_for(lambda one: one.of(seen) == [(STATE, "SCHEDULED")], "what matches")
    unseen_later = watched.receive_study(patient_id="G2")
    later = watched.receive_study(patient_id="F2")
    watchers[0].wait_for(lambda one: one.of(later) == [(STATE, "SCHEDULED")], "what came later")
    assert watchers[0].of(unseen) == watchers[0].of(unseen_later) == []
    with watched.store() as store:
        assert store.candidates(10) == ()
        assert store.subscription_of(later, "WATCH1") is True


def test_a_study_that_is_complete_is_ready_and_a_late_image_takes_that_back(watched, watchers):
    uid = watched.receive_study()
    with watched.associated() as reader:
        assert subscribe(reader, uid) == 0x0000
    with watched.store() as store:
        store.close_quiet(0.0)
        assert store.worklist_entry(uid).study_state is not StudyState.ARRIVING
    watchers[0].wait_for(lambda one: len(one.of(uid)) == 2, "the study is ready")
    ready = [info.InputReadinessState for _, kind, info in watchers[0].told if kind == STATE]
    assert ready == ["INCOMPLETE", "READY"]


def test_who_cannot_be_told_or_what_cannot_be_watched_is_refused(watched):
    uid = watched.receive_study()
    with watched.associated() as reader:
        assert subscribe(reader, uid, "NOBODY") == 0xC308
        assert subscribe(reader, uid, "") == 0xC308
        assert act(reader, UNSUBSCRIBE, uid, ReceivingAE="NOBODY") == 0xC308
        assert subscribe(reader, "1.2.3.4") == 0xC307
        assert act(reader, UNSUBSCRIBE, "1.2.3.4", ReceivingAE="WATCH1") == 0xC307
        assert act(reader, SUSPEND, uid, ReceivingAE="WATCH1") == 0xC314
        assert act(reader, 1, GLOBAL_SUBSCRIPTION, ProcedureStepState="COMPLETED") == 0xC314
        assert act(reader, 2, GLOBAL_SUBSCRIPTION, ReasonForCancellation="x") == 0xC314
        assert subscribe(reader, uid, lock="MAYBE") == 0x0115
        assert act(reader, UNSUBSCRIBE, uid, ReceivingAE="WATCH1") == 0x0000
    with watched.store() as store:
        assert store.watchers() == ()


def test_a_watcher_that_is_away_misses_nothing_and_hears_nothing_twice(own_site, watchers):
    site = own_site(*watchers)
    watchers[0].stop()
    site.start("listener")
    site.start("courier")
    uid, mine = site.receive_study(), generate_uid()
    with site.associated() as reader:
        for receiver in ("WATCH1", "WATCH2"):
            assert subscribe(reader, uid, receiver) == 0x0000
        assert claim(reader, uid, mine) == 0x0000
        watchers[1].wait_for(lambda one: len(one.of(uid)) == 2, "the one that is there")
        with site.store() as store:
            (waiting, _) = store.watchers()
            assert (waiting.ae_title, waiting.waiting) == ("WATCH1", 2)
            until(lambda: store.watchers()[1].waiting == 0, "its acknowledgement is recorded")
        # The courier is killed, and what waited is still there.
        site.kill("courier")
        assert set_attributes(reader, uid, make_results(), mine) == 0x0000
        assert change_state(reader, uid, "COMPLETED", mine) == 0x0000
    watchers[0].start()
    site.start("courier")
    for one in watchers:
        one.wait_for(lambda who: len(who.of(uid)) == 3, "everything")
        assert [state for _, state in one.of(uid)] == ["SCHEDULED", "IN PROGRESS", "COMPLETED"]
        one.wait_for(lambda who: who.of(GLOBAL_SUBSCRIPTION), "the restart")
    with site.store() as store:
        until(lambda: {one.waiting for one in store.watchers()} == {0}, "nothing waits")
    assert watchers[0].of(GLOBAL_SUBSCRIPTION) == [(RESTART, "RESTARTED")]
    (restart,) = (info for uid, _, info in watchers[0].told if uid == GLOBAL_SUBSCRIPTION)
    assert restart.SubscriptionListStatus == "WARM START"


def test_a_courier_that_is_killed_with_an_event_in_hand_holds_nobody_up(own_site, watchers):
    site = own_site(*watchers, lease_seconds=3600)
    uid = site.receive_study()
    watchers[0].answers.clear()
    with site.store() as store:
        service = StepService(store, site.settings)
        service.subscribe(uid, "WATCH1", deletion_lock=False)
        site.start("courier")
        assert watchers[0].heard.wait(WAIT_SECONDS)
        site.kill("courier")
        service.change_state(uid, "IN PROGRESS", generate_uid(), "READER")
    watchers[0].answers.set()
    site.start("courier")
    watchers[0].wait_for(lambda one: (STATE, "IN PROGRESS") in one.of(uid), "what comes after")
    # Its acknowledgement was lost, so the first may come twice; never after the second.
    assert watchers[0].of(uid)[-2:] == [(STATE, "SCHEDULED"), (STATE, "IN PROGRESS")]


def test_an_event_that_is_refused_is_tried_again_and_then_given_up(own_site, watchers):
    site = own_site(*watchers)
    site.start("listener")
    site.start("courier")
    uid = site.receive_study()
    watchers[0].statuses += [0x0110, 0x0110]
    with site.associated() as reader:
        assert subscribe(reader, uid) == 0x0000
        watchers[0].wait_for(lambda one: len(one.of(uid)) == 1, "told at the third try")
        watchers[0].statuses += [0x0113] * 3
        assert claim(reader, uid, generate_uid()) == 0x0000
    with site.store() as store:
        until(lambda: store.watchers()[0].dead == 1, "the event is given up")
        assert store.revive_events("WATCH1") == 1
    watchers[0].wait_for(lambda one: len(one.of(uid)) == 2, "told after `triage retry`")


def test_a_watcher_that_was_taken_out_of_the_configuration_can_still_leave(own_site, watchers):
    stranger = Watcher("STRANGER")
    site = own_site(*watchers)
    uid = site.receive_study()
    with site.store() as store:
        store.subscribe_all(stranger.ae_title, Channel.DIMSE, deletion_lock=False)
    site.start("listener")
    with site.associated() as reader:
        assert subscribe(reader, uid, "STRANGER") == 0xC308
        gone = act(reader, UNSUBSCRIBE, GLOBAL_SUBSCRIPTION, ReceivingAE="STRANGER")
        assert gone == 0x0000
    with site.store() as store:
        assert store.watchers() == ()
