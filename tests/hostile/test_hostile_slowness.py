"""Peers that are slow, silent or deaf: a dead link is told from a slow one, and the log says so."""

from __future__ import annotations

import pytest

from tests.hostile import pdus
from tests.hostile.pdus import COMMAND, DX, ECHO, LAST, UPS
from tests.hostile.reading_list import fill_reading_list
from tests.hostile.wire import new_uid
from tests.waiting import until

TIMEOUT_SECONDS = 0.6
MINIMUM = 1000  # bytes a second
PATIENT = {"network_timeout_seconds": TIMEOUT_SECONDS, "idle_timeout_seconds": 60.0}

FILM = pdus.film(new_uid(), pixels=bytes(40_000))
OBJECT = b"".join(pdus.message(DX, pdus.store_request(new_uid()), FILM))
COMMAND_BYTES = len(pdus.message(DX, pdus.store_request(new_uid()))[0])

# Where the peer slows down: what it has sent until then.
PLACES = {
    "before-the-request": (False, 0),
    "within-the-request-header": (False, 3),
    "within-the-request": (False, 100),
    "within-a-pdu-header": (True, 3),
    "within-a-command": (True, 40),
    "within-an-object": (True, COMMAND_BYTES),
    "within-a-data-header": (True, COMMAND_BYTES + 4),
    "within-a-pdv": (True, COMMAND_BYTES + 9000),
}


def slow_down(peer, *, associated, sent):
    """Associate if the place is behind that, send so much at once, and return the rest."""
    content = OBJECT if associated else pdus.association_request()
    if associated:
        peer.associate()
    peer.send(content[:sent])
    return content[sent:]


def is_ended(peer):
    """Wait until the listener ends the connection: by an abort, a close or both."""
    kinds = [one.kind for one in peer.until_end()]
    return kinds in ([], [pdus.PduType.ABORT])


def warns_of(running, word, since):
    """Whether one of the warnings in the log, behind so many, gives a reason with a word in it."""
    reasons = [one.get("reason") or one.get("problem") for one in running.warnings()[since:]]
    return any(word in str(one) for one in reasons)


@pytest.mark.parametrize("place", PLACES)
def test_a_sender_of_a_byte_now_and_then_is_ended(shared, call, place):
    running = shared(minimum_bytes_per_second=MINIMUM, **PATIENT)
    associated, sent = PLACES[place]
    warnings = len(running.warnings())
    peer = call(running)
    rest = slow_down(peer, associated=associated, sent=sent)
    assert not peer.trickle(rest[:100], piece=1, every_seconds=0.1)
    assert is_ended(peer)
    until(lambda: not running.unfinished(), "nothing is being received")
    expected = "slow" if associated else "request"
    until(lambda: warns_of(running, expected, warnings), "the log says why", 5)


@pytest.mark.parametrize("place", PLACES)
def test_a_link_that_falls_silent_is_ended(shared, call, place):
    running = shared(minimum_bytes_per_second=0, **PATIENT)
    associated, sent = PLACES[place]
    warnings = len(running.warnings())
    peer = call(running)
    slow_down(peer, associated=associated, sent=sent)
    assert is_ended(peer)
    until(lambda: not running.unfinished(), "nothing is being received")
    if sent or associated:  # who says nothing at all is no peer that anybody asks about
        expected = "dead" if associated else "request"
        until(lambda: warns_of(running, expected, warnings), "the log says why", 5)


def test_a_slow_but_steady_sender_is_left_alone(shared, call):
    """It takes several times the network timeout, and never less than the minimum a second."""
    running = shared(minimum_bytes_per_second=MINIMUM, **PATIENT)
    instance = new_uid()
    peer = call(running).associate()
    content = b"".join(pdus.message(DX, pdus.store_request(instance), pdus.film(instance)))
    assert peer.trickle(content, piece=len(content) // 20, every_seconds=0.1)
    assert peer.answer().status == pdus.SUCCESS
    assert running.stored(f"{instance}.1").endswith(pdus.film(instance))


def test_with_no_minimum_a_byte_now_and_then_is_enough(shared, call):
    running = shared(minimum_bytes_per_second=0, **PATIENT)
    peer = call(running).associate()
    assert peer.trickle(pdus.message(ECHO, pdus.echo_request())[0], piece=4, every_seconds=0.1)
    assert peer.answer().status == pdus.SUCCESS


def test_an_open_association_may_be_silent_between_requests(shared, call):
    running = shared(**PATIENT)
    peer = call(running).associate()
    assert peer.echo() == pdus.SUCCESS
    assert not peer.says_something(3 * TIMEOUT_SECONDS)
    assert peer.store() == pdus.SUCCESS


def test_an_association_on_which_nothing_is_asked_ends_after_the_idle_timeout(shared, call):
    running = shared(network_timeout_seconds=60.0, idle_timeout_seconds=TIMEOUT_SECONDS)
    peer = call(running).associate()
    assert peer.echo() == pdus.SUCCESS
    assert is_ended(peer)
    until(lambda: warns_of(running, "nothing was asked", 0), "the log says why", 5)


@pytest.mark.parametrize(
    ("asked", "times"),
    [
        pytest.param(pdus.message(ECHO, pdus.echo_request()), 5_000, id="echoes"),
        pytest.param(pdus.message(UPS, pdus.find_request(), pdus.query()), 20, id="queries"),
    ],
)
def test_a_peer_that_reads_no_answer_holds_nothing_for_ever(shared, call, asked, times):
    running = shared(**PATIENT)
    fill_reading_list(running)
    until(lambda: not running.connections(), "peers of other tests are gone")
    peer = call(running, narrow=True, patience_seconds=5 * TIMEOUT_SECONDS).associate()
    peer.push(b"".join(asked) * times)
    assert running.connections() == 1
    until(lambda: not running.connections(), "the deaf peer is given up", 20 * TIMEOUT_SECONDS)
    assert running.is_good()


def test_a_dead_link_within_an_object_leaves_nothing(shared, call):
    running = shared(**PATIENT)
    instance = new_uid()
    peer = call(running).associate()
    command = pdus.data(pdus.pdv(DX, COMMAND | LAST, pdus.store_request(instance)))
    peer.send([command, pdus.data(pdus.pdv(DX, 0, FILM[:9000]))])
    until(running.unfinished, "the object is being received")
    assert is_ended(peer)
    until(lambda: not running.unfinished(), "the rest of the object is gone")
    assert running.instances(f"{instance}.1") == ()
