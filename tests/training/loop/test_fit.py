"""Fitting: what is learnt and kept, and that stopping and going on changes nothing."""

from __future__ import annotations

import pytest
import torch

from training.loop import LoopSettings, fit, read_history
from training.loop.checkpoint import read_weights


class Stopped(Exception):  # noqa: N818 - no fault, but the end of a process
    """Stands for the end of the process: nothing in the loop may catch it."""


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(first[key], second[key]) for key in first | second)


def stop_at(epoch: int, step: int):
    def stop(now: int, steps: int) -> None:
        if (now, steps) == (epoch, step):
            raise Stopped

    return stop


def test_a_task_is_learnt(make_task) -> None:
    task = make_task(films=200, plain=True)

    history = fit(task, LoopSettings(8, batch=8))

    assert history.losses[-1] < 0.5 * history.losses[0]
    assert max(history.figures) >= 0.9
    assert not task.network.training


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(make_task) -> None:
    tasks = [make_task() for _ in range(3)]

    histories = [
        fit(task, LoopSettings(2, batch=8, seed=seed))
        for task, seed in zip(tasks, (1, 1, 2), strict=True)
    ]

    weights = [task.network.state_dict() for task in tasks]
    assert same(weights[0], weights[1])
    assert not same(weights[0], weights[2])
    assert histories[0] == histories[1] != histories[2]


@pytest.mark.parametrize("every", ["step", "epoch", None])
@pytest.mark.parametrize("patience", [None, 2])
def test_a_run_stopped_in_mid_epoch_and_resumed_ends_with_the_same_bits(
    make_task, tmp_path, every, patience
) -> None:
    settings = LoopSettings(6, batch=8, seed=4, patience=patience, gradient_clip=1.0)
    whole, figures = make_task(every=every), (0.1, 0.3, 0.2, 0.25, 0.2, 0.1)
    whole.told_figures = figures
    expected = fit(whole, settings, folder=tmp_path / "whole")

    # In the 2nd step of epoch 1, after which there is nothing to go on from; then in epoch 3.
    for epoch, step, left in ((1, 2, figures), (3, 8, figures), (2, 5, figures[2:])):
        stopped = make_task(every=every, told_figures=left, stop=stop_at(epoch, step))
        with pytest.raises(Stopped):
            fit(stopped, settings, folder=tmp_path / "parts")
    resumed = make_task(every=every, told_figures=figures[3:])
    history = fit(resumed, settings, folder=tmp_path / "parts")

    assert same(whole.network.state_dict(), resumed.network.state_dict())
    assert history == expected
    assert len(history.epochs) == (4 if patience else 6)
    assert history.kept == 2
    assert read_history(tmp_path / "parts/logs/network.csv") == expected
    kept = [
        read_weights(tmp_path / f"{run}/checkpoints/network.safetensors")
        for run in ("whole", "parts")
    ]
    assert same(*kept)
