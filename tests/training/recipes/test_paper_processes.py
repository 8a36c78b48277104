"""A paper's recipe under torchrun, as its contract says that several GPUs are used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from training.predictions import read_predictions

if TYPE_CHECKING:
    from pathlib import Path


def test_two_processes_run_a_recipe_and_one_of_them_writes_and_speaks(
    phantom_films: Path, tmp_path: Path
) -> None:
    words = ["run", "csm", "--data", str(phantom_films), "--out", str(tmp_path / "run")]
    small = ["--limit-films", "12", "--batch", "4", "--image-side", "32", "--epochs", "1"]
    together = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]

    done = subprocess.run(
        [sys.executable, *together, "-m", "training", *words, *small, "--from-scratch"],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("network: epoch 1/1") == 1
    assert done.stdout.count("reading 12 films") == 1
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["status"], record["processes"]) == ("finished", 2)
    assert len(read_predictions(tmp_path / "run")) == 4
