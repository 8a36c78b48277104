"""Results on their way to a RIS that loses, delays, refuses and repeats."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from tests.factories import DIGEST, make_analysis, make_facts, record
from tests.hl7 import ris
from tests.hl7.ris import Ris, field
from tests.hl7.samples import PATIENT, STUDY, orm
from tests.peers import LOOPBACK, free_port
from triage.codes import CODES
from triage.delivery import courier, result_lane
from triage.delivery import lane as loop
from triage.errors import DeliveryError
from triage.hl7.desk import Desk
from triage.hl7.values import MessageKind
from triage.settings import CharacterSet, Hl7Receiver
from triage.store import Placement
from triage.uids import device_uid
from triage.values import (
    BundleIdentity,
    Decision,
    DeliveryState,
    FindingDefinition,
    Mode,
    OperatingPoint,
    Outcome,
    ReadingClass,
)

PENDING, SENDING = DeliveryState.PENDING, DeliveryState.SENDING
DONE, DEAD = DeliveryState.STORED, DeliveryState.DEAD
BUNDLE = SimpleNamespace(
    identity=BundleIdentity("net", "maker", "1", DIGEST, device_uid(DIGEST), "A test."),
    findings=(FindingDefinition("spondylosis", "Spondylosis", CODES.spondylosis),),
    operating_points=(OperatingPoint("spondylosis", 0.0, -3.0, 0.5, 0.05),),
)


@pytest.fixture(autouse=True)
def bundle(monkeypatch):
    """Let the bundle of the site be one that no test has to load."""
    monkeypatch.setattr(result_lane, "Bundle", SimpleNamespace(load=lambda _folder: BUNDLE))


@pytest.fixture
def decide(store):
    """Return what lets a study arrive, if it has not, and decides it."""

    def make(study=STUDY, mode=Mode.PROMOTE, digest=DIGEST, **values):
        number = 1 + len(known.decisions) if (known := store.study(study)) else 1
        image = f"{study}.{number}"
        record(store, make_facts(study, image, **values), content=image)
        for claimed in store.claim_images("worker", 9, 60):
            store.finish_image(claimed.instance_id, "worker", make_analysis(3.0, digest=digest), "")
        store.association_released([study])
        decision = Decision(Outcome.ABNORMAL, ReadingClass.SUSPECTED_ABNORMAL, ("a finding",))
        assert store.record_decision(
            store.snapshot(study),
            decision,
            Placement(decision.reading_class, decision.reasons, decision.outcome),
            None,
            mode=mode,
            spared=False,
            bundle_digest=digest,
            destinations=[],
        )

    return make


@pytest.fixture
def opened(lane):
    """Return a lane whose feed has begun."""

    def make(port, **values):
        made = lane(port, **values)
        made.deliver_due()
        return made

    return make


def states(store, study=STUDY):
    return [one.state for one in store.results_of(study)]


def test_a_decision_is_told_once_and_its_message_is_not_kept(store, opened, decide):
    with Ris() as peer:
        told = opened(peer.port)
        decide(patient_name="Müller^Änne", accession_number="ACC1")
        assert told.deliver_due().tried == 1
        assert told.deliver_due() is None
    (message,) = peer.received
    assert field(message, "OBR.F18") == "ACC1"
    assert field(message, "PID.F5") == "Müller"
    assert b"263654008^Abnormal^SCT" in message
    (row,) = store.results_of(STUDY)
    assert (row.state, row.control_id, row.problem) == (DONE, ris.number_of(message), "")
    with store.reading() as connection:
        assert connection.exec_driver_sql("SELECT content FROM hl7_results").scalar() == b""


def test_a_receiver_that_is_new_is_not_told_of_what_was_before(store, lane, decide):
    decide()
    with Ris() as peer:
        told = lane(peer.port)
        assert told.deliver_due() is None
        decide("1.2.9")
        told.deliver_due()
    assert [STUDY.encode() in one for one in peer.received] == [False]


def test_in_shadow_mode_nothing_is_told(store, opened, decide):
    with Ris() as peer:
        told = opened(peer.port)
        decide(mode=Mode.SHADOW)
        assert told.deliver_due() is None
    assert peer.received == []


def test_of_a_study_that_grew_only_what_stands_is_told_and_in_order(store, opened, decide):
    with Ris([ris.answer("AE")]) as peer:
        told = opened(peer.port)
        decide()
        decide()
        told.deliver_due()
        assert len(states(store)) == 1
        decide()
        told.deliver_due()
        assert states(store) == [PENDING, PENDING]
        assert len(peer.received) == 1
        store.revive_results()
        told.deliver_due()
        told.deliver_due()
    assert states(store) == [DONE, DONE]
    assert peer.numbers[0] == peer.numbers[1] != peer.numbers[2]


def test_a_decision_of_a_bundle_that_is_gone_is_told_without_its_findings(store, opened, decide):
    with Ris() as peer:
        told = opened(peer.port)
        decide(digest="e" * 64)
        told.deliver_due()
    assert b"121402^Normality^DCM" in peer.received[0]
    assert b"111012" not in peer.received[0]


def test_a_ris_that_is_down_for_an_hour_gets_everything_afterwards_once(
    store, opened, decide, clock
):
    port = free_port()
    told = opened(port)
    studies = [f"1.2.7.{number}" for number in range(5)]
    for study in studies:
        decide(study)
    tries, end = 0, clock.now + timedelta(hours=1)
    while clock.now < end:
        done = told.deliver_due()
        tries += done is not None
        clock.advance(10)
    assert 12 < tries < 30  # 10 s at first, then 300 s apart
    assert all(states(store, study) == [PENDING] for study in studies)
    with Ris(port=port) as peer:
        clock.advance(300)
        assert told.deliver_due().tried == 5
    assert len(set(peer.numbers)) == len(peer.numbers) == 5
    rows = [row for study in studies for row in store.results_of(study)]
    assert [(row.state, row.attempts) for row in rows] == [(DONE, 1)] * 5


def test_ae_is_tried_again_with_the_same_message_and_then_given_up_until_retry(
    store, opened, decide, clock
):
    with Ris([ris.answer("AE")] * 3) as peer:
        told = opened(peer.port)
        decide()
        for _ in range(5):
            told.deliver_due()
            clock.advance(300)
        assert states(store) == [DEAD]
        (dead,) = store.dead_results()
        assert (dead.receiver, dead.attempts) == ("ris", 3)
        assert dead.problem == "the receiver answered AE"
        assert store.revive_results("ris") == 1
        told.deliver_due()
    assert states(store) == [DONE]
    assert len(peer.received) == 4
    assert len(set(peer.received)) == 1


def test_a_message_that_comes_again_is_the_same_though_more_is_known_by_then(
    store, settings, opened, decide, clock
):
    """A receiver knows it by its number: another content under the same one would be lost."""
    with Ris([ris.answer("AE")]) as peer:
        told = opened(peer.port)
        decide(patient_id=PATIENT)
        told.deliver_due()
        assert b"MSA|AA" in Desk(store, settings).answer(orm())
        clock.advance(300)
        told.deliver_due()
    assert len(peer.received) == 2
    assert len(set(peer.received)) == 1


def test_ar_is_given_up_at_once_and_stops_no_other(store, opened, decide):
    with Ris([ris.answer("AR")]) as peer:
        told = opened(peer.port)
        decide("1.2.71")
        decide("1.2.72")
        told.deliver_due()
    assert (states(store, "1.2.71"), states(store, "1.2.72")) == ([DEAD], [DONE])
    assert len(peer.received) == 2


@pytest.mark.parametrize("lose", [ris.hang_up, ris.answer_without_end])
def test_after_a_lost_acknowledgement_the_same_message_comes_again(
    store, opened, decide, clock, lose
):
    with Ris([lose]) as peer:
        told = opened(peer.port)
        decide("1.2.71")
        decide("1.2.72")
        assert isinstance(told.deliver_due().trouble, DeliveryError)
        assert states(store, "1.2.71") == states(store, "1.2.72") == [PENDING]
        clock.advance(10)
        told.deliver_due()
    assert peer.received[0] == peer.received[1]
    assert len(set(peer.numbers)) == 2
    assert states(store, "1.2.71") == states(store, "1.2.72") == [DONE]


def test_an_acknowledgement_of_another_message_is_not_taken_for_ours(store, opened, decide):
    with Ris([ris.answer_the_last, ris.answer_the_last]) as peer:
        told = opened(peer.port)
        decide("1.2.71")
        decide("1.2.72")
        told.deliver_due()
    assert states(store, "1.2.71") == states(store, "1.2.72") == [DONE]
    assert len(peer.received) == 2


def test_a_courier_that_died_after_sending_is_followed_by_the_same_message(
    store, opened, decide, monkeypatch
):
    def die(*_):
        raise KeyboardInterrupt

    with Ris() as peer:
        told = opened(peer.port)
        decide()
        with monkeypatch.context() as dying:
            dying.setattr(type(store), "result_acknowledged", die)
            with pytest.raises(KeyboardInterrupt):
                told.deliver_due()
        assert states(store) == [SENDING]
        assert store.reap_results(lambda _owner: True) == 1
        opened(peer.port)
    assert states(store) == [DONE]
    assert len(peer.received) == 2
    assert len(set(peer.received)) == 1


def test_what_cannot_be_written_for_a_receiver_is_a_dead_letter_and_stops_no_other(
    store, opened, decide
):
    with Ris() as peer:
        told = opened(peer.port, character_set=CharacterSet.LATIN_1)
        decide("1.2.71", patient_name="Łukasz")
        decide("1.2.72", patient_name="Änne")
        told.deliver_due()
    assert (states(store, "1.2.71"), states(store, "1.2.72")) == ([DEAD], [DONE])
    assert "character_set" in store.dead_results()[0].problem


def test_the_courier_runs_a_lane_for_each_receiver_of_results(
    store, settings, decide, monkeypatch, lane
):
    monkeypatch.setattr(loop, "IDLE_SECONDS", 0.05)
    with Ris() as well, Ris() as orders:
        receivers = (
            Hl7Receiver("ris", LOOPBACK, well.port),
            Hl7Receiver("orders", LOOPBACK, orders.port, (MessageKind.ORM,)),
        )
        store.open_result_feed("ris")
        stop, ready = threading.Event(), threading.Event()
        chosen = replace(settings, hl7_receivers=receivers)
        thread = threading.Thread(target=courier.run, args=(chosen, stop, lambda: None, ready.set))
        thread.start()
        assert ready.wait(30)
        decide()
        well.wait_until(lambda peer: peer.received)
        stop.set()
        thread.join(30)
        assert orders.received == []
