"""Searching the list over UPS-RS: keys, fields, pages, and what is not supported."""

from __future__ import annotations

from tests.web.dicomweb.items import value
from tests.web.site import busy_morning

NUMBER = 1_000


def uids_of(items):
    return [value(item, "00080018") for item in items]


def test_items_come_in_reading_order_by_whatever_they_are_asked(morning, ups):
    busy_morning(morning)
    entries = ups.http.get("/api/worklist").json()["entries"]
    assert uids_of(ups.search()) == [entry["work_item_uid"] for entry in entries]
    urgent = ups.search(ScheduledProcedureStepPriority="HIGH")
    assert uids_of(urgent) == [entry["work_item_uid"] for entry in entries[:2]]


def test_keys_match_by_keyword_tag_path_wildcard_and_range(morning, ups):
    morning.receive(patient_name="Doe^Jane", patient_id="P1", accession_number="A1")
    morning.receive(patient_name="Roe^Richard", patient_id="P2", accession_number="A2")
    for parameters in (
        {"PatientID": "P1"},
        {"00100020": "P1"},
        {"PatientName": "doe*"},
        {"ReferencedRequestSequence.AccessionNumber": "A1"},
        {"0040A370.00080050": "A1", "ProcedureStepState": "SCHEDULED"},
        {"PatientID": "P?", "PatientName": "Doe^Jane"},
    ):
        assert [value(item, "00100020") for item in ups.search(**parameters)] == ["P1"], parameters
    assert len(ups.search(ScheduledProcedureStepStartDateTime="20250304-20250305")) == 2
    assert ups.search(ScheduledProcedureStepStartDateTime="20250305-") == []


def test_a_list_of_uids_finds_each(ups):
    for number in (1, 2, 3):
        ups.create(number)
    found = ups.search(SOPInstanceUID="1.2.826.0.1.1,1.2.826.0.1.3")
    assert sorted(uids_of(found)) == ["1.2.826.0.1.1", "1.2.826.0.1.3"]


def test_a_key_of_a_sequence_leaves_its_other_attributes_there(morning, ups):
    morning.receive(accession_number="A1", study_description="C-SPINE 2 VIEWS")
    (found,) = ups.search(**{"ReferencedRequestSequence.AccessionNumber": "A1"})
    assert value(found["0040A370"]["Value"][0], "00321060") == "C-SPINE 2 VIEWS"


def test_the_images_are_told_to_those_who_ask(morning, ups):
    morning.receive()
    (plain,) = ups.search()
    assert "00404021" not in plain
    for field in ("InputInformationSequence", "00404021", "all"):
        (full,) = ups.search(includefield=field)
        assert len(full["00404021"]["Value"]) == 1


def test_ended_items_are_found_when_they_are_asked_for(ups):
    done, waiting = ups.create(1), ups.create(2)
    ups.complete(done)
    assert uids_of(ups.search(ProcedureStepState="COMPLETED")) == [done]
    assert uids_of(ups.search(ProcedureStepState="SCHEDULED")) == [waiting]


def test_matching_by_sound_and_unknown_parameters_are_told_by_warnings(morning, ups):
    morning.receive(patient_name="Doe^Jane")
    answer = ups.get(params={"PatientName": "Doh*", "fuzzymatching": "true", "orderby": "x"})
    assert answer.json() == []
    said = " ".join(answer.headers.get_list("Warning"))
    assert "The fuzzymatching parameter is not supported." in said
    assert "Only literal matching has been performed." in said
    assert "ignored" in said
    unsupported = ups.get(params={"PatientWeight": "70"})
    assert len(unsupported.json()) == 1
    assert "optional Attributes are not supported" in unsupported.headers["Warning"]


def test_no_match_is_an_empty_list(ups):
    answer = ups.get(params={"PatientID": "nobody"})
    assert (answer.status_code, answer.json()) == (200, [])
    assert "Warning" not in answer.headers


def test_a_thousand_items_are_had_by_pages_each_once(morning, many_studies, ups):
    many_studies(NUMBER)
    found, page = [], 70
    while True:
        answer = ups.get(params={"limit": page, "offset": len(found)})
        items = answer.json()
        found += uids_of(items)
        assert ("additional results" in answer.headers.get("Warning", "")) == (len(found) < NUMBER)
        if len(items) < page:
            break
    whole = ups.http.get("/api/worklist", params={"limit": NUMBER}).json()
    assert found == [entry["work_item_uid"] for entry in whole["entries"]]
    assert len(set(found)) == NUMBER


def test_one_answer_has_a_bound_that_it_tells(morning, many_studies, ups):
    many_studies(120)
    answer = ups.get(params={"limit": 10_000})
    assert len(answer.json()) == 100
    assert "additional results that can be requested" in answer.headers["Warning"]
    assert ups.search(limit=0) == []
    assert ups.search(offset=10_000) == []
