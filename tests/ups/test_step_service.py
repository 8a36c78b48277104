"""The UPS service over a real store: every action in every state, subscriptions, searches."""

from __future__ import annotations

import dataclasses
import itertools
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factories import Clock, make_facts, record
from tests.ups.steps import data, make_cancellation, make_pushed_step, make_results
from triage.settings import Peer, default_settings
from triage.store import Channel, StepChange, StepEvent, Store
from triage.uids import work_item_uid
from triage.ups.machine import TABLE, Action
from triage.ups.service import StepService
from triage.ups.subscriptions import (
    FILTERED_SUBSCRIPTION,
    GLOBAL_AFTER,
    GLOBAL_SUBSCRIPTION,
    Instruction,
    Subscription,
)
from triage.ups.subscriptions import TABLE as SUBSCRIPTIONS
from triage.values import OrderPriority, ReadingClass, StepState
from triage.worklist.query import matches

WATCHER = "WATCHER"
MINE, THEIRS = "1.2.3.4", "1.2.3.5"
NUMBERS = itertools.count(1)
LOCKS = {None: Subscription.NONE, True: Subscription.LOCKED, False: Subscription.UNLOCKED}


@pytest.fixture(scope="module")
def clock():
    """Return the time of the module's store."""
    return Clock()


@pytest.fixture(scope="module")
def store(tmp_path_factory, clock):
    """Return a store that the tests of this module share, each with items of its own."""
    with Store.open(tmp_path_factory.mktemp("steps") / "state", clock) as opened:
        yield opened


@pytest.fixture(scope="module")
def service(store):
    """Return the service, with one peer that may subscribe."""
    found = default_settings(store.state_folder)
    peer = Peer("watcher", WATCHER, "127.0.0.1", 104)
    return StepService(store, dataclasses.replace(found, peers=(peer,)))


@pytest.fixture(autouse=True)
def _nobody_watches(service):
    """Begin without subscriptions and without events."""
    service.unsubscribe(GLOBAL_SUBSCRIPTION, WATCHER)


@pytest.fixture
def study(store, clock):
    """Return a function that receives a study and returns its work item."""

    def receive(**facts):
        clock.advance(1)
        uid = f"1.2.{next(NUMBERS)}"
        record(store, make_facts(uid, **facts), content=uid)
        return work_item_uid(uid)

    return receive


def bring_to(service, uid, state):
    """Bring a new work item into a state, with `MINE` as its Transaction UID."""
    if state is StepState.SCHEDULED:
        return
    assert service.change_state(uid, "IN PROGRESS", MINE, "READER").status == 0
    if state is StepState.IN_PROGRESS:
        return
    results = make_results() if state is StepState.COMPLETED else make_cancellation()
    assert service.update(uid, results, MINE, "READER").status == 0
    assert service.change_state(uid, state.value, MINE, "READER").status == 0


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


def events_of(store, uid):
    """Return the states that events of an item tell, oldest first, and forget them."""
    claimed = store.claim_events("test", WATCHER, Channel.DIMSE, 10_000, 60)
    for event in claimed:
        store.event_delivered(event.event_id, "test")
    found = [one for one in claimed if one.work_item_uid == uid and one.kind == 1]
    return [one.information["00741000"]["Value"][0] for one in found]


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


def test_ended_items_come_behind_the_open_ones_and_pages_meet(service, study):
    uids = [study(accession_number="PAGES") for _ in range(5)]
    bring_to(service, uids[0], StepState.COMPLETED)
    request = data(AccessionNumber="PAGES")
    query = data(ReferencedRequestSequence=[request], SOPInstanceUID="")

    def page(limit, offset=0):
        found = service.search_objects(query, limit=limit, offset=offset)
        return [one["00080018"]["Value"][0] for one in found.items]

    every = [one.SOPInstanceUID for one in service.search(query).items]
    assert every == page(9) == [*uids[1:], uids[0]]
    assert page(2) + page(2, 2) + page(2, 4) == every
    assert page(0) == page(1, 5) == []


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """Return a service over a mixed list: own and pushed items, in every state and priority."""
    clock = Clock()
    with Store.open(tmp_path_factory.mktemp("crowd") / "state", clock) as opened:
        found = StepService(opened, default_settings(opened.state_folder))
        for number in range(24):
            clock.advance(60)
            _mix(found, opened, number)
        yield found


