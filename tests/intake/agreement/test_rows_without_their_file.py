"""Rows whose file is lost, damaged, or there again."""

from __future__ import annotations

import pytest

from tests.factories import make_analysis
from tests.intake.agreement.helpers import HOUR, RULES, damage, found, images, mend_all
from triage.errors import StoreError
from triage.intake.adoption import set_damaged_aside
from triage.intake.agreement import DifferenceKind, differences, mend
from triage.store.records import FILE_LOST
from triage.values import ImageState


def test_a_waiting_image_whose_file_is_gone_is_set_aside(store, keep, radiograph):
    film, other = radiograph(), radiograph()
    path = keep(film)
    keep(other)
    (store.state_folder / path).unlink()
    assert found(store) == [(DifferenceKind.MISSING, path)]
    (line,) = mend_all(store)
    assert "send the image again" in line
    assert film.SOPInstanceUID in line
    (image,) = images(store, film)
    assert (image.state, image.problem) == (ImageState.SET_ASIDE, FILE_LOST)
    assert images(store, other)[0].state is ImageState.QUEUED
    assert found(store) == [(DifferenceKind.KNOWN_LOST, path)]


@pytest.mark.parametrize("harm", ["shorter", "other bytes"])
def test_a_damaged_file_is_kept_aside_and_its_image_is_taken_again(store, keep, radiograph, harm):
    film = radiograph()
    path = keep(film)
    damage(store.state_folder / path, harm)
    quick = [] if harm == "other bytes" else [(DifferenceKind.DAMAGED, path)]
    assert found(store) == quick
    (damaged,) = differences(store, thorough=True)
    assert damaged.kind is DifferenceKind.DAMAGED
    mend(store, RULES, damaged)
    assert (store.state_folder / f"{path}.damaged").exists()
    assert images(store, film)[0].state is ImageState.SET_ASIDE
    assert found(store) == [(DifferenceKind.KNOWN_LOST, path)]

    again = keep(film, minute=30)
    assert [image.path for image in store.claim_images("w", 9, 60)] == [again]
    assert found(store, thorough=True) == []


def test_an_analysed_image_keeps_its_result_when_its_file_is_gone(store, keep, radiograph):
    film = radiograph()
    path = keep(film)
    (claimed,) = store.claim_images("w", 1, 60)
    store.finish_image(claimed.instance_id, "w", make_analysis(), "")
    (store.state_folder / path).unlink()
    mend_all(store)
    assert images(store, film)[0].analysis == make_analysis()
    assert found(store) == [(DifferenceKind.KNOWN_LOST, path)]


def test_a_file_that_comes_back_is_taken_back_when_it_is_the_same(store, keep, radiograph):
    film = radiograph()
    path = store.state_folder / keep(film)
    content = path.read_bytes()
    path.unlink()
    mend_all(store)

    path.write_bytes(content[:-1] + b"x")
    assert [one.kind for one in differences(store)] == [DifferenceKind.KNOWN_LOST]
    path.write_bytes(content)
    assert [one.kind for one in differences(store)] == [DifferenceKind.RETURNED]
    mend_all(store)
    assert images(store, film)[0].state is ImageState.QUEUED
    assert found(store) == []


def test_a_file_that_came_back_between_looking_and_mending_changes_nothing(store, keep, radiograph):
    film = radiograph()
    path = store.state_folder / keep(film)
    content = path.read_bytes()
    path.unlink()
    (missing,) = differences(store)
    path.write_bytes(content)
    assert not mend(store, RULES, missing).changed
    assert images(store, film)[0].state is ImageState.QUEUED


def test_a_file_that_is_gone_once_more_stays_lost(store, keep, radiograph):
    film = radiograph()
    path = store.state_folder / keep(film)
    content = path.read_bytes()
    path.unlink()
    mend_all(store)
    path.write_bytes(content)
    (returned,) = differences(store)
    path.unlink()
    assert not mend(store, RULES, returned).changed
    assert images(store, film)[0].state is ImageState.SET_ASIDE


def test_a_spool_that_is_not_mounted_loses_no_image(store, keep, radiograph):
    film = radiograph()
    keep(film)
    spool = store.state_folder / "spool"
    spool.rename(spool.with_name("away"))
    spool.mkdir()
    (spool / "lost+found").mkdir()
    with pytest.raises(StoreError, match="mount"):
        list(differences(store))


def test_a_file_that_cannot_be_opened_is_neither_lost_nor_adopted(
    store, keep, lay, radiograph, monkeypatch
):
    keep(radiograph())
    lay(radiograph())
    problem = PermissionError(13, "Permission denied")

    def refuse(*_arguments, **_keys):
        raise problem

    monkeypatch.setattr("triage.intake.adoption.os.open", refuse)
    monkeypatch.setattr("triage.intake.adoption.hashlib.file_digest", refuse)
    kinds = [one.kind for one in differences(store, thorough=True)]
    assert kinds == [DifferenceKind.UNREADABLE] * 2
    lines = [mend(store, RULES, one) for one in differences(store, thorough=True)]
    assert all("Permission denied" in one.line for one in lines)
    assert not any(one.changed for one in lines)


def test_missing_thumbnails_and_reports_are_told(store, keep, radiograph, monkeypatch):
    keep(radiograph())
    (claimed,) = store.claim_images("w", 1, 60)
    store.finish_image(claimed.instance_id, "w", make_analysis(), "thumbnails/x.png")
    monkeypatch.setattr(store, "report_paths", lambda: iter(["reports/y.dcm"]))
    assert found(store) == [
        (DifferenceKind.THUMBNAIL_MISSING, "thumbnails/x.png"),
        (DifferenceKind.REPORT_MISSING, "reports/y.dcm"),
    ]
    assert not any(mend(store, RULES, one).changed for one in differences(store))


def test_a_damaged_file_keeps_its_bytes_under_a_name_that_is_never_looked_at(store, tmp_path):
    path = store.state_folder / "spool" / HOUR / "x.dcm"
    path.parent.mkdir()
    path.write_bytes(b"left")
    set_damaged_aside(path)
    assert path.with_name("x.dcm.damaged").read_bytes() == b"left"
    assert found(store) == []
