"""Orders and final reports from a RIS: what they do to the list, once, whatever happens."""

from __future__ import annotations

import dataclasses
import io
import re
import socket
import ssl
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import hl7
import pytest
import structlog

from tests.factories import make_facts, record
from tests.hl7.samples import ACCESSION, STUDY, msh, omi, orm, oru, text
from tests.intake.certificates import Authority
from tests.peers import LOOPBACK
from triage.errors import TransientError
from triage.hl7 import server
from triage.hl7.desk import Desk
from triage.hl7.values import AcknowledgementCode
from triage.log.allowed import drop_what_is_not_allowed
from triage.log.failures import describe_exception
from triage.store import Placement, StepChange
from triage.uids import work_item_uid
from triage.values import Decision, Mode, OrderPriority, Outcome, ReadingClass, StepState

STAT, ROUTINE = ReadingClass.URGENT_ORDER, ReadingClass.ROUTINE
LOWERED = ReadingClass.LIKELY_NORMAL
ITEM = work_item_uid(STUDY)


@pytest.fixture
def desk(store, settings):
    """Return where messages are taken, without sockets."""
    return Desk(store, settings)


@pytest.fixture
def take(desk):
    """Return what takes a message and gives MSA-1."""
    return lambda content: hl7.parse(desk.answer(content).decode("latin-1"))["MSA.F1"]


@pytest.fixture
def arrive(store):
    """Return what lets an image of the study arrive."""

    def make(study=STUDY, accession=ACCESSION, patient="P1", **values):
        facts = make_facts(study, accession_number=accession, patient_id=patient, **values)
        return record(store, facts, content=facts.sop_instance_uid)

    return make


@pytest.fixture
def decide(store):
    """Return what decides the study as likely normal."""

    def make(study=STUDY):
        store.association_released([study])
        decision = Decision(Outcome.LIKELY_NORMAL, LOWERED, ("ruled out",))
        assert store.record_decision(
            store.snapshot(study),
            decision,
            Placement(LOWERED, decision.reasons, decision.outcome),
            None,
            mode=Mode.DEMOTE,
            spared=False,
            bundle_digest="d" * 64,
            destinations=[],
        )

    return make


def line(store, study=STUDY):
    return store.worklist_entry(work_item_uid(study))


def test_an_order_that_comes_before_its_images_waits_for_them(store, take, arrive):
    assert take(orm(priority="S")) == "AA"
    assert store.worklist_entries() == ()
    arrive()
    found = line(store)
    assert (found.reading_class, found.patient_location) == (STAT, "ED, 12, A, MAIN")
    assert store.claim_images("worker", 1, 60)[0].study_instance_uid == STUDY


def test_it_also_waits_for_an_accession_number_that_comes_with_a_later_image(store, take, arrive):
    take(orm(study="", priority="S"))
    arrive(accession="")
    assert line(store).reading_class is ROUTINE
    arrive(instance="1.9")
    assert line(store).reading_class is STAT


def test_a_stat_order_after_the_decision_raises_at_once(store, take, arrive, decide):
    arrive()
    decide()
    assert line(store).reading_class is LOWERED
    assert take(orm(control="XO", priority="S")) == "AA"
    assert line(store).reading_class is STAT
    ledger = store.study(STUDY).priority_changes
    assert (ledger[-1].class_before, ledger[-1].by) == (LOWERED, "order")


def test_an_order_that_is_no_longer_urgent_gives_back_what_it_had_raised(store, take, arrive):
    arrive()
    take(orm("1", priority="S"))
    take(orm("2", control="XO", priority="R"))
    assert line(store).reading_class is ROUTINE


def test_a_message_that_repeats_a_priority_lowers_nothing_that_a_header_had_raised(
    store, take, arrive
):
    take(orm("1"))
    arrive(order_priority=OrderPriority.STAT)
    take(orm("2", location="WARD^1"))
    assert line(store).reading_class is STAT
    assert line(store).patient_location == "WARD, 1"


def test_what_an_order_does_not_say_stays(store, take, arrive):
    arrive()
    take(orm("1", priority="S"))
    take(orm("2", control="SC", state="IP", priority="", location=""))
    found = line(store)
    assert (found.reading_class, found.patient_location) == (STAT, "ED, 12, A, MAIN")


def test_an_omi_says_the_same_as_an_orm(store, take, arrive):
    arrive()
    assert take(omi(priority="S")) == "AA"
    assert (line(store).reading_class, line(store).patient_location) == (STAT, "WARD, 7, B")


def test_a_cancelled_order_takes_nothing_off_the_list_and_the_note_stays(
    store, take, arrive, decide
):
    arrive()
    assert take(orm("1", control="CA")) == "AA"
    found = line(store)
    assert (found.step_state, found.reading_class) == (StepState.SCHEDULED, ROUTINE)
    assert found.reasons[0] == "the order was cancelled"
    decide()
    assert line(store).reasons == ("the order was cancelled", "ruled out")
    assert len(store.worklist_entries()) == 1
    take(orm("2", control="XO"))
    assert line(store).reasons == ("ruled out",)


def test_a_final_report_ends_the_reading(store, take, arrive):
    arrive()
    assert take(oru(status="P", results=("P",))) == "AA"
    assert line(store).step_state is StepState.SCHEDULED
    assert take(oru("M10", study="")) == "AA"
    assert line(store).step_state is StepState.COMPLETED
    assert store.worklist_entries() == ()
    assert store.study(STUDY).step_changes[-1].reason == "the final report came"


def test_a_final_report_ends_a_reading_that_somebody_has_begun(store, take, arrive):
    arrive()
    version = line(store).version
    claim = StepChange("READER", StepState.IN_PROGRESS, transaction_uid="1.2.3")
    assert store.change_step(ITEM, version, claim)
    take(oru())
    assert line(store).step_state is StepState.COMPLETED


