"""The query parameters of a search become the keys of a C-FIND identifier."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.web.dicomweb.errors import RequestError
from triage.web.dicomweb.query import MAXIMUM_RESULTS, Search, attribute_path, read_search
from triage.worklist.query import check_query


def search(query: str) -> Search:
    """Read a query that is written without escapes."""
    return read_search([tuple(each.split("=", 1)) for each in query.split("&") if each])


def test_an_attribute_is_named_by_its_keyword_or_its_tag():
    assert search("PatientID=P1").keys.PatientID == "P1"
    assert search("00100020=P1").keys.PatientID == "P1"
    assert search("00741000=IN PROGRESS").keys.ProcedureStepState == "IN PROGRESS"
    assert search("0040e025=").keys[0x0040E025].is_empty


def test_an_attribute_within_a_sequence_is_named_by_its_path():
    found = search(
        "ReferencedRequestSequence.AccessionNumber=A1&0040A370.RequestedProcedureID=R1"
    ).keys
    (item,) = found.ReferencedRequestSequence
    assert (item.AccessionNumber, item.RequestedProcedureID) == ("A1", "R1")


def test_uids_may_be_a_list_in_either_spelling():
    for query in ("SOPInstanceUID=1.2,1.3", "SOPInstanceUID=1.2\\1.3"):
        assert list(search(query).keys.SOPInstanceUID) == ["1.2", "1.3"]
    assert list(search("SOPInstanceUID=1.2&SOPInstanceUID=1.3").keys.SOPInstanceUID) == [
        "1.2",
        "1.3",
    ]


def test_a_comma_within_another_value_divides_nothing():
    assert search("WorklistLabel=READ, C-SPINE").keys.WorklistLabel == "READ, C-SPINE"


def test_an_empty_value_matches_all():
    assert search("PatientID=").keys["PatientID"].is_empty
    assert len(search("ReferencedRequestSequence=").keys.ReferencedRequestSequence) == 0


def test_fields_are_included_by_name_path_list_or_all_at_once():
    found = search(
        "includefield=InputInformationSequence,00100010"
        "&includefield=ReferencedRequestSequence.AccessionNumber"
    )
    assert "InputInformationSequence" in found.fields
    assert "PatientName" in found.fields
    assert "AccessionNumber" in found.fields.ReferencedRequestSequence[0]
    assert not found.everything
    assert search("includefield=all").everything


def test_a_field_is_included_whole_when_the_whole_is_asked_for():
    for query in (
        "includefield=ReferencedRequestSequence,ReferencedRequestSequence.AccessionNumber",
        "includefield=ReferencedRequestSequence.AccessionNumber,ReferencedRequestSequence",
    ):
        assert len(search(query).fields.ReferencedRequestSequence) == 0


def test_paging_has_defaults_and_a_bound():
    assert (search("").limit, search("").offset) == (MAXIMUM_RESULTS, 0)
    assert (search("limit=7&offset=20").limit, search("offset=20").offset) == (7, 20)
    assert search("limit=999999").limit == MAXIMUM_RESULTS
    assert search("limit=0").limit == 0


def test_matching_by_sound_is_noticed():
    assert search("fuzzymatching=true").fuzzy
    assert not search("fuzzymatching=false").fuzzy


@pytest.mark.parametrize(
    "query", ["PatienID=P1", "orderby=PatientID", "99990010=x", "includefield=Nonsense"]
)
def test_what_means_nothing_is_left_out_and_noticed(query):
    found = search(query)
    assert found.ignored
    assert len(found.keys) == 0


def test_what_shapes_the_answer_elsewhere_is_no_key_and_no_surprise():
    assert search("accept=application/json&charset=utf-8") == Search()


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("limit=-1", "limit must be a number"),
        ("limit=ten", "limit must be a number"),
        ("offset=1e3", "offset must be a number"),
        ("offset=1234567890", "offset must be a number"),
        ("fuzzymatching=yes", "fuzzymatching must be true or false"),
        ("PatientID=P1&PatientID=P2", "PatientID is there twice"),
        ("ReferencedRequestSequence=A1", "cannot be matched"),
        ("PatientID.AccessionNumber=A1", "only a sequence holds further attributes"),
        ("PixelData=1", "cannot be matched"),
        ("InstanceNumber=one", "InstanceNumber has no such value"),
        ("PatientID=" + "1" * 1_001, "longer than"),
        ("&".join(f"x{number}=1" for number in range(101)), "at most"),
    ],
)
def test_a_parameter_that_cannot_be_understood_is_named_without_its_value(query, problem):
    with pytest.raises(RequestError, match=problem) as raised:
        search(query)
    assert raised.value.status == 400
    assert "P2" not in str(raised.value)


def test_a_path_is_no_deeper_than_the_list_is():
    path = ".".join(["ReferencedRequestSequence"] * 9)
    assert attribute_path(path) is None


@given(
    st.lists(
        st.tuples(
            st.one_of(
                st.sampled_from(
                    (
                        "PatientID",
                        "00100010",
                        "SOPInstanceUID",
                        "ReferencedRequestSequence.AccessionNumber",
                        "ReferencedRequestSequence",
                        "includefield",
                        "limit",
                        "offset",
                        "Rows",
                        "00280009",
                    )
                ),
                st.text(max_size=20),
            ),
            st.text(max_size=40),
        ),
        max_size=8,
    )
)
def test_no_query_does_more_than_be_refused(parameters):
    try:
        found = read_search(parameters)
    except RequestError:
        return
    check_query(found.keys)
    check_query(found.fields)
