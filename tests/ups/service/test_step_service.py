"""The UPS service over a real store: every action in every state, and what is refused."""

from __future__ import annotations

import pytest

from tests.ups.service.walk import MINE, NUMBERS, THEIRS, WATCHER, bring_to, events_of
from tests.ups.steps import data, make_cancellation, make_pushed_step, make_results
from triage.store import Channel, StepChange, StepEvent
from triage.ups.machine import TABLE, Action
from triage.ups.subscriptions import GLOBAL_SUBSCRIPTION
from triage.values import OrderPriority, ReadingClass, StepState


def ask(service, uid, action):
    """Do what an action says, where nothing else is in the way of it."""
    label = data(ProcedureStepLabel="Changed")
    ready = {Action.COMPLETE: make_results(), Action.CANCEL: make_cancellation()}
    if action in ready:
        service.update(uid, ready[action], MINE, "READER")
    return {
        Action.CREATE: lambda: service.create(uid, make_pushed_step(), "PUSHER"),
        Action.CLAIM: lambda: service.change_state(uid, "IN PROGRESS", THEIRS, "OTHER"),
        Action.CLAIM_WITHOUT_UID: lambda: service.change_state(uid, "IN PROGRESS", "", "OTHER"),
        Action.RESCHEDULE: lambda: service.change_state(uid, "SCHEDULED", MINE, "OTHER"),
        Action.COMPLETE: lambda: service.change_state(uid, "COMPLETED", MINE, "READER"),
        Action.COMPLETE_WITHOUT_UID: lambda: service.change_state(uid, "COMPLETED", "", "OTHER"),
        Action.CANCEL: lambda: service.change_state(uid, "CANCELED", MINE, "READER"),
        Action.CANCEL_WITHOUT_UID: lambda: service.change_state(uid, "CANCELED", "", "OTHER"),
        Action.REQUEST_CANCEL: lambda: service.request_cancel(uid, data(), "OTHER"),
        Action.UPDATE: lambda: service.update(uid, label, MINE, "READER"),
        Action.UPDATE_WITHOUT_UID: lambda: service.update(uid, label, "", "OTHER"),
    }[action]()


@pytest.mark.parametrize(("action", "state"), TABLE, ids=lambda one: getattr(one, "name", "NONE"))
def test_every_action_in_every_state_does_what_the_table_says(service, store, study, action, state):
    uid = f"2.25.{next(NUMBERS)}"
    if state is not None:
        # A study of ours is never cancelled by request (below): the table is for what is pushed.
        if action is Action.REQUEST_CANCEL and state is StepState.SCHEDULED:
            service.create(uid, make_pushed_step(), "PUSHER")
        else:
            uid = study()
        bring_to(service, uid, state)
        service.subscribe(uid, WATCHER, deletion_lock=False)
    else:
        service.subscribe(GLOBAL_SUBSCRIPTION, WATCHER, deletion_lock=False)
    expected = TABLE[action, state]
    assert ask(service, uid, action).status == expected.status
    standing = store.step(uid)
    if standing is not None:
        assert standing.state is (expected.state or state)
    told = events_of(store, uid)
    initial = [] if state is None else [state.value]
    assert told == [*initial, *(one.value for one in expected.states)]


def test_no_request_takes_a_study_of_ours_off_the_list_unread(service, store, study):
    uid = study()
    service.subscribe(uid, WATCHER, deletion_lock=False)
    assert service.request_cancel(uid, data(), "OTHER").status == 0xC313
    assert store.step(uid).state is StepState.SCHEDULED
    kinds = [event.kind for event in store.claim_events("test", WATCHER, Channel.DIMSE, 10, 60)]
    assert kinds == [1, 2]  # as it stands, and that somebody asked


def test_a_change_that_came_too_late_tells_nobody(service, store, study):
    uid = study()
    service.subscribe(uid, WATCHER, deletion_lock=False)
    events_of(store, uid)
    from_before = store.step(uid)
    assert service.change_state(uid, "IN PROGRESS", MINE, "ONE").status == 0
    assert events_of(store, uid) == ["IN PROGRESS"]
    late = store.change_step_telling(uid, from_before.version, _claim(THEIRS), _events("CANCELED"))
    assert late is False
    assert events_of(store, uid) == []
    assert store.step(uid).transaction_uid == MINE


def _claim(transaction_uid):
    return StepChange(by="TWO", state=StepState.IN_PROGRESS, transaction_uid=transaction_uid)


def _events(state):
    return [StepEvent(1, {"00741000": {"vr": "CS", "Value": [state]}})]


@pytest.mark.parametrize(
    ("order", "priority", "status", "reading_class"),
    [
        (OrderPriority.ROUTINE, "HIGH", 0x0000, ReadingClass.SUSPECTED_ABNORMAL),
        (OrderPriority.ROUTINE, "LOW", 0x0000, ReadingClass.LIKELY_NORMAL),
        (OrderPriority.STAT, "LOW", 0xB305, ReadingClass.URGENT_ORDER),
        (OrderPriority.STAT, "HIGH", 0x0000, ReadingClass.URGENT_ORDER),
    ],
)
def test_a_priority_that_is_set_never_lowers_an_urgent_order(
    service, store, study, order, priority, status, reading_class
):
    uid = study(order_priority=order)
    asked = data(ScheduledProcedureStepPriority=priority)
    assert service.update(uid, asked, "", "READER").status == status
    entry = store.worklist_entry(uid)
    assert entry.reading_class is reading_class
    assert entry.held_by == ("READER" if order is OrderPriority.ROUTINE else "")


def test_a_reader_cannot_leave_more_than_there_is_room_for(service, study):
    uid = study()
    asked = data(TextValue="x" * 1_000_001)
    assert service.update(uid, asked, "", "READER").status == 0x0213


@pytest.mark.parametrize(
    ("state", "status"),
    [(" IN PROGRESS ", 0x0000), ("In Progress", 0x0115), ("READ", 0x0115), ("", 0x0115)],
)
def test_a_state_is_its_word_and_spaces_around_it_say_nothing(service, study, state, status):
    assert service.change_state(study(), state, MINE, "READER").status == status


def test_nobody_pushes_more_than_there_is_room_for(service, store):
    pushed = make_pushed_step(TextValue="x" * 1_000_001)
    assert service.create("2.25.404", pushed, "PUSHER").status == 0x0213
    assert store.step("2.25.404") is None


@pytest.mark.parametrize("uid", ["abc", "1..2", "1." + "2" * 70, GLOBAL_SUBSCRIPTION])
def test_a_pushed_item_needs_a_uid_of_its_own(service, uid):
    assert service.create(uid, make_pushed_step(), "PUSHER").status == 0x0117
