"""What readers, pushers, orders and persons do to a line of the list, and what then stays."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from tests.factories import DIGEST, URGENT, make_analysis, make_facts, record
from triage.store import (
    NewStep,
    OrderedStudies,
    OrderWord,
    Placement,
    StepChange,
    StepSubject,
)
from triage.uids import work_item_uid
from triage.values import (
    Decision,
    Mode,
    OrderPriority,
    Outcome,
    ReadingClass,
    StepState,
    StudyState,
)

ITEM = work_item_uid("1.2.1")
CAP = 3600.0
CLASS_OF = {
    Outcome.ABNORMAL: ReadingClass.SUSPECTED_ABNORMAL,
    Outcome.LIKELY_NORMAL: ReadingClass.LIKELY_NORMAL,
}


def placing(stands):
    """Place a decided study as a site in mode demote does."""
    order = stands.order_priority
    placed = order.reading_class if order.urgent else CLASS_OF[stands.outcome]
    return Placement(placed, stands.reasons, stands.outcome)


def decide(store, outcome=Outcome.LIKELY_NORMAL, study="1.2.1"):
    """Analyse, complete and decide a study."""
    for image in store.claim_images("w", 10, 60):
        assert store.finish_image(image.instance_id, "w", make_analysis(), "")
    store.association_released([study])
    snapshot = store.snapshot(study)
    assert snapshot.state is StudyState.COMPLETE
    placed = CLASS_OF[outcome]
    assert store.record_decision(
        snapshot,
        Decision(outcome, placed, ("because",)),
        Placement(placed, ("because",), outcome),
        None,
        mode=Mode.DEMOTE,
        spared=False,
        bundle_digest=DIGEST,
        destinations=(),
        threshold="spondylosis=1.25",
    )


def entry_of(store, item=ITEM):
    return store.worklist_entry(item)


def claim(store, item=ITEM, by="READER1"):
    change = StepChange(by=by, state=StepState.IN_PROGRESS, transaction_uid="2.25.99")
    assert store.change_step(item, store.step(item).version, change)


def finish(store, state=StepState.COMPLETED, item=ITEM):
    assert store.change_step(item, store.step(item).version, StepChange("READER1", state=state))


def hold(store, reading_class, item=ITEM, by="Dr Who"):
    assert store.hold_priority(item, reading_class, by, entry_of(store, item).version)


def classes_told(store):
    """Return the ledger as pairs of the class after a change and its mover."""
    return [(one.class_after, one.by) for one in store.changes_since(0)]


def test_a_new_study_is_scheduled_and_nobody_has_opened_it(store):
    record(store)
    step = store.step(ITEM)
    assert (step.state, step.transaction_uid, step.claimed_by) == (StepState.SCHEDULED, "", "")
    assert (step.study_instance_uid, step.attributes, step.version) == ("1.2.1", {}, 1)
    assert not entry_of(store).opened
    assert store.step("2.25.1") is None


def test_a_claim_names_the_reader_and_the_time(store, clock):
    record(store)
    clock.advance(60)
    claim(store)
    step, entry = store.step(ITEM), entry_of(store)
    assert (step.state, step.transaction_uid) == (StepState.IN_PROGRESS, "2.25.99")
    assert (entry.claimed_by, entry.claimed_at, entry.opened) == ("READER1", clock(), True)
    assert [(one.state_before, one.state_after, one.by) for one in store.step_changes(ITEM)] == [
        (None, StepState.SCHEDULED, "order"),
        (StepState.SCHEDULED, StepState.IN_PROGRESS, "READER1"),
    ]


def test_of_two_claims_of_one_version_only_the_first_is_taken(store):
    record(store)
    version = store.step(ITEM).version
    first = StepChange("READER1", state=StepState.IN_PROGRESS, transaction_uid="2.25.1")
    second = StepChange("READER2", state=StepState.IN_PROGRESS, transaction_uid="2.25.2")
    assert store.change_step(ITEM, version, first)
    assert not store.change_step(ITEM, version, second)
    assert store.step(ITEM).claimed_by == "READER1"
    assert not store.change_step("2.25.404", 1, first)


def test_attributes_are_kept_and_every_change_counts(store):
    record(store)
    said = {"00741204": {"vr": "LO", "Value": ["Read me"]}}
    assert store.change_step(ITEM, 1, StepChange("PUSHER", attributes=said))
    step = store.step(ITEM)
    assert (step.attributes, step.version, step.state) == (said, 2, StepState.SCHEDULED)
    assert store.change_step(ITEM, 2, StepChange("PUSHER"))
    assert store.step(ITEM).attributes == said


def test_a_claim_without_transaction_uid_is_refused_by_the_database(store):
    record(store)
    with pytest.raises(IntegrityError):
        store.change_step(ITEM, 1, StepChange("READER1", state=StepState.IN_PROGRESS))
    assert store.step(ITEM).state is StepState.SCHEDULED


@pytest.mark.parametrize("state", [StepState.COMPLETED, StepState.CANCELED])
def test_what_has_ended_leaves_the_open_list_and_is_still_found(store, clock, state):
    record(store)
    claim(store)
    clock.advance(30)
    finish(store, state)
    assert store.worklist_entries() == ()
    assert store.reading_window(clock(), CAP, limit=9).total == 0
    assert store.step(ITEM).ended_at == clock()
    ranked = store.ranked_entry(ITEM, clock() + timedelta(days=9), CAP)
    assert (ranked.position, ranked.entry.step_state) == (0, state)
    assert ranked.waited_seconds == 30
    assert store.study("1.2.1").entry.opened


@pytest.mark.parametrize("open_it", [claim, lambda store: hold(store, ReadingClass.ROUTINE)])
def test_a_result_does_not_move_what_a_person_has_opened_or_placed(store, open_it):
    record(store)
    open_it(store)
    decide(store)
    entry = entry_of(store)
    assert entry.reading_class is ReadingClass.ROUTINE
    assert (entry.outcome, entry.reasons) == (Outcome.LIKELY_NORMAL, ("because",))


@pytest.mark.parametrize(
    "open_it", [claim, lambda store: hold(store, ReadingClass.SUSPECTED_ABNORMAL)]
)
def test_brake_mode_and_resume_do_not_move_what_a_person_has_opened_or_placed(store, open_it):
    record(store)
    decide(store)
    open_it(store)
    before = entry_of(store)
    assert store.pause("stop") == 0
    assert store.resume(placing) == 0
    assert store.place_all(placing, "mode demote") == 0
    assert entry_of(store) == before


def test_another_image_does_not_move_what_a_person_has_opened(store):
    record(store)
    decide(store)
    claim(store)
    record(store, make_facts(instance="1.2.1.2", **URGENT))
    assert entry_of(store).reading_class is ReadingClass.LIKELY_NORMAL


def test_a_priority_set_by_hand_is_told_with_the_persons_name(store):
    record(store)
    hold(store, ReadingClass.SUSPECTED_ABNORMAL)
    entry = entry_of(store)
    assert (entry.held_by, entry.reading_class) == ("Dr Who", ReadingClass.SUSPECTED_ABNORMAL)
    assert entry.opened
    assert classes_told(store)[-1] == (ReadingClass.SUSPECTED_ABNORMAL, "person:Dr Who")


def test_a_priority_is_only_set_on_the_line_that_the_person_saw(store):
    record(store)
    seen = entry_of(store).version
    decide(store)
    assert not store.hold_priority(ITEM, ReadingClass.ROUTINE, "Dr Who", seen)
    assert entry_of(store).held_by == ""


def test_a_priority_given_back_stands_where_order_and_result_put_it(store):
    record(store)
    decide(store)
    hold(store, ReadingClass.SUSPECTED_ABNORMAL)
    version = entry_of(store).version
    assert store.release_priority(ITEM, placing, "Dr Who", version)
    entry = entry_of(store)
    assert (entry.reading_class, entry.held_by) == (ReadingClass.LIKELY_NORMAL, "")
    assert classes_told(store)[-1] == (ReadingClass.LIKELY_NORMAL, "person:Dr Who")
    assert not store.release_priority(ITEM, placing, "Dr Who", entry.version)


def test_a_priority_given_back_under_the_brake_stands_where_the_order_puts_it(store):
    record(store)
    decide(store)
    hold(store, ReadingClass.SUSPECTED_ABNORMAL)
    store.pause("stop")
    assert store.release_priority(ITEM, placing, "Dr Who", entry_of(store).version)
    assert entry_of(store).reading_class is ReadingClass.ROUTINE


def test_an_urgent_order_still_raises_what_a_person_has_lowered_but_not_opened(store):
    record(store, make_facts(accession_number="A1"))
    hold(store, ReadingClass.LIKELY_NORMAL)
    word = OrderWord(OrderPriority.STAT, reason="order changed to STAT")
    assert store.set_order(OrderedStudies("A1"), word, placing) == (ITEM,)
    entry = entry_of(store)
    assert (entry.reading_class, entry.held_by) == (ReadingClass.URGENT_ORDER, "")
    assert classes_told(store)[-1] == (ReadingClass.URGENT_ORDER, "order")


def test_an_urgent_order_does_not_move_what_is_being_read(store):
    record(store, make_facts(accession_number="A1"))
    claim(store)
    store.set_order(OrderedStudies("A1"), OrderWord(OrderPriority.STAT), placing)
    entry = entry_of(store)
    assert entry.reading_class is ReadingClass.ROUTINE
    assert entry.order_priority is OrderPriority.STAT


def test_an_order_that_is_no_longer_urgent_leaves_the_study_to_its_result(store):
    record(store, make_facts(accession_number="A1", **URGENT))
    decide(store, Outcome.ABNORMAL)
    store.set_order(OrderedStudies("A1"), OrderWord(OrderPriority.STAT), placing)
    store.set_order(OrderedStudies("A1"), OrderWord(OrderPriority.ROUTINE), placing)
    entry = entry_of(store)
    assert entry.reading_class is ReadingClass.SUSPECTED_ABNORMAL
    assert entry.reasons == ("because",)


def test_an_urgent_order_has_waiting_images_analysed_first_and_the_study_examined_again(store):
    record(store, make_facts("1.2.2"))
    record(store, make_facts(accession_number="A1"))
    before = store.snapshot("1.2.1")
    store.set_order(OrderedStudies("A1"), OrderWord(OrderPriority.STAT), placing)
    assert store.snapshot("1.2.1").changes > before.changes
    (image,) = store.claim_images("w", 1, 60)
    assert image.study_instance_uid == "1.2.1"


def test_an_order_tells_where_the_patient_is(store):
    record(store, make_facts(accession_number="A1"))
    record(store, make_facts("1.2.2", accession_number="A1"))
    word = OrderWord(patient_location="ED^12")
    assert len(store.set_order(OrderedStudies("A1"), word, placing)) == 2
    only = OrderedStudies("A1", "1.2.2")
    assert store.set_order(only, OrderWord(patient_location="ICU"), placing) == (
        work_item_uid("1.2.2"),
    )
    assert entry_of(store).patient_location == "ED^12"
    with pytest.raises(ValueError, match="must name"):
        store.set_order(OrderedStudies(), word, placing)


def pushed(uid="2.25.5", reading_class=ReadingClass.ROUTINE, **subject):
    label = {"00741204": {"vr": "LO", "Value": ["Second opinion"]}}
    return NewStep(uid, reading_class, label, StepSubject(**subject), by="OTHER")


def test_a_pushed_item_is_a_line_of_the_list_without_a_study_of_ours(store):
    new = pushed(patient_name="Roe^Rick", patient_id="P9", study_instance_uid="9.9", label="OTHER")
    assert store.create_step(new)
    assert not store.create_step(new)
    (entry,) = store.worklist_entries()
    assert (entry.study_instance_uid, entry.patient_name, entry.image_count) == (
        "9.9",
        "Roe^Rick",
        0,
    )
    assert entry.study_description == "Second opinion"
    assert store.step("2.25.5").subject == new.subject
    assert store.study("9.9") is None
    assert classes_told(store) == [(ReadingClass.ROUTINE, "person:OTHER")]


def test_a_study_that_a_pushed_item_names_can_still_come(store):
    store.create_step(pushed(study_instance_uid="1.2.1"))
    record(store)
    assert len(store.worklist_entries()) == 2
    decide(store)
    assert entry_of(store).reading_class is ReadingClass.LIKELY_NORMAL
    assert entry_of(store, "2.25.5").reading_class is ReadingClass.ROUTINE


def test_an_item_pushed_under_the_uid_of_a_study_to_come_keeps_no_study_from_being_stored(store):
    store.create_step(pushed(ITEM))
    assert record(store).kind == "new"
    entry = store.study("1.2.1").entry
    assert entry.work_item_uid != ITEM
    decide(store)
    assert store.study("1.2.1").entry.reading_class is ReadingClass.LIKELY_NORMAL
    assert entry_of(store).reading_class is ReadingClass.ROUTINE


def test_the_ledger_names_the_bundle_and_the_threshold_of_a_result(store):
    record(store)
    decide(store, Outcome.ABNORMAL)
    change = store.changes_since(0)[-1]
    assert (change.by, change.bundle_digest, change.threshold) == (
        "ai",
        DIGEST,
        "spondylosis=1.25",
    )
    assert store.changes_since(change.change_id) == ()
    assert len(store.changes_since(0, limit=1)) == 1


def test_what_the_cap_raises_is_told_once(store, clock):
    record(store)
    assert store.note_overdue(clock(), CAP) == 0
    clock.advance(CAP)
    assert store.note_overdue(clock(), CAP) == 1
    assert store.note_overdue(clock(), CAP) == 0
    assert classes_told(store)[-1] == (ReadingClass.SUSPECTED_ABNORMAL, "cap")
    assert entry_of(store).reading_class is ReadingClass.ROUTINE


def test_a_result_that_lowers_what_the_cap_has_raised_is_no_change_of_what_is_shown(store, clock):
    record(store)
    clock.advance(CAP)
    store.note_overdue(clock(), CAP)
    told = len(store.changes_since(0))
    decide(store)
    assert len(store.changes_since(0)) == told
    ranked = store.ranked_entry(ITEM, clock(), CAP)
    assert ranked.effective_class is ReadingClass.SUSPECTED_ABNORMAL


def test_the_brake_puts_back_what_the_cap_has_raised(store, clock):
    record(store)
    clock.advance(CAP)
    store.note_overdue(clock(), CAP)
    store.pause("stop")
    assert classes_told(store)[-1] == (ReadingClass.ROUTINE, "brake")


def test_the_cap_tells_nothing_of_what_a_person_has_opened_or_placed(store, clock):
    for study in ("1.2.1", "1.2.2"):
        record(store, make_facts(study))
    claim(store)
    hold(store, ReadingClass.LIKELY_NORMAL, work_item_uid("1.2.2"))
    clock.advance(CAP)
    assert store.note_overdue(clock(), CAP) == 0
