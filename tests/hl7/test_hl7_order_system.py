"""Priorities on their way to a RIS: the receivers' lane, real MLLP, and the RIS's own orders."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.factories import DIGEST, make_facts, record
from tests.hl7 import ris
from tests.hl7.ris import Ris, field
from tests.hl7.samples import STUDY, orm, oru
from tests.peers import LOOPBACK, free_port
from triage.delivery.lane import Tools
from triage.hl7.desk import Desk
from triage.hl7.values import MessageKind
from triage.receivers.configured import configured_receivers
from triage.receivers.hl7 import WORDS
from triage.receivers.lane import ReceiverLane
from triage.settings import Hl7Receiver
from triage.store import Placement
from triage.values import Decision, ImageState, Mode, Outcome, ReadingClass

RAISED = ReadingClass.SUSPECTED_ABNORMAL


@pytest.fixture
def take(store, settings):
    """Return what takes a message of the RIS."""
    desk = Desk(store, settings)

    def make(content):
        assert b"MSA|AA" in desk.answer(content)

    return make


@pytest.fixture
def carrying(store, settings):
    """Return a lane to a RIS that takes orders, whose passes the test calls itself."""

    def make(port, kind=MessageKind.ORM):
        receivers = (Hl7Receiver("ris", LOOPBACK, port, (MessageKind.ORU, kind)),)
        chosen = replace(settings, hl7_receivers=receivers)
        (system,) = configured_receivers(chosen, store)
        store.know_receivers(["ris"])
        tools = Tools(jitter=lambda: 0.0)
        return ReceiverLane(chosen, system, store, threading.Event(), tools)

    return make


@pytest.fixture
def raise_study(store):
    """Return what lets the study arrive and decides it as suspected abnormal."""

    def make(patient="P1", outcome=Outcome.ABNORMAL, placed=RAISED):
        facts = make_facts(STUDY, accession_number="ACC1", patient_id=patient)
        record(store, facts, state=ImageState.NOT_ELIGIBLE)
        store.association_released([STUDY])
        decision = Decision(outcome, placed, ("a finding",))
        assert store.record_decision(
            store.snapshot(STUDY),
            decision,
            Placement(placed, decision.reasons, outcome),
            None,
            mode=Mode.DEMOTE,
            spared=False,
            bundle_digest=DIGEST,
            destinations=[],
        )

    return make


def states(store):
    return [one.state.value for one in store.receiver_changes_of(STUDY)]


def codes(peer):
    return [field(message, "ORC.F7.R1.C6") for message in peer.received]


def test_a_raised_study_raises_its_order_and_the_brake_puts_it_back(
    store, take, carrying, raise_study
):
    with Ris() as peer:
        lane = carrying(peer.port)
        take(orm())
        raise_study()
        lane.carry_due()
        store.pause("a test")
        lane.carry_due()
    assert codes(peer) == ["A", "R"]
    assert [field(one, "OBR.F27.R1.C6") for one in peer.received] == ["A", "R"]
    assert [field(one, "ORC.F1") for one in peer.received] == ["XO", "XO"]
    assert states(store)[-1] == "told"
    assert "AA" in store.receiver_changes_of(STUDY)[0].acknowledgement


def test_an_omi_is_told_the_same_way(take, carrying, raise_study):
    with Ris() as peer:
        lane = carrying(peer.port, MessageKind.OMI)
        take(orm())
        raise_study()
        lane.carry_due()
    assert field(peer.received[0], "TQ1.F9") == "A"
    assert field(peer.received[0], "IPC.F3") == STUDY


def test_below_routine_there_is_nothing_to_say(store, take, carrying, raise_study):
    with Ris() as peer:
        lane = carrying(peer.port)
        take(orm())
        raise_study(outcome=Outcome.LIKELY_NORMAL, placed=ReadingClass.LIKELY_NORMAL)
        lane.carry_due()
    assert peer.received == []
    assert states(store)[-1] == "unsaid"


def test_an_order_that_is_urgent_already_is_not_touched(take, carrying, raise_study):
    with Ris() as peer:
        lane = carrying(peer.port)
        take(orm(priority="S"))
        raise_study()
        lane.carry_due()
    assert peer.received == []


def test_a_study_without_an_order_waits_for_it(store, take, carrying, raise_study, clock):
    with Ris() as peer:
        lane = carrying(peer.port)
        raise_study()
        lane.carry_due()
        assert peer.received == []
        take(orm())
        clock.advance(300)
        lane.carry_due()
    assert codes(peer) == ["A"]
    assert states(store)[-1] == "told"


@pytest.mark.parametrize("trouble", [ris.answer("AE"), ris.hang_up, ris.answer_nonsense])
def test_what_was_not_acknowledged_comes_again_with_its_number(
    store, take, carrying, raise_study, clock, trouble
):
    with Ris([trouble]) as peer:
        lane = carrying(peer.port)
        take(orm())
        raise_study()
        lane.carry_due()
        clock.advance(10)
        lane.carry_due()
    assert codes(peer) == ["A", "A"]
    assert len(set(peer.received)) == 1, "the same to the byte"
    assert states(store)[-1] == "told"


def test_a_ris_that_is_down_for_an_hour_is_told_once_afterwards(
    store, take, carrying, raise_study, clock
):
    port = free_port()
    lane = carrying(port)
    take(orm())
    raise_study()
    end = clock.now + timedelta(hours=1)
    while clock.now < end:
        lane.carry_due()
        clock.advance(60)
    with Ris(port=port) as peer:
        clock.advance(300)
        lane.carry_due()
        lane.carry_due()
    assert codes(peer) == ["A"]
    assert states(store)[-1] == "told"


@pytest.mark.parametrize(("code", "tries"), [("AR", 1), ("AE", 3)])
def test_an_order_that_is_never_taken_is_an_alarm(
    store, take, carrying, raise_study, clock, code, tries
):
    with Ris([ris.answer(code)] * 9) as peer:
        lane = carrying(peer.port)
        take(orm())
        raise_study()
        for _ in range(6):
            lane.carry_due()
            clock.advance(300)
    assert states(store)[-1] == "dead"
    assert store.receiver_counts().alarms == 1
    assert (len(peer.received), len(set(peer.numbers))) == (tries, 1)


def test_a_ris_that_tells_everybody_what_we_changed_makes_no_urgent_order_of_it(
    store, take, carrying, raise_study
):
    with Ris() as peer:
        lane = carrying(peer.port)
        take(orm("1"))
        raise_study()
        lane.carry_due()
        take(orm("2", control="SC", priority="A"))
        assert store.worklist_entries()[0].reading_class is RAISED
        store.pause("a test")
        lane.carry_due()
    assert codes(peer) == ["A", "R"]


def test_what_a_person_set_in_the_ris_afterwards_is_left_alone(store, take, carrying, raise_study):
    with Ris() as peer:
        lane = carrying(peer.port)
        take(orm("1", priority="T"))
        raise_study()
        lane.carry_due()
        take(orm("2", control="XO", priority="R"))
        store.pause("a test")
        lane.carry_due()
    assert codes(peer) == ["A"]
    assert states(store)[-1] == "left"


@pytest.mark.parametrize("ending", [orm("2", control="CA"), oru("2")])
def test_a_cancelled_or_read_order_is_left_alone(store, take, carrying, raise_study, ending):
    with Ris() as peer:
        lane = carrying(peer.port)
        take(orm("1"))
        take(ending)
        raise_study()
        lane.carry_due()
    assert peer.received == []


def test_every_priority_that_an_order_may_have_is_a_word_of_the_receiver():
    assert WORDS.lowered is None
    assert {WORDS.urgency[code] for code in ("S", "A", "P", "C", "STAT")} == {2}
    assert {WORDS.urgency[code] for code in ("R", "T", "ROUTINE")} == {1}
