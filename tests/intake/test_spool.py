"""Files of the spool: complete and durable under their name, or not there."""

from __future__ import annotations

import errno
import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydicom import dcmread

from triage.errors import TransientError
from triage.intake.spool import ObjectIdentity, Spool, write_durably

IDENTITY = ObjectIdentity("1.2.840.10008.5.1.4.1.1.1", "1.2.3.4", "1.2.840.10008.1.2.1")


@pytest.fixture
def make_spool(tmp_path):
    """Return a function that makes a spool; keywords replace its bounds."""

    def make(**bounds):
        for name in ("incoming", "spool"):
            (tmp_path / name).mkdir(exist_ok=True)
        chosen = {
            "minimum_free_bytes": 0,
            "maximum_object_bytes": 1 << 20,
            "now": lambda: datetime(2026, 11, 21, 14, 59, tzinfo=UTC),
            **bounds,
        }
        return Spool(tmp_path, **chosen)

    return make


def keep(spool, incoming):
    """Make one object durable under its name, as a group of one."""
    incoming.flush_to_disk()
    (file,) = spool.place([incoming])
    incoming.close()
    return file


def test_an_object_that_is_kept_lies_in_the_spool_under_a_name_of_ours(make_spool, tmp_path):
    spool = make_spool()
    incoming = spool.receive(IDENTITY)
    incoming.write(b"\x08\x00\x60\x00CS\x02\x00DX")
    file = keep(spool, incoming)

    path = tmp_path / file.path
    assert file.path.startswith("spool/20261121T14/")
    assert "1.2.3.4" not in file.path
    assert file.size_bytes == path.stat().st_size
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert dcmread(path).Modality == "DX"
    assert list((tmp_path / "incoming").iterdir()) == []


def test_the_same_object_is_the_same_file_and_two_never_share_a_name(make_spool):
    spool = make_spool()
    files = []
    for _ in range(2):
        incoming = spool.receive(IDENTITY)
        incoming.write(b"same")
        files.append(keep(spool, incoming))
    assert files[0].sha256 == files[1].sha256
    assert files[0].path != files[1].path


def test_the_file_and_both_folders_are_flushed(make_spool, tmp_path, monkeypatch):
    flushed = []

    def note(handle):
        path = Path(f"/proc/self/fd/{handle}").readlink()
        flushed.append(str(path.relative_to(tmp_path)))

    monkeypatch.setattr("triage.intake.spool.os.fsync", note)
    spool = make_spool()
    file = keep(spool, spool.receive(IDENTITY))
    part, new_folder, folder = flushed
    assert part.startswith("incoming/")
    assert new_folder == "spool"
    assert file.path.startswith(f"{folder}/")


def test_a_peer_cannot_name_a_file(make_spool, tmp_path):
    spool = make_spool()
    evil = ObjectIdentity("1.2", "../../../../etc/passwd", "1.2.840.10008.1.2")
    file = keep(spool, spool.receive(evil))
    assert (tmp_path / file.path).resolve().is_relative_to(tmp_path / "spool")


def test_an_object_over_the_limit_is_given_up_without_an_error(make_spool, tmp_path):
    incoming = make_spool(maximum_object_bytes=1000).receive(IDENTITY)
    for _ in range(100):
        incoming.write(bytes(100))
    assert "larger than" in incoming.problem
    assert list((tmp_path / "incoming").iterdir()) == []


def test_without_space_an_object_is_refused_before_it_is_received(make_spool, tmp_path):
    incoming = make_spool(minimum_free_bytes=10, free=lambda _folder: 9).receive(IDENTITY)
    incoming.write(b"anything")
    assert "free" in incoming.problem
    assert list((tmp_path / "incoming").iterdir()) == []


def test_a_disk_that_does_not_take_the_file_is_transient(make_spool, monkeypatch):
    spool = make_spool()
    incoming = spool.receive(IDENTITY)

    def fail(_handle):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("triage.intake.spool.os.fsync", fail)
    with pytest.raises(TransientError, match="Input/output error"):
        keep(spool, incoming)


def test_of_objects_that_cannot_be_moved_together_none_stays(make_spool, tmp_path, monkeypatch):
    spool = make_spool()
    objects = [spool.receive(IDENTITY) for _ in range(3)]
    rename, left = Path.rename, [2]

    def fail_the_third(path, target):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail_the_third)
    with pytest.raises(TransientError, match="No space left"):
        spool.place(objects)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_objects_that_are_moved_together_share_one_flush_of_the_folder(make_spool, monkeypatch):
    spool, flushed, flush = make_spool(), [], os.fsync
    keep(spool, spool.receive(IDENTITY))
    objects = [spool.receive(IDENTITY) for _ in range(5)]
    monkeypatch.setattr(
        "triage.intake.spool.os.fsync", lambda handle: flushed.append(flush(handle))
    )
    assert len({file.path for file in spool.place(objects)}) == 5
    assert len(flushed) == 1


def test_what_was_received_can_be_read_anywhere_while_it_is(make_spool):
    incoming = make_spool().receive(IDENTITY)
    content = bytes(range(256)) * 400
    incoming.write(content)
    start = incoming.size_bytes - len(content)
    assert len(incoming.beginning) == 65_536
    for position in (0, 65_000, 65_530, 70_000, len(content) - 5):
        assert incoming.read_at(start + position, 50) == content[position : position + 50]
    incoming.discard()


def test_sweeping_spares_what_is_being_received(make_spool, tmp_path):
    spool = make_spool()
    (tmp_path / "incoming" / "dead.part").write_bytes(b"x")
    living = spool.receive(IDENTITY)
    assert make_spool().sweep() == 1
    assert living.path.exists()
    living.discard()
    assert make_spool().sweep() == 0


def test_a_file_is_written_durably_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "report.dcm"
    write_durably(path, b"first")
    assert path.read_bytes() == b"first"

    def fail(_handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("triage.intake.spool.os.fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_durably(path, b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]
