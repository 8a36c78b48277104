"""Bad use ends with a sentence that says what to do, and a code that is not 0."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.peers import free_port
from triage.demo.stage import demonstration_settings
from triage.settings import DecisionSettings, Destination, WebSettings, WorkerSettings, render_toml
from triage.store import Store
from triage.vision.bundle import default_bundle_folder

ROOT = Path(__file__).parents[2]


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )


def triage(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return run([sys.executable, "-m", "triage", *map(str, words)])


@pytest.fixture
def settings(tmp_path):
    """Return settings that work, without destinations."""
    return replace(demonstration_settings(tmp_path, "PACS", 11119, 0), destinations=())


@pytest.fixture
def config(tmp_path):
    """Return a function that writes settings to a file."""

    def write(settings, extra: str = "") -> Path:
        path = tmp_path / "triage.toml"
        path.write_text(render_toml(settings) + extra)
        return path

    return write


def test_a_missing_configuration_names_the_file_and_the_way_out(tmp_path):
    done = triage("serve", "--config", tmp_path / "none.toml")
    assert done.returncode == 2
    assert "none.toml" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_key_is_refused_by_name_with_the_nearest_known_one(settings, config):
    path = config(settings)
    path.write_text(path.read_text().replace("quiet_seconds", "quite_seconds"))
    done = triage("serve", "--config", path)
    assert done.returncode == 2
    assert "studies.quite_seconds" in done.stderr
    assert "quiet_seconds" in done.stderr


@pytest.mark.parametrize(("section", "key"), [("listener", "listener.port"), ("web", "web.port")])
def test_a_taken_port_ends_the_service_with_the_key_to_change(settings, config, section, key):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        changed = replace(getattr(settings, section), port=taken.getsockname()[1])
        done = triage("serve", "--config", config(replace(settings, **{section: changed})))
        checked = triage("check", "--config", config(replace(settings, **{section: changed})))
    assert done.returncode == 2
    assert key in done.stderr
    assert "Traceback" not in done.stderr
    assert checked.returncode == 1
    assert key in checked.stdout


def test_a_missing_bundle_is_named(settings, config, tmp_path):
    missing = replace(settings, worker=WorkerSettings(bundle=tmp_path / "no-bundle"))
    for command in ("check", "serve"):
        done = triage(command, "--config", config(missing))
        assert done.returncode != 0
        assert "no-bundle" in done.stdout + done.stderr


def test_a_bundle_with_one_changed_byte_is_refused(settings, config, tmp_path):
    folder = tmp_path / "bundle"
    shutil.copytree(default_bundle_folder(), folder)
    weights = min(folder.glob("*.safetensors"))
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    done = triage(
        "check", "--config", config(replace(settings, worker=WorkerSettings(bundle=folder)))
    )
    assert done.returncode == 1
    assert weights.name in done.stdout


def test_a_destination_that_does_not_answer_is_named_and_does_not_keep_from_serving(
    settings, config
):
    away = Destination("pacs", "PACS", "127.0.0.1", free_port())
    path = config(replace(settings, destinations=(away,)))
    done = triage("check", "--config", path)
    assert done.returncode == 1
    assert str(away.port) in done.stdout
    assert triage("check", "--no-peers", "--config", path).returncode == 0


@pytest.mark.parametrize("command", ["serve", "check", "worklist", "status"])
def test_a_damaged_database_is_told(settings, config, command):
    Store.open(settings.state_folder).close()
    (settings.state_folder / "triage.db").write_bytes(b"x" * 8192)
    done = triage(command, "--config", config(settings))
    assert done.returncode != 0
    assert "damaged" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def triage_on_small_disk(folder: Path, options: str, prepare: str, *words: str | Path):
    """Run a command while `folder` is a disk of its own, in a mount namespace (as root).

    `prepare` is a shell command that brings the disk into its state.
    """
    command = " ".join(map(str, (sys.executable, "-m", "triage", *words)))
    script = f"mount -t tmpfs -o {options} tmpfs {folder} && {prepare} && exec {command}"
    return run(["unshare", "--mount", "sh", "-c", script])


@pytest.fixture
def disk(settings):
    """Return the state folder as a place to mount on; only root may mount."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk takes root")
    settings.state_folder.mkdir(parents=True)
    return settings.state_folder


@pytest.mark.parametrize("command", ["serve", "check", "worklist"])
def test_a_read_only_state_folder_is_told(settings, config, command, disk):
    path = config(settings)
    read_only = f"mount -o remount,ro {disk}"
    done = triage_on_small_disk(disk, "size=8m", read_only, command, "--config", path)
    assert done.returncode != 0
    told = done.stdout + done.stderr
    assert str(disk) in told.replace("\n", "")
    assert "writ" in told
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["serve", "check"])
def test_a_full_state_folder_is_told(settings, config, command, disk):
    path = config(settings)
    full = f"(cat /dev/zero > {disk}/filler 2>/dev/null || true)"
    done = triage_on_small_disk(disk, "size=256k", full, command, "--config", path)
    assert done.returncode != 0
    told = done.stdout + done.stderr
    assert "full" in told or "No space left" in told
    assert "Traceback" not in done.stderr


def test_an_unknown_study_is_named(settings, config):
    done = triage("study", "1.2.3", "--config", config(settings))
    assert done.returncode == 2
    assert "1.2.3" in done.stderr


def test_an_unknown_destination_is_named_with_the_known_ones(settings, config):
    known = replace(settings, destinations=(Destination("main", "PACS", "127.0.0.1", 4242),))
    done = triage("retry", "man", "--config", config(known))
    assert done.returncode == 2
    assert "main" in done.stderr


def test_the_brake_can_be_pulled_and_let_go_without_a_daemon(settings, config):
    path = config(replace(settings, decision=DecisionSettings(), web=WebSettings(port=free_port())))
    assert triage("revert", "--config", path).returncode == 0
    with Store.open(settings.state_folder) as store:
        assert store.paused()
    assert "resumed in mode shadow" in triage("resume", "--config", path).stdout
