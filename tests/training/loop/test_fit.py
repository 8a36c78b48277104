"""Fitting: what is learnt and what is kept of it."""

from __future__ import annotations

import random
from itertools import chain

import numpy as np
import pytest
import torch

from training.errors import DataError, RunError
from training.loop import LoopSettings, fit


def test_a_task_is_learnt(make_task) -> None:
    task = make_task(films=200, plain=True)

    history = fit(task, LoopSettings(8, batch=8))

    assert history.losses[-1] < 0.5 * history.losses[0]
    assert max(history.figures) >= 0.9
    assert not task.network.training


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    make_task, same_weights
) -> None:
    tasks = [make_task() for _ in range(4)]
    fits = zip(tasks, (1, 1, 2, 1), ("a", "a", "a", "b"), strict=True)

    histories = [fit(task, LoopSettings(2, batch=8, seed=s), name=n) for task, s, n in fits]

    weights = [task.network.state_dict() for task in tasks]
    assert same_weights(weights[0], weights[1])
    assert histories[0] == histories[1]
    for other in (2, 3):
        assert not same_weights(weights[0], weights[other])


def test_every_film_is_seen_once_an_epoch_in_another_order(make_task) -> None:
    task = make_task()

    fit(task, LoopSettings(2, batch=8))

    assert [len(rows) for rows in task.seen] == [8, 8, 6] * 2
    first, second = [*chain(*task.seen[:3])], [*chain(*task.seen[3:])]
    assert sorted(first) == sorted(second) == list(range(22))
    assert first != second


def test_a_last_step_of_one_film_is_left_out_for_batch_norm(make_task) -> None:
    task = make_task(films=17)

    fit(task, LoopSettings(1, batch=8))

    assert [len(rows) for rows in task.seen] == [8, 8]


def test_steps_of_one_film_are_taken_when_they_are_asked_for(make_task) -> None:
    task = make_task(films=3, plain=True)

    fit(task, LoopSettings(1, batch=1))

    assert [len(rows) for rows in task.seen] == [1, 1, 1]


def test_a_task_may_choose_its_own_rows(make_task) -> None:
    task = make_task()
    task.order = lambda chance: chance.integers(0, 3, 22)

    fit(task, LoopSettings(1, batch=8))

    assert set(chain(*task.seen)) == {0, 1, 2}


def test_an_order_with_rows_that_are_not_there_is_refused(make_task) -> None:
    task = make_task()
    task.order = lambda _chance: np.arange(1, 23)

    with pytest.raises(RunError, match="22 rows below 22"):
        fit(task, LoopSettings(1, batch=8))


def test_the_best_weights_are_kept_and_the_latest_of_equals(make_task, same_weights) -> None:
    settings = {"batch": 8, "seed": 1}
    best = make_task(every=None, told_figures=(0.5, 0.7, 0.7, 0.6))
    short = make_task(every=None)

    history = fit(best, LoopSettings(4, **settings))
    fit(short, LoopSettings(3, keep="last", **settings))

    assert history.kept == 3
    assert same_weights(best.network.state_dict(), short.network.state_dict())


def test_the_last_weights_are_kept_when_asked(make_task) -> None:
    task = make_task(told_figures=(0.9, 0.1))

    assert fit(task, LoopSettings(2, batch=8, keep="last")).kept == 2


def test_training_ends_when_nothing_is_gained(make_task) -> None:
    task = make_task(told_figures=(0.5, 0.6, 0.6, 0.5, 0.5, 0.9))

    history = fit(task, LoopSettings(6, batch=8, patience=2))

    assert history.figures == [0.5, 0.6, 0.6, 0.5, 0.5]


def test_the_learning_rate_is_logged_as_it_was_used(make_task) -> None:
    history = fit(make_task(every="epoch", rate=0.08), LoopSettings(4, batch=8))

    assert [one.learning_rate for one in history.epochs] == [0.08, 0.08, 0.04, 0.04]


def test_a_gradient_is_no_longer_than_allowed(make_task) -> None:
    task = make_task(plain=True, every=None, rate=1.0)
    before = torch.nn.utils.parameters_to_vector(task.network.parameters()).detach().clone()

    fit(task, LoopSettings(1, batch=22, gradient_clip=1e-4))

    after = torch.nn.utils.parameters_to_vector(task.network.parameters()).detach()
    assert (after - before).norm() < 0.01  # weight decay moves it further than the gradient


def test_mixed_precision_computes_in_bfloat16_and_keeps_the_weights_in_float32(make_task) -> None:
    seen = []
    task = make_task()
    task.network[0].register_forward_hook(lambda _net, _given, out: seen.append(out.dtype))

    fit(task, LoopSettings(1, batch=8, mixed_precision=True, device="cpu"))

    assert seen[:3] == [torch.bfloat16] * 3
    assert seen[-1] == torch.float32  # the figure is exact
    assert {one.dtype for one in task.network.parameters()} == {torch.float32}


def test_fitting_leaves_the_global_generators_as_they_were(make_task) -> None:
    def draws() -> tuple[float, ...]:
        return float(torch.rand(1)), float(np.random.rand()), random.random()  # noqa: NPY002, S311 - these are meant

    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002 - this one is meant
    random.seed(1)
    undisturbed = draws()
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002 - as above
    random.seed(1)
    fit(make_task(), LoopSettings(1, batch=8))

    assert draws() == undisturbed


def test_a_loss_that_is_no_number_is_named_with_its_step_and_films(make_task) -> None:
    with pytest.raises(RunError, match=r"reader: the loss is nan in epoch 1, step \d \(.*\b3\b"):
        fit(make_task(films=8, faulty=3), LoopSettings(2, batch=8), name="reader")


def test_a_figure_that_is_no_number_is_named_with_its_epoch(make_task) -> None:
    with pytest.raises(RunError, match="figure on the tuning films is nan after epoch 2"):
        fit(make_task(told_figures=(0.5, float("nan"))), LoopSettings(2, batch=8))


@pytest.mark.parametrize("films", [0, 1])
def test_too_few_films_are_named(make_task, films) -> None:
    with pytest.raises(DataError, match=f"{films} training films are too few"):
        fit(make_task(films=films), LoopSettings(1, batch=8))


def test_a_batch_of_more_than_all_films_is_taken_and_told(make_task) -> None:
    told: list[str] = []
    task = make_task(films=5)

    fit(task, LoopSettings(1, batch=8), report=told.append)

    assert [len(rows) for rows in task.seen] == [5]
    assert "there are 5 films" in told[0]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"epochs": 1, "batch": 0}, "batch is 0"),
        ({"epochs": 1, "patience": 0}, "patience is 0"),
        ({"epochs": 1, "gradient_clip": 0.0}, "gradient_clip is 0.0"),
        ({"epochs": 1, "patience": 1, "keep": "last"}, "keep is 'last'"),
    ],
)
def test_settings_that_make_no_sense_are_named(settings, named) -> None:
    with pytest.raises(RunError, match=named):
        LoopSettings(**settings)


@pytest.mark.parametrize("device", ["cuda:63", "abacus"])
def test_a_device_that_is_not_there_is_named(make_task, device) -> None:
    with pytest.raises(RunError, match=f"device '{device}' cannot be used"):
        fit(make_task(), LoopSettings(1, batch=8, device=device))


def test_without_a_folder_nothing_is_written(make_task, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)

    fit(make_task(), LoopSettings(1, batch=8))

    assert list(tmp_path.rglob("*")) == []
