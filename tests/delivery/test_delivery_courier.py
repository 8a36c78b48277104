"""From the outbox to the destinations, whatever the peers do and whenever the courier dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.delivery.helpers import (
    COMPREHENSIVE_3D_SR,
    COMPREHENSIVE_SR,
    QUICK,
    deliveries,
    report_uid,
    states,
    study_uid,
    wait_for,
    wait_for_states,
)
from tests.peers import free_port, start_orthanc, start_scripted, start_storescp
from triage.delivery import lane as loop
from triage.delivery import report_lane
from triage.delivery.answers import Answer
from triage.delivery.association import Trouble
from triage.delivery.lane import Tools
from triage.delivery.report_lane import ReportLane
from triage.owners import is_dead
from triage.settings import DeliverySettings
from triage.uids import comprehensive_report_uid
from triage.values import DeliveryState

if TYPE_CHECKING:
    from pathlib import Path

PENDING, SENDING = DeliveryState.PENDING, DeliveryState.SENDING
STORED, DEAD = DeliveryState.STORED, DeliveryState.DEAD
SR_CLASSES = [COMPREHENSIVE_3D_SR, COMPREHENSIVE_SR]

# pynetdicom drops the socket of a refused connection without closing it; it is freed at once.
refused_connection = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture
def lane(settings, store):
    """Return a factory of lanes whose passes the test calls itself."""

    def make(place, delivery=QUICK, stop=None, **tools):
        made = Tools(jitter=lambda: 0.0, **tools)
        stop = stop or threading.Event()
        return ReportLane(settings(place, delivery=delivery), place, store, stop, made)

    return make


def test_a_report_goes_from_the_outbox_to_orthanc_and_is_recorded_as_stored(
    tmp_path, settings, store, enqueue, destination, run_courier
):
    with start_orthanc(tmp_path) as orthanc:
        run_courier(settings(destination(orthanc)))
        enqueue(1, "pacs")
        wait_for_states(store, 1, STORED)
        (found,) = orthanc.find_in_study(study_uid(1))
    (row,) = deliveries(store, 1)
    assert found["SOPInstanceUID"] == report_uid(1) == row.stored_as
    assert (row.status, row.attempts, row.problem) == (0, 1, "")


def test_the_uid_of_the_fallback_is_recorded_when_the_peer_takes_no_3d_reports(
    tmp_path, store, enqueue, destination, lane
):
    enqueue(1, "pacs")
    with start_storescp(tmp_path, sop_classes=[COMPREHENSIVE_SR]) as peer:
        lane(destination(peer)).deliver_due()
    (row,) = deliveries(store, 1)
    assert (row.state, row.stored_as) == (STORED, comprehensive_report_uid(report_uid(1)))


def test_a_warning_of_the_peer_counts_as_stored(store, enqueue, destination, lane):
    enqueue(1, "pacs")
    with start_scripted(lambda _: 0xB000, SR_CLASSES) as peer:
        lane(destination(peer)).deliver_due()
    (row,) = deliveries(store, 1)
    assert (row.state, row.status) == (STORED, 0xB000)


@refused_connection
def test_a_pacs_that_was_down_gets_everything_afterwards_once(
    store, settings, enqueue, destination, run_courier
):
    """Far more attempts on the peer than an object has tries, and no object loses one."""
    port = free_port()
    run_courier(settings(destination(port, ae_title="SCRIPTED")))
    for number in range(1, 6):
        enqueue(number, "pacs")
    tries = 0

    def asked_again():
        nonlocal tries
        tries += 1
        return tries > 30 and all("takes no connection" in problem(n) for n in range(1, 6))

    def problem(number):
        return deliveries(store, number)[0].problem

    wait_for(store, asked_again)
    with start_scripted(lambda _: 0, SR_CLASSES, port=port) as peer:
        for number in range(1, 6):
            wait_for_states(store, number, STORED)
    assert sorted(peer.received) == sorted(report_uid(number) for number in range(1, 6))
    assert [deliveries(store, number)[0].attempts for number in range(1, 6)] == [1] * 5


@refused_connection
def test_a_destination_in_trouble_rests_longer_each_time_and_never_gives_up(
    store, enqueue, destination, lane, unused_port
):
    enqueue(1, "pacs")
    tired = lane(
        destination(unused_port),
        DeliverySettings(first_retry_seconds=10, maximum_retry_seconds=40, maximum_attempts=2),
    )
    rests = []
    for _ in range(5):
        store.revive_deliveries("pacs")
        before = store.clock()
        assert tired.deliver_due().trouble.kind is Trouble.AWAY
        (row,) = deliveries(store, 1)
        rests.append(round((row.next_attempt_at - before).total_seconds()))
        assert (row.state, row.attempts) == (PENDING, 0)
    assert rests == [10, 20, 40, 40, 40]


def test_a_dead_destination_does_not_delay_another(
    store, settings, enqueue, destination, run_courier
):
    never = threading.Event()

    def fall_silent(_):
        never.wait(30)
        return 0

    with (
        start_scripted(fall_silent, SR_CLASSES, echo=fall_silent) as silent,
        start_scripted(lambda _: 0, SR_CLASSES) as well,
    ):
        patient = DeliverySettings(timeout_seconds=20)
        places = destination(silent, name="a-silent"), destination(well, name="b-well")
        stop = run_courier(settings(*places, delivery=patient))
        for number in range(1, 6):
            enqueue(number, "a-silent", "b-well")
        for number in range(1, 6):
            wait_for(store, lambda n=number: states(store, n)[1] is STORED)
        silent.wait_until(lambda peer: peer.received)
        assert STORED not in [states(store, number)[0] for number in range(1, 6)]
        stop.set()
        never.set()


def test_an_object_that_the_peer_refuses_becomes_a_dead_letter_and_retry_revives_it(
    store, settings, enqueue, destination, run_courier
):
    answers = iter([0xC000] * 3 + [0])
    with start_scripted(lambda _: next(answers), SR_CLASSES) as peer:
        run_courier(settings(destination(peer)))
        enqueue(1, "pacs")
        wait_for_states(store, 1, DEAD)
        (row,) = deliveries(store, 1)
        assert (row.attempts, row.status) == (3, 0xC000)
        assert "cannot understand" in row.problem
        assert store.revive_deliveries("pacs") == 1
        wait_for_states(store, 1, STORED)


def test_a_peer_without_resources_is_asked_again_until_the_tries_are_used_up(
    store, settings, enqueue, destination, run_courier
):
    with start_scripted(lambda _: 0xA700, SR_CLASSES) as peer:
        run_courier(settings(destination(peer)))
        enqueue(1, "pacs")
        wait_for_states(store, 1, DEAD)
    assert len(peer.received) == QUICK.maximum_attempts


def test_an_object_that_kills_every_association_holds_up_nobody(
    store, settings, enqueue, destination, run_courier
):
    def hang_up(event):
        if event.request.AffectedSOPInstanceUID == report_uid(1):
            event.assoc.abort()
        return 0

    with start_scripted(hang_up, SR_CLASSES) as peer:
        for number in range(1, 6):
            enqueue(number, "pacs")
        run_courier(settings(destination(peer)))
        for number in range(2, 6):
            wait_for_states(store, number, STORED)
        wait_for_states(store, 1, DEAD)
    assert [deliveries(store, number)[0].attempts for number in range(1, 6)] == [4, 1, 1, 1, 1]


def test_a_lost_answer_leads_to_the_same_object_again_and_to_no_other(
    tmp_path, store, settings, enqueue, destination, run_courier
):
    answered = []

    def forget_to_answer_once(event):
        answered.append(event)
        if len(answered) == 1:
            event.assoc.abort()
        return 0

    with start_scripted(forget_to_answer_once, SR_CLASSES) as peer:
        run_courier(settings(destination(peer)))
        enqueue(1, "pacs")
        wait_for_states(store, 1, STORED)
    assert peer.received == [report_uid(1)] * 2


def test_stopping_finishes_the_object_under_way_and_hands_back_the_rest(
    store, enqueue, destination, lane
):
    stop = threading.Event()

    def stop_now(_):
        stop.set()
        return 0

    for number in range(1, 4):
        enqueue(number, "pacs")
    with start_scripted(stop_now, SR_CLASSES) as peer:
        transfer = lane(destination(peer), stop=stop).deliver_due()
    assert [result.answer for result in transfer.results] == [
        Answer.STORED,
        Answer.UNSENT,
        Answer.UNSENT,
    ]
    assert [states(store, number) for number in range(1, 4)] == [[STORED], [PENDING], [PENDING]]
    assert [deliveries(store, number)[0].attempts for number in range(1, 4)] == [1, 0, 0]


def test_sending_ends_well_before_the_lease_does(store, enqueue, destination, lane):
    now = [0.0]

    def take_long(_):
        now[0] += 30.0
        return 0

    for number in range(1, 5):
        enqueue(number, "pacs")
    with start_scripted(take_long, SR_CLASSES) as peer:
        brief = DeliverySettings(lease_seconds=100, timeout_seconds=5)
        lane(destination(peer), brief, monotonic=lambda: now[0]).deliver_due()
    found = [states(store, number) for number in range(1, 5)]
    assert found == [[STORED], [STORED], [PENDING], [PENDING]]


def test_each_destination_may_be_called_under_an_ae_title_of_its_own(
    store, enqueue, destination, lane
):
    enqueue(1, "pacs")
    with start_scripted(lambda _: 0, SR_CLASSES, require_calling=["AI-SENDER"]) as peer:
        place = replace(destination(peer), calling_ae_title="AI-SENDER")
        lane(place).deliver_due()
    assert states(store, 1) == [STORED]


def test_an_object_that_breaks_this_program_is_set_aside_alone(
    store, enqueue, destination, lane, monkeypatch
):
    def break_on_the_second(destination, calling, paths, *rest):
        if any(path.name == "2.dcm" for path in paths):
            raise ZeroDivisionError
        return send(destination, calling, paths, *rest)

    send = report_lane.send
    monkeypatch.setattr(report_lane, "send", break_on_the_second)
    for number in range(1, 4):
        enqueue(number, "pacs")
    with start_scripted(lambda _: 0, SR_CLASSES) as peer:
        here = lane(destination(peer))
        now = store.clock()
        for second in range(40):
            store.clock = partial(now.__add__, timedelta(seconds=second))
            here.deliver_due()
    assert [states(store, number) for number in range(1, 4)] == [[STORED], [DEAD], [STORED]]
    assert "ZeroDivisionError" in deliveries(store, 2)[0].problem


def test_a_courier_of_which_a_lane_hangs_stops_saying_that_it_is_alive(
    store, settings, enqueue, destination, run_courier, unused_port, monkeypatch
):
    monkeypatch.setattr(loop, "ALIVE_SECONDS", 0.05)
    entered, free = threading.Event(), threading.Event()
    beats = threading.Semaphore(0)

    def hang(*_):
        entered.set()
        free.wait(30)
        raise OSError

    monkeypatch.setattr(report_lane, "send", hang)
    brief = DeliverySettings(lease_seconds=0.2, timeout_seconds=0.1)
    run_courier(settings(destination(unused_port), delivery=brief), alive=beats.release)
    assert beats.acquire(timeout=10)
    enqueue(1, "pacs")
    assert entered.wait(10)
    silent_since = time.monotonic()
    while beats.acquire(timeout=1.0):
        assert time.monotonic() - silent_since < 10
    free.set()
    assert beats.acquire(timeout=10)


def test_a_courier_without_destinations_lives_until_it_is_stopped(settings, run_courier):
    beats = threading.Semaphore(0)
    run_courier(settings(), alive=beats.release)
    assert beats.acquire(timeout=10)


COURIER = """
import sys, threading
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from triage.delivery import courier
from triage.settings import DeliverySettings, Destination, Settings

