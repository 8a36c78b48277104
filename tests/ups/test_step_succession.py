"""A reader who cancels a study has not read it: it goes on standing where it stood."""

from __future__ import annotations

import dataclasses

import pytest
from pydicom.uid import generate_uid

from tests.factories import DIGEST, Clock, make_analysis, make_facts, record
from tests.ups.steps import data, make_cancellation, make_pushed_step, make_results
from triage.conclude import place_standing
from triage.settings import DecisionSettings, Peer, default_settings
from triage.store import Channel, Placement, Store
from triage.uids import next_work_item_uid, work_item_uid
from triage.ups.service import StepService
from triage.ups.subscriptions import GLOBAL_SUBSCRIPTION
from triage.values import Decision, Mode, Outcome, ReadingClass, StepState

STUDIES = ("1.2.1", "1.2.2", "1.2.3")
ITEM = work_item_uid("1.2.2")
NEXT = next_work_item_uid(ITEM)
RAISED = ReadingClass.SUSPECTED_ABNORMAL


@pytest.fixture
def store(tmp_path):
    """Return a store with three studies that have come one after the other."""
    clock = Clock()
    with Store.open(tmp_path / "state", clock) as opened:
        for uid in STUDIES:
            record(opened, make_facts(uid, patient_name="Roe^Jane"), content=uid)
            clock.advance(60)
        yield opened


@pytest.fixture
def settings(store):
    """Return the settings of a site that lets results have effect, with one watcher."""
    return dataclasses.replace(
        default_settings(store.state_folder),
        decision=DecisionSettings(mode=Mode.DEMOTE),
        peers=(Peer("watcher", "WATCHER", "127.0.0.1", 104),),
    )


@pytest.fixture
def service(store, settings):
    """Return the service."""
    return StepService(store, settings)


def claim(service, uid=ITEM):
    mine = generate_uid()
    assert service.change_state(uid, "IN PROGRESS", mine, "READER").status == 0
    return mine


def cancel(service, uid=ITEM):
    mine = claim(service, uid)
    give_up(service, mine, uid)


def give_up(service, mine, uid=ITEM):
    assert service.update(uid, make_cancellation(), mine, "READER").status == 0
    assert service.change_state(uid, "CANCELED", mine, "READER").status == 0


def decide(store, outcome, placed, study="1.2.2"):
    """Let a result come in."""
    for image in store.claim_images("w", 10, 60):
        assert store.finish_image(image.instance_id, "w", make_analysis(), "")
    store.association_released([study])
    assert store.record_decision(
        store.snapshot(study),
        Decision(outcome, placed, ("because",), ("spondylosis",) * (outcome is Outcome.ABNORMAL)),
        Placement(placed, ("because",), outcome),
        None,
        mode=Mode.DEMOTE,
        spared=False,
        bundle_digest=DIGEST,
        destinations=(),
    )


def order(store):
    ranked, _ = listed(store)
    return ranked


def listed(store):
    entries = sorted(store.worklist_entries(), key=lambda one: (one.reading_class, one.arrived_at))
    return [one.study_instance_uid for one in entries], entries


def test_a_cancelled_study_stands_where_it_stood_under_a_new_step(service, store):
    before = store.worklist_entry(ITEM)
    cancel(service)
    assert order(store) == list(STUDIES)
    after = store.worklist_entry(NEXT)
    assert (after.step_state, after.claimed_by) == (StepState.SCHEDULED, "")
    for name in ("arrived_at", "reading_class", "reasons", "patient_name", "image_count"):
        assert getattr(after, name) == getattr(before, name)


def test_a_cancelled_step_is_over_and_still_found_with_all_that_it_was_about(service):
    before = service.retrieve(ITEM).dataset
    cancel(service)
    ended = service.retrieve(ITEM).dataset
    assert ended.ProcedureStepState == "CANCELED"
    for keyword in ("PatientName", "StudyInstanceUID", "InputInformationSequence"):
        assert ended[keyword] == before[keyword]
    (progress,) = ended.ProcedureStepProgressInformationSequence
    assert progress.ReasonForCancellation == "called away"
    found = service.search(data(StudyInstanceUID="1.2.2", ProcedureStepState=""))
    assert [one.ProcedureStepState for one in found.items] == ["SCHEDULED", "CANCELED"]


