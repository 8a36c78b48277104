"""Claiming, giving back, and setting a priority on the page."""

from __future__ import annotations

import threading

import pytest

from triage.uids import new_uid
from triage.ups import statuses
from triage.ups.service import StepService
from triage.values import Outcome, ReadingClass, StepState


@pytest.fixture
def uid(morning):
    """The work item of a study with one decision."""
    return morning.store.study(morning.study_with(Outcome.ABNORMAL)).entry.work_item_uid


@pytest.fixture
def anna(serve, visit, add_user):
    """Return a function that has a reader ask for something, and the running site behind it."""
    running = serve(session_idle_minutes=1000)
    readers = {}

    def ask(path, name="anna", **form):
        if name not in readers:
            add_user(name)
            readers[name] = visit(running)
            assert readers[name].log_in(name).status_code == 303
            readers[name].headers["x-csrf-token"] = readers[name].csrf("/")
        return readers[name].post(path, data=form)

    return ask


def test_a_claimed_study_shows_its_reader_and_is_moved_by_nothing(morning, uid, anna):
    answer = anna(f"/studies/{uid}/claim")
    assert answer.status_code == 200
    assert answer.json()["claimed_by"] == "anna"
    step = morning.store.step(uid)
    assert (step.state, step.claimed_by) == (StepState.IN_PROGRESS, "anna")
    morning.store.pause("brake")
    assert morning.store.step(uid).reading_class is ReadingClass.SUSPECTED_ABNORMAL


def test_of_two_readers_who_claim_at_once_one_has_it(morning, uid, anna):
    for name in ("anna", "bert"):
        anna("/studies/9.9.9/claim", name)
    answers = {}

    def claim(name):
        answers[name] = anna(f"/studies/{uid}/claim", name)

    readers = [threading.Thread(target=claim, args=(name,)) for name in ("anna", "bert")]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert sorted(answer.status_code for answer in answers.values()) == [200, 409]
    (winner,) = [name for name, answer in answers.items() if answer.status_code == 200]
    assert morning.store.step(uid).claimed_by == winner


def test_who_has_claimed_gives_back_and_nobody_else_does(morning, uid, anna):
    anna(f"/studies/{uid}/claim")
    assert anna(f"/studies/{uid}/release", "bert").status_code == 409
    assert anna(f"/studies/{uid}/release").json()["step_state"] == "SCHEDULED"
    step = morning.store.step(uid)
    assert (step.claimed_by, step.claimed_at, step.transaction_uid) == ("", None, "")
    assert anna(f"/studies/{uid}/claim", "bert").status_code == 200


def test_a_claim_over_dicom_is_not_the_pages_to_give_back(morning, uid, anna):
    steps = StepService(morning.store, morning.settings())
    transaction = new_uid()
    claimed = steps.change_state(uid, "IN PROGRESS", transaction, "WORKSTATION")
    assert claimed.status == statuses.SUCCESS
    assert anna(f"/studies/{uid}/release").status_code == 409
    assert anna(f"/studies/{uid}/claim").status_code == 409
    assert morning.store.step(uid).transaction_uid == transaction


@pytest.mark.parametrize("verb", ["claim", "release", "priority"])
def test_a_study_that_is_not_there_cannot_be_touched(anna, verb):
    answer = anna(f"/studies/9.9.9/{verb}", priority="LOW", version="1")
    assert answer.status_code == 404


def test_a_persons_priority_stays_and_can_be_taken_back(morning, uid, anna):
    version = str(morning.store.step(uid).version)
    held = anna(f"/studies/{uid}/priority", priority="MEDIUM", version=version).json()
    assert (held["priority"], held["held_by"]) == ("MEDIUM", "anna")
    morning.later(300)
    morning.store.note_overdue(morning.now, 240 * 60)
    assert morning.store.step(uid).reading_class is ReadingClass.ROUTINE
    version = str(morning.store.step(uid).version)
    back = anna(f"/studies/{uid}/priority", priority="AUTOMATIC", version=version).json()
    assert (back["priority"], back["held_by"]) == ("HIGH", "")


def test_a_priority_for_a_line_that_has_changed_is_refused(morning, uid, anna):
    version = str(morning.store.step(uid).version)
    anna(f"/studies/{uid}/priority", priority="LOW", version=version)
    answer = anna(f"/studies/{uid}/priority", "bert", priority="HIGH", version=version)
    assert answer.status_code == 409
    assert "has changed meanwhile" in answer.text
    assert morning.store.step(uid).held_by == "anna"


def test_an_urgent_order_is_not_lowered_by_hand(morning, anna):
    uid = morning.store.study(morning.stat_order()).entry.work_item_uid
    version = str(morning.store.step(uid).version)
    for word in ("MEDIUM", "LOW"):
        answer = anna(f"/studies/{uid}/priority", priority=word, version=version)
        assert answer.status_code == 409
    assert anna(f"/studies/{uid}/priority", priority="HIGH", version=version).status_code == 200
    assert morning.store.step(uid).reading_class is ReadingClass.URGENT_ORDER


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"priority": "TOP", "version": "1"},
        {"priority": "LOW"},
        {"priority": "LOW", "version": "x"},
    ],
)
def test_a_form_that_makes_no_sense_is_refused(uid, anna, form):
    assert anna(f"/studies/{uid}/priority", **form).status_code == 400