def test_a_final_report_that_comes_before_the_images_ends_them_when_they_come(store, take, arrive):
    take(oru())
    arrive()
    assert line(store).step_state is StepState.COMPLETED


def test_an_accession_number_of_another_patient_ends_and_moves_nothing(store, take, arrive):
    arrive(patient="P2")
    assert take(oru(study="")) == "AA"
    assert take(orm(study="", priority="S")) == "AA"
    found = line(store)
    assert (found.step_state, found.reading_class) == (StepState.SCHEDULED, ROUTINE)
    assert store.hl7_order(STUDY) is None


def test_one_order_may_be_fulfilled_by_two_studies(store, take, arrive):
    arrive()
    arrive("1.2.840.99.2", instance="1.7")
    take(orm(priority="S"))
    assert line(store).reading_class is STAT
    assert line(store, "1.2.840.99.2").reading_class is STAT


def test_a_repeated_message_gets_the_same_answer_and_does_nothing_twice(store, take, arrive):
    arrive()
    take(orm("1", priority="S"))
    take(orm("2", control="XO", priority="R"))
    assert take(orm("1", priority="S")) == "AA"
    assert line(store).reading_class is ROUTINE
    assert len(store.study(STUDY).priority_changes) == 3


def test_a_number_that_a_sender_uses_again_for_another_message_loses_nothing(store, take, arrive):
    arrive()
    take(orm("1"))
    assert take(orm("1", control="XO", priority="S")) == "AA"
    assert line(store).reading_class is STAT


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (text(msh("ADT^A08"), "PID|1||P1"), "MSH^1^9^200"),
        (orm().replace(b"|P|2.3.1", b"|T|2.3.1"), "MSH^1^11^202"),
        (orm(""), "MSH^1^10^101"),
        (orm(control="ZZ"), "ORC^1^1^103"),
        (orm(study="", accession="").replace(b"FI1^RIS", b""), "OBR^1^18^101"),
        (text(msh("ORM^O01")), "ORC^1^^100"),
        (b"rubbish", "100"),
    ],
)
def test_what_is_not_for_us_is_refused_and_told_why(desk, content, error):
    answer = desk.answer(content).decode()
    assert "MSA|AR|" in answer
    assert answer.splitlines()[2].startswith("ERR|")
    assert error in answer.splitlines()[2]


def test_when_nothing_can_be_kept_now_the_message_is_asked_for_again(
    store, take, arrive, monkeypatch
):
    arrive()
    for error in (TransientError("the disk is full"), ZeroDivisionError("P1")):

        def fail(*_, error=error):
            raise error

        with monkeypatch.context() as broken:
            broken.setattr(type(store), "receive_notices", fail)
            assert take(orm("1", priority="S")) == "AE"
    assert take(orm("1", priority="S")) == "AA"
    assert line(store).reading_class is STAT


def test_what_we_told_the_order_system_is_no_order_when_it_comes_back(store, take, arrive):
    arrive()
    take(orm("1"))
    store.note_priority_told(STUDY, "A", taken=False)
    take(orm("2", control="SC", priority="A"))
    found = store.hl7_order(STUDY)
    assert (found.priority_code, found.shown_code) == ("R", "A")
    assert line(store).reading_class is ROUTINE


def test_what_a_person_changes_in_the_order_system_afterwards_is_theirs(store, take, arrive):
    arrive()
    take(orm("1"))
    store.note_priority_told(STUDY, "A", taken=True)
    assert store.hl7_order(STUDY).shown_code == "A"
    take(orm("2", control="XO", priority="S"))
    assert store.hl7_order(STUDY).shown_code == "S"
    assert line(store).reading_class is STAT
    take(orm("3", control="XO", priority="A"))
    assert store.hl7_order(STUDY).priority_code == "A"


def test_the_last_whole_order_of_a_study_is_known(store, take, arrive):
    assert store.hl7_order(STUDY) is None
    take(orm("1"))
    take(orm("2", control="XO", name="Doe^Jane"))
    take(oru(study=""))
    arrive()
    found = store.hl7_order(STUDY)
    assert "Doe^Jane" in found.message
    assert found.study_instance_uid == STUDY


def test_old_numbers_and_orders_without_images_are_forgotten(store, take, arrive, clock, desk):
    arrive()
    take(orm("1"))
    take(orm("2", study="1.2.3", accession="ACC9"))
    clock.advance(timedelta(days=121).total_seconds())
    assert store.forget_messages(120) == 3
    desk.forget()
    assert store.hl7_order(STUDY) is not None


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


@pytest.fixture
def log_lines():
    """Return what reads the lines of the log, as its filter lets them through."""
    stream = io.StringIO()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            drop_what_is_not_allowed,
            describe_exception,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    yield lambda: stream.getvalue().splitlines()
    structlog.reset_defaults()


def test_no_patient_stands_in_the_log(store, desk, arrive, log_lines, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError("Müller P1")

    arrive()
    samples = [orm("1"), oru("2"), omi("3"), orm("4", charset="ISO IR87"), b"P1 Doe", orm("")]
    for content in samples:
        desk.answer(content)
    monkeypatch.setattr(type(store), "receive_notices", fail)
    desk.answer(orm("5"))
    lines = log_lines()
    assert len(lines) == len(samples) + 1
    for secret in ("P1", "4711", "ller", "Doe", ACCESSION, "19500102", "Main St"):
        assert not [one for one in lines if secret in one]


def test_every_code_of_an_answer_is_one_of_table_0008():
    assert {one.value for one in AcknowledgementCode} == {"AA", "AE", "AR"}


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
