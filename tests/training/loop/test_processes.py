"""Several processes under torchrun take the steps that one would."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from tests.training.loop.tiny import SETTINGS, TinyTask
from training.errors import DataError, RunError
from training.loop import fit, read_history
from training.loop.checkpoint import read_weights
from training.loop.processes import Processes
from training.loop.steps import Steps


def test_two_processes_learn_what_one_learns(make_task, root, tmp_path) -> None:
    one = make_task(plain=True)
    alone = fit(one, SETTINGS, folder=tmp_path / "one")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *("--nproc-per-node", "2", "-m", "tests.training.loop.tiny"),
            *(str(tmp_path / "two"), "--plain"),
        ],
        cwd=root,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("network: epoch 4/4") == 1
    kept = read_weights(tmp_path / "two/checkpoints/network.safetensors")
    for key, value in one.network.state_dict().items():
        torch.testing.assert_close(kept[key], value, rtol=1e-4, atol=1e-5)
    together = read_history(tmp_path / "two/logs/network.csv")
    assert together.figures == alone.figures
    assert together.losses == pytest.approx(alone.losses, rel=1e-4)


def test_processes_share_out_the_films_that_one_would_see() -> None:
    two = Processes(1, 2, torch.device("cpu"))
    task = TinyTask(films=19)

    assert Steps.of(19, 8, two).count == 2  # three films would be too few for two processes
    assert Steps.of(20, 8, two).count == 3
    assert Steps.of(len(task), 8, Processes(0, 1, torch.device("cpu"))).count == 3


def test_fewer_films_than_processes_need_are_named() -> None:
    four = Processes(0, 4, torch.device("cpu"))

    with pytest.raises(RunError, match="batch 2 is less than the 4 processes"):
        Steps.of(50, 2, four)
    with pytest.raises(DataError, match="7 training films are too few: 8"):
        Steps.of(7, 16, four)
