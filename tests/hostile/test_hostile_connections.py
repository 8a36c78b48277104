"""Connections by the thousands, and associations beyond the limits: the next good one is served."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import time
from pathlib import Path

import pytest

from tests.hostile import pdus
from tests.hostile.pdus import PduType
from tests.hostile.wire import Wire
from tests.waiting import until

PROMPT_SECONDS = 2.0
MEGABYTES = 250
MEGABYTE = 1024 * 1024
AT_ONCE = 500
TOO_MANY = bytes([0, 2, 3, 2])  # PS3.8 Table 9-21: transient, presentation, local limit exceeded
HALF_A_REQUEST = pdus.association_request()[:100]


@pytest.fixture
def many_files():
    """Let this process have the sockets of all its peers open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2 * AT_ONCE:
        pytest.skip(f"this user may open {hard} files only")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def is_served_promptly(running):
    """Whether a good peer is served, and how soon."""
    began = time.monotonic()
    return running.is_good() and time.monotonic() - began < PROMPT_SECONDS


def has_let_go(running, before):
    """Whether the listener holds no more than before, but for a few of its own files."""
    now = running.usage()
    return now.descriptors <= before.descriptors + 4 and now.threads <= before.threads + 2


@pytest.mark.parametrize("said", [b"", HALF_A_REQUEST], ids=["nothing", "half-a-request"])
def test_half_open_connections_by_the_hundreds_hold_nobody_up(start, call, many_files, said):
    running = start(network_timeout_seconds=3.0)
    assert running.is_good()
    before = running.usage()
    for number in range(AT_ONCE):
        call(running, source=f"127.0.0.{2 + number % 100}").send(said)
    assert is_served_promptly(running)
    assert running.usage().threads <= before.threads + 64
    until(lambda: has_let_go(running, before), "the half-open connections are closed")
    assert is_served_promptly(running)
    assert running.peak_megabytes() < MEGABYTES


