"""Messages over real connections: a RIS that is patient, hostile, slow, many, or behind TLS."""

from __future__ import annotations

import dataclasses
import re
import socket
import ssl
import subprocess
import sys
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path

import hl7
import pytest

from tests.hl7.samples import STUDY, msh, orm, oru, text
from tests.intake.certificates import Authority
from tests.peers import LOOPBACK
from triage.errors import TransientError
from triage.hl7 import server
from triage.uids import work_item_uid
from triage.values import ReadingClass

STAT, ROUTINE = ReadingClass.URGENT_ORDER, ReadingClass.ROUTINE


def line(store):
    return store.worklist_entry(work_item_uid(STUDY))


def test_several_messages_over_one_connection_are_answered_in_order(
    store, serve, call, arrive, settings
):
    serve()
    arrive()
    caller = call()
    for content in (orm("1", priority="S"), oru("2", status="P"), text(msh("ADT^A01", "3"))):
        caller.send(content)
    answers = [hl7.parse(caller.hear().decode()) for _ in range(3)]
    assert [(one["MSA.F1"], one["MSA.F2"]) for one in answers] == [
        ("AA", "1"),
        ("AA", "2"),
        ("AR", "3"),
    ]
    assert line(store).reading_class is STAT


def test_a_caller_that_never_saw_the_answer_sends_again_and_nothing_happens_twice(
    store, serve, call, arrive
):
    serve()
    arrive()
    first = call()
    first.send(orm("1", priority="S"))
    first.connection.shutdown(socket.SHUT_WR)
    first.hear()
    assert b"MSA|AA|1" in call().ask(orm("1", priority="S"))
    assert len(store.study(STUDY).priority_changes) == 2


@pytest.mark.parametrize(
    "bytes_sent",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x0b\x1c\r",
        b"\x0b" + b"\x00" * 1000 + b"\x1c\r",
        b"\x16\x03\x01\x02\x00\x01",
        b"\x0bMSH|^~\\&|" + b"\x0b" * 100,
    ],
)
def test_hostile_bytes_harm_only_their_own_connection(serve, call, bytes_sent):
    serve()
    well, hostile = call(), call()
    hostile.connection.sendall(bytes_sent)
    hostile.connection.shutdown(socket.SHUT_WR)
    assert b"MSA|AA" in well.ask(orm())


def test_a_message_that_is_too_long_is_refused_by_its_number_and_the_connection_closed(serve, call):
    serve()
    caller = call()
    answer = caller.ask(orm("77") + b"x" * 100_000)
    assert b"MSA|AR|77|the message is too long" in answer
    assert caller.hear() == b""


def test_a_message_that_never_ends_is_given_up(serve, call, settings):
    quick = dataclasses.replace(settings.hl7, message_timeout_seconds=0.2)
    serve(dataclasses.replace(settings, hl7=quick))
    caller = call()
    caller.connection.sendall(b"\x0bMSH|")
    assert caller.hear() == b""


def test_a_caller_from_elsewhere_and_one_too_many_are_closed(serve, call, settings):
    serve(
        dataclasses.replace(settings, hl7=dataclasses.replace(settings.hl7, maximum_connections=1))
    )
    first = call()
    assert b"MSA|AA" in first.ask(orm())
    assert call().hear() == b""
    assert b"MSA|AA" in first.ask(orm("2"))


def test_a_caller_whose_address_is_not_listed_is_closed(serve, call, settings):
    listed = dataclasses.replace(settings.hl7, calling_addresses=(ip_network("10.0.0.0/8"),))
    serve(dataclasses.replace(settings, hl7=listed))
    assert call().hear() == b""


def test_the_role_ends_while_callers_are_connected_and_answers_what_has_arrived(serve, call):
    stop = serve()
    caller = call()
    assert b"MSA|AA" in caller.ask(orm())
    stop.set()
    assert caller.hear() == b""


def test_a_port_that_is_taken_is_named(settings, serve):
    with (
        socket.create_server((LOOPBACK, settings.hl7.port)),
        pytest.raises(TransientError, match=r"hl7\.port"),
    ):
        server.run(settings, None, lambda: None)


def test_orders_come_over_tls_from_a_sender_that_shows_a_certificate(
    tmp_path, settings, serve, store, arrive
):
    hospital = Authority(tmp_path, "hospital")
    ours, theirs = hospital.issue("triage.example"), hospital.issue("ris.example")
    secured = dataclasses.replace(
        settings.hl7,
        tls=True,
        tls_certificate=ours.certificate,
        tls_private_key=ours.key,
        tls_authorities=hospital.file,
    )
    serve(dataclasses.replace(settings, hl7=secured))
    arrive()
    context = ssl.create_default_context(cafile=hospital.file)
    context.check_hostname = False
    where = (LOOPBACK, settings.hl7.port)
    with socket.create_connection(where, 30) as plain, suppress(ConnectionError):
        plain.sendall(b"\x0b" + orm("0", priority="S") + b"\x1c\r")
        assert b"MSA" not in plain.recv(100)
    assert line(store).reading_class is ROUTINE
    context.load_cert_chain(theirs.certificate, theirs.key)
    with context.wrap_socket(socket.create_connection(where, 30)) as caller:
        caller.sendall(b"\x0b" + orm(priority="S") + b"\x1c\r")
        assert b"MSA|AA" in caller.recv(4096)
    assert line(store).reading_class is STAT


def test_the_readmes_sender_is_answered(serve, settings, arrive, store, tmp_path, root):
    (line,) = re.findall(r"`(mllp_send [^`]*)`", (root / "README.md").read_text())
    serve()
    arrive()
    (tmp_path / "order.hl7").write_bytes(orm("1", priority="S"))
    words = line.replace("2575", str(settings.hl7.port)).split()
    program = Path(sys.executable).parent / words[0]
    done = subprocess.run(
        [program, *words[1:]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "MSA|AA|1" in done.stdout
    assert store.study(STUDY).entry.reading_class is STAT
