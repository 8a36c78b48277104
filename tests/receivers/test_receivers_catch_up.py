"""What a new receiver is told of studies that were moved before it came, and what it is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.factories import DIGEST, URGENT
from tests.receivers.site import HOUR, ScriptedReceiver
from triage.clock import _adopt_mode, _note_overdue
from triage.settings import DecisionSettings, SiteMode
from triage.store import StepChange
from triage.uids import work_item_uid
from triage.values import Mode, Outcome, ReadingClass, StepState

CAP = 4 * HOUR


def add(site, receiver):
    """Configure one more receiver, and start the program again."""
    site.receivers[receiver.name] = receiver
    site.store.close()
    site.start()


def claim(site, study):
    """Have a reader open a study on our own list."""
    uid = work_item_uid(study)
    version = site.store.worklist_entry(uid).version
    change = StepChange("READER", state=StepState.IN_PROGRESS, transaction_uid="1.2.3")
    assert site.store.change_step(uid, version, change)


def test_a_new_receiver_is_told_how_the_open_studies_stand(site, receiver):
    site.study("1.2.1", Outcome.ABNORMAL)
    site.study("1.2.2", Outcome.LIKELY_NORMAL)
    site.study("1.2.3", Outcome.INDETERMINATE)
    site.study("1.2.4", Outcome.ABNORMAL, **URGENT)
    site.study("1.2.5")
    site.carry()
    late = ScriptedReceiver("late", shown=dict.fromkeys(receiver.shown, "MEDIUM"))
    add(site, late)
    site.carry("late")
    assert late.writes == [("1.2.1", "HIGH"), ("1.2.2", "LOW")]
    (change,) = site.changes("1.2.1", "late")
    assert (change.bundle_digest, change.threshold) == (DIGEST, "spondylosis=1.25")
    assert change.change_id == site.store.study("1.2.1").priority_changes[-1].change_id
    assert len(receiver.writes) == 2, "whoever knew already is not told again"


def test_a_new_receiver_is_told_once_however_often_the_program_starts(site):
    site.study("1.2.1", Outcome.ABNORMAL)
    late = ScriptedReceiver("late", shown={"1.2.1": "MEDIUM"}, away=True)
    add(site, late)
    site.carry("late")
    add(site, late)
    late.away = False
    site.clock.advance(HOUR)
    site.carry("late")
    assert late.writes == [("1.2.1", "HIGH")]
    assert site.states("1.2.1", "late") == ["confirmed"]


def test_what_a_reader_has_opened_or_read_is_not_moved_at_a_new_receiver(site):
    for study in ("1.2.1", "1.2.2"):
        site.study(study, Outcome.ABNORMAL)
        claim(site, study)
    uid = work_item_uid("1.2.2")
    version = site.store.worklist_entry(uid).version
    assert site.store.change_step(uid, version, StepChange("READER", state=StepState.COMPLETED))
    add(site, ScriptedReceiver("late", shown={"1.2.1": "MEDIUM", "1.2.2": "MEDIUM"}))
    assert site.changes("1.2.1", "late") == site.changes("1.2.2", "late") == []


def test_under_the_brake_a_new_receiver_is_told_nothing(site):
    site.study("1.2.1", Outcome.ABNORMAL)
    site.revert()
    add(site, ScriptedReceiver("late", shown={"1.2.1": "MEDIUM"}))
    assert site.changes("1.2.1", "late") == []


def test_a_receiver_that_is_configured_again_is_told_what_it_missed(site, receiver):
    site.study("1.2.1", Outcome.ABNORMAL)
    site.carry()
    site.store.know_receivers([])
    site.study("1.2.2", Outcome.ABNORMAL)
    site.revert()
    site.resume()
    site.store.know_receivers(["scripted"])
    site.carry()
    assert receiver.shown == {"1.2.1": "HIGH", "1.2.2": "HIGH"}
    assert receiver.writes.count(("1.2.2", "HIGH")) == 1


def test_a_study_that_was_cancelled_unread_is_told_with_its_model_all_the_same(site):
    site.study("1.2.1", Outcome.ABNORMAL)
    claim(site, "1.2.1")
    uid = work_item_uid("1.2.1")
    version = site.store.worklist_entry(uid).version
    cancelled = StepChange("READER", state=StepState.CANCELED, successor={})
    assert site.store.change_step(uid, version, cancelled)
    late = ScriptedReceiver("late", shown={"1.2.1": "MEDIUM"})
    add(site, late)
    site.carry("late")
    assert late.writes == [("1.2.1", "HIGH")]
    assert site.changes("1.2.1", "late")[0].bundle_digest == DIGEST


@pytest.fixture
def two_sites(site):
    """Return a site of two, one of which is in shadow mode, with a study of each at the cap."""
    modes = (SiteMode("QUIET", Mode.SHADOW),)
    site.settings = replace(site.settings, decision=DecisionSettings(Mode.DEMOTE, sites=modes))
    site.study("1.2.1", institution_name="QUIET")
    site.study("1.2.2", institution_name="LOUD")
    site.clock.advance(CAP)
    return site


def test_the_cap_raises_nothing_at_receivers_of_a_site_in_shadow_mode(two_sites, receiver):
    site = two_sites
    for _ in range(2):
        _note_overdue(site.store, site.settings)
    site.carry()
    assert receiver.writes == [("1.2.2", "HIGH")]
    (_, line) = site.store.study("1.2.1").priority_changes
    assert (line.class_after, line.by) == (ReadingClass.SUSPECTED_ABNORMAL, "cap")
    assert "shadow" in line.reason
    late = ScriptedReceiver("late", shown=dict.fromkeys(receiver.shown, "MEDIUM"))
    add(site, late)
    site.carry("late")
    assert late.writes == [("1.2.2", "HIGH")], "nor at one that is new"


def test_a_site_that_climbs_the_ladder_takes_its_waiting_studies_along_and_down_again(
    two_sites, receiver
):
    site = two_sites

    def look(*modes):
        decision = DecisionSettings(Mode.DEMOTE, sites=modes)
        site.settings = replace(site.settings, decision=decision)
        for _ in range(2):  # the clock starts twice under the same mode: nothing is told twice
            site.clock.advance(1)
            _adopt_mode(site.store, site.settings)
            _note_overdue(site.store, site.settings)
        site.carry()
        return receiver.shown

    quiet = SiteMode("QUIET", Mode.SHADOW)
    assert look(quiet) == {"1.2.1": "MEDIUM", "1.2.2": "HIGH"}
    assert look() == {"1.2.1": "HIGH", "1.2.2": "HIGH"}
    assert look(quiet) == {"1.2.1": "MEDIUM", "1.2.2": "HIGH"}
    assert receiver.writes == [("1.2.2", "HIGH"), ("1.2.1", "HIGH"), ("1.2.1", "MEDIUM")]
    lines = site.store.study("1.2.1").priority_changes
    assert [line.by for line in lines] == ["order", "cap", "mode", "cap", "mode", "cap"]
