"""The supervisor, with real processes, signals and a real notification socket."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import until

SUPERVISOR = Path(__file__).with_name("run_supervisor.py")
ROLES = ["listener", "worker", "clock", "courier", "web"]


class Run:
    """One supervisor over scripted roles."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, str(SUPERVISOR), str(folder)],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def lines(self, name: str) -> list[str]:
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def lives(self, role: str) -> list[int]:
        return [int(line.split()[1]) for line in self.lines("lives") if line.split()[0] == role]

    def wait_for_lives(self, role: str, count: int) -> list[int]:
        until(lambda: len(self.lives(role)) >= count, f"{count} lives of {role}")
        return self.lives(role)

    def stop(self) -> tuple[int, str, str]:
        self.process.terminate()
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err


@pytest.fixture
def start(tmp_path):
    started: list[Run] = []

    def begin(environment: dict[str, str] | None = None, **behaviours: str) -> Run:
        for role, behaviour in behaviours.items():
            (tmp_path / role).write_text(behaviour)
        started.append(Run(tmp_path, **(environment or {})))
        return started[-1]

    yield begin
    for run in started:
        run.process.kill()
        run.process.communicate()


@pytest.fixture
def manager(tmp_path):
    """Return a socket in the place of systemd's, and the variables that name it."""
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(path)
        server.settimeout(30)
        yield server, {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "300000"}


def hear(server: socket.socket, word: bytes) -> None:
    """Wait until the service manager has been told a word."""
    while word not in server.recv(4096):
        pass


def test_every_role_runs_and_all_stop_in_the_order_of_the_films_way(start):
    run = start()
    for role in ROLES:
        run.wait_for_lives(role, 1)
    code, out, _ = run.stop()
    assert code == 0
    assert run.lines("ends") == ROLES
    assert "service_stopped" in out


def test_a_role_that_dies_is_started_again(start, manager):
    server, variables = manager
    run = start(variables)
    hear(server, b"READY=1")
    (first,) = run.lives("worker")
    os.kill(first, signal.SIGKILL)
    assert run.wait_for_lives("worker", 2)[1] != first
    assert run.stop()[0] == 0


def test_a_role_that_cannot_start_ends_the_service_with_its_sentence(start):
    run = start(listener="refuse")
    _, err = run.process.communicate(timeout=30)
    assert run.process.returncode == 2
    assert "the port is taken; change it" in err
    assert "listener orphaned" not in run.lines("ends")


def test_a_role_that_will_not_stop_is_cut_off_and_that_is_told(start):
    run = start(clock="stubborn")
    run.wait_for_lives("web", 1)
    until(lambda: len(run.lines("lives")) == 5, "every role")
    code, out, _ = run.stop()
    assert code == 1
    assert "roles_cut_off" in out
    assert run.lines("ends") == [role for role in ROLES if role != "clock"]


def test_a_role_that_falls_silent_is_replaced(start, manager):
    server, variables = manager
    run = start({**variables, "SILENCE_SECONDS": "0.5"})
    hear(server, b"READY=1")
    # Scripted roles beat once and never again: each counts as hung after half a second.
    run.wait_for_lives("web", 2)


def test_roles_end_by_themselves_when_the_supervisor_is_killed(start):
    run = start()
    for role in ROLES:
        run.wait_for_lives(role, 1)
    run.process.kill()
    until(lambda: len(run.lines("ends")) == len(ROLES), "every role's end")
    assert sorted(run.lines("ends")) == sorted(f"{role} orphaned" for role in ROLES)


def test_the_service_manager_hears_ready_alive_and_stopping(start, manager):
    server, variables = manager
    run = start(variables)
    hear(server, b"READY=1")
    hear(server, b"WATCHDOG=1")
    run.process.terminate()
    hear(server, b"STOPPING=1")
    assert run.process.wait(30) == 0
