"""Items as texts say, match and are encoded as the data sets that they stand for."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.dsutils import decode, encode

from tests.ups.steps import data
from triage.errors import PermanentError
from triage.store import ObjectReference, StepReferences
from triage.ups.encoding import encoded_item
from triage.values import StudyState
from triage.worklist.query import Query
from triage.worklist.texts import dataset_of, encoded
from triage.worklist.ups import line_texts

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

QUICK = settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
SYNTAXES = (ImplicitVRLittleEndian, ExplicitVRLittleEndian)
TEXTS = st.text(alphabet='aZ^= \\*?"山é1.-', max_size=12)
REFERENCES = StepReferences((ObjectReference("1.2", "1.3", "1.4"),) * 2, ())
KEYS = st.fixed_dictionaries(
    {},
    optional={
        "PatientName": TEXTS,
        "PatientID": TEXTS,
        "PatientSex": TEXTS,
        "PatientBirthDate": st.sampled_from(["", "19600102", "1960-", "-19700101", "no date"]),
        "StudyInstanceUID": st.sampled_from(["", "1.2.3.1", "1.2.3.1\\1.2.3.2", "9"]),
        "ScheduledProcedureStepStartDateTime": st.sampled_from(["", "2024", "2025-", "never"]),
        "CommentsOnTheScheduledProcedureStep": TEXTS,
        "InputReadinessState": st.sampled_from(["", "READY", "IN*"]),
        "ReferencedRequestSequence": TEXTS.map(
            lambda text: [data(AccessionNumber=text, RequestingService="")]
        ),
        "ScheduledWorkitemCodeSequence": st.sampled_from([[], [data(CodeValue="110005")]]),
        "StudyID": TEXTS,
    },
)


def written(dataset: Dataset, syntax: str) -> bytes | None:
    """Return a data set as the library writes it."""
    return encode(dataset, syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian)


@QUICK
@given(TEXTS, TEXTS, TEXTS, st.sampled_from([None, REFERENCES]))
@example("A^B==\\C=", "\\", "é", None)
@example("", "", "", REFERENCES)
def test_an_item_of_texts_is_encoded_as_the_library_encodes_its_data_set(
    make_ranked, name, identifier, reason, references
):
    ranked = make_ranked(
        patient_name=name, patient_id=identifier, patient_sex=identifier[:1], reasons=(reason,)
    )
    texts = line_texts(ranked, "C-SPINE READING", references)
    for syntax in SYNTAXES:
        expected = written(dataset_of(texts), syntax)
        if expected is not None:  # the library gives up where one byte cannot tell a character
            assert encoded(texts, syntax) == expected


def test_a_character_that_an_attribute_cannot_have_does_not_hide_the_item(make_ranked):
    """The library would end the whole answer."""
    texts = line_texts(make_ranked(patient_sex="山"), "C-SPINE READING")
    assert written(dataset_of(texts), ExplicitVRLittleEndian) is None
    found = decode(io.BytesIO(encoded(texts, ExplicitVRLittleEndian)), False, True)
    assert (found.PatientSex, found.PatientID) == ("?", "P1")


def test_a_value_too_long_for_its_length_field_is_written_as_the_standard_says(make_ranked):
    texts = line_texts(make_ranked(study_description="x" * 70_001), "C-SPINE READING")
    with pytest.warns(UserWarning, match="exceeds the size of 64 kByte"):
        expected = written(dataset_of(texts), ExplicitVRLittleEndian)
    assert encoded(texts, ExplicitVRLittleEndian) == expected


def test_other_transfer_syntaxes_are_left_to_the_library(make_ranked):
    texts = line_texts(make_ranked(), "C-SPINE READING")
    expected = written(dataset_of(texts), ExplicitVRBigEndian)
    assert encoded_item(texts, ExplicitVRBigEndian) == expected
    for syntax in SYNTAXES:
        assert encoded_item(dataset_of(texts), syntax) == encoded_item(texts, syntax)


def test_an_item_that_cannot_be_encoded_is_told():
    with pytest.raises(PermanentError, match="cannot be encoded"):
        encoded_item(data(PatientSex="山"), ExplicitVRLittleEndian)


@QUICK
@given(TEXTS, TEXTS, st.sampled_from(StudyState), KEYS)
@example("Doe^Jane", "P1", StudyState.DECIDED, {})
def test_a_query_finds_and_answers_the_same_of_texts_and_of_data_sets(
    make_ranked, name, identifier, state, keys
):
    ranked = make_ranked(
        patient_name=name, patient_id=identifier, accession_number=identifier, study_state=state
    )
    texts = line_texts(ranked, "C-SPINE READING", REFERENCES)
    whole = dataset_of(texts)
    asked = Query.of(data(**keys))
    assert asked.has_unsupported_keys(texts) == asked.has_unsupported_keys(whole)
    try:
        expected = asked.matches(whole)
    except PermanentError:
        with pytest.raises(PermanentError):
            asked.matches(texts)
        return
    assert asked.matches(texts) == expected
    answer = asked.answer(texts)
    assert dataset_of(answer) == asked.answer(whole)
