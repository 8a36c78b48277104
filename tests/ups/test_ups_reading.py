"""Reading over UPS Pull, with pynetdicom as the reader and the listener in a process of its own."""

from __future__ import annotations

import threading

import pytest
from pydicom.uid import generate_uid
from pynetdicom.sop_class import UnifiedProcedureStepEvent, UnifiedProcedureStepQuery

from tests.ups.site import (
    PULL,
    PUSH,
    WATCH,
    act,
    change_state,
    claim,
    find,
    get,
    set_attributes,
)
from tests.ups.steps import data, make_cancellation, make_results
from triage.values import ReadingClass, StepState

TAGS = [0x00081195, 0x00100020]  # Transaction UID, Patient ID


def test_a_study_is_found_claimed_read_and_leaves_the_open_list(site):
    uid = site.receive_study(patient_id="READ1")
    mine = generate_uid()
    with site.associated() as reader:
        (item,) = find(reader, PatientID="READ1", ProcedureStepState="SCHEDULED")
        assert item.SOPInstanceUID == uid
        assert claim(reader, uid, mine) == 0x0000
        assert find(reader, PatientID="READ1", ProcedureStepState="SCHEDULED") == []
        assert change_state(reader, uid, "COMPLETED", mine) == 0xC304
        assert set_attributes(reader, uid, make_results(), mine) == 0x0000
        assert change_state(reader, uid, "COMPLETED", mine) == 0x0000
        (item,) = find(reader, PatientID="READ1", ProcedureStepState="COMPLETED")
        assert item.SOPInstanceUID == uid
    with site.store() as store:
        entry = store.worklist_entry(uid)
        assert (entry.step_state, entry.claimed_by) == (StepState.COMPLETED, "READER")
        assert uid not in {one.work_item_uid for one in store.worklist_entries()}


def test_what_a_reader_has_set_is_got_by_everybody(site):
    uid = site.receive_study(patient_name="Set^Any")
    mine = generate_uid()
    with site.associated() as reader:
        assert claim(reader, uid, mine) == 0x0000
        assert set_attributes(reader, uid, make_results(), mine) == 0x0000
        assert set_attributes(reader, uid, data(ProcedureStepLabel="Again"), mine) == 0x0000
    with site.associated(WATCH, ae_title="OTHER") as other:
        item = get(other, uid, WATCH)
    assert item.ProcedureStepLabel == "Again"
    assert item.PatientName == "Set^Any"
    (performed,) = item.UnifiedProcedureStepPerformedProcedureSequence
    assert performed.PerformedStationNameCodeSequence[0].CodeValue == "WS1"
    assert len(item.InputInformationSequence) == 1


def test_the_transaction_uid_is_never_told(site):
    uid = site.receive_study(patient_id="SECRET")
    mine = generate_uid()
    with site.associated() as reader:
        assert claim(reader, uid, mine) == 0x0000
        assert set_attributes(reader, uid, data(ProcedureStepLabel="Any"), mine) == 0x0000
        every = reader.send_n_get([], PUSH, uid, meta_uid=PULL)[1]
        asked = reader.send_n_get(TAGS, PUSH, uid, meta_uid=PULL)[1]
        found = find(reader, PatientID="SECRET", TransactionUID="")
        by_it = find(reader, TransactionUID=mine, PatientID="SECRET")
    for item in (every, asked, *found, *by_it):
        assert item is None or mine not in str(item)
        assert item is None or "TransactionUID" not in item


def test_whoever_does_not_hold_the_lock_changes_nothing(site):
    uid = site.receive_study()
    mine, theirs = generate_uid(), generate_uid()
    with site.associated() as reader, site.associated(ae_title="OTHER") as other:
        assert claim(reader, uid, mine) == 0x0000
        assert claim(other, uid, theirs) == 0xC302
        assert change_state(other, uid, "COMPLETED", theirs) == 0xC301
        assert change_state(other, uid, "CANCELED", "") == 0xC301
        assert set_attributes(other, uid, data(ProcedureStepLabel="x"), theirs) == 0xC301
        assert set_attributes(other, uid, data(ProcedureStepLabel="x")) == 0xC301
        assert change_state(other, uid, "SCHEDULED", theirs) == 0xC303
        assert get(other, uid).ProcedureStepState == "IN PROGRESS"


def test_a_reader_gives_a_study_up(site):
    uid, mine = site.receive_study(), generate_uid()
    with site.associated() as reader:
        assert claim(reader, uid, mine) == 0x0000
        assert change_state(reader, uid, "CANCELED", mine) == 0xC304
        assert set_attributes(reader, uid, make_cancellation(), mine) == 0x0000
        assert change_state(reader, uid, "CANCELED", mine) == 0x0000
        assert change_state(reader, uid, "CANCELED", mine) == 0xB304
        assert change_state(reader, uid, "COMPLETED", mine) == 0xC300
        assert set_attributes(reader, uid, data(ProcedureStepLabel="x"), mine) == 0xC300


