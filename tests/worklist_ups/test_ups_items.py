"""Work items and the matching of queries against them."""

from __future__ import annotations

import io

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from triage.errors import PermanentError
from triage.store import ObjectReference, StepLine, StepRecord, StepReferences, StepSubject
from triage.ups.items import object_of, present, present_light, present_object
from triage.values import ReadingClass, StepState, StudyState
from triage.worklist.matching import _is_like
from triage.worklist.query import Query, answer, check_query, matches, select
from triage.worklist.texts import TextItem, dataset_of
from triage.worklist.ups import UPS_PUSH, line_texts


@pytest.fixture
def make_item(make_ranked):
    """Return a function that makes a work item; keywords replace those of the entry."""

    def make(number=1, **values):
        return dataset_of(line_texts(make_ranked(number, **values), "C-SPINE READING"))

    return make


@pytest.fixture
def make_line(make_ranked):
    """Return a function that makes a work item as the store tells it."""

    def make(told, label, *, own, **values):
        ranked = make_ranked(**values)
        step = StepRecord(
            work_item_uid=ranked.entry.work_item_uid,
            study_instance_uid=ranked.entry.study_instance_uid if own else "",
            state=StepState.SCHEDULED,
            transaction_uid="2.25.99",
            claimed_by="",
            claimed_at=None,
            ended_at=None,
            held_by="",
            reading_class=ranked.entry.reading_class,
            attributes=told,
            subject=StepSubject(label=label),
            changed_at=ranked.entry.changed_at,
            version=1,
        )
        return StepLine(ranked, step)

    return make


def query(**keys):
    found = Dataset()
    for keyword, value in keys.items():
        setattr(found, keyword, value)
    return found


def nested(keyword, **keys):
    return query(**{keyword: Sequence([query(**keys)])})


def test_a_work_item_says_what_to_read_how_soon_and_why(make_item):
    item = make_item(reading_class=ReadingClass.LIKELY_NORMAL, reasons=("below every threshold",))
    assert item.SOPClassUID == UPS_PUSH
    assert item.SOPInstanceUID == "2.25.1"
    assert item.ScheduledProcedureStepPriority == "LOW"
    assert item.WorklistLabel == "C-SPINE READING"
    assert item.ProcedureStepState == "SCHEDULED"
    assert item.InputReadinessState == "READY"
    assert item.ScheduledWorkitemCodeSequence[0].CodeValue == "110005"
    assert item.ScheduledWorkitemCodeSequence[0].CodingSchemeDesignator == "DCM"
    assert str(item.ScheduledProcedureStepStartDateTime) == "20240506120100.000000+0000"
    assert item.CommentsOnTheScheduledProcedureStep == "below every threshold"
    assert item.StudyInstanceUID == "1.2.3.1"
    assert item.ReferencedRequestSequence[0].AccessionNumber == "A1"


def test_the_waiting_cap_shows_in_priority_and_comment(make_item, make_entry):
    item = make_item(arrived_at=make_entry().arrived_at.replace(hour=2))
    assert item.ScheduledProcedureStepPriority == "HIGH"
    assert item.CommentsOnTheScheduledProcedureStep.startswith("waited for the cap")


def test_images_that_may_still_come_show_as_incomplete(make_item):
    item = make_item(study_state=StudyState.ARRIVING)
    assert item.InputReadinessState == "INCOMPLETE"


def test_any_patient_data_survive_the_encoding(make_item):
    item = make_item(
        patient_name="Wang^XiaoDong=王^小东", patient_id="x" * 200, patient_birth_date="unknown"
    )
    stream = io.BytesIO()
    item.save_as(stream, implicit_vr=False, little_endian=True)
    stream.seek(0)
    found = dcmread(stream, force=True)
    assert found.PatientName == "Wang^XiaoDong=王^小东"


