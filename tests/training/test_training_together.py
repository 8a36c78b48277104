"""Networks that are trained side by side are those that are trained one after the other."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from training.errors import DiskError, RunError
from training.spine.films import Films
from training.spine.findings import COMPONENTS, FINDINGS, parts_of
from training.spine.fitting import Fitter, Sizes
from training.spine.together import Lessons, trained

SIZES = Sizes(2, 2, 2, 1, 1, 2, 2, 0.5)
SIDE = 128


@pytest.fixture(scope="module")
def lessons() -> Lessons:
    """Grey squares with landmarks: how well is learnt does not matter here."""
    chance = np.random.default_rng(1)
    heights = np.linspace(0.2, 0.8, 23)[:, None] * SIDE
    across = (0.4 + 0.2 * (np.arange(23) % 2))[:, None] * SIDE
    landmarks = np.concatenate([across, heights], axis=1).astype(np.float32)
    films = Films(
        chance.random((8, SIDE, SIDE), np.float32).astype(np.float16),
        np.repeat(landmarks[None], 8, axis=0),
        np.tile(np.array([1, 0, 0, 0, 0], np.float32), (8, 1)),
        (chance.random((8, len(COMPONENTS.columns))) < 0.3).astype(np.float32),
    )
    return Lessons(films, films, films, films, films, parts_of(FINDINGS), COMPONENTS, SIZES)


@pytest.fixture
def one_thread():
    """Bits depend on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(mode=True)
    yield
    torch.use_deterministic_algorithms(mode=False)
    torch.set_num_threads(before)


def test_side_by_side_gives_the_weights_of_one_after_the_other(lessons, tmp_path, one_thread):
    said: list[str] = []
    for name in ("apart", "together"):
        (tmp_path / name).mkdir()

    apart = trained(lessons, Fitter(tmp_path / "apart", 3), processes=1)
    fitter = Fitter(tmp_path / "together", 3, said.append)
    together = trained(lessons, fitter, processes=2)

    pairs = [(apart.locator, together.locator)]
    pairs += [(apart.readers[name], together.readers[name]) for name in apart.readers]
    assert len(pairs) == 3
    for one, other in pairs:
        weights = other.state_dict()
        assert all(torch.equal(value, weights[key]) for key, value in one.state_dict().items())
    for name, epochs in (
        ("locator", 2),
        ("corners", 1),
        ("rings", 1),
        ("reader-1", 2),
        ("reader-2", 2),
    ):
        assert sum(line.startswith(f"{name}: epoch") for line in said) == epochs
        assert len(fitter.histories[name].epochs) == epochs
    assert not list((tmp_path / "together").glob("films-*"))


def test_a_process_that_is_killed_ends_the_run_and_leaves_no_other(lessons, tmp_path):
    long = replace(lessons, sizes=replace(SIZES, reader_epochs=10_000, locator_epochs=10_000))
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    before = set(children.read_text().split())

    def kill_one(_: str) -> None:
        learners = [int(pid) for pid in children.read_text().split() if pid not in before]
        learners = [pid for pid in learners if b"spawn_main" in _command(pid)]
        os.kill(learners[-1], signal.SIGKILL)

    with pytest.raises(RunError, match=r"ended with code -9.*--resume"):
        trained(long, Fitter(tmp_path, 3, kill_one), processes=2)

    left = set(children.read_text().split()) - before
    assert not [pid for pid in left if b"spawn_main" in _command(int(pid))]
    assert not list(tmp_path.glob("films-*"))


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def test_what_a_process_refuses_reaches_whoever_asked_for_it(lessons, tmp_path):
    few = replace(lessons, reading=lessons.reading.chosen(np.arange(1)))

    with pytest.raises(Exception, match="films"):
        trained(few, Fitter(tmp_path, 3), processes=2)


def test_films_that_find_no_room_are_named(lessons, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("training.spine.together.np.save", full)

    with pytest.raises(DiskError, match=r"No space left on device.*--processes 1"):
        trained(lessons, Fitter(tmp_path, 3), processes=2)
