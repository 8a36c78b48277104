"""Spool and index are found to differ, and mended, with nothing lost and nobody disturbed."""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydicom import dcmwrite
from pydicom.uid import DigitalXRayImageStorageForPresentation

from tests.factories import make_analysis
from triage.errors import StoreError, TransientError
from triage.intake.adoption import adopt_orphans, set_damaged_aside
from triage.intake.agreement import DifferenceKind, differences, mend, side_by_side
from triage.intake.header import read_header
from triage.settings import EligibilitySettings
from triage.store import Arrival, Store, StoredFile
from triage.store.agreement import RecordedFile
from triage.store.records import FILE_LOST
from triage.values import ImageState

DX = DigitalXRayImageStorageForPresentation
HOUR = "20261121T14"
RULES = EligibilitySettings()


@pytest.fixture
def store(tmp_path):
    """Return an empty store."""
    with Store.open(tmp_path / "state") as opened:
        yield opened


@pytest.fixture
def lay(store):
    """Return a function that lays a film into the spool, without a row."""
    numbers = itertools.count()

    def put(film, folder: str = HOUR, minute: float = 10) -> str:
        path = store.state_folder / "spool" / folder / f"film-{next(numbers)}.dcm"
        path.parent.mkdir(exist_ok=True)
        dcmwrite(path, film, enforce_file_format=True)
        begin = datetime(2026, 11, 21, 14, tzinfo=UTC) + timedelta(minutes=minute)
        os.utime(path, (begin.timestamp(), begin.timestamp()))
        return str(path.relative_to(store.state_folder))

    return put


@pytest.fixture
def keep(store, lay):
    """Return a function that lays a film into the spool and records it; returns its path."""

    def put(film, **where) -> str:
        path = lay(film, **where)
        content = (store.state_folder / path).read_bytes()
        file = StoredFile(path, len(content), hashlib.sha256(content).hexdigest())
        facts = read_header(store.state_folder / path)
        store.record_instances([Arrival(facts, file, ImageState.QUEUED, "", "MODALITY")])
        return path

    return put


def found(store, **options):
    """Return the differences as pairs of kind and path."""
    return [(one.kind, one.path) for one in differences(store, **options)]


def mend_all(store):
    """Mend every difference and return the lines."""
    return [mend(store, RULES, one).line for one in differences(store)]


def images(store, film):
    study = store.study(film.StudyInstanceUID)
    return () if study is None else study.instances


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


def digest(store, path):
    return hashlib.sha256((store.state_folder / path).read_bytes()).hexdigest()


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


def damage(path, harm):
    if harm == "gone":
        path.unlink()
    elif harm == "shorter":
        os.truncate(path, path.stat().st_size - 100)
    else:
        with path.open("r+b") as file:
            file.seek(-10, os.SEEK_END)
            file.write(b"otherbytes")


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


def test_what_a_dead_process_left_is_removed_and_what_a_living_one_receives_is_not(store):
    incoming = store.state_folder / "incoming"
    (incoming / "dead.part").write_bytes(b"half")
    with (incoming / "living.part").open("wb") as listener:
        fcntl.flock(listener, fcntl.LOCK_EX)
        assert found(store) == [(DifferenceKind.LEFTOVER, "incoming/dead.part")]
        mend_all(store)
        assert [path.name for path in incoming.iterdir()] == ["living.part"]


def test_an_empty_file_of_this_moment_is_not_taken_from_the_listener_that_makes_it(store):
    new = store.state_folder / "incoming" / "new.part"
    new.touch()
    assert found(store) == []
    old = new.stat().st_mtime - 3600
    os.utime(new, (old, old))
    (leftover,) = differences(store)
    new.touch()
    assert not mend(store, RULES, leftover).changed
    os.utime(new, (old, old))
    assert mend(store, RULES, leftover).changed
    assert not new.exists()


def test_a_file_that_is_moved_into_the_spool_meanwhile_is_no_leftover(store, monkeypatch):
    incoming = store.state_folder / "incoming" / "moving.part"
    incoming.write_bytes(b"whole")
    flock = fcntl.flock

    def lock_after_the_move(handle, how):
        incoming.rename(incoming.with_suffix(".moved"))
        flock(handle, how)

    monkeypatch.setattr("triage.intake.adoption.fcntl.flock", lock_after_the_move)
    assert found(store) == []


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


def row_at(path):
    return RecordedFile(
        1, "1.2", "1.3", 1, False, path, 1, "", datetime.now(UTC), ImageState.QUEUED, "", ""
    )


