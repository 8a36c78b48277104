"""An unknown pynetdicom is noticed and named, and the stock path keeps the same promises."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest
from pydicom import dcmread
from pynetdicom.sop_class import DigitalXRayImageStorageForPresentation, Verification

from tests.waiting import until
from triage.intake import compatibility, listener
from triage.intake.compatibility import KNOWN, changed_parts, digest_of
from triage.settings import StudySettings
from triage.store import Store
from triage.values import StudyState

DX = DigitalXRayImageStorageForPresentation


@pytest.fixture
def start_stock(start_listener, monkeypatch):
    """Return a function that starts a listener which takes the library for an unknown one."""
    monkeypatch.setattr(listener, "changed_parts", lambda: ("association:Association.kill",))
    return start_listener


def test_the_library_is_as_the_hot_path_knows_it():
    """When a new release fails here, read what it changed, then add or mend."""
    assert changed_parts() == ()


@pytest.mark.parametrize("name", KNOWN)
def test_every_part_that_is_relied_upon_is_pinned_by_its_source(name):
    assert digest_of(name)
    assert changed_parts({name: "0" * 16}) == (name,)


def test_a_part_that_is_gone_counts_as_changed():
    assert changed_parts({"dul:DULServiceProvider.gone": KNOWN["fsm"]}) != ()
    assert changed_parts({"no_such_module": KNOWN["fsm"]}) != ()


def test_comments_docstrings_and_layout_do_not_count():
    plain = 'def f(a):\n    """Say."""\n    return a + 1\n'
    other = "def f( a ):\n    # why\n    return a+1  # because\n"
    changed = "def f(a):\n    return a + 2\n"
    assert compatibility._bare(plain) == compatibility._bare(other)
    assert compatibility._bare(plain) != compatibility._bare(changed)


def test_an_unknown_library_is_named_in_a_warning(start_stock, monkeypatch):
    told = []
    log = SimpleNamespace(warning=lambda _event, **keys: told.append(keys), info=lambda *_, **__: 0)
    monkeypatch.setattr(listener, "_log", log)
    start_stock()
    assert [one["problem"] for one in told] == ["association:Association.kill"]


def test_a_film_is_stored_the_same_way(start_stock, associate, radiograph):
    running, film = start_stock(), radiograph()
    association = associate(running.port, DX, Verification)
    assert association.send_c_echo().Status == 0x0000
    assert association.send_c_store(film).Status == 0x0000
    assert association.send_c_store(film).Status == 0x0000
    (record,) = running.instances(film.StudyInstanceUID)
    assert dcmread(running.settings.state_folder / record.path) == film
    assert len(running.spooled()) == 1
    assert running.unfinished() == []


def test_an_object_that_is_not_understood_is_refused(start_stock, associate, radiograph, send_raw):
    association = associate(start_stock().port, DX)
    answer = send_raw(association, DX, radiograph().SOPInstanceUID, b"\xff" * 999)
    assert answer.Status == 0xC000
    assert answer.ErrorComment


def test_too_many_associations_are_rejected_and_one_that_ends_makes_room(start_stock, associate):
    running = start_stock(maximum_associations=1)
    first = associate(running.port, Verification)
    assert associate(running.port, Verification).is_rejected
    first.release()
    until(lambda: associate(running.port, Verification).is_established, "room for another")


def test_a_released_association_completes_its_studies(
    start_stock, settings_for, associate, radiograph
):
    settings = dataclasses.replace(settings_for(), studies=StudySettings(complete_on_release=True))
    running, film = start_stock(settings), radiograph()
    association = associate(running.port, DX)
    association.send_c_store(film)
    association.release()

    def completed():
        with Store.open(settings.state_folder) as store:
            (entry,) = store.worklist_entries()
            return entry.study_state is StudyState.COMPLETE

    until(completed, "the study complete")


def test_an_association_that_does_not_end_is_aborted_when_the_listener_stops(
    start_stock, associate
):
    running = start_stock(options={"drain_seconds": 0.1})
    association = associate(running.port, Verification)
    running.end()
    until(lambda: association.is_aborted, "the association aborted")
