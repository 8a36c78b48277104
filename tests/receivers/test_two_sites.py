"""Our own UPS service as the other manager: one site of ours has another show its priorities."""

from __future__ import annotations

import pytest
from pydicom.uid import generate_uid

from tests.receivers.test_ups_receiver import adapter
from tests.ups.site import change_state, claim, find, get, make_site, set_attributes
from tests.ups.steps import data, make_cancellation
from triage.uids import next_work_item_uid, work_item_uid
from triage.values import Outcome, ReadingClass


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """Return the other site, whose listener runs."""
    running = make_site(tmp_path_factory.mktemp("other"))
    running.start("listener")
    yield running
    running.stop()


@pytest.fixture
def own(make_site, other):
    """Return our own site, which the other one shall follow."""
    manager = adapter(other.port)
    manager.settings = type(manager.settings)("manager", "TRIAGE", "127.0.0.1", other.port)
    return make_site(manager)


def shown(other, uid):
    with other.associated() as reader:
        return get(reader, uid).ScheduledProcedureStepPriority


def test_a_study_that_both_have_is_raised_there_and_put_back(own, other):
    uid = other.receive_study(patient_name="Roe^Jane")
    with other.store() as store:
        study = store.worklist_entry(uid).study_instance_uid
    own.study(study, Outcome.ABNORMAL)
    own.carry("manager")
    assert shown(other, uid) == "HIGH"
    assert own.states(study, "manager") == ["confirmed"]
    own.revert()
    own.carry("manager")
    assert shown(other, uid) == "MEDIUM"
    assert own.states(study, "manager") == ["confirmed", "confirmed"]


def test_a_study_that_the_other_lacks_stands_there_below_urgent_orders(own, other):
    study = own.study("1.2.77.1", Outcome.ABNORMAL, patient_name="Roe^Jane", accession_number="A1")
    own.carry("manager")
    assert own.states(study, "manager") == ["confirmed"]
    with other.associated() as reader:
        (item,) = find(reader, StudyInstanceUID=study, ScheduledProcedureStepPriority="")
    assert item.ScheduledProcedureStepPriority == "HIGH"
    with other.store() as store:
        entry = store.worklist_entry(work_item_uid(study))
    assert entry.reading_class is ReadingClass.SUSPECTED_ABNORMAL
    assert entry.patient_name == "Roe^Jane"


def test_a_study_whose_images_reach_the_other_later_is_never_lost_there(own, other):
    study = own.study("1.2.77.2", Outcome.ABNORMAL)
    own.carry("manager")
    other.receive_study(study=study)
    with other.associated() as reader:
        items = find(reader, StudyInstanceUID=study, ScheduledProcedureStepPriority="")
    assert [item.ScheduledProcedureStepPriority for item in items] == ["HIGH", "MEDIUM"]
    own.revert()
    own.carry("manager")
    assert own.states(study, "manager") == ["confirmed", "confirmed"]


def test_what_a_reader_there_has_claimed_or_set_is_left_alone(own, other):
    claimed, edited = other.receive_study(), other.receive_study()
    with other.store() as store:
        studies = [store.worklist_entry(uid).study_instance_uid for uid in (claimed, edited)]
    with other.associated() as reader:
        assert claim(reader, claimed, generate_uid()) == 0x0000
    for study in studies:
        own.study(study, Outcome.ABNORMAL)
    own.carry("manager")
    assert own.states(studies[0], "manager") == ["left"]
    with other.associated() as reader:
        low = data(ScheduledProcedureStepPriority="LOW")
        assert set_attributes(reader, edited, low) == 0x0000
    own.revert()
    own.carry("manager")
    assert own.states(studies[1], "manager") == ["confirmed", "left"]
    assert shown(other, edited) == "LOW"


def test_a_study_that_was_cancelled_unread_there_is_found_under_its_new_step(own, other):
    uid, mine = other.receive_study(), generate_uid()
    with other.store() as store:
        study = store.worklist_entry(uid).study_instance_uid
    with other.associated() as reader:
        assert claim(reader, uid, mine) == 0x0000
        assert set_attributes(reader, uid, make_cancellation(), mine) == 0x0000
        assert change_state(reader, uid, "CANCELED", mine) == 0x0000
    own.study(study, Outcome.ABNORMAL)
    own.carry("manager")
    assert shown(other, next_work_item_uid(uid)) == "HIGH"
    assert own.states(study, "manager") == ["confirmed"]
