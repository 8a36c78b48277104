"""Run folders: one run each, recorded from its beginning to its end."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from training.errors import DiskError, RunError, StoppedError
from training.loop.run_folder import RunFolder, RunPlan, Status, read_run

PLAN = RunPlan("csm", {"batch": 8, "crop": (1, 2)}, seed=1, data="abc", contract="One film each.")


def now() -> dt.datetime:
    return dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)


def opened(path, plan=PLAN, *, resume=False, told=None):
    report = (lambda _line: None) if told is None else told.append
    return RunFolder.opened(path, plan, resume=resume, report=report, now=now)


@pytest.fixture
def stopped(tmp_path):
    """Return the folder of a run that failed."""
    with pytest.raises(KeyError), opened(tmp_path / "run"):
        raise KeyError("what went wrong")
    return tmp_path / "run"


def test_a_run_says_what_it_was_begun_with_and_how_it_ended(tmp_path) -> None:
    with opened(tmp_path / "new/run") as run:
        begun = read_run(run.path)

    ended = read_run(run.path)
    assert begun.status is Status.RUNNING
    assert ended == replace(begun, status=Status.FINISHED)
    assert ended.plan == replace(PLAN, settings={"batch": 8, "crop": [1, 2]})
    assert {"python", "torch", "numpy", "cspine-triage"} <= ended.versions.keys()
    assert ended.begun == "2026-05-01T12:00:00+00:00"
    assert not run.resumed


def test_a_run_that_failed_says_why_and_goes_on(stopped) -> None:
    assert read_run(stopped).status is Status.STOPPED
    assert "what went wrong" in read_run(stopped).reason

    with opened(stopped, resume=True) as run:
        assert run.resumed

    assert read_run(stopped).status is Status.FINISHED
    assert (read_run(stopped).reason, read_run(stopped).resumptions) == ("", 1)


def test_a_signal_outside_of_training_is_recorded_with_the_way_on(tmp_path) -> None:
    with (
        pytest.raises(StoppedError, match=r"stopped by SIGTERM; .* --resume") as stop,
        opened(tmp_path / "run"),
    ):
        os.kill(os.getpid(), signal.SIGTERM)

    assert stop.value.exit_code == 143
    assert read_run(tmp_path / "run").status is Status.STOPPED
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize(
    ("plan", "named"),
    [
        (replace(PLAN, recipe="normal-vgg16"), r"recipe \(csm then, normal-vgg16 now\)"),
        (replace(PLAN, seed=2), r"seed \(1 then, 2 now\)"),
        (replace(PLAN, data="abd"), r"data \(abc then, abd now\)"),
        (replace(PLAN, settings={"batch": 9, "crop": [1, 2]}), r"batch \(8 then, 9 now\)"),
        (replace(PLAN, settings={"batch": 8}), r"crop \(\[1, 2\] then, none now\)"),
    ],
)
def test_a_run_goes_on_only_with_what_it_was_begun_with(stopped, plan, named) -> None:
    with pytest.raises(RunError, match=named), opened(stopped, plan, resume=True):
        pass


def test_a_contract_may_be_reworded(stopped) -> None:
    plan = replace(PLAN, contract="One film for each patient.")
    with opened(stopped, plan, resume=True) as run:
        assert run.resumed

    assert read_run(stopped).status is Status.FINISHED


def test_other_versions_are_told(stopped) -> None:
    record, told = stopped / "run.json", []
    record.write_text(record.read_text().replace('"python": "', '"python": "1.'))

    with opened(stopped, resume=True, told=told):
        pass

    assert [line for line in told if line.startswith("python: 1.")]


def test_a_folder_with_a_run_is_not_begun_anew(stopped) -> None:
    with pytest.raises(RunError, match=r"a run of csm \(stopped\).*--resume"), opened(stopped):
        pass


def test_a_folder_with_something_else_is_left_alone(tmp_path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")

    with pytest.raises(RunError, match=r"something else \(thesis.tex\)"), opened(tmp_path):
        pass

    assert [one.name for one in tmp_path.iterdir()] == ["thesis.tex"]


def test_there_must_be_a_run_to_go_on_with(tmp_path) -> None:
    with (
        pytest.raises(RunError, match="no run to go on with"),
        opened(tmp_path / "typo", resume=True),
    ):
        pass

    assert not (tmp_path / "typo").exists()


def test_a_file_is_no_folder(tmp_path) -> None:
    (tmp_path / "run").write_text("")

    with pytest.raises(DiskError, match="cannot be a run's folder"), opened(tmp_path / "run"):
        pass


def test_a_damaged_record_is_named(stopped) -> None:
    (stopped / "run.json").write_text('{"schema": 1, "recipe": "csm"')

    with pytest.raises(RunError, match=r"run.json is no record"), opened(stopped, resume=True):
        pass


_HOLD = """
import sys, fcntl
handle = open(sys.argv[1], "a")
fcntl.flock(handle, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_two_processes_do_not_train_in_one_folder(stopped) -> None:
    command = [sys.executable, "-c", _HOLD, str(stopped / ".lock")]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(RunError, match="another process trains"), opened(stopped, resume=True):
            pass
        other.kill()
        other.wait()

    with opened(stopped, resume=True):  # a lock goes with the process that held it
        pass


def test_a_process_that_does_not_lead_writes_nothing(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("RANK", "1")

    with opened(tmp_path / "run") as run:
        assert run.path == tmp_path / "run"

    assert not (tmp_path / "run").exists()