def test_a_new_step_knows_nothing_of_the_claim_and_what_was_set_before_it(service):
    assert service.update(ITEM, data(ProcedureStepLabel="Hip first"), "", "READER").status == 0
    mine = claim(service)
    assert service.update(ITEM, make_results(), mine, "READER").status == 0
    give_up(service, mine)
    item = service.retrieve(NEXT).dataset
    assert item.ProcedureStepLabel == "Hip first"
    assert not item.get("ProcedureStepProgressInformationSequence")
    assert not item.get("UnifiedProcedureStepPerformedProcedureSequence")
    assert service.change_state(NEXT, "COMPLETED", mine, "READER").status == 0xC310


def test_a_study_is_cancelled_again_and_then_read(service, store):
    cancel(service)
    cancel(service, NEXT)
    last = next_work_item_uid(NEXT)
    mine = claim(service, last)
    assert service.update(last, make_results(), mine, "READER").status == 0
    assert service.change_state(last, "COMPLETED", mine, "READER").status == 0
    assert order(store) == ["1.2.1", "1.2.3"]
    states = [line.state_after.value for line in store.study("1.2.2").step_changes]
    unread = ["SCHEDULED", "IN PROGRESS", "CANCELED"]
    assert states == [*unread, *unread, "SCHEDULED", "IN PROGRESS", "COMPLETED"]


def test_whoever_watches_everything_hears_of_the_end_and_of_the_new_step(service, store):
    service.subscribe(GLOBAL_SUBSCRIPTION, "WATCHER", deletion_lock=True)
    mine = claim(service)
    assert service.update(ITEM, make_cancellation(), mine, "READER").status == 0
    store.claim_events("test", "WATCHER", Channel.DIMSE, 100, 60)
    assert service.change_state(ITEM, "CANCELED", mine, "READER").status == 0
    told = store.claim_events("test", "WATCHER", Channel.DIMSE, 100, 60)
    states = [(one.work_item_uid, one.information["00741000"]["Value"][0]) for one in told]
    assert sorted(states) == sorted([(ITEM, "CANCELED"), (NEXT, "SCHEDULED")])


def test_a_priority_that_a_person_has_set_outlives_the_cancelled_step(service, store):
    asked = data(ScheduledProcedureStepPriority="LOW")
    assert service.update(ITEM, asked, "", "READER").status == 0
    cancel(service)
    entry = store.worklist_entry(NEXT)
    assert (entry.held_by, entry.reading_class) == ("READER", ReadingClass.LIKELY_NORMAL)
    decide(store, Outcome.ABNORMAL, RAISED)
    assert store.worklist_entry(NEXT).reading_class is ReadingClass.LIKELY_NORMAL


@pytest.mark.parametrize("way", ["cancelled", "given back"])
@pytest.mark.parametrize("paused", [False, True], ids=["", "paused"])
def test_a_result_that_came_while_a_study_was_open_counts_once_it_is_not(
    service, store, settings, way, paused
):
    mine = claim(service)
    decide(store, Outcome.ABNORMAL, RAISED)
    assert store.worklist_entry(ITEM).reading_class is ReadingClass.ROUTINE
    if paused:
        store.pause("a test")
    if way == "cancelled":
        give_up(service, mine)
    else:
        assert service.give_back(ITEM, "READER").status == 0
    entry = store.worklist_entry(NEXT if way == "cancelled" else ITEM)
    assert entry.outcome is Outcome.ABNORMAL
    assert entry.reading_class is (ReadingClass.ROUTINE if paused else RAISED)
    store.resume(lambda stands: place_standing(settings, stands))
    assert order(store) == ["1.2.2", "1.2.1", "1.2.3"]


def test_what_was_raised_early_stays_raised_until_it_is_decided(service, store):
    decision = Placement(RAISED, ("because",), Outcome.ABNORMAL)
    store.record_examined(store.snapshot("1.2.2"), decision, DIGEST, "")
    cancel(service)
    assert store.worklist_entry(NEXT).reading_class is RAISED
    assert "1.2.2" in store.studies_to_examine(), "and it is looked at again"


def test_results_and_late_images_reach_the_study_under_its_new_step(service, store):
    cancel(service)
    record(store, make_facts("1.2.2", instance="1.2.2.2"), content="late")
    decide(store, Outcome.ABNORMAL, RAISED)
    entry = store.worklist_entry(NEXT)
    assert (entry.reading_class, entry.image_count) == (RAISED, 2)
    assert [line.class_after for line in store.study("1.2.2").priority_changes][-1] is RAISED


def test_what_another_system_has_pushed_is_over_when_its_reader_cancels_it(service, store):
    pushed = generate_uid()
    assert service.create(pushed, make_pushed_step(), "PUSHER").status in {0, 0xB300}
    cancel(service, pushed)
    assert len(store.worklist_entries()) == len(STUDIES)
