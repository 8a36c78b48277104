"""Checkpoints: stopping and going on changes nothing, and a checkpoint that is wrong is named."""

from __future__ import annotations

import io
import os
import pickle
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from tests.training.loop.tiny import SETTINGS, TinyTask
from training.errors import RunError, StoppedError
from training.loop import LoopSettings, fit, read_history
from training.loop.checkpoint import read_weights
from training.loop.interrupts import Interrupts


class EndedError(Exception):
    """Stands for the end of the process: nothing in the loop may catch it."""


def end_at(epoch: int, step: int):
    """Return what ends a task there; both are counted from where the process began."""

    def before_step(now: int, steps: int) -> None:
        if (now, steps) == (epoch, step):
            raise EndedError

    return before_step


@pytest.fixture
def begun(make_task, tmp_path):
    """Return a folder with a fit that ended after its second epoch."""
    with pytest.raises(EndedError):
        fit(make_task(before_step=end_at(3, 8)), SETTINGS, folder=tmp_path / "run", data="abc")
    return tmp_path / "run"


@pytest.mark.parametrize("every", ["step", "epoch", None])
@pytest.mark.parametrize("patience", [None, 2])
def test_a_fit_that_ended_in_mid_epoch_and_goes_on_ends_with_the_same_bits(
    make_task, same_weights, tmp_path, every, patience
) -> None:
    settings = LoopSettings(6, batch=8, seed=4, patience=patience, gradient_clip=1.0)
    figures = (0.1, 0.3, 0.2, 0.25, 0.2, 0.1)
    whole = make_task(every=every, told_figures=figures)
    expected = fit(whole, settings, folder=tmp_path / "whole")

    # In epoch 1, when there is nothing yet to go on from; in epoch 3; and two epochs later.
    for epoch, step, left in ((1, 2, figures), (3, 8, figures), (2, 5, figures[2:])):
        ended = make_task(every=every, told_figures=left, before_step=end_at(epoch, step))
        with pytest.raises(EndedError):
            fit(ended, settings, folder=tmp_path / "parts")
    resumed = make_task(every=every, told_figures=figures[3:])
    history = fit(resumed, settings, folder=tmp_path / "parts")

    assert same_weights(whole.network.state_dict(), resumed.network.state_dict())
    assert history == expected == read_history(tmp_path / "parts/logs/network.csv")
    assert (len(history.epochs), history.kept) == (4 if patience else 6, 2)
    kept = "checkpoints/network.safetensors"
    assert same_weights(*(read_weights(tmp_path / run / kept) for run in ("whole", "parts")))


@pytest.mark.parametrize("optimiser", [torch.optim.AdamW, torch.optim.Adam, torch.optim.RMSprop])
def test_optimisers_go_on_as_they_were(make_task, same_weights, tmp_path, optimiser) -> None:
    def task(**changes) -> TinyTask:
        made = make_task(every="epoch", **changes)
        made.optimiser = lambda: optimiser(made.network.parameters(), 0.01)
        return made

    whole, resumed = task(), task()
    fit(whole, SETTINGS)
    with pytest.raises(EndedError):
        fit(task(before_step=end_at(3, 9)), SETTINGS, folder=tmp_path)
    fit(resumed, SETTINGS, folder=tmp_path)

    assert same_weights(whole.network.state_dict(), resumed.network.state_dict())


def test_what_is_drawn_after_a_fit_is_the_same_when_it_was_read(make_task, tmp_path) -> None:
    draws = []
    for _ in range(2):
        torch.manual_seed(1)
        fit(make_task(), SETTINGS, folder=tmp_path)
        draws.append(float(torch.rand(1)))

    assert draws[0] == draws[1]


def test_a_finished_fit_is_read_and_not_repeated(make_task, same_weights, tmp_path) -> None:
    first, again = make_task(), make_task()

    histories = [fit(task, SETTINGS, folder=tmp_path) for task in (first, again)]

    assert again.seen == []
    assert histories[0] == histories[1]
    assert same_weights(first.network.state_dict(), again.network.state_dict())
    assert [one.name for one in (tmp_path / "checkpoints").iterdir()] == ["network.safetensors"]


def test_a_fit_begun_anew_forgets_what_was_there(make_task, tmp_path) -> None:
    fit(make_task(), SETTINGS, folder=tmp_path)
    other = replace(SETTINGS, epochs=1)

    history = fit(make_task(), other, folder=tmp_path, resume=False)

    assert len(history.epochs) == 1
    assert fit(make_task(), other, folder=tmp_path) == history


@pytest.mark.parametrize(
    ("settings", "task", "data", "named"),
    [
        ({"batch": 6}, {}, "abc", r"batch \(8 then, 6 now\)"),
        ({"seed": 4, "epochs": 9}, {}, "abc", r"epochs \(4 then, 9 now\); .*seed \(3 then, 4 now"),
        ({"gradient_clip": 1.0}, {}, "abc", r"gradient_clip \(None then, 1.0 now\)"),
        ({}, {}, "abd", r"data \(abc then, abd now\)"),
        ({}, {"films": 23}, "abc", r"films \(22 then, 23 now\)"),
        ({}, {"rate": 0.01}, "abc", r"optimiser group 1 max_lr \(0.05 then, 0.01 now\)"),
        ({}, {"every": "epoch"}, "abc", r"schedule \(OneCycleLR step then, StepLR epoch now\)"),
        ({}, {"weights_seed": 6}, "abc", "starting weights"),
        ({}, {"plain": True}, "abc", "starting weights"),
    ],
)
def test_a_checkpoint_of_something_else_is_refused_by_what_differs(
    begun, make_task, settings, task, data, named
) -> None:
    with pytest.raises(RunError, match=named):
        fit(make_task(**task), replace(SETTINGS, **settings), folder=begun, data=data)


