"""The hot path: an object comes out as it went in, however its PDUs are cut and arrive."""

from __future__ import annotations

import socket
import struct
import threading
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom import AE
from pynetdicom.association import Association

from triage.intake import connection as connections
from triage.intake.connection import Connection, ConnectionEndedError, Patience
from triage.intake.object_stream import Expected, pour

CONTEXT = 5
EXPECTED = Expected(CONTEXT, 0)
PATIENCE = Patience(5.0, 5.0, 0)


def data_pdu(value, control=0b00, context=CONTEXT):
    """Return a P-DATA-TF PDU with one value."""
    item = struct.pack(">LBB", len(value) + 2, context, control) + value
    return struct.pack(">BxL", 4, len(item)) + item


class Collected:
    """Takes the pieces of an object."""

    def __init__(self):
        self.content = bytearray()
        self.calls = 0

    def write_all(self, pieces):
        self.calls += 1
        for piece in pieces:
            self.content += piece


@pytest.fixture
def connected():
    """Return a function that makes a connection, and the socket at its other end."""
    opened = []

    def connect(received=b""):
        ours, theirs = socket.socketpair()
        opened.extend((ours, theirs))
        return Connection(Association(AE(), "acceptor"), ours, PATIENCE, received=received), theirs

    yield connect
    for one in opened:
        one.close()


def send_in_cuts(theirs, content, cuts):
    """Send bytes in pieces, each after the one before has left."""
    start = 0
    for cut in (*sorted(cuts), len(content)):
        theirs.sendall(content[start:cut])
        start = max(start, cut)


def test_an_object_of_many_pdus_is_taken_to_its_last(connected):
    connection, theirs = connected()
    values = [bytes([number]) * 70_000 for number in range(20)]
    pdus = b"".join(data_pdu(value) for value in values[:-1]) + data_pdu(values[-1], 0b10)
    sender = threading.Thread(target=theirs.sendall, args=(pdus + b"next",))
    sender.start()
    taken = Collected()
    assert pour(connection, taken, EXPECTED)
    sender.join()
    assert bytes(taken.content) == b"".join(values)
    assert bytes(connection.peek(4)) == b"next"


@given(
    values=st.lists(st.binary(max_size=40), min_size=1, max_size=8),
    cuts=st.lists(st.integers(0, 400), max_size=6),
    before=st.integers(0, 60),
)
def test_it_does_not_matter_where_the_stream_is_cut(values, cuts, before):
    pdus = b"".join(map(data_pdu, values[:-1])) + data_pdu(values[-1], 0b10)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        owner = Association(AE(), "acceptor")
        connection = Connection(owner, ours, PATIENCE, received=pdus[:before])
        send_in_cuts(theirs, pdus[before:], [cut for cut in cuts if cut < len(pdus) - before])
        taken = Collected()
        assert pour(connection, taken, EXPECTED)
        assert bytes(taken.content) == b"".join(values)


@pytest.mark.parametrize(
    "strange",
    [
        b"\x07\0\0\0\0\4\0\0\0\0",
        data_pdu(b"command", 0b01),
        data_pdu(b"elsewhere", context=7),
        b"\x04\0\0\0\0\x0c"
        + struct.pack(">LBB", 2, CONTEXT, 0)
        + struct.pack(">LBB", 2, CONTEXT, 2),
        b"\x04\0\0\0\0\x05" + struct.pack(">LBB", 1, CONTEXT, 0),
    ],
    ids=["abort", "a-command", "another-context", "two-values", "no-control-header"],
)
def test_what_is_no_plain_piece_is_left_where_it_begins(connected, strange):
    connection, theirs = connected()
    theirs.sendall(data_pdu(b"plain") + strange)
    taken = Collected()
    assert not pour(connection, taken, EXPECTED)
    assert bytes(taken.content) == b"plain"
    assert bytes(connection.peek(len(strange))) == strange


def test_a_longer_pdu_than_was_agreed_is_no_plain_piece(connected):
    connection, theirs = connected()
    theirs.sendall(data_pdu(b"x" * 100))
    assert not pour(connection, Collected(), Expected(CONTEXT, 50))


def test_the_end_of_the_connection_within_a_value_is_an_error(connected):
    connection, theirs = connected()
    theirs.sendall(data_pdu(b"x" * 100)[:50])
    theirs.close()
    with pytest.raises(ConnectionEndedError):
        pour(connection, Collected(), EXPECTED)


def test_a_full_buffer_is_written_with_one_call(connected):
    connection, theirs = connected()
    pdus = b"".join(data_pdu(b"x" * 1000) for _ in range(100)) + data_pdu(b"", 0b10)
    theirs.sendall(pdus)
    taken = Collected()
    assert pour(connection, taken, EXPECTED)
    assert len(taken.content) == 100_000
    assert taken.calls <= 3


def test_a_slow_sender_is_given_up_and_a_steady_one_is_not(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(connections, "time", SimpleNamespace(monotonic=lambda: now[0]))
    outcomes = {}
    for name, bytes_a_second in (("slow", 99), ("steady", 101)):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            patience = Patience(60.0, 10.0, 100)
            connection = Connection(Association(AE(), "acceptor"), ours, patience)
            outcomes[name] = "left alone"
            for _ in range(25):
                theirs.sendall(bytes(bytes_a_second))
                now[0] += 1.0
                try:
                    connection.recv(bytes_a_second)
                except connections.PatienceExhaustedError as error:
                    outcomes[name] = str(error)
                    break
    assert outcomes == {"slow": "the sender is too slow", "steady": "left alone"}
