"""The trial on disk: cells are kept, a stopped trial goes on, a damaged file is named."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from rich.console import Console

from tests.vision.bundles import bundle_parts
from training.bundle.export import write_bundle
from training.errors import RunError
from training.phantom import Degradation, View, render
from training.predictions import read_predictions
from training.progress import Stages
from training.trial import campaign
from training.trial.campaign import TrialPlan, plan_of, run_trial
from training.trial.reading import Task, displaced, read_film
from training.trial.shifts import IN_SCOPE, Shift
from training.trial.table import table
from training.trial.verdicts import Verdict
from triage.values import Outcome
from triage.vision.inference import Analyst
from triage.vision.pixels import prepare

if TYPE_CHECKING:
    from pathlib import Path

    from triage.vision.bundle import Bundle

SHIFTS = (
    IN_SCOPE,
    Shift("blur", "severity 1", degradation=Degradation.BLUR, severity=1.0),
    Shift("paediatric", "age in the header", child=True, header=True),
)
PLAN = TrialPlan(films=4, cell_films=3, seed=3)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A small bundle with random weights whose gates let everything pass."""
    return write_bundle(tmp_path_factory.mktemp("trial") / "bundle", bundle_parts())


def held(bundle: Bundle, folder: Path, plan: TrialPlan = PLAN, processes: int = 1):
    stages = Stages(Console(quiet=True))
    return run_trial(bundle, folder, plan, stages, processes=processes, shifts=SHIFTS)


@pytest.fixture(scope="module")
def folder(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a trial that has been held."""
    place = tmp_path_factory.mktemp("trial") / "kept"
    held(bundle, place)
    return place


def test_no_cell_is_left_out_and_films_as_they_come_are_a_table(bundle, folder) -> None:
    trial = held(bundle, folder)

    assert [(line.kind, line.films) for line in trial.lines] == [
        ("as they come", 4), ("blur", 3), ("paediatric", 3),
    ]  # fmt: skip
    assert len(read_predictions(folder)) == 4 * len(bundle.findings)
    assert plan_of(folder, bundle) == PLAN
    child = trial.lines[2]
    assert (child.stopped, child.gate) == (3, "header.age")
    words = "\n".join(str(text) for text in table(trial))
    assert "blur, severity 1" in words
    assert Verdict.NOT_SHOWN.value in words


def test_cells_on_disk_are_not_drawn_again(bundle, folder, monkeypatch) -> None:
    before = held(bundle, folder).lines

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("drawn again")

    monkeypatch.setattr(campaign, "read_film", refuse)

    assert held(bundle, folder).lines == before


def test_a_stopped_trial_goes_on_to_the_same_result(bundle, folder, tmp_path) -> None:
    """Only the first cell had been written."""
    kept = tmp_path / "cells" / "as-they-come.json"
    kept.parent.mkdir()
    kept.write_bytes((folder / "cells" / "as-they-come.json").read_bytes())

    assert held(bundle, tmp_path).lines == held(bundle, folder).lines


def test_another_seed_draws_other_films(bundle, folder, tmp_path) -> None:
    other = held(bundle, tmp_path, replace(PLAN, seed=4))

    seeds = {film.seed for film in held(bundle, folder).films}
    assert not seeds & {film.seed for film in other.films}


def test_a_damaged_cell_is_named(bundle, folder, tmp_path) -> None:
    place = tmp_path / "cells" / "as-they-come.json"
    place.parent.mkdir()
    content = json.loads((folder / "cells" / "as-they-come.json").read_text())
    del content["films"][0]["raw"]
    place.write_text(json.dumps(content))

    with pytest.raises(RunError, match=r"as-they-come\.json is damaged"):
        held(bundle, tmp_path)


def test_the_trial_of_another_bundle_is_not_this_ones(bundle, folder, tmp_path) -> None:
    other = write_bundle(tmp_path / "other", bundle_parts(name="other"))

    assert plan_of(folder, other) is None
    assert plan_of(tmp_path, bundle) is None


def test_a_film_of_another_view_must_not_be_lowered_whatever_its_case_says(bundle) -> None:
    film = read_film(Task(Shift("other view", "ap", view=View.AP), 6, 0), bundle.folder)

    assert film.abnormal
    assert film.outcome is not Outcome.ABNORMAL or film.raw


def test_displaced_landmarks_err_by_what_was_asked_for_and_alike_each_time(bundle) -> None:
    analyst = Analyst(bundle, "cpu")
    torch.nn.init.constant_(analyst.locator.corners[-1].weight, 0.01)  # it moves corners
    film = prepare(render(IN_SCOPE.case(1, 1)).pixels, bundle.manifest.path)
    (usual,) = analyst.read([film])

    (moved,) = displaced(analyst, 3.0, seed=9).read([film])
    (again,) = displaced(analyst, 3.0, seed=9).read([film])

    error = moved.measures.landmarks - usual.measures.landmarks
    assert 2.0 < error.std() < 4.0
    assert torch.equal(torch.from_numpy(moved.raw), torch.from_numpy(again.raw))
    assert moved.measures.unrest != usual.measures.unrest
    assert moved.measures.child != usual.measures.child
    assert displaced(analyst, 0.0, seed=9) is analyst