def test_a_finished_fit_of_something_else_is_refused_too(make_task, tmp_path) -> None:
    fit(make_task(), SETTINGS, folder=tmp_path)

    with pytest.raises(RunError, match=r"network.safetensors .* another seed \(3 then, 4 now\)"):
        fit(make_task(), replace(SETTINGS, seed=4), folder=tmp_path)


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def flipped(data: bytes) -> bytes:
    return data[:-400] + bytes([data[-400] ^ 1]) + data[-399:]


@pytest.mark.parametrize("damage", [cut, flipped, lambda _: b""], ids=["cut", "flipped", "empty"])
@pytest.mark.parametrize("finished", [False, True], ids=["unfinished", "finished"])
def test_a_damaged_checkpoint_is_named_and_what_to_do(begun, make_task, damage, finished) -> None:
    path = begun / "checkpoints/network.progress"
    if finished:
        fit(make_task(), SETTINGS, folder=begun, data="abc")
        path = path.with_suffix(".safetensors")
    path.write_bytes(damage(path.read_bytes()))

    with pytest.raises(RunError, match=f"{path} is no whole checkpoint .* Delete it"):
        fit(make_task(), SETTINGS, folder=begun, data="abc")


class Harmful:
    """Runs code where it is unpickled."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('code from a checkpoint ran')",))


def test_reading_a_checkpoint_runs_no_code_from_it(begun, make_task) -> None:
    import hashlib  # noqa: PLC0415 - a forger's

    stream = io.BytesIO()
    torch.save({"identity": Harmful()}, stream, pickle_module=pickle)
    digest = hashlib.sha256(stream.getvalue()).hexdigest()
    forged = f"cspine-triage training progress 1 {digest}\n".encode() + stream.getvalue()
    (begun / "checkpoints/network.progress").write_bytes(forged)

    with pytest.raises(RunError, match="no whole checkpoint"):
        fit(make_task(), SETTINGS, folder=begun, data="abc")


@pytest.fixture
def start(root):
    """Return a function that starts the tiny program, several runs of it in one process.

    Each run says its exit code; PyTorch takes seconds to start.
    """

    def start(*runs: tuple[object, ...], between: str = "", under: tuple[str, ...] = ()):
        lines = ["from pathlib import Path", "from tests.training.loop.tiny import main"]
        for words in runs:
            lines += [f"print('code', main({[*map(str, words)]}), flush=True)", between]
        command = [*under, sys.executable, "-c", "\n".join(lines)]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        return subprocess.Popen(command, cwd=root, env=environment, stdout=-1, stderr=-1, text=True)

    return start


def test_a_signal_leaves_the_last_whole_epoch_to_go_on_from(
    make_task, same_weights, start, tmp_path
) -> None:
    first = (tmp_path, "--wait-in", 3)
    again = (tmp_path, "--wait-in", 1, "--resume")  # the first epoch of those that are left
    with start(first, again, again) as process:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            assert "waiting\n" in iter(process.stdout.readline, "")
            process.send_signal(number)
            if number != signal.SIGKILL:
                assert process.stdout.readline() == f"code {128 + number}\n"
        _, told = process.communicate(timeout=300)

    assert process.returncode == -signal.SIGKILL
    assert "Traceback" not in told
    assert told.count("--resume") == 2
    for name in ("SIGINT", "SIGTERM"):
        assert f"stopped by {name}. Epoch 2 is kept whole" in told
    assert [one.name for one in (tmp_path / "checkpoints").iterdir()] == ["network.progress"]
    resumed, whole = make_task(), make_task()
    assert fit(resumed, SETTINGS, folder=tmp_path) == fit(whole, SETTINGS)
    assert len(resumed.seen) == 2 * 3
    assert same_weights(resumed.network.state_dict(), whole.network.state_dict())


def test_a_signal_while_something_is_written_waits_for_its_end() -> None:
    interrupts, written = Interrupts(), []

    def write() -> None:
        with interrupts.held_back():
            os.kill(os.getpid(), signal.SIGTERM)
            written.append("whole")

    with interrupts.caught(), pytest.raises(StoppedError) as stop:
        write()

    assert written == ["whole"]
    assert stop.value.exit_code == 143


def test_a_full_disk_is_told_with_what_is_kept_and_freed_it_goes_on(
    make_task, same_weights, start, tmp_path
) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk takes root")
    disk, out = tmp_path / "disk", tmp_path / "out"
    disk.mkdir()
    mount = ("unshare", "--mount", "sh", "-c")
    then = f'mount -t tmpfs -o size=256k tmpfs {disk} && "$@" && cp -r {disk}/checkpoints {out}'
    with start(
        (disk, "--fill-in", 3),
        (disk, "--resume"),
        between=f"Path({str(disk / 'filler')!r}).unlink(missing_ok=True)",
        under=(*mount, then, "sh"),
    ) as process:
        said, told = process.communicate(timeout=300)

    assert process.returncode == 0, told
    assert "No space left on device" in told
    assert "Epoch 2 is kept whole" in told
    assert "--resume" in told
    assert "Traceback" not in told
    assert "code 1\nnetwork: goes on behind epoch 2\n" in said
    assert said.endswith("code 0\n")
    assert [one.name for one in out.iterdir()] == ["network.safetensors"]
    whole = make_task()
    fit(whole, SETTINGS)
    assert same_weights(whole.network.state_dict(), read_weights(out / "network.safetensors"))