def test_however_many_files_there_are_one_row_and_one_file_are_held():
    drawn = {"rows": 0, "files": 0}

    def rows():
        for number in range(0, 100_000, 2):
            drawn["rows"] = number
            yield row_at(f"spool/{number:07}")

    def files():
        for number in range(0, 100_000, 4):
            drawn["files"] = number
            yield f"spool/{number:07}"

    alone = furthest = 0
    for row, path in side_by_side(rows(), files()):
        alone += path is None
        furthest = max(furthest, abs(drawn["rows"] - drawn["files"]))
        assert row is not None
    assert alone == 25_000
    assert furthest <= 4


@pytest.mark.parametrize(
    ("rows", "files", "pairs"),
    [
        ("", "", []),
        ("ab", "", [("a", None), ("b", None)]),
        ("", "ab", [(None, "a"), (None, "b")]),
        ("acd", "bcd", [("a", None), (None, "b"), ("c", "c"), ("d", "d")]),
    ],
)
def test_rows_and_files_are_paired_by_their_paths(rows, files, pairs):
    got = [(row and row.path, path) for row, path in side_by_side(map(row_at, rows), files)]
    assert got == pairs


def test_only_one_folder_is_listed_at_a_time(store, lay, radiograph, monkeypatch):
    for folder in ("20261121T13", "20261121T14", "20261121T15"):
        lay(radiograph(), folder)
    listed = []
    scandir = os.scandir

    def note(folder):
        listed.append(os.path.basename(folder))  # noqa: PTH119 - a text or a path
        return scandir(folder)

    monkeypatch.setattr("triage.intake.agreement.os.scandir", note)
    walk = differences(store)
    next(walk)
    assert listed[-1] == "20261121T13"
    next(walk)
    assert listed[-1] == "20261121T14"


def test_a_damaged_file_keeps_its_bytes_under_a_name_that_is_never_looked_at(store, tmp_path):
    path = store.state_folder / "spool" / HOUR / "x.dcm"
    path.parent.mkdir()
    path.write_bytes(b"left")
    set_damaged_aside(path)
    assert path.with_name("x.dcm.damaged").read_bytes() == b"left"
    assert found(store) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from triage.intake.spool import ObjectIdentity, Spool

spool = Spool(Path(sys.argv[1]), minimum_free_bytes=0, maximum_object_bytes=1 << 30)
incoming = spool.receive(ObjectIdentity(sys.argv[2], sys.argv[3], sys.argv[4]))
incoming.write(sys.stdin.buffer.read())
incoming.flush_to_disk()
print(spool.place([incoming])[0].path, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_an_object_whose_listener_was_killed_before_its_row_is_adopted(
    store, radiograph, encode_dataset, root
):
    film = radiograph()
    words = [store.state_folder, DX, film.SOPInstanceUID, film.file_meta.TransferSyntaxUID]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, *words],
        input=encode_dataset(film),
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    path = killed.stdout.decode().strip()
    assert images(store, film) == ()
    assert adopt_orphans(store, RULES).adopted == 1
    (image,) = images(store, film)
    assert (image.path, image.state) == (path, ImageState.QUEUED)
    assert found(store, thorough=True) == []


def test_mending_while_a_listener_is_about_to_record_leaves_the_file_to_it(
    start_listener, associate, radiograph, monkeypatch
):
    running, film = start_listener(), radiograph()
    at_the_gap, go_on = threading.Event(), threading.Event()
    record_instances = Store.record_instances

    def wait_in_the_gap(self, arrivals):
        at_the_gap.set()
        assert go_on.wait(20)
        return record_instances(self, arrivals)

    monkeypatch.setattr(Store, "record_instances", wait_in_the_gap)
    association = associate(running.port, DX)
    answers = []
    sender = threading.Thread(target=lambda: answers.append(association.send_c_store(film)))
    sender.start()
    assert at_the_gap.wait(20)
    assert len(running.spooled()) == 1
    with running.store() as store:
        assert mend_all(store) == []
        assert adopt_orphans(store, RULES).adopted == 0
        assert running.instances(film.StudyInstanceUID) == ()
        go_on.set()
        sender.join(20)
        assert answers[0].Status == 0x0000
        assert found(store) == []
    (image,) = running.instances(film.StudyInstanceUID)
    assert image.calling_ae_title == "MODALITY"


def test_mending_over_and_over_disturbs_no_reception(start_listener, associate, radiograph):
    running = start_listener()
    films = [radiograph() for _ in range(40)]
    lines, sent = [], threading.Event()

    def send():
        association = associate(running.port, DX)
        try:
            for film in films:
                assert association.send_c_store(film).Status == 0x0000
        finally:
            sent.set()

    sender = threading.Thread(target=send)
    sender.start()
    with running.store() as store:
        while not sent.is_set():
            lines += mend_all(store)
            assert adopt_orphans(store, RULES).adopted == 0
        sender.join(20)
        assert found(store) == []
    assert lines == []
    received = [running.instances(film.StudyInstanceUID) for film in films]
    assert [[one.version for one in instances] for instances in received] == [[1]] * 40
