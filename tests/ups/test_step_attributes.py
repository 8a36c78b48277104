"""What N-CREATE and N-SET may say, and what a final state asks for (PS3.4 Table CC.2.5-3)."""

from __future__ import annotations

import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.ups.steps import (
    code,
    data,
    make_pushed_step,
    make_results,
    performed,
    progress,
)
from triage.ups.attributes import merged, priority_of, to_create, to_set, unmet
from triage.values import Priority, StepState

LABEL = "C-SPINE READING"


@pytest.fixture
def standing():
    """Return a step as it stands: one that was pushed and is SCHEDULED."""
    item = to_create(make_pushed_step(), LABEL).attributes
    item.ProcedureStepState = "SCHEDULED"
    item.SOPInstanceUID = "2.25.1"
    item.ScheduledProcedureStepModificationDateTime = "20260302080000+0000"
    return item


def test_a_complete_step_is_taken_as_it_is():
    judged = to_create(make_pushed_step(), LABEL)
    assert (judged.status, judged.keywords) == (0x0000, ())
    assert judged.attributes.ProcedureStepLabel == "Read it"
    assert "ProcedureStepState" not in judged.attributes


@pytest.mark.parametrize("state", ["IN PROGRESS", "COMPLETED", "CANCELED", "", None])
def test_a_step_that_is_not_scheduled_is_not_created(state):
    judged = to_create(make_pushed_step(ProcedureStepState=state), LABEL)
    assert judged.status == 0xC309
    assert len(judged.attributes) == 0


@pytest.mark.parametrize(
    "keyword",
    [
        "ScheduledProcedureStepPriority",
        "ProcedureStepLabel",
        "ScheduledProcedureStepStartDateTime",
        "InputReadinessState",
    ],
)
def test_what_only_the_sender_knows_must_be_there_and_have_a_value(keyword):
    assert to_create(make_pushed_step(**{keyword: None}), LABEL).status == 0x0120
    judged = to_create(make_pushed_step(**{keyword: ""}), LABEL)
    assert (judged.status, judged.keywords) == (0x0121, (keyword,))


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("ScheduledProcedureStepPriority", "STAT"),
        ("InputReadinessState", "SOON"),
        ("ScheduledProcedureStepStartDateTime", "tomorrow"),
        ("ExpectedCompletionDateTime", "20261399"),
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_a_value_that_nobody_could_use_is_refused(keyword, value):
    judged = to_create(make_pushed_step(**{keyword: value}), LABEL)
    assert (judged.status, judged.keywords) == (0x0106, (keyword,))


def test_what_may_be_empty_is_added_and_the_label_is_ours():
    given = make_pushed_step(WorklistLabel="", PatientSex=None, InputInformationSequence=None)
    judged = to_create(given, LABEL)
    assert judged.status == 0x0000
    assert judged.attributes.WorklistLabel == LABEL
    assert judged.attributes.PatientSex == ""
    assert len(judged.attributes.InputInformationSequence) == 0


def test_a_new_step_has_neither_lock_nor_progress_nor_results():
    given = make_pushed_step(TransactionUID="1.2.9", **progress(ReasonForCancellation="none"))
    judged = to_create(given, LABEL)
    assert judged.status == 0xB300
    assert judged.keywords == ("ProcedureStepProgressInformationSequence", "TransactionUID")
    assert "TransactionUID" not in judged.attributes
    assert len(judged.attributes.ProcedureStepProgressInformationSequence) == 0


def test_private_and_bulk_elements_are_dropped_at_every_level():
    given = make_pushed_step(StudyDescription="C-SPINE", PixelData=b"\0\0")
    given.add_new(0x00110010, "LO", "PRIVATE")
    inner = data(StudyInstanceUID="1.2.3")
    inner.add_new(0x00110010, "LO", "PRIVATE")
    given.ReferencedRequestSequence = Sequence([inner])
    judged = to_create(given, LABEL)
    assert judged.status == 0xB300
    assert "PixelData" in judged.keywords
    assert judged.attributes.StudyDescription == "C-SPINE"
    assert not [e for e in judged.attributes.iterall() if e.tag.is_private]
    assert "PixelData" not in judged.attributes


def test_an_element_of_another_type_than_the_standards_is_dropped():
    given = make_pushed_step()
    given.add(DataElement("PatientComments", "SQ", Sequence()))
    judged = to_create(given, LABEL)
    assert (judged.status, judged.keywords) == (0xB300, ("PatientComments",))


def test_a_step_that_is_nested_without_end_is_refused():
    item = Dataset()
    for _ in range(12):
        item = data(InputInformationSequence=Sequence([item]))
    assert to_create(make_pushed_step(InputInformationSequence=item), LABEL).status == 0x0106


