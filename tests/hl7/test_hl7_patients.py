"""Whose report is it: what names a study and another patient changes nothing, and is told of."""

from __future__ import annotations

import hl7
import pytest

from tests.hl7.samples import ACCESSION, PATIENT, STUDY, omi, orm, oru
from triage.hl7.desk import Desk
from triage.store import DoubtKind, StepChange
from triage.uids import work_item_uid
from triage.values import OrderPriority, ReadingClass, StepState

STAT, ROUTINE = ReadingClass.URGENT_ORDER, ReadingClass.ROUTINE
ITEM = work_item_uid(STUDY)
ANOTHER = "P2^^^HOSP~815^^^OTHER"


@pytest.fixture
def ask(store, settings):
    """Return what takes a message and gives its acknowledgement."""
    desk = Desk(store, settings)
    return lambda content: hl7.parse(desk.answer(content).decode("latin-1"))


@pytest.fixture
def take(ask):
    """Return what takes a message and gives MSA-1."""
    return lambda content: str(ask(content)["MSA.F1"])


def line(store, study=STUDY):
    return store.worklist_entry(work_item_uid(study))


def doubts(store):
    return [(one.work_item_uid, one.kind) for one in store.patient_doubts(9)]


def test_a_final_report_of_another_patient_leaves_the_study_to_be_read(store, take, arrive):
    arrive()
    assert take(oru(patient=ANOTHER)) == "AR"
    assert line(store).step_state is StepState.SCHEDULED
    assert [one.study_instance_uid for one in store.worklist_entries()] == [STUDY]
    assert doubts(store) == [(ITEM, DoubtKind.REPORT)]


def test_the_refusal_names_the_field_and_nobody(ask, arrive):
    arrive()
    answer = ask(oru(patient=ANOTHER))
    assert str(answer.segment("ERR")).startswith(
        "ERR||PID^1^3|204^Unknown key identifier^HL70357|E|"
    )
    for secret in (PATIENT, "P2", "815", "Doe", ACCESSION, STUDY):
        assert secret not in str(answer.segment("ERR"))
        assert secret not in str(answer["MSA.F3"])


def test_one_of_several_identifiers_is_enough(store, take, arrive):
    arrive()
    assert take(oru(patient=f"4711^^^OTHER~{PATIENT}^^^HOSP")) == "AA"
    assert line(store).step_state is StepState.COMPLETED
    assert doubts(store) == []


@pytest.mark.parametrize(("in_study", "in_report"), [("", "P2"), (PATIENT, "")])
def test_where_one_side_names_no_patient_the_uid_is_enough(
    store, take, arrive, in_study, in_report
):
    arrive(patient=in_study)
    assert take(oru(patient=in_report)) == "AA"
    assert line(store).step_state is StepState.COMPLETED


@pytest.mark.parametrize(
    "order",
    [
        orm("7", control="XO", priority="S", patient=ANOTHER),
        orm("7", control="CA", patient=ANOTHER),
        omi("7", priority="S").replace(b"P1^^^HOSP", b"P2^^^HOSP"),
    ],
)
def test_an_order_of_another_patient_is_refused_and_moves_nothing(store, take, arrive, order):
    arrive()
    take(orm("1"))
    before = store.hl7_order(STUDY)
    assert take(order) == "AR"
    found = line(store)
    assert (found.reading_class, found.reasons) == (ROUTINE, ("not yet assessed",))
    assert store.hl7_order(STUDY) == before
    assert doubts(store) == [(ITEM, DoubtKind.ORDER)]


def test_an_order_of_another_patient_takes_no_urgency_away(store, take, arrive):
    arrive(order_priority=OrderPriority.ROUTINE)
    take(orm("1", priority="S"))
    assert take(orm("2", control="XO", priority="R", patient=ANOTHER)) == "AR"
    assert line(store).reading_class is STAT


def test_what_was_refused_is_taken_when_it_comes_again_with_the_right_patient(store, take, arrive):
    arrive()
    wrong = oru("M5", patient=ANOTHER)
    assert [take(wrong), take(wrong)] == ["AR", "AR"]
    assert take(oru("M5")) == "AA"
    assert line(store).step_state is StepState.COMPLETED


