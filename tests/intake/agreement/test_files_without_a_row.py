"""Files that no row names: adopted, removed as copies, or left and named."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from tests.intake.agreement.helpers import HOUR, RULES, damage, digest, found, images, mend_all
from triage.errors import TransientError
from triage.intake.adoption import adopt_orphans
from triage.intake.agreement import DifferenceKind, differences, mend
from triage.intake.header import read_header
from triage.store import Arrival, Store, StoredFile
from triage.values import ImageState


def test_a_spool_and_an_index_that_agree_are_left_alone(store, keep, radiograph):
    for _ in range(3):
        keep(radiograph())
    assert found(store) == found(store, thorough=True) == []


@pytest.mark.parametrize("folder", [HOUR, "a7"])
def test_a_file_without_a_row_is_adopted_in_new_and_old_folders(store, lay, radiograph, folder):
    film = radiograph()
    path = lay(film, folder)
    assert found(store) == [(DifferenceKind.ORPHAN, path)]

    (line,) = mend_all(store)
    assert film.SOPInstanceUID in line
    assert "Nobody" not in line
    (image,) = images(store, film)
    assert (image.path, image.state, image.calling_ae_title) == (path, ImageState.QUEUED, "")
    assert image.size_bytes == (store.state_folder / path).stat().st_size
    assert store.recorded_file(1).sha256 == digest(store, path)
    assert found(store, thorough=True) == []


def test_an_adopted_film_of_another_body_part_is_not_eligible(store, lay, radiograph):
    film = radiograph(BodyPartExamined="KNEE")
    lay(film)
    mend_all(store)
    assert images(store, film)[0].state is ImageState.NOT_ELIGIBLE


def test_a_file_and_its_name_are_flushed_before_a_row_says_that_we_have_it(
    store, lay, radiograph, monkeypatch
):
    path = store.state_folder / lay(radiograph())
    done = []
    fsync, adopt_instance = os.fsync, Store.adopt_instance

    def flush(handle):
        done.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        fsync(handle)

    def record(*arguments):
        done.append("recorded")
        return adopt_instance(*arguments)

    monkeypatch.setattr("os.fsync", flush)
    monkeypatch.setattr(Store, "adopt_instance", record)
    mend_all(store)
    assert done == [str(path), str(path.parent), str(path.parent.parent), "recorded"]


def test_a_file_that_its_listener_holds_is_no_difference_until_it_lets_go(store, lay, radiograph):
    film = radiograph()
    path = lay(film)
    with (store.state_folder / path).open("rb") as listener:
        fcntl.flock(listener, fcntl.LOCK_EX)
        assert found(store) == []
        assert adopt_orphans(store, RULES).adopted == 0
        assert images(store, film) == ()
    assert found(store) == [(DifferenceKind.ORPHAN, path)]


def test_a_file_that_was_recorded_or_held_since_it_was_seen_is_left_to_its_listener(
    store, keep, lay, radiograph
):
    film = radiograph()
    path = lay(film)
    (orphan,) = differences(store)
    with (store.state_folder / path).open("rb") as listener:
        fcntl.flock(listener, fcntl.LOCK_EX)
        assert not mend(store, RULES, orphan).changed
    store.adopt_instance(
        Arrival(
            read_header(store.state_folder / path),
            StoredFile(path, 1, "a" * 64),
            ImageState.QUEUED,
            "",
            "MODALITY",
        ),
        lambda _recorded: False,
    )
    assert not mend(store, RULES, orphan).changed
    assert [one.calling_ae_title for one in images(store, film)] == ["MODALITY"]
    assert (store.state_folder / path).exists()


def test_a_copy_of_recorded_bytes_is_removed(store, keep, lay, radiograph):
    film = radiograph()
    kept, copy = keep(film), lay(film, minute=20)
    (line,) = mend_all(store)
    assert "removed" in line
    assert not (store.state_folder / copy).exists()
    assert (store.state_folder / kept).exists()
    assert len(images(store, film)) == 1


@pytest.mark.parametrize("harm", ["gone", "shorter", "other bytes"])
def test_a_copy_is_never_removed_when_the_recorded_file_is_lost_or_damaged(
    store, keep, lay, radiograph, harm
):
    film = radiograph()
    kept, copy = keep(film), lay(film, minute=20)
    damage(store.state_folder / kept, harm)
    mend_all(store)
    assert (store.state_folder / copy).exists()
    assert [one.path for one in images(store, film) if not one.superseded] == [copy]
    assert [image.path for image in store.claim_images("w", 9, 60)] == [copy]
    mend_all(store)
    assert found(store, thorough=True) == []


@pytest.mark.parametrize(("minute", "stands"), [(20, "orphan"), (5, "recorded"), (10, "recorded")])
def test_of_two_versions_the_one_that_was_received_later_stands(
    store, keep, lay, radiograph, minute, stands
):
    film = radiograph()
    recorded = keep(film, minute=10)
    film.ViewPosition = "LL"
    orphan = lay(film, minute=minute)
    mend_all(store)
    (image,) = [one for one in images(store, film) if not one.superseded]
    assert image.path == {"orphan": orphan, "recorded": recorded}[stands]
    assert len(images(store, film)) == 2
    assert found(store) == []


def test_a_file_that_lost_its_time_in_a_backup_is_as_old_as_its_folder(
    store, keep, lay, radiograph
):
    film = radiograph()
    recorded = keep(film, minute=90, folder="20261121T15")
    film.ViewPosition = "LL"
    lay(film, minute=60 * 24 * 9)  # copied back nine days later, into the folder of its hour
    mend_all(store)
    (image,) = [one for one in images(store, film) if not one.superseded]
    assert image.path == recorded


def test_versions_without_rows_end_up_in_the_order_in_which_they_came(store, lay, radiograph):
    """The database was restored from a backup of before all of them."""
    film = radiograph()
    paths = []
    for number, minute in enumerate([30, 10, 20]):
        film.SeriesDescription = f"take {number}"
        paths.append(lay(film, minute=minute))
    mend_all(store)
    (image,) = [one for one in images(store, film) if not one.superseded]
    assert image.path == paths[0]
    assert len(images(store, film)) == 3


def test_what_cannot_be_understood_stays_where_it_is_and_is_named(store, lay, radiograph):
    path = store.state_folder / lay(radiograph())
    path.write_bytes(b"no DICOM")
    stranger = path.with_name("notes.txt")
    stranger.write_text("hello")
    folder = path.parent.parent / "old stuff"
    folder.mkdir()
    (path.parent.parent / "lost+found").mkdir()
    for _ in range(2):  # it stays a difference
        lines = mend_all(store)
        assert len(lines) == 3
        assert all("move it out of the spool" in line for line in lines)
    assert path.read_bytes() == b"no DICOM"
    assert stranger.exists()
    assert folder.exists()


def test_one_file_that_the_program_fails_on_does_not_keep_the_others_from_being_mended(
    store, lay, radiograph, monkeypatch
):
    films = [radiograph() for _ in range(3)]
    for film in films:
        lay(film)
    adopt_instance = Store.adopt_instance

    def fail_on_one(self, arrival, is_older):
        if arrival.facts.sop_instance_uid == films[1].SOPInstanceUID:
            raise ZeroDivisionError("Nobody^Any")
        return adopt_instance(self, arrival, is_older)

    monkeypatch.setattr(Store, "adopt_instance", fail_on_one)
    lines = mend_all(store)
    assert "ZeroDivisionError" in lines[1]
    assert "Nobody" not in lines[1]
    assert len(images(store, films[0])) == len(images(store, films[2])) == 1
    assert adopt_orphans(store, RULES).left == 1


def test_an_index_that_cannot_be_written_ends_the_mending(store, lay, radiograph, monkeypatch):
    lay(radiograph())

    def fail(*_arguments):
        raise TransientError("the disk of the database is full")

    monkeypatch.setattr(Store, "adopt_instance", fail)
    with pytest.raises(TransientError):
        mend_all(store)


def test_a_starting_listener_looks_at_the_newest_hours_only(store, lay, radiograph):
    films = {}
    for folder in ("20261120T23", "20261121T13", "20261121T14", "ff"):
        films[folder] = radiograph()
        lay(films[folder], folder)
    (store.state_folder / "spool" / "20261121T15").write_text("no folder")
    told = []
    counts = adopt_orphans(store, RULES, newest=2, step=lambda: told.append(True))
    assert (counts.adopted, counts.removed, counts.left) == (2, 0, 0)
    assert len(told) == 2
    adopted = {folder for folder, film in films.items() if images(store, film)}
    assert adopted == {"20261121T13", "20261121T14"}
    assert adopt_orphans(store, RULES, newest=2).adopted == 0


def test_a_starting_listener_counts_copies_and_what_it_must_leave(store, keep, lay, radiograph):
    film = radiograph()
    keep(film)
    lay(film, minute=20)
    (store.state_folder / lay(radiograph())).write_bytes(b"no DICOM")
    counts = adopt_orphans(store, RULES)
    assert (counts.adopted, counts.removed, counts.left) == (0, 1, 1)
