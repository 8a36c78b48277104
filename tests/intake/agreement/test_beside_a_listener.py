"""Mending beside a listener that receives, dies, or is about to record."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading

from tests.intake.agreement.helpers import DX, RULES, found, images, mend_all
from triage.intake.adoption import adopt_orphans
from triage.intake.agreement import DifferenceKind, differences, mend
from triage.store import Store
from triage.values import ImageState

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