def test_before_it_is_claimed_anybody_may_set_attributes_but_nothing_else(site):
    uid = site.receive_study()
    with site.associated() as reader:
        assert set_attributes(reader, uid, data(ProcedureStepLabel="Hip first")) == 0x0000
        assert set_attributes(reader, uid, data(ProcedureStepLabel="x"), "1.2.3") == 0xC310
        assert set_attributes(reader, uid, data(PatientName="Other^Any")) == 0x0106
        assert set_attributes(reader, uid, data(ProcedureStepState="COMPLETED")) == 0x0106
        assert set_attributes(reader, uid, data(InputReadinessState="READY")) == 0xB305
        assert change_state(reader, uid, "COMPLETED", "1.2.3") == 0xC310
        assert claim(reader, uid, "") == 0xC301
        assert claim(reader, "1.2.3.4.5", "1.2.3") == 0xC307
        item = get(reader, uid)
    assert (item.ProcedureStepLabel, item.ProcedureStepState) == ("Hip first", "SCHEDULED")
    assert item.InputReadinessState == "INCOMPLETE"


def test_a_priority_that_is_set_is_a_persons_word(site):
    uid = site.receive_study()
    with site.associated() as reader:
        asked = data(ScheduledProcedureStepPriority="LOW")
        assert set_attributes(reader, uid, asked) == 0x0000
        assert get(reader, uid).ScheduledProcedureStepPriority == "LOW"
        same = data(ScheduledProcedureStepPriority="LOW", ProcedureStepLabel="Later")
        assert set_attributes(reader, uid, same) == 0x0000
    with site.store() as store:
        entry = store.worklist_entry(uid)
    assert (entry.reading_class, entry.held_by) == (ReadingClass.LIKELY_NORMAL, "READER")
    assert entry.opened


def test_sending_a_priority_back_unchanged_holds_nothing(site):
    uid = site.receive_study()
    with site.associated() as reader:
        asked = data(ScheduledProcedureStepPriority="MEDIUM", ProcedureStepLabel="Now")
        assert set_attributes(reader, uid, asked) == 0x0000
    with site.store() as store:
        assert store.worklist_entry(uid).held_by == ""


def test_of_two_who_claim_at_once_one_gets_the_study(site):
    uids = [site.receive_study() for _ in range(8)]
    barrier = threading.Barrier(2, timeout=30)
    answered: dict[str, list[int]] = {}

    def read(title: str) -> None:
        with site.associated(PULL, ae_title=title) as reader:
            statuses = answered.setdefault(title, [])
            for uid in uids:
                barrier.wait()
                statuses.append(claim(reader, uid, generate_uid()))

    readers = [threading.Thread(target=read, args=(title,)) for title in ("ONE", "TWO")]
    for one in readers:
        one.start()
    for one in readers:
        one.join()
    pairs = list(zip(answered["ONE"], answered["TWO"], strict=True))
    assert len(pairs) == len(uids)
    assert {tuple(sorted(pair)) for pair in pairs} == {(0x0000, 0xC302)}


def test_a_claim_survives_a_listener_that_is_killed(own_site):
    site = own_site()
    site.start("listener")
    uid, mine = site.receive_study(), generate_uid()
    with site.associated() as reader:
        assert claim(reader, uid, mine) == 0x0000
        assert set_attributes(reader, uid, make_results(), mine) == 0x0000
        site.kill("listener")
    site.start("listener")
    with site.associated() as reader:
        assert get(reader, uid).ProcedureStepState == "IN PROGRESS"
        assert claim(reader, uid, generate_uid()) == 0xC302
        assert change_state(reader, uid, "COMPLETED", generate_uid()) == 0xC301
        assert change_state(reader, uid, "COMPLETED", mine) == 0x0000


def test_over_ups_query_the_list_is_only_read(site):
    uid = site.receive_study(patient_id="QUERY")
    model = UnifiedProcedureStepQuery
    with site.associated(model) as viewer:
        assert [item.SOPInstanceUID for item in find(viewer, model, PatientID="QUERY")] == [uid]
        asked = data(ProcedureStepState="IN PROGRESS", TransactionUID="1.2.3")
        status, _ = viewer.send_n_action(asked, 1, PUSH, uid, meta_uid=model)
    assert status.Status == 0x0211


@pytest.mark.parametrize("model", [PUSH, PULL, WATCH, UnifiedProcedureStepEvent])
def test_over_every_other_context_an_operation_names_the_push_class(site, model):
    uid = site.receive_study()
    with site.associated(model) as reader:
        status, item = reader.send_n_get([], PUSH, uid, meta_uid=model)
        assert (status.Status, item.SOPInstanceUID) == (0x0000, uid)
        asked = data(ProcedureStepState="IN PROGRESS", TransactionUID="1.2.3")
        status, _ = reader.send_n_action(asked, 1, PUSH, uid, meta_uid=model)
        assert status.Status == 0x0000


def test_an_operation_of_another_class_is_refused(site):
    uid = site.receive_study()
    with site.associated(PULL) as reader:
        status, _ = reader.send_n_get([], PULL, uid, meta_uid=PULL)
        assert status.Status == 0x0118
        assert act(reader, 9, uid, PULL) == 0x0123
        assert change_state(reader, uid, "READ", "1.2.3") == 0x0115
