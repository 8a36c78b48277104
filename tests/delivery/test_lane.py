"""The loop that all lanes share: it survives, rests, wakes, and tells when it hangs."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
import structlog
from structlog.testing import capture_logs

from tests.delivery.helpers import QUICK
from tests.waiting import until
from triage.delivery import lane as loop
from triage.delivery.association import PeerError, Trouble
from triage.delivery.lane import Found, PeerLane, Tools
from triage.errors import SettingsError

WEEK = 7 * 24 * 3600.0


class ScriptedLane(PeerLane):
    """Finds what the script says, then ends itself; an exception of the script is raised."""

    def __init__(self, store, script, settings=QUICK, tools=None):
        stop = threading.Event()
        super().__init__(
            settings, store, stop, tools, peer="ris", peer_role="receiver", owner="courier"
        )
        self.ended, self.left = stop, list(script)

    def work(self):
        if not self.left:
            self.ended.set()
            return Found.NOTHING
        found = self.left.pop(0)
        if isinstance(found, BaseException):
            raise found
        return found


@pytest.fixture(autouse=True)
def log_of_its_own():
    """A command that was tried in this process may have made the log quiet."""
    structlog.reset_defaults()


@pytest.fixture
def run():
    """Return what runs a lane in a thread; the lane is ended with the test."""
    running = []

    def start(lane):
        thread = threading.Thread(target=lane.run)
        thread.start()
        running.append((lane, thread))
        return thread

    yield start
    for lane, thread in running:
        lane.ended.set()
        thread.join(20)
        assert not thread.is_alive()


def test_an_error_that_nobody_foresaw_is_logged_and_ends_no_lane(store, monkeypatch):
    monkeypatch.setattr(loop, "RECOVERY_SECONDS", 0.0)
    lane = ScriptedLane(store, [ZeroDivisionError(), Found.WORK])
    with capture_logs() as lines:
        lane.run()
    assert lane.left == []
    assert [(line["action"], line["destination"]) for line in lines] == [("lane_failed", "ris")]
    assert lines[0]["exc_info"]


def test_a_lane_looks_again_at_once_while_there_is_work(store, monkeypatch):
    monkeypatch.setattr(loop, "IDLE_SECONDS", WEEK)
    lane = ScriptedLane(store, [Found.WORK] * 100, replace(QUICK, first_retry_seconds=WEEK))
    lane.run()
    assert lane.left == []


def test_a_lane_with_nothing_to_do_wakes_when_something_is_committed(store, monkeypatch, run):
    monkeypatch.setattr(loop, "IDLE_SECONDS", WEEK)
    lane = ScriptedLane(store, [Found.NOTHING])
    thread = run(lane)

    def ended_by_a_commit():
        store.know_receivers(["ris"])
        return not thread.is_alive()

    until(ended_by_a_commit, "the lane looks again")


def test_a_lane_in_trouble_rests_whatever_is_committed(store, monkeypatch):
    waited = []

    class Committing:
        """Tells of a commit whenever it is asked to wait for one."""

        def wait(self, seconds, _stop):
            waited.append(seconds)
            return True

        def close(self):
            pass

    monkeypatch.setattr(store, "watcher", Committing)
    ScriptedLane(store, [Found.TROUBLE], replace(QUICK, first_retry_seconds=0.0)).run()
    assert waited == [loop.IDLE_SECONDS], "only once nothing was due"


def test_a_lane_hangs_only_while_its_work_lasts_longer_than_all_honest_waits(store):
    settings = replace(QUICK, lease_seconds=60.0, timeout_seconds=10.0)
    now, hung = [0.0], []

    class Slow(ScriptedLane):
        def work(self):
            for now[0] in (100.0, 100.1):  # 60 + 4 and four times 10
                hung.append(self.hangs())
            return super().work()

    lane = Slow(store, [], settings, Tools(monotonic=lambda: now[0]))
    lane.run()
    assert hung == [False, True]
    assert not lane.hangs()


def test_the_log_says_once_that_a_peer_is_in_trouble_and_once_that_it_is_back(store):
    lane = ScriptedLane(store, [])
    away, broken = PeerError(Trouble.AWAY, "no connection"), PeerError(Trouble.BROKEN, "aborts")
    with capture_logs() as lines:
        for trouble in (None, away, away, SettingsError("no such file"), broken, None, None):
            lane._note_peer(trouble)
    assert [(line["action"], line.get("kind")) for line in lines] == [
        ("receiver_in_trouble", Trouble.AWAY),
        ("receiver_in_trouble", Trouble.BROKEN),
        ("receiver_back", None),
    ]
