"""Group commit: together where several wait, each with its own outcome, nothing before its turn."""

from __future__ import annotations

import fcntl
import os
import threading

import pytest

from tests.factories import make_facts
from tests.waiting import until
from triage.errors import TransientError
from triage.intake.eligibility import Eligibility
from triage.intake.group_commit import GroupCommit
from triage.intake.spool import ObjectIdentity, Spool
from triage.store import Store
from triage.values import ImageState

QUEUED = Eligibility(ImageState.QUEUED, "")


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path) as opened:
        yield opened


@pytest.fixture
def spool(tmp_path, store):
    return Spool(tmp_path, minimum_free_bytes=0, maximum_object_bytes=1 << 20)


@pytest.fixture
def keep(spool):
    """Return a function that receives an object and keeps it."""

    def receive_and_keep(commits, number, content=b"content"):
        uid = f"1.2.1.{number}"
        incoming = spool.receive(ObjectIdentity("1.2.840.10008.5.1.4.1.1.1", uid, "1.2"))
        incoming.write(content)
        try:
            return commits.keep(incoming, make_facts(instance=uid), QUEUED, "MODALITY")
        finally:
            incoming.discard()

    return receive_and_keep


def in_threads(count, work):
    """Run work(number) in threads and return what came out of each."""
    found = {}

    def run(number):
        try:
            found[number] = work(number)
        except (TransientError, ValueError) as error:
            found[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    return threads, found


class HeldStore:
    """A store whose first transaction waits until it is let go."""

    def __init__(self, store):
        self.store = store
        self.groups = []
        self.entered, self.go_on = threading.Event(), threading.Event()

    def record_instances(self, arrivals):
        self.groups.append([one.facts.sop_instance_uid for one in arrivals])
        self.entered.set()
        self.go_on.wait(20)
        return self.store.record_instances(arrivals)


def test_one_alone_is_kept_at_once(spool, store, keep):
    receipt = keep(GroupCommit(spool, store), 1)
    assert receipt.kind == "new"


def test_those_who_come_while_a_group_is_committed_are_the_next_group(spool, store, keep):
    held = HeldStore(store)
    commits = GroupCommit(spool, held)
    (first,), _ = in_threads(1, lambda _: keep(commits, 100))
    assert held.entered.wait(20)
    others, found = in_threads(5, lambda number: keep(commits, number))
    until(lambda: commits._waiting.qsize() == 5, "all five waiting")
    held.go_on.set()
    for thread in (first, *others):
        thread.join()
    assert [len(group) for group in held.groups] == [1, 5]
    assert {receipt.kind for receipt in found.values()} == {"new"}
    assert len(store.study("1.2.1").instances) == 6


def test_a_file_stays_locked_until_its_row_is_there(spool, store, keep, tmp_path):
    seen = []

    class Looking:
        def record_instances(self, arrivals):
            handle = os.open(tmp_path / arrivals[0].file.path, os.O_RDONLY)
            with pytest.raises(BlockingIOError):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.close(handle)
            seen.append(arrivals[0].file.path)
            return store.record_instances(arrivals)

    keep(GroupCommit(spool, Looking()), 1)
    handle = os.open(tmp_path / seen[0], os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(handle)


def test_what_is_wrong_with_one_is_no_fault_of_the_others(spool, store, keep):
    held = HeldStore(store)

    class Poisoned(HeldStore):
        def record_instances(self, arrivals):
            if any(one.facts.sop_instance_uid == "1.2.1.3" for one in arrivals):
                self.groups.append("poison")
                raise ValueError("this one cannot be written")
            return super().record_instances(arrivals)

    held = Poisoned(store)
    commits = GroupCommit(spool, held)
    (first,), _ = in_threads(1, lambda _: keep(commits, 100))
    assert held.entered.wait(20)
    others, found = in_threads(5, lambda number: keep(commits, number))
    until(lambda: commits._waiting.qsize() == 5, "all five waiting")
    held.go_on.set()
    for thread in (first, *others):
        thread.join()
    assert isinstance(found.pop(3), ValueError)
    assert {receipt.kind for receipt in found.values()} == {"new"}


def test_a_store_that_is_busy_is_so_for_the_whole_group_and_is_not_asked_again(spool, keep):
    asked = []

    class Busy:
        def record_instances(self, arrivals):
            asked.append(len(arrivals))
            raise TransientError("busy")

    with pytest.raises(TransientError, match="busy"):
        keep(GroupCommit(spool, Busy()), 1)
    assert asked == [1]


def test_a_folder_that_takes_no_file_leaves_none_and_tells_everybody(
    spool, store, keep, tmp_path, monkeypatch
):
    def fail(_folder):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("triage.intake.spool.sync_folder", fail)
    with pytest.raises(TransientError, match="No space left"):
        keep(GroupCommit(spool, store), 1)
    assert [path for path in tmp_path.rglob("*") if path.suffix in (".dcm", ".part")] == []


def test_of_a_duplicate_the_second_file_is_removed(spool, store, keep, tmp_path):
    commits = GroupCommit(spool, store)
    assert [keep(commits, 1).kind, keep(commits, 1).kind] == ["new", "duplicate"]
    assert len(list((tmp_path / "spool").rglob("*.dcm"))) == 1


def test_a_file_whose_row_is_in_doubt_stays(spool, keep, tmp_path):
    class Failing:
        def record_instances(self, _arrivals):
            raise TransientError("the disk went away while it was committed")

    with pytest.raises(TransientError):
        keep(GroupCommit(spool, Failing()), 1)
    assert len(list((tmp_path / "spool").rglob("*.dcm"))) == 1