folder, title, port = sys.argv[1:]
settings = Settings(
    state_folder=Path(folder),
    delivery=DeliverySettings(first_retry_seconds=0.1, timeout_seconds=5),
    destinations=(Destination("pacs", title, "127.0.0.1", int(port)),),
)
courier.run(settings, threading.Event(), lambda: None)
"""


@pytest.fixture
def courier_process(root, state_folder):
    """Return what starts a courier in a process of its own, to be killed."""
    started = []

    def start(title, port):
        process = subprocess.Popen(
            [sys.executable, "-c", COURIER, str(state_folder), title, str(port)],
            cwd=root,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(root)},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_courier_killed_before_the_answer_makes_no_second_report(
    store, enqueue, destination, courier_process
):
    gone = threading.Event()
    first = threading.Event()

    def hold_the_first_answer(_):
        if not first.is_set():
            first.set()
            gone.wait(30)
        return 0

    enqueue(1, "pacs")
    with start_scripted(hold_the_first_answer, SR_CLASSES) as peer:
        killed = courier_process(peer.ae_title, peer.port)
        assert first.wait(30)
        kill(killed)
        gone.set()
        assert states(store, 1) == [SENDING]
        assert store.reap_deliveries(is_dead) == 1
        courier_process(peer.ae_title, peer.port)
        wait_for_states(store, 1, STORED)
    assert peer.received == [report_uid(1)] * 2


def test_a_courier_killed_in_the_middle_of_a_burst_leaves_each_report_once_in_orthanc(
    tmp_path, store, enqueue, courier_process
):
    numbers = range(1, 25)
    for number in numbers:
        enqueue(number, "pacs")

    def stored():
        return store.counts().deliveries.get(("pacs", STORED), 0)

    with start_orthanc(tmp_path) as orthanc:
        killed = courier_process(orthanc.ae_title, orthanc.dicom_port)
        wait_for(store, lambda: stored() > 0)
        kill(killed)
        assert stored() < len(numbers)
        store.reap_deliveries(is_dead)
        courier_process(orthanc.ae_title, orthanc.dicom_port)
        wait_for(store, lambda: stored() == len(numbers))
        assert len(orthanc.instances()) == len(numbers)
        assert sorted(orthanc.studies()) == sorted(study_uid(number) for number in numbers)


def test_the_courier_module_names_no_patient_data_in_a_problem(
    store, enqueue, destination, lane, state_folder: Path
):
    enqueue(1, "pacs")
    (state_folder / "reports" / "1.dcm").write_bytes(b"Test^1")
    with start_scripted(lambda _: 0, SR_CLASSES) as peer:
        lane(destination(peer)).deliver_due()
    assert "Test" not in deliveries(store, 1)[0].problem
