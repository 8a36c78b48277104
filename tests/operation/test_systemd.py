"""The unit and what stands beside it, judged by systemd's own tools."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import pytest

SCORE = re.compile(r"Overall exposure level for \S+: ([0-9.]+)")


@pytest.fixture
def unit(root, tmp_path):
    """Return a function that copies the unit, with a program that exists, and its drop-ins."""

    def copy(*drop_ins):
        text = (root / "systemd" / "triage.service").read_text()
        copied = tmp_path / "triage.service"
        copied.write_text(text.replace("/opt/cspine-triage/bin/triage", sys.executable))
        folder = tmp_path / "triage.service.d"
        folder.mkdir()
        for drop_in in drop_ins:
            shutil.copy(root / "systemd" / drop_in, folder)
        return copied

    return copy


@pytest.fixture
def systemd_analyze(require_program):
    """Return a function that runs systemd-analyze and returns its whole output."""
    program = require_program("systemd-analyze")

    def run(*arguments):
        done = subprocess.run(
            [program, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


@pytest.mark.parametrize("drop_ins", [(), ("triage-gpu.conf",)])
def test_systemd_verifies_the_unit_without_a_remark(unit, systemd_analyze, drop_ins):
    output = systemd_analyze("verify", unit(*drop_ins))
    assert [line for line in output.splitlines() if "triage" in line] == []


@pytest.mark.parametrize("drop_ins", [(), ("triage-gpu.conf",)])
def test_the_exposure_of_the_unit_is_below_three(unit, systemd_analyze, drop_ins):
    output = systemd_analyze("security", "--offline=true", unit(*drop_ins))
    score = SCORE.search(output)
    assert score is not None, output
    assert float(score[1]) < 3


def test_the_unit_is_watched_and_started_with_the_configuration(root):
    lines = (root / "systemd" / "triage.service").read_text().splitlines()
    assert {
        "Type=notify",
        "WatchdogSec=60",
        "UMask=0077",
        "LimitCORE=0",
        "StateDirectory=cspine-triage",
        "ExecStart=/opt/cspine-triage/bin/triage serve --config /etc/cspine-triage/triage.toml",
    } <= set(lines)


def test_user_and_folders_are_made_with_the_modes_that_keep_others_out(
    root, tmp_path, require_program
):
    if os.geteuid() != 0:
        pytest.skip("only root may give folders to another user")
    (tmp_path / "etc" / "cspine-triage").mkdir(parents=True)
    configuration = tmp_path / "etc" / "cspine-triage" / "triage.toml"
    configuration.write_text("")
    for program, arguments, file in (
        ("systemd-sysusers", [], "triage.sysusers.conf"),
        ("systemd-tmpfiles", ["--create"], "triage.tmpfiles.conf"),
    ):
        command = [require_program(program), f"--root={tmp_path}", *arguments]
        subprocess.run([*command, root / "systemd" / file], check=True, capture_output=True)
    user = next(
        line.split(":")
        for line in (tmp_path / "etc" / "passwd").read_text().splitlines()
        if line.startswith("cspine-triage:")
    )
    state = (tmp_path / "var" / "lib" / "cspine-triage").stat()
    assert (state.st_uid, state.st_mode & 0o777) == (int(user[2]), 0o700)
    assert user[6] == "/usr/sbin/nologin"
    assert configuration.stat().st_mode & 0o777 == 0o640
    assert configuration.stat().st_uid == 0
