"""Searches find what the standard's own matching of every item finds, page by page."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.factories import Clock, make_facts, record
from tests.ups.service.walk import bring_to
from tests.ups.steps import data, make_pushed_step
from triage.settings import default_settings
from triage.store import Store
from triage.uids import work_item_uid
from triage.ups.service import StepService
from triage.values import OrderPriority, StepState
from triage.worklist.query import matches


def test_ended_items_come_behind_the_open_ones_and_pages_meet(service, study):
    uids = [study(accession_number="PAGES") for _ in range(5)]
    bring_to(service, uids[0], StepState.COMPLETED)
    request = data(AccessionNumber="PAGES")
    query = data(ReferencedRequestSequence=[request], SOPInstanceUID="")

    def page(limit, offset=0):
        found = service.search_objects(query, limit=limit, offset=offset)
        return [one["00080018"]["Value"][0] for one in found.items]

    every = [one.SOPInstanceUID for one in service.search(query).items]
    assert every == page(9) == [*uids[1:], uids[0]]
    assert page(2) + page(2, 2) + page(2, 4) == every
    assert page(0) == page(1, 5) == []


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """Return a service over a mixed list: own and pushed items, in every state and priority."""
    clock = Clock()
    with Store.open(tmp_path_factory.mktemp("crowd") / "state", clock) as opened:
        found = StepService(opened, default_settings(opened.state_folder))
        for number in range(24):
            clock.advance(60)
            _mix(found, opened, number)
        yield found


def _mix(service, store, number):
    names = ("Meier^Anna", "Mueller^Bob", "MEIER^CARL=明^安", "")
    named = {
        "PatientID": f"P{number % 5}",
        "PatientName": names[number % 4],
        "PatientBirthDate": ("", "19500911", "19601231")[number % 3],
        "PatientSex": ("F", "M", "")[number % 3],
    }
    accession = f"A{number % 3}"
    if number % 2:
        uid = f"2.25.{number}"
        priority = ("HIGH", "MEDIUM", "LOW")[number % 3]
        request = data(StudyInstanceUID="1.2", AccessionNumber=accession)
        step = make_pushed_step(
            ScheduledProcedureStepPriority=priority,
            WorklistLabel=("C-SPINE READING", "OTHER")[number % 4 // 2],
            ScheduledProcedureStepStartDateTime=("2025", "20260501003000+1400", "20260304")[
                number % 3
            ],
            InputReadinessState=("READY", "INCOMPLETE")[number % 4 // 2],
            ScheduledStationNameCodeSequence=[data(CodeValue="S1")] if number % 3 else [],
            ReferencedRequestSequence=[request],
            **named,
        )
        assert service.create(uid, step, "PUSHER").status == 0
    else:
        order = (OrderPriority.STAT, OrderPriority.ROUTINE)[number % 4 // 2]
        facts = make_facts(
            f"1.2.{number}",
            patient_id=named["PatientID"],
            patient_name=named["PatientName"],
            patient_birth_date=named["PatientBirthDate"],
            patient_sex=named["PatientSex"],
            accession_number=accession,
            order_priority=order,
        )
        record(store, facts, content=str(number))
        uid = work_item_uid(f"1.2.{number}")
    bring_to(service, uid, list(StepState)[number % 4])


QUERIES = st.fixed_dictionaries(
    {},
    optional={
        "PatientID": st.sampled_from(["P1", "P*", "?2", "p1", "*", "P9"]),
        "PatientName": st.sampled_from(["meier*", "*^BOB", "Meier^Anna", "明*", "*", "M?eller^*"]),
        "ProcedureStepState": st.sampled_from([state.value for state in StepState] + ["*"]),
        "ScheduledProcedureStepPriority": st.sampled_from(["HIGH", "MEDIUM", "LOW", "H*"]),
        "WorklistLabel": st.sampled_from(["C-SPINE READING", "OTHER", "C-*", "none"]),
        "SOPInstanceUID": st.sampled_from(["2.25.1", "2.25.99", work_item_uid("1.2.2")]),
        "StudyInstanceUID": st.sampled_from(["1.2.2", "1.2.777", "1.2.9"]),
        "ReferencedRequestSequence": st.sampled_from(["A1", "A*", "A9"]).map(
            lambda number: [data(AccessionNumber=number)]
        ),
        "ScheduledProcedureStepStartDateTime": st.sampled_from(
            [
                "20260302",
                "20260302080500-",
                "-20260302081000",
                "2026",
                "2025",
                "20260302-20260304",
                "20260430",
            ]
        ),
        "ScheduledProcedureStepModificationDateTime": st.sampled_from(
            ["20260302", "20260302080500-", "-20260302081000", "2025"]
        ),
        "PatientBirthDate": st.sampled_from(
            ["19500911", "19500101-1960.12.31", "-19551231", "19700101-"]
        ),
        "PatientSex": st.sampled_from(["F", "M", "?", "O"]),
        "InputReadinessState": st.sampled_from(["READY", "INCOMPLETE", "INC*"]),
        "ProcedureStepLabel": st.sampled_from(["Read*", "Something else"]),
        "ScheduledStationNameCodeSequence": st.sampled_from(["S1", "S2"]).map(
            lambda code: [data(CodeValue=code)]
        ),
    },
)


@given(keys=QUERIES)
@example(keys={"ScheduledProcedureStepStartDateTime": "20260430"})  # in an offset from UTC
@example(keys={"PatientBirthDate": "19500101-1960.12.31"})
@settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR CS")
def test_a_search_finds_what_matching_every_item_finds(crowd, keys):
    """What the database narrows never hides an item that the standard's matching would find."""
    query = data(**{"SOPInstanceUID": "", **keys})
    everything = list(crowd.search(data()).items)
    assert len(everything) == 24
    expected = [item.SOPInstanceUID for item in everything if matches(query, item)]
    assert [item.SOPInstanceUID for item in crowd.search(query).items] == expected
