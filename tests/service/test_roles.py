"""One role in a process of its own: how it ends, and what it tells its supervisor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.peers import free_port
from triage.roles import ALIVE, HEARTBEAT_FD, LIFELINE_FD, READY
from triage.settings import Hl7Settings, WebSettings, WorkerSettings, default_settings, render_toml

ROOT = Path(__file__).parents[2]


class RoleProcess:
    """A real role with the pipes of a supervisor."""

    def __init__(self, config: Path, name: str) -> None:
        beat_read, beat_write = os.pipe()
        life_read, self.lifeline = os.pipe()
        self.heartbeat = os.fdopen(beat_read, "rb", buffering=0)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "triage", "serve", "--role", name, "--config", config],
            cwd=ROOT,
            env={**os.environ, HEARTBEAT_FD: str(beat_write), LIFELINE_FD: str(life_read)},
            pass_fds=(beat_write, life_read),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(beat_write)
        os.close(life_read)

    def hear(self, word: bytes) -> None:
        """Wait for a word of the heartbeat."""
        while heard := self.heartbeat.read(1):
            if heard == word:
                return
        raise AssertionError(self.process.communicate()[1])

    def cut_lifeline(self) -> None:
        os.close(self.lifeline)
        self.lifeline = -1

    def end(self) -> tuple[int, str]:
        _, complaints = self.process.communicate(timeout=30)
        return self.process.returncode, complaints

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.heartbeat.close()
        if self.lifeline >= 0:
            self.cut_lifeline()


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a role of a small site."""
    started: list[RoleProcess] = []

    def begin(name: str, **sections: object) -> RoleProcess:
        settings = replace(
            default_settings(tmp_path / "state"), web=WebSettings(port=free_port()), **sections
        )
        config = tmp_path / "triage.toml"
        config.write_text(render_toml(settings))
        started.append(RoleProcess(config, name))
        return started[-1]

    yield begin
    for role in started:
        role.close()


@pytest.mark.parametrize("name", ["courier", "web", "clock"])
def test_a_role_tells_that_it_is_ready_and_alive_and_ends_in_order_on_sigterm(start, name):
    role = start(name)
    role.hear(READY)
    role.hear(ALIVE)
    role.process.send_signal(signal.SIGTERM)
    assert role.end()[0] == 0


def test_the_hl7_role_runs_where_it_has_a_port_and_says_so_where_it_has_none(start):
    role = start("hl7", hl7=Hl7Settings(port=free_port(), address="127.0.0.1"))
    role.hear(READY)
    role.hear(ALIVE)
    role.process.send_signal(signal.SIGTERM)
    assert role.end()[0] == 0
    code, complaints = start("hl7").end()
    assert (code, "hl7.port is 0" in complaints) == (2, True)


def test_a_role_whose_supervisor_is_gone_ends_by_itself(start):
    role = start("courier")
    role.hear(READY)
    role.cut_lifeline()
    assert role.end()[0] == 0


def test_a_role_that_cannot_work_says_so_in_a_sentence(start, tmp_path):
    role = start("worker", worker=WorkerSettings(bundle=tmp_path / "no-bundle"))
    code, complaints = role.end()
    assert code == 2
    assert "no-bundle" in complaints
    assert "Traceback" not in complaints


def test_an_unknown_role_is_named_with_the_known_ones(start):
    code, complaints = start("workers").end()
    assert code == 2
    assert "listener, hl7, worker, clock, courier, receivers, web" in complaints