@pytest.mark.slow
def test_ten_thousand_connections_in_a_row_leave_nothing_behind(start, many_files):
    running = start(network_timeout_seconds=1.0)
    assert running.is_good()
    before = running.usage()
    for wave in range(10_000 // AT_ONCE):
        peers = [open_half(running.port, number) for number in range(AT_ONCE)]
        assert is_served_promptly(running), wave
        for number, peer in enumerate(peers):
            peer.reset() if number % 2 else peer.close()
    until(lambda: has_let_go(running, before), "the connections are closed")
    assert is_served_promptly(running)
    assert running.peak_megabytes() < MEGABYTES
    assert running.usage().megabytes < before.megabytes + 40
    assert running.complaints() == []


def open_half(port, number):
    """Connect and say nothing, or half a request, or something else."""
    peer = Wire(port, source=f"127.0.0.{2 + number % 250}")
    peer.push((b"", HALF_A_REQUEST, b"\1", b"GET / HTTP/1.1\r\n\r\n")[number % 4])
    return peer


def test_requests_that_are_refused_keep_nobody_out(start, call):
    """They come from one address, by the hundred, and stay after the answer."""
    running = start(network_timeout_seconds=3.0)
    for _ in range(200):
        call(running, source="127.0.0.2").send(pdus.association_request(called="NOBODY"))
    assert is_served_promptly(running)


def test_half_requests_of_great_length_are_bounded_together(start, call):
    running = start(network_timeout_seconds=3.0)
    request = pdus.pdu(PduType.ASSOCIATE_RQ, bytes(MEGABYTE - 10), MEGABYTE)
    for number in range(400):
        call(running, source=f"127.0.0.{2 + number % 100}").push(request)
    assert is_served_promptly(running)
    assert running.peak_megabytes() < MEGABYTES


def test_connections_that_end_before_a_request_are_let_go_at_once(start, call):
    running = start(network_timeout_seconds=60.0)
    assert running.is_good()
    before = running.usage()
    for number in range(100):
        peer = call(running)
        peer.send(HALF_A_REQUEST[: number % 3])
        peer.reset() if number % 2 else peer.close()
    until(lambda: has_let_go(running, before), "the connections are closed", PROMPT_SECONDS)


def has_room(running, source):
    """Associate, release, and return whether there was room."""
    with Wire(running.port, source=source) as peer:
        answer = peer.request_association()
        if answer.kind == PduType.ASSOCIATE_AC:
            peer.release()
            return True
    assert (answer.kind, answer.content) == (PduType.ASSOCIATE_RJ, TOO_MANY)
    return False


@pytest.mark.parametrize("listeners", [1, 2])
def test_associations_beyond_the_limit_are_rejected_until_one_ends(start, call, listeners):
    running = start(listeners=listeners, maximum_associations=6, maximum_associations_per_peer=6)
    peers = [call(running, source=f"127.0.0.{2 + number}").associate() for number in range(6)]
    assert not any(has_room(running, f"127.0.0.{10 + number}") for number in range(12))
    assert [peer.echo() for peer in peers] == [0] * 6
    peers[0].release()
    until(lambda: has_room(running, "127.0.0.40"), "there is room again")
    peers[1].reset()
    until(lambda: has_room(running, "127.0.0.40"), "there is room after a broken link too")
    assert [peer.store() for peer in peers[2:]] == [0] * 4


@contextlib.contextmanager
def held_up(process_id):
    """Keep a process from doing anything, so that another one takes its part."""
    os.kill(process_id, signal.SIGSTOP)
    status = Path(f"/proc/{process_id}/status")
    until(lambda: "T (stopped)" in status.read_text(), "the process is stopped")
    try:
        yield
    finally:
        os.kill(process_id, signal.SIGCONT)


def test_associations_are_counted_over_all_processes(start, call):
    running = start(listeners=2, maximum_associations=4, maximum_associations_per_peer=2)
    *_, first, second = running.processes()
    with held_up(first):
        peers = [call(running, source="127.0.0.2").associate() for _ in range(2)]
        assert not has_room(running, "127.0.0.2")
        peers.append(call(running, source="127.0.0.3").associate())
    with held_up(second):
        assert not has_room(running, "127.0.0.2")
        peers.append(call(running, source="127.0.0.3").associate())
        assert not has_room(running, "127.0.0.4")
    assert [peer.echo() for peer in peers] == [0] * 4
    peers[0].release()
    until(lambda: has_room(running, "127.0.0.2"), "there is room again")


@pytest.mark.parametrize("listeners", [1, 2])
def test_associations_of_one_peer_beyond_its_limit_are_rejected(start, call, listeners):
    running = start(listeners=listeners, maximum_associations=20, maximum_associations_per_peer=3)
    peers = [call(running, source="127.0.0.2").associate() for _ in range(3)]
    assert not any(has_room(running, "127.0.0.2") for _ in range(12))
    others = [call(running, source="127.0.0.3").associate() for _ in range(3)]
    peers[0].reset()
    until(lambda: has_room(running, "127.0.0.2"), "there is room for the peer again")
    assert not has_room(running, "127.0.0.3")
    assert [peer.store() for peer in (*peers[1:], *others)] == [0] * 5


@pytest.mark.parametrize("listeners", [1, 2])
def test_places_of_associations_that_were_killed_are_free_again(start, call, listeners):
    running = start(listeners=listeners, maximum_associations=4, maximum_associations_per_peer=4)
    for _ in range(5):
        peers = [call(running).associate() for _ in range(4)]
        for peer in peers:
            peer.send(pdus.message(pdus.DX, pdus.store_request("2.25.1")))
            peer.reset()
        until(lambda: has_room(running, "127.0.0.1"), "there is room again")
        until(lambda: not running.unfinished(), "nothing is being received")


def test_an_association_is_requested_once(start, call):
    """A second A-ASSOCIATE-RQ on an association is a protocol error (PS3.8 Table 9-10, AA-8)."""
    running = start()
    peer = call(running).associate()
    peer.send(pdus.association_request())
    assert [one.kind for one in peer.until_end()] == [PduType.ABORT]
    assert running.is_good()


def test_data_after_a_release_is_not_stored(start, call):
    running = start()
    peer = call(running).associate()
    stored = pdus.message(pdus.DX, pdus.store_request("2.25.7"), pdus.film("2.25.7"))
    peer.push([pdus.release_request(), *stored])
    assert [one.kind for one in peer.until_end()][:1] in ([], [PduType.RELEASE_RP])
    assert running.is_good()
    assert running.instances("2.25.7.1") == ()