def test_what_the_operators_are_told_ends_with_the_reading(store, take, arrive):
    arrive()
    take(oru(patient=ANOTHER))
    done = StepChange("READER", StepState.COMPLETED, reason="read")
    claim = StepChange("READER", StepState.IN_PROGRESS, transaction_uid="1.2.3")
    assert store.change_step(ITEM, line(store).version, claim)
    assert doubts(store) == [(ITEM, DoubtKind.REPORT)]
    assert store.change_step(ITEM, line(store).version, done)
    assert doubts(store) == []


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (oru(patient=ANOTHER), DoubtKind.REPORT),
        (orm(priority="S", patient=ANOTHER), DoubtKind.ORDER),
        (orm(control="CA", patient=ANOTHER), DoubtKind.ORDER),
    ],
)
def test_what_came_before_the_images_of_another_patient_is_not_heard_by_them(
    store, take, arrive, message, kind
):
    assert take(message) == "AA"
    arrive()
    found = line(store)
    assert (found.step_state, found.reading_class) == (StepState.SCHEDULED, ROUTINE)
    assert found.reasons == ("not yet assessed",)
    assert store.hl7_order(STUDY) is None
    assert doubts(store) == [(ITEM, kind)]


def test_a_report_of_another_patient_than_the_order_had_is_refused_before_the_images_come(
    store, take, arrive
):
    take(orm("1", priority="S"))
    assert take(oru(patient=ANOTHER)) == "AR"
    arrive()
    assert line(store).reading_class is STAT
    assert line(store).step_state is StepState.SCHEDULED
    assert doubts(store) == [(ITEM, DoubtKind.REPORT)]


def test_a_new_order_may_give_the_patient_another_number_before_the_images_come(
    store, take, arrive
):
    take(orm("1", patient="UNKNOWN-7", priority="S"))
    assert take(orm("2", control="XO", priority="S")) == "AA"
    arrive()
    assert line(store).reading_class is STAT
    assert doubts(store) == []


def test_a_message_with_two_studies_is_done_as_a_whole_or_not_at_all(store, take, arrive):
    arrive(patient="P2")
    arrive("1.2.840.99.2", accession="ACC2", instance="1.7")
    both = (
        orm("1", priority="S")
        + orm("1", priority="S", study="1.2.840.99.2", accession="ACC2")
        .partition(b"\r")[2]
        .partition(b"\r")[2]
        .partition(b"\r")[2]
    )
    assert take(both) == "AR"
    assert line(store).reading_class is ROUTINE
    assert line(store, "1.2.840.99.2").reading_class is ROUTINE


def test_an_accession_number_of_another_patient_is_told_of_and_kept_for_its_own_study(
    store, take, arrive
):
    arrive(patient="P2")
    assert take(oru(study="")) == "AA"
    assert line(store).step_state is StepState.SCHEDULED
    assert doubts(store) == [(ITEM, DoubtKind.REPORT)]
    arrive("1.2.840.99.2", instance="1.7")
    assert line(store, "1.2.840.99.2").step_state is StepState.COMPLETED


def test_an_accession_number_that_is_used_twice_is_no_doubt_when_its_own_study_is_here(
    store, take, arrive
):
    arrive(patient="P2")
    arrive("1.2.840.99.2", instance="1.7")
    assert take(oru(study="")) == "AA"
    assert doubts(store) == []


def test_doubts_are_forgotten_when_nobody_has_to_look_any_more(store, take, arrive, clock):
    arrive()
    arrive("1.2.840.99.2", accession="ACC2", instance="1.7")
    take(oru("1", patient=ANOTHER))
    take(oru("2", patient=ANOTHER, study="1.2.840.99.2", accession="ACC2"))
    take(oru("3", study="1.2.840.99.2", accession="ACC2"))
    clock.advance(121 * 86_400)
    store.forget_messages(120)
    with store.reading() as connection:
        rows = connection.exec_driver_sql("SELECT study_instance_uid FROM hl7_doubts").all()
    assert rows == [(STUDY,)]
