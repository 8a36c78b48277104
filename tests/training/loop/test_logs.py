"""Logs: the table, TensorBoard and the bar say what happened, and nothing of a lost epoch."""

from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console

from tests.training.loop.tiny import SETTINGS
from training.errors import RunError
from training.loop import Epoch, History, fit, read_history
from training.loop.history import write_history

HISTORY = History(
    (Epoch(1, 0.1 + 0.2, 0.5, 1e-3, 2.5, 10.0), Epoch(2, 0.25, 0.75, 5e-4, 2.0, 9.0)), 2
)


def test_a_history_is_read_as_it_was_written(tmp_path) -> None:
    path = tmp_path / "logs/network.csv"
    write_history(path, HISTORY)

    read = read_history(path)

    assert (read.lines(), read.kept) == (HISTORY.lines(), 2)
    assert read.losses == [0.1 + 0.2, 0.25]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("0.25", "few"),
        lambda text: text.replace("0.25", "nan"),
        lambda text: text.replace("\n2,", "\n3,"),
        lambda text: text.replace("loss", "lost"),
        lambda text: text[:-12],
    ],
    ids=["word", "nan", "number", "column", "cut"],
)
def test_a_damaged_history_is_named(tmp_path, damage) -> None:
    path = tmp_path / "network.csv"
    write_history(path, HISTORY)
    path.write_text(damage(path.read_text()))

    with pytest.raises(RunError, match=f"{path} is no log of training"):
        read_history(path)


def test_tensorboard_shows_every_epoch_once_after_a_resumption(make_task, tmp_path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import (  # noqa: PLC0415 - slow
        EventAccumulator,
    )

    def fail_in_epoch_3(epoch: int, _step: int) -> None:
        if epoch == 3:
            raise KeyError

    with pytest.raises(KeyError):
        fit(make_task(before_step=fail_in_epoch_3), SETTINGS, folder=tmp_path, name="reader")
    history = fit(make_task(), SETTINGS, folder=tmp_path, name="reader")

    events = EventAccumulator(str(tmp_path / "tensorboard/reader")).Reload()
    for tag, values in (("loss/train", history.losses), ("figure/tuning", history.figures)):
        scalars = events.Scalars(tag)
        assert [one.step for one in scalars] == [1, 2, 3, 4]
        assert [one.value for one in scalars] == pytest.approx(values)


def test_without_tensorboard_the_table_is_kept_and_a_sentence_says_so_once(
    make_task, tmp_path, monkeypatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    told: list[str] = []
    report = told.append

    for name in ("first", "second"):
        fit(make_task(), SETTINGS, folder=tmp_path, name=name, report=report)

    assert sum("cspine-triage[training]" in line for line in told) == 1
    assert len(read_history(tmp_path / "logs/second.csv").epochs) == 4
    assert not (tmp_path / "tensorboard").exists()


@pytest.mark.parametrize("terminal", [True, False])
def test_the_bar_shows_on_a_terminal_only(make_task, terminal) -> None:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=100)

    fit(make_task(), SETTINGS, console=console)

    shown = console.file.getvalue()
    assert ("network 4/4" in shown and "3/3" in shown and "films/s" in shown) == terminal
    assert terminal or shown == ""
