"""Recording instances: studies open, grow, and are never lowered by what is not known."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError

from tests.factories import DIGEST, URGENT, make_analysis, make_facts, make_report, record
from triage.store import Arrival, Placement, StoredFile
from triage.values import (
    Decision,
    ImageState,
    Mode,
    Outcome,
    Priority,
    ReadingClass,
    StudyState,
)


def only_entry(store):
    (entry,) = store.worklist_entries()
    return entry


def decide(store, reading_class, outcome=Outcome.LIKELY_NORMAL, **options):
    decision = Decision(outcome, reading_class, ("because",))
    return store.record_decision(
        store.snapshot("1.2.1"),
        decision,
        Placement(reading_class, ("because",), outcome),
        options.get("report"),
        mode=Mode.DEMOTE,
        spared=False,
        bundle_digest=DIGEST,
        destinations=options.get("destinations", ()),
    )


def finish_all(store, raw=-5.0):
    for image in store.claim_images("w", 10, 60):
        assert store.finish_image(image.instance_id, "w", make_analysis(raw), "")


def complete(store, clock):
    clock.advance(20)
    assert store.close_quiet(10) == ("1.2.1",)


def test_the_first_image_opens_a_study_at_medium_priority(store):
    receipt = record(store, make_facts(patient_name="Doe^Jane", accession_number="A1"))
    entry = only_entry(store)
    assert receipt.kind == "new"
    assert (entry.study_state, entry.priority) == (StudyState.ARRIVING, Priority.MEDIUM)
    assert (entry.patient_name, entry.accession_number) == ("Doe^Jane", "A1")
    assert entry.arrived_at == store.clock()


def test_an_urgent_order_is_high_from_the_start(store):
    record(store, make_facts(**URGENT))
    assert only_entry(store).reading_class is ReadingClass.URGENT_ORDER


def test_a_later_urgent_image_makes_the_study_urgent(store):
    record(store)
    record(store, make_facts(instance="1.2.1.2", **URGENT))
    assert only_entry(store).reading_class is ReadingClass.URGENT_ORDER


def test_the_same_bytes_again_change_nothing(store):
    record(store)
    before = store.snapshot("1.2.1").changes
    assert record(store).kind == "duplicate"
    assert store.snapshot("1.2.1").changes == before
    assert only_entry(store).image_count == 1


def test_several_instances_are_recorded_together_each_with_its_own_outcome(store):
    record(store)
    known = store.study("1.2.1").instances[0]
    arrivals = [
        Arrival(facts, StoredFile(f"spool/{number}.dcm", 1, sha256), ImageState.QUEUED)
        for number, (facts, sha256) in enumerate(
            (
                (make_facts(), known.sha256),
                (make_facts(instance="1.2.1.2"), "b" * 64),
                (make_facts(instance="1.2.1.2"), "c" * 64),
                (make_facts("1.2.2", "1.2.2.1"), "d" * 64),
            )
        )
    ]
    receipts = store.record_instances(arrivals)
    assert [(one.kind, one.version, one.takes_file) for one in receipts] == [
        ("duplicate", 1, False),
        ("new", 1, True),
        ("new-version", 2, True),
        ("new", 1, True),
    ]
    assert [entry.study_instance_uid for entry in store.worklist_entries()] == ["1.2.1", "1.2.2"]


def test_of_a_group_that_fails_nothing_is_recorded(store):
    good = Arrival(make_facts(), StoredFile("spool/1.dcm", 1, "a" * 64), ImageState.QUEUED)
    twin = Arrival(
        make_facts(instance="1.2.1.2"), StoredFile("spool/1.dcm", 1, "b" * 64), ImageState.QUEUED
    )
    with pytest.raises(IntegrityError):
        store.record_instances([good, twin])
    assert store.study("1.2.1") is None


def test_the_same_bytes_restore_a_file_that_is_gone(store):
    record(store)
    (lost,) = store.study("1.2.1").instances
    (store.state_folder / lost.path).unlink()
    before = store.snapshot("1.2.1").changes
    receipt = record(store, content="a")
    assert (receipt.kind, receipt.version, receipt.takes_file) == ("restored", 1, True)
    (restored,) = store.study("1.2.1").instances
    assert (store.state_folder / restored.path).exists()
    assert store.snapshot("1.2.1").changes == before


def test_an_image_that_was_set_aside_is_analysed_when_its_lost_file_comes_again(store):
    record(store)
    (claimed,) = store.claim_images("w", 1, 60)
    store.fail_image(claimed.instance_id, "w", "the file is gone", maximum_attempts=1)
    (lost,) = store.study("1.2.1").instances
    (store.state_folder / lost.path).unlink()
    assert record(store, content="a").kind == "new-version"
    assert len(store.claim_images("w", 1, 60)) == 1


def test_other_bytes_under_a_known_uid_become_the_next_version(store):
    record(store, content="a")
    receipt = record(store, content="b")
    history = store.study("1.2.1").instances
    assert (receipt.kind, receipt.version) == ("new-version", 2)
    assert [(one.version, one.superseded) for one in history] == [(1, True), (2, False)]
    assert history[0].state is ImageState.SET_ASIDE
    assert [one.path for one in store.claim_images("w", 9, 60)] == [history[1].path]
    assert only_entry(store).image_count == 1


def test_a_later_image_fills_what_the_first_lacked_and_empties_nothing(store):
    record(store, make_facts(patient_id="P1"))
    record(store, make_facts(instance="1.2.1.2", accession_number="A1"))
    entry = only_entry(store)
    assert (entry.patient_id, entry.accession_number) == ("P1", "A1")


def test_an_object_that_is_no_image_opens_no_study_and_reopens_none(store, clock):
    record(store, make_facts(instance="1.2.1.5"), state=ImageState.HEADER_ONLY)
    assert store.worklist_entries() == ()
    record(store)
    finish_all(store)
    complete(store, clock)
    assert decide(store, ReadingClass.LIKELY_NORMAL)
    record(store, make_facts(instance="1.2.1.6"), state=ImageState.HEADER_ONLY)
    assert only_entry(store).study_state is StudyState.DECIDED


def test_a_late_image_reopens_a_lowered_study_and_puts_it_back_at_once(store, clock):
    record(store)
    finish_all(store)
    complete(store, clock)
    assert decide(store, ReadingClass.LIKELY_NORMAL)
    assert only_entry(store).priority is Priority.LOW
    record(store, make_facts(instance="1.2.1.2"))
    entry = only_entry(store)
    assert (entry.study_state, entry.priority) == (StudyState.ARRIVING, Priority.MEDIUM)
    ledger = store.study("1.2.1").priority_changes
    assert [change.class_after.name for change in ledger] == ["ROUTINE", "LIKELY_NORMAL", "ROUTINE"]


def test_a_late_image_leaves_a_raised_study_raised(store, clock):
    record(store)
    finish_all(store)
    complete(store, clock)
    assert decide(store, ReadingClass.SUSPECTED_ABNORMAL, Outcome.ABNORMAL)
    record(store, make_facts(instance="1.2.1.2"))
    assert only_entry(store).reading_class is ReadingClass.SUSPECTED_ABNORMAL


def test_a_study_is_complete_after_the_quiet_time_and_not_before(store, clock):
    record(store)
    clock.advance(9.9)
    assert store.close_quiet(10) == ()
    clock.advance(0.2)
    assert store.close_quiet(10) == ("1.2.1",)
    assert store.close_quiet(10) == ()


def test_every_image_starts_the_quiet_time_anew(store, clock):
    record(store)
    clock.advance(9)
    record(store, make_facts(instance="1.2.1.2"))
    clock.advance(9)
    assert store.close_quiet(10) == ()


def test_a_released_association_completes_its_studies_and_no_others(store):
    record(store)
    record(store, make_facts("1.2.2"))
    store.association_released(["1.2.1", "1.2.99"])
    states = {one.study_instance_uid: one.study_state for one in store.worklist_entries()}
    assert states == {"1.2.1": StudyState.COMPLETE, "1.2.2": StudyState.ARRIVING}


def test_a_decision_is_not_written_when_the_study_has_grown_meanwhile(store, clock):
    record(store)
    finish_all(store)
    complete(store, clock)
    seen = store.snapshot("1.2.1")
    record(store, make_facts(instance="1.2.1.2"))
    decision = Decision(Outcome.LIKELY_NORMAL, ReadingClass.LIKELY_NORMAL, ("because",))
    placement = Placement(decision.reading_class, decision.reasons, decision.outcome)
    written = store.record_decision(
        seen,
        decision,
        placement,
        make_report(store),
        mode=Mode.DEMOTE,
        spared=False,
        bundle_digest=DIGEST,
        destinations=["pacs"],
    )
    record_now = store.study("1.2.1")
    assert not written
    assert (record_now.decisions, record_now.deliveries) == ((), ())
    assert only_entry(store).priority is Priority.MEDIUM


def test_a_decision_is_written_once(store, clock):
    record(store)
    finish_all(store)
    complete(store, clock)
    seen = store.snapshot("1.2.1")
    assert decide(store, ReadingClass.ROUTINE, report=make_report(store), destinations=["a", "b"])
    assert store.snapshot("1.2.1").state is StudyState.DECIDED
    history = store.study("1.2.1")
    assert [one.destination for one in history.deliveries] == ["a", "b"]
    assert only_entry(store).report_uids == ("2.25.7",)
    store.record_examined(seen, None)
    assert store.studies_to_examine() == ()


def test_a_report_of_ours_is_recognised_under_every_uid_it_was_stored_as(store, clock):
    record(store)
    finish_all(store)
    complete(store, clock)
    assert decide(store, ReadingClass.ROUTINE, report=make_report(store), destinations=["a"])
    (claimed,) = store.claim_deliveries("c", "a", 5, 60)
    store.delivery_stored(claimed.delivery_id, "c", 0, sop_instance_uid="2.25.70")
    reports = [
        record(store, make_facts(instance=uid), state=ImageState.HEADER_ONLY).kind
        for uid in ("2.25.7", "2.25.70", "2.25.71")
    ]
    assert reports == ["own-report", "own-report", "new"]


@pytest.mark.parametrize("paused_first", [True, False])
def test_the_brake_puts_everything_back_and_holds(store, clock, paused_first):
    record(store)
    finish_all(store)
    complete(store, clock)
    if not paused_first:
        assert decide(store, ReadingClass.LIKELY_NORMAL)
        assert store.pause("stop") == 1
        assert store.paused()
        entry = only_entry(store)
        assert (entry.priority, entry.reasons) == (Priority.MEDIUM, ("because",))
        assert store.study("1.2.1").priority_changes[-1].reason == "stop"
        return
    seen = store.snapshot("1.2.1")
    store.pause("stop")
    store.record_examined(seen, Placement(ReadingClass.SUSPECTED_ABNORMAL, ("x",), None))
    assert only_entry(store).priority is Priority.MEDIUM
    assert store.studies_to_examine() == ("1.2.1",)


def test_resuming_places_what_is_decided_and_looks_again_at_the_rest(store, clock):
    record(store)
    finish_all(store)
    complete(store, clock)
    assert decide(store, ReadingClass.LIKELY_NORMAL)
    store.pause("stop")
    record(store, make_facts("1.2.2"))
    store.record_examined(store.snapshot("1.2.2"), None)
    moved = store.resume(
        lambda stands: Placement(ReadingClass.LIKELY_NORMAL, stands.reasons, stands.outcome)
    )
    classes = {one.study_instance_uid: one.reading_class for one in store.worklist_entries()}
    assert moved == 1
    assert classes == {"1.2.1": ReadingClass.LIKELY_NORMAL, "1.2.2": ReadingClass.ROUTINE}
    assert store.studies_to_examine() == ("1.2.2",)
    assert not store.paused()


def test_arriving_studies_are_examined_before_complete_ones(store, clock):
    record(store, make_facts("1.2.1"))
    clock.advance(1)
    record(store, make_facts("1.2.2"))
    store.association_released(["1.2.1"])
    assert store.studies_to_examine() == ("1.2.2", "1.2.1")
    assert store.studies_to_examine(limit=1) == ("1.2.2",)


def test_a_study_loses_no_image_to_another_that_uses_the_same_uid(store):
    record(store, make_facts("1.2.1", "1.2.77"), content="a")
    receipt = record(store, make_facts("1.2.2", "1.2.77"), content="b")
    assert receipt.kind == "new"
    for study in ("1.2.1", "1.2.2"):
        (image,) = store.study(study).instances
        assert (image.superseded, image.state) == (False, ImageState.QUEUED)
    assert record(store, make_facts("1.2.1", "1.2.77"), content="a").kind == "duplicate"
    assert record(store, make_facts("1.2.2", "1.2.77"), content="b").kind == "duplicate"