def _mix(service, store, number):
    names = ("Meier^Anna", "Mueller^Bob", "MEIER^CARL=明^安", "")
    named = {
        "PatientID": f"P{number % 5}",
        "PatientName": names[number % 4],
        "PatientBirthDate": ("", "19500911", "19601231")[number % 3],
        "PatientSex": ("F", "M", "")[number % 3],
    }
    accession = f"A{number % 3}"
    if number % 2:
        uid = f"2.25.{number}"
        priority = ("HIGH", "MEDIUM", "LOW")[number % 3]
        request = data(StudyInstanceUID="1.2", AccessionNumber=accession)
        step = make_pushed_step(
            ScheduledProcedureStepPriority=priority,
            WorklistLabel=("C-SPINE READING", "OTHER")[number % 4 // 2],
            ScheduledProcedureStepStartDateTime=("2025", "20260302100000+0200", "20260304")[
                number % 3
            ],
            InputReadinessState=("READY", "INCOMPLETE")[number % 4 // 2],
            ScheduledStationNameCodeSequence=[data(CodeValue="S1")] if number % 3 else [],
            ReferencedRequestSequence=[request],
            **named,
        )
        assert service.create(uid, step, "PUSHER").status == 0
    else:
        order = (OrderPriority.STAT, OrderPriority.ROUTINE)[number % 4 // 2]
        facts = make_facts(
            f"1.2.{number}",
            patient_id=named["PatientID"],
            patient_name=named["PatientName"],
            patient_birth_date=named["PatientBirthDate"],
            patient_sex=named["PatientSex"],
            accession_number=accession,
            order_priority=order,
        )
        record(store, facts, content=str(number))
        uid = work_item_uid(f"1.2.{number}")
    bring_to(service, uid, list(StepState)[number % 4])


QUERIES = st.fixed_dictionaries(
    {},
    optional={
        "PatientID": st.sampled_from(["P1", "P*", "?2", "p1", "*", "P9"]),
        "PatientName": st.sampled_from(["meier*", "*^BOB", "Meier^Anna", "明*", "*", "M?eller^*"]),
        "ProcedureStepState": st.sampled_from([state.value for state in StepState] + ["*"]),
        "ScheduledProcedureStepPriority": st.sampled_from(["HIGH", "MEDIUM", "LOW", "H*"]),
        "WorklistLabel": st.sampled_from(["C-SPINE READING", "OTHER", "C-*", "none"]),
        "SOPInstanceUID": st.sampled_from(["2.25.1", "2.25.99", work_item_uid("1.2.2")]),
        "StudyInstanceUID": st.sampled_from(["1.2.2", "1.2.777", "1.2.9"]),
        "ReferencedRequestSequence": st.sampled_from(["A1", "A*", "A9"]).map(
            lambda number: [data(AccessionNumber=number)]
        ),
        "ScheduledProcedureStepStartDateTime": st.sampled_from(
            ["20260302", "20260302080500-", "-20260302081000", "2026", "2025", "20260302-20260304"]
        ),
        "ScheduledProcedureStepModificationDateTime": st.sampled_from(
            ["20260302", "20260302080500-", "-20260302081000", "2025"]
        ),
        "PatientBirthDate": st.sampled_from(
            ["19500911", "19500101-1960.12.31", "-19551231", "19700101-"]
        ),
        "PatientSex": st.sampled_from(["F", "M", "?", "O"]),
        "InputReadinessState": st.sampled_from(["READY", "INCOMPLETE", "INC*"]),
        "ProcedureStepLabel": st.sampled_from(["Read*", "Something else"]),
        "ScheduledStationNameCodeSequence": st.sampled_from(["S1", "S2"]).map(
            lambda code: [data(CodeValue=code)]
        ),
    },
)


@given(keys=QUERIES)
@settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR CS")
def test_a_search_finds_what_matching_every_item_finds(crowd, keys):
    """What the database narrows never hides an item that the standard's matching would find."""
    query = data(**{"SOPInstanceUID": "", **keys})
    everything = list(crowd.search(data()).items)
    assert len(everything) == 24
    expected = [item.SOPInstanceUID for item in everything if matches(query, item)]
    assert [item.SOPInstanceUID for item in crowd.search(query).items] == expected