def test_what_may_be_set_replaces_the_whole_attribute(standing):
    judged = to_set(standing, data(ProcedureStepLabel="Read it now"), is_own=False)
    assert judged.status == 0x0000
    changed = merged(standing, judged.attributes)
    assert changed.ProcedureStepLabel == "Read it now"
    assert changed.PatientName == standing.PatientName
    assert standing.ProcedureStepLabel == "Read it"


@pytest.mark.parametrize(
    ("keyword", "value"),
    [("PatientName", "Other^Any"), ("PatientID", "P9"), ("AdmissionID", "1")],
)
def test_who_the_patient_is_cannot_be_set(standing, keyword, value):
    judged = to_set(standing, data(**{keyword: value}), is_own=False)
    assert (judged.status, judged.keywords) == (0x0106, (keyword,))


def test_what_is_sent_back_unchanged_does_no_harm(standing):
    modifications = data(
        PatientName=str(standing.PatientName),
        ProcedureStepState="SCHEDULED",
        SOPInstanceUID="2.25.1",
        AdmissionID="",
        ProcedureStepLabel="Again",
    )
    judged = to_set(standing, modifications, is_own=False)
    assert judged.status == 0x0000
    assert judged.attributes.dir() == ["ProcedureStepLabel"]


@pytest.mark.parametrize(
    ("was", "wanted", "status"),
    [
        ("IN PROGRESS", "SCHEDULED", 0xC303),
        ("SCHEDULED", "COMPLETED", 0x0106),
        ("IN PROGRESS", "CANCELED", 0x0106),
    ],
)
def test_the_state_is_never_set(standing, was, wanted, status):
    standing.ProcedureStepState = was
    assert to_set(standing, data(ProcedureStepState=wanted), is_own=False).status == status


def test_an_attribute_that_must_have_a_value_cannot_be_emptied(standing):
    judged = to_set(standing, data(ProcedureStepLabel=""), is_own=False)
    assert (judged.status, judged.keywords) == (0x0121, ("ProcedureStepLabel",))


def test_what_cannot_be_kept_of_a_change_is_told(standing):
    modifications = data(ProcedureStepLabel="Again")
    modifications.add_new(0x00110010, "LO", "PRIVATE")
    judged = to_set(standing, modifications, is_own=False)
    assert judged.status == 0x0001
    assert judged.attributes.dir() == ["ProcedureStepLabel"]


def test_the_images_of_a_study_of_ours_are_ours_to_tell(standing):
    judged = to_set(standing, data(InputReadinessState="INCOMPLETE"), is_own=True)
    assert (judged.status, judged.keywords) == (0xB305, ("InputReadinessState",))
    assert len(judged.attributes) == 0
    assert to_set(standing, data(InputReadinessState="INCOMPLETE"), is_own=False).status == 0x0000


def test_results_and_progress_are_single_items(standing):
    results = make_results()
    item = results.UnifiedProcedureStepPerformedProcedureSequence[0]
    results.UnifiedProcedureStepPerformedProcedureSequence = Sequence([item, item])
    assert to_set(standing, results, is_own=False).status == 0x0106


def test_a_step_is_completed_when_its_results_are_there(standing):
    lacking = unmet(standing, StepState.COMPLETED)
    assert lacking == (
        "PerformedStationNameCodeSequence",
        "PerformedProcedureStepStartDateTime",
        "PerformedWorkitemCodeSequence",
        "PerformedProcedureStepEndDateTime",
        "OutputInformationSequence",
    )
    assert unmet(merged(standing, make_results()), StepState.COMPLETED) == ()


def test_a_step_is_canceled_when_it_says_when_and_why(standing):
    assert unmet(standing, StepState.CANCELED) == (
        "ProcedureStepCancellationDateTime",
        "ProcedureStepDiscontinuationReasonCodeSequence",
    )
    changes = data(
        **progress(
            ProcedureStepCancellationDateTime="20260302090000",
            ProcedureStepDiscontinuationReasonCodeSequence=[code("110513", "DCM", "Discontinued")],
        )
    )
    assert unmet(merged(standing, changes), StepState.CANCELED) == ()
    assert unmet(merged(standing, changes), StepState.COMPLETED) != ()


def test_an_empty_value_is_none(standing):
    empty = data(**performed(PerformedProcedureStepEndDateTime="", OutputInformationSequence=[]))
    lacking = unmet(merged(standing, empty), StepState.COMPLETED)
    assert "PerformedProcedureStepEndDateTime" in lacking
    assert "OutputInformationSequence" in lacking


def test_the_priority_that_attributes_name_is_known():
    assert priority_of(data(ScheduledProcedureStepPriority="LOW")) is Priority.LOW
    assert priority_of(data(ProcedureStepLabel="any")) is None
