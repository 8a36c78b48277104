"""Pushing work items over UPS Push, and asking for their cancellation."""

from __future__ import annotations

import pytest
from pydicom.uid import generate_uid

from tests.ups.site import PULL, PUSH, act, change_state, claim, find, get, set_attributes
from tests.ups.steps import code, data, make_pushed_step, make_results
from triage.values import ReadingClass


def push(association, uid=None, **values):
    """Push a work item and return the status and the UID of the answer."""
    given = uid if uid is not None else generate_uid()
    status, attributes = association.send_n_create(
        make_pushed_step(**values), PUSH, given or None, meta_uid=PUSH
    )
    return int(status.Status), given, attributes


def test_a_pushed_item_appears_in_queries_as_it_was_sent(site):
    with site.associated(ae_title="RIS") as pusher:
        status, uid, _ = push(pusher, PatientID="PUSHED1", ScheduledProcedureStepPriority="HIGH")
        assert status == 0x0000
        (found,) = find(pusher, PatientID="PUSHED1", WorklistLabel="")
        assert (found.SOPInstanceUID, found.WorklistLabel) == (uid, "SECOND OPINIONS")
        item = get(pusher, uid)
    sent = make_pushed_step(PatientID="PUSHED1", ScheduledProcedureStepPriority="HIGH")
    for keyword in sent.dir():
        assert item[keyword].value == sent[keyword].value, keyword
    with site.store() as store:
        entry = store.worklist_entry(uid)
    assert (entry.reading_class, entry.patient_id) == (ReadingClass.URGENT_ORDER, "PUSHED1")
    assert entry.reasons == ("pushed by RIS",)


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ({"PatientID": "KEY?"}, True),
        ({"PatientName": "keys^*"}, True),
        ({"ReferencedRequestSequence": [data(AccessionNumber="ACCKEY")]}, True),
        ({"WorklistLabel": "SECOND*", "PatientID": "KEY1"}, True),
        ({"ScheduledProcedureStepPriority": "LOW", "PatientID": "KEY1"}, True),
        ({"ScheduledProcedureStepStartDateTime": "20260302-20260303", "PatientID": "KEY1"}, True),
        ({"ScheduledProcedureStepStartDateTime": "20260303-", "PatientID": "KEY1"}, False),
        ({"ScheduledProcedureStepPriority": "HIGH", "PatientID": "KEY1"}, False),
        ({"PatientID": "KEY1", "ProcedureStepState": "IN PROGRESS"}, False),
    ],
)
def test_a_pushed_item_is_found_by_its_keys(site, keys, found):
    request = data(StudyInstanceUID="1.2.7", AccessionNumber="ACCKEY")
    with site.associated() as pusher:
        _, uid, _ = push(
            pusher,
            PatientID="KEY1",
            PatientName="Keys^Any",
            ScheduledProcedureStepPriority="LOW",
            ReferencedRequestSequence=[request],
        )
        assert (uid in {item.SOPInstanceUID for item in find(pusher, **keys)}) is found


def test_a_pushed_item_without_a_uid_is_given_one(site):
    with site.associated(PUSH, PULL) as pusher:
        responses = []
        keep = pusher.dimse.get_msg

        def get_msg(block=False):
            context, message = keep(block)
            responses.append(message)
            return context, message

        pusher.dimse.get_msg = get_msg
        status, _, _ = push(pusher, uid="", PatientID="NOUID")
        pusher.dimse.get_msg = keep
        assert status == 0x0000
        (found,) = find(pusher, PatientID="NOUID")
    assert responses[-1].AffectedSOPInstanceUID == found.SOPInstanceUID


def test_the_same_item_twice_is_a_duplicate(site):
    with site.associated() as pusher:
        status, uid, _ = push(pusher, PatientID="TWICE")
        assert status == 0x0000
        assert push(pusher, uid, PatientID="OTHER")[0] == 0x0111
        assert get(pusher, uid).PatientID == "TWICE"


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"ProcedureStepState": "IN PROGRESS"}, 0xC309),
        ({"ProcedureStepState": None}, 0xC309),
        ({"ProcedureStepLabel": None}, 0x0120),
        ({"ProcedureStepLabel": ""}, 0x0121),
        ({"InputReadinessState": "SOON"}, 0x0106),
    ],
)
def test_an_item_that_is_not_as_it_must_be_is_not_created(site, values, status):
    with site.associated() as pusher:
        answered, uid, _ = push(pusher, **values)
        assert answered == status
        got, _ = pusher.send_n_get([], PUSH, uid, meta_uid=PULL)
    assert got.Status == 0xC307


def test_what_was_changed_on_creation_is_told(site):
    with site.associated() as pusher:
        status, uid, kept = push(pusher, TransactionUID="1.2.3")
    assert status == 0xB300
    assert kept.SOPInstanceUID == uid
    assert "TransactionUID" not in kept


def test_a_pushed_item_is_claimed_and_completed_like_any_other(site):
    mine = generate_uid()
    with site.associated() as reader:
        _, uid, _ = push(reader)
        assert claim(reader, uid, mine) == 0x0000
        assert set_attributes(reader, uid, make_results(), mine) == 0x0000
        assert change_state(reader, uid, "COMPLETED", mine) == 0x0000
        assert change_state(reader, uid, "COMPLETED", mine) == 0xB306


def test_an_unclaimed_item_is_cancelled_when_that_is_asked_for(site):
    reason = code("110500", "DCM", "Doctor canceled procedure")
    with site.associated() as pusher:
        _, uid, _ = push(pusher)
        asked = {
            "ReasonForCancellation": "ordered twice",
            "ProcedureStepDiscontinuationReasonCodeSequence": [reason],
        }
        assert act(pusher, 2, uid, PUSH, **asked) == 0x0000
        item = get(pusher, uid)
        assert act(pusher, 2, uid, PUSH) == 0xB304
        assert claim(pusher, uid, generate_uid()) == 0xC300
    assert item.ProcedureStepState == "CANCELED"
    (progress,) = item.ProcedureStepProgressInformationSequence
    assert progress.ReasonForCancellation == "ordered twice"
    assert progress.ProcedureStepDiscontinuationReasonCodeSequence[0].CodeValue == "110500"
    assert progress.ProcedureStepCancellationDateTime


def test_nobody_can_be_asked_to_cancel_what_nobody_watches(site):
    with site.associated() as reader:
        _, uid, _ = push(reader)
        mine = generate_uid()
        assert claim(reader, uid, mine) == 0x0000
        assert act(reader, 2, uid, PUSH) == 0xC312
        assert act(reader, 2, "1.2.3.4", PUSH) == 0xC307
        assert set_attributes(reader, uid, make_results(), mine) == 0x0000
        assert change_state(reader, uid, "COMPLETED", mine) == 0x0000
        assert act(reader, 2, uid, PUSH) == 0xC311
