"""An answer is taken by whoever asked, never by the library's reactor."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
from pynetdicom import AE, build_context, evt
from pynetdicom.sop_class import Verification

from tests.peers import LOOPBACK, start_scripted
from triage.delivery.association import Line, opened
from triage.delivery.reactor import HELD_REACTOR, ReactorCheckpoint, hold_reactor
from triage.settings import Destination

A_MOMENT = 0.3  # seconds that a thread may be kept from running
TIMEOUT = 3.0
PATIENCE = 20.0


@pytest.fixture
def peer():
    """Return a peer that answers C-ECHO."""
    with start_scripted(lambda _: 0, []) as running:
        yield running


@pytest.fixture
def association(peer):
    """Return an association that our senders use."""
    line = Line(Destination("pacs", peer.ae_title, LOOPBACK, peer.port), "TRIAGE", TIMEOUT)
    with opened(line, [build_context(Verification)]) as found:
        yield found


def slow_down(association):
    """Keep the reactor, each time that it leaves its checkpoint, from running for a moment.

    The moment ends early when a request is sent: then the reactor goes on once the answer has
    come, and would be the first to take it.
    """
    checkpoint, dimse = association._reactor_checkpoint, association.dimse
    wait, send = checkpoint.wait, dimse.send_msg
    left, sent = threading.Event(), threading.Event()

    def slow_wait(timeout=None):
        waited_for_us = not checkpoint.is_set()
        wait(timeout)
        if waited_for_us:
            left.set()
            if sent.wait(A_MOMENT):
                answered.wait(A_MOMENT)
        return True

    answered = threading.Event()
    association.bind(evt.EVT_DIMSE_RECV, lambda _: answered.set())

    def noted_send(*message):
        answered.clear()
        send(*message)
        sent.set()

    checkpoint.wait, dimse.send_msg = slow_wait, noted_send
    return sent


def test_of_two_requests_at_once_both_are_answered_however_late_the_reactor_wakes(association):
    sent = slow_down(association)
    assert association.send_c_echo().Status == 0
    sent.clear()
    assert "Status" in association.send_c_echo(), "the reactor has taken the answer"


def test_a_client_of_ones_own_is_given_the_same_checkpoint(peer):
    entity = AE()
    entity.dimse_timeout = TIMEOUT
    association = entity.associate(
        LOOPBACK, peer.port, [build_context(Verification)], evt_handlers=[HELD_REACTOR]
    )
    assert isinstance(association._reactor_checkpoint, ReactorCheckpoint)
    assert association.send_c_echo().Status == 0
    association.release()
    assert association.is_released
    association.join(PATIENCE)
    assert not association.is_alive()


def test_a_library_without_such_a_checkpoint_is_left_as_it_is():
    association = SimpleNamespace()
    hold_reactor(SimpleNamespace(assoc=association))
    assert vars(association) == {}


def test_the_library_still_has_the_checkpoint_that_is_mended(association):
    assert isinstance(association._reactor_checkpoint, ReactorCheckpoint)
    assert association._is_paused in (True, False)


def test_the_reactor_makes_a_round_between_two_requests_that_follow_at_once(association):
    rounds = []
    look = association.acse.is_aborted
    association.acse.is_aborted = lambda *how: rounds.append(how) or look(*how)
    association.send_c_echo()
    before = len(rounds)
    association.send_c_echo()
    assert len(rounds) > before


def test_a_request_does_not_wait_for_a_reactor_that_has_ended(association):
    association.abort()
    association.join(PATIENCE)
    association._is_paused = False  # as a reactor that ends in the middle of a round leaves it
    association._reactor_checkpoint.clear()
    assert association._is_paused


def test_an_abort_frees_a_reactor_that_is_held(association):
    association._reactor_checkpoint.clear()
    association.abort()
    association.join(PATIENCE)
    assert not association.is_alive()


def test_a_handler_that_sends_does_not_wait_for_its_own_reactor():
    checkpoint = ReactorCheckpoint(threading.current_thread())
    checkpoint.clear()
    assert not checkpoint.is_set()