TEXTS = st.text(alphabet='aZ^= \\*?"山é1.', max_size=12)
TOLD = st.sampled_from(
    [
        {},
        {"00741204": {"vr": "LO", "Value": ["Another label"]}, "0040A370": {"vr": "SQ"}},
        {"00404041": {"vr": "CS", "Value": ["READY"]}, "00741000": {"vr": "CS", "Value": ["X"]}},
        {"00404018": {"vr": "SQ", "Value": [{"00080100": {"vr": "SH", "Value": ["1"]}}]}},
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(TEXTS, TEXTS, TEXTS, TOLD, st.sampled_from(["", "OTHER"]), st.booleans())
@example("Doe\\", "\\", "", {}, "", True)  # an empty one among several values
def test_an_item_is_the_same_in_the_json_model_and_in_parts(
    make_line, name, identifier, reason, told, label, own
):
    """It is built in two ways, for speed: both must say the same."""
    line = make_line(
        told, label, own=own, patient_name=name, patient_id=identifier, reasons=(reason,)
    )
    whole = present(line, "C-SPINE READING")
    found = present_object(line, "C-SPINE READING")
    assert found == object_of(whole)
    assert list(found) == sorted(found)
    images = StepReferences((ObjectReference("1.2", "1.3", "1.4"),) * 2)
    reported = StepReferences(images.images, (ObjectReference("2.2", "2.3", "2.4"),))
    for references in (StepReferences(), images, reported):
        referring = present(line, "C-SPINE READING", references if own else None)
        told_so = present_object(line, "C-SPINE READING", references if own else None)
        assert told_so == object_of(referring)
    for some in (set(whole.keys()), set(list(whole.keys())[::3]), set()):
        part = present_light(line, "C-SPINE READING", None, some)
        part = dataset_of(part) if isinstance(part, TextItem) else part
        assert all(part[tag] == whole[tag] for tag in some)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, True),
        ({"PatientID": ""}, True),
        ({"PatientID": "*"}, True),
        ({"PatientID": "P1"}, True),
        ({"PatientID": "p1"}, False),
        ({"PatientID": "P?"}, True),
        ({"PatientID": "*1"}, True),
        ({"PatientID": "Q*"}, False),
        ({"PatientName": "nobody1^any"}, True),
        ({"PatientName": "NOBODY*"}, True),
        ({"PatientName": "Nobody1^Any^^^"}, True),
        ({"PatientName": "Somebody*"}, False),
        ({"PatientBirthDate": "19600102"}, True),
        ({"PatientBirthDate": "19600101-19600131"}, True),
        ({"PatientBirthDate": "-19591231"}, False),
        ({"PatientBirthDate": "19600103-"}, False),
        ({"StudyInstanceUID": "1.2.3.1"}, True),
        ({"StudyInstanceUID": ["1.2.3.9", "1.2.3.1"]}, True),
        ({"StudyInstanceUID": "1.2.3"}, False),
        ({"SOPInstanceUID": "2.25.1"}, True),
        ({"ScheduledProcedureStepPriority": "MEDIUM"}, True),
        ({"ScheduledProcedureStepPriority": "HIGH"}, False),
        ({"WorklistLabel": "C-SPINE*"}, True),
        ({"ProcedureStepState": "SCHEDULED"}, True),
        ({"ProcedureStepState": "COMPLETED"}, False),
        ({"AdmissionID": "7"}, False),
        ({"TransactionUID": "1.2"}, True),
        ({"StudyID": "anything"}, True),
        ({"ScheduledProcedureStepStartDateTime": "20240506120100+0000"}, True),
        ({"ScheduledProcedureStepStartDateTime": "20240506140100+0200"}, True),
        ({"ScheduledProcedureStepStartDateTime": "202405061201+0000"}, True),
        ({"ScheduledProcedureStepStartDateTime": "20240506+0000"}, True),
        ({"ScheduledProcedureStepStartDateTime": "202405+0000"}, True),
        ({"ScheduledProcedureStepStartDateTime": "2024+0000"}, True),
        ({"ScheduledProcedureStepStartDateTime": "2023+0000"}, False),
        ({"ScheduledProcedureStepStartDateTime": "202405061200+0000-"}, True),
        ({"ScheduledProcedureStepStartDateTime": "-202405061200+0000"}, False),
        ({"ScheduledProcedureStepStartDateTime": "20240506110000-0100-2024050613-0100"}, True),
        ({"ScheduledProcedureStepStartDateTime": "2020-2030"}, True),
        ({"ScheduledProcedureStepStartDateTime": "20240506120100.5+0000"}, False),
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR DT")
def test_a_key_matches_as_its_type_says(make_item, keys, expected):
    assert matches(query(**keys), make_item()) is expected


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"AccessionNumber": "A1"}, True),
        ({"AccessionNumber": "A*"}, True),
        ({"AccessionNumber": "B1"}, False),
        ({"AccessionNumber": "A1", "StudyInstanceUID": "1.2.3.1"}, True),
        ({"AccessionNumber": "A1", "StudyInstanceUID": "1.2.3.2"}, False),
        ({"AccessionNumber": ""}, True),
        ({}, True),
    ],
)
def test_keys_within_a_sequence_match_one_of_its_items(make_item, keys, expected):
    assert matches(nested("ReferencedRequestSequence", **keys), make_item()) is expected


