"""Orders and final reports from a RIS: what they do to the list, once, whatever happens."""

from __future__ import annotations

import io
from datetime import timedelta

import hl7
import pytest
import structlog

from tests.hl7.samples import ACCESSION, STUDY, msh, omi, orm, oru, text
from triage.errors import TransientError
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
