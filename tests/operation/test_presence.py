"""Signs of life and the names of lease owners."""

from __future__ import annotations

import os
import subprocess
import sys

from triage.owners import is_dead, owner_name
from triage.presence import EVERY_SECONDS, SILENT_SECONDS, last_signs, sign, signing

ENDED = """
import sys
from pathlib import Path
from triage.presence import sign
sign(Path(sys.argv[1]), 'clock')
"""


def test_a_living_role_is_not_silent(tmp_path):
    (tmp_path / "roles").mkdir()
    sign(tmp_path, "worker")
    (found,) = last_signs(tmp_path, ["worker"])
    assert (found.pid, found.silent) == (os.getpid(), False)


def test_a_role_whose_process_has_ended_is_silent_at_once(tmp_path, root):
    (tmp_path / "roles").mkdir()
    subprocess.run([sys.executable, "-c", ENDED, str(tmp_path)], check=True, cwd=root)
    (found,) = last_signs(tmp_path, ["clock"])
    assert found.silent
    assert found.age_seconds < SILENT_SECONDS


def test_a_role_that_never_gave_a_sign_is_silent(tmp_path):
    (found,) = last_signs(tmp_path, ["web"])
    assert found.silent


def test_an_old_sign_counts_as_silence(tmp_path):
    (tmp_path / "roles").mkdir()
    sign(tmp_path, "worker")
    os.utime(tmp_path / "roles" / "worker.json", (0, 0))
    assert last_signs(tmp_path, ["worker"])[0].silent


def test_signs_are_given_now_and_then_however_often_life_is_shown(tmp_path):
    (tmp_path / "roles").mkdir()
    now = [0.0]
    alive = signing(tmp_path, "worker", lambda: now[0])
    path = tmp_path / "roles" / "worker.json"
    alive()
    path.unlink()
    now[0] = EVERY_SECONDS / 2
    alive()
    assert not path.exists()
    now[0] = EVERY_SECONDS
    alive()
    assert path.exists()


def test_only_an_ended_process_of_this_machine_is_dead(root):
    ended = subprocess.run(
        [sys.executable, "-c", "from triage.owners import owner_name; print(owner_name('w'))"],
        check=True,
        cwd=root,
        capture_output=True,
        text=True,
    ).stdout.strip()
    assert is_dead(ended)
    assert not is_dead(owner_name("w"))
    assert not is_dead("w-another-host-1")
    assert not is_dead("nobody")