def test_a_code_that_is_asked_for_in_an_empty_sequence_does_not_match(make_item):
    assert not matches(nested("ScheduledStationNameCodeSequence", CodeValue="X"), make_item())
    assert matches(nested("ScheduledStationNameCodeSequence", CodeValue=""), make_item())


def test_an_answer_has_what_was_asked_for_and_what_it_cannot_do_without(make_item):
    found = answer(query(PatientName="", AdmissionID="", StudyID=""), make_item())
    assert sorted(element.keyword for element in found) == [
        "AdmissionID",
        "PatientName",
        "SOPClassUID",
        "SOPInstanceUID",
        "SpecificCharacterSet",
    ]


def test_an_answer_to_an_empty_query_has_everything(make_item):
    item = make_item()
    assert answer(Dataset(), item) == item


def test_a_sequence_is_answered_with_its_keys_or_whole(make_item):
    item = make_item()
    reduced = answer(nested("ReferencedRequestSequence", AccessionNumber=""), item)
    assert [e.keyword for e in reduced.ReferencedRequestSequence[0]] == ["AccessionNumber"]
    whole = answer(query(ReferencedRequestSequence=Sequence()), item)
    assert whole.ReferencedRequestSequence == item.ReferencedRequestSequence


def test_keys_that_are_not_supported_are_told(make_item):
    assert Query.of(query(StudyID="1")).has_unsupported_keys(make_item())
    assert not Query.of(query(StudyID="", PatientID="P1")).has_unsupported_keys(make_item())


def test_selecting_attributes_leaves_the_others_out(make_item):
    assert len(select(make_item(), [0x00100010, 0x00081195])) == 1


@pytest.mark.parametrize(
    "keys",
    [
        {"PatientBirthDate": "someday"},
        {"ScheduledProcedureStepStartDateTime": "noon"},
        {"ScheduledProcedureStepStartDateTime": "20241399"},
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_a_date_that_is_none_is_an_error(make_item, keys):
    with pytest.raises(PermanentError):
        matches(query(**keys), make_item())


def test_a_query_nested_too_deep_is_an_error():
    keys = Dataset()
    for _ in range(9):
        keys = query(ReferencedRequestSequence=Sequence([keys]))
    with pytest.raises(PermanentError, match="nested"):
        check_query(keys)


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
def test_wildcards_match_as_a_regular_expression_would(pattern, text):
    import re  # noqa: PLC0415 - the oracle of this test alone

    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    assert _is_like(pattern, text) == bool(re.fullmatch(expression, text))
