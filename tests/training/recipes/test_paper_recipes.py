"""Every paper's recipe from films to figures: a few films, one epoch, small pictures."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from training.cli import main
from training.errors import DataError, RunError
from training.films.channels import Channels
from training.films.crops import Crop
from training.films.located import has_landmarks, with_landmarks
from training.loop.checkpoint import read_weights
from training.networks.classifiers import Backbone, build
from training.networks.weights import Start
from training.predictions import read_predictions
from training.recipes import RECIPES, contract, find_recipe
from training.recipes.options import RunOptions
from training.recipes.paper import adapted
from training.recipes.paper_films import choose_films, chosen_finding
from training.sources import open_set
from training.tables.printed import TABLES
from training.tables.values import Source
from training.values import FilmRecord
from triage.errors import SettingsError
from triage.vision.bundle import default_bundle_folder

if TYPE_CHECKING:
    import io
    from pathlib import Path

    from training.progress import Stages

PAPERS = [name for name in RECIPES if not name.startswith("cspine")]
SIDE = 64  # the least that networks with batch norm take
VGG, VGG_SIDE = {Backbone.VGG16, Backbone.VGG19}, 32


def small_run(out: Path, data: Path, **changed: object) -> RunOptions:
    usual = {
        "out": out,
        "data": str(data),
        "epochs": 1,
        "image_side": SIDE,
        "weights": "",
        "device": "cpu",
        "batch": 4,
        "target": "abnormal",
        "processes": 1,
    }
    return RunOptions(**{**usual, **changed})


@pytest.mark.parametrize("name", PAPERS)
def test_a_recipe_runs_from_films_to_figures(
    name: str, phantom_films: Path, stages: Stages, said: io.StringIO, tmp_path: Path
) -> None:
    recipe = find_recipe(name)
    side = VGG_SIDE if recipe.RECIPE.network.backbone in VGG else SIDE
    options = small_run(tmp_path / "run", phantom_films, image_side=side)

    recipe.run(options, stages)

    record = json.loads((options.out / "run.json").read_text())
    assert (record["status"], record["recipe"]) == ("finished", name)
    metrics = json.loads((options.out / "metrics.json").read_text())
    assert metrics["finding"] == "abnormal"
    check_figures(metrics["test"], options.out)
    for baseline in metrics["baselines"].values():
        assert isinstance(baseline, str) or baseline["sensitivity"]
    parts = {row["split"] for row in rows_of(options.out / "split.csv")}
    assert parts == set(recipe.RECIPE.split)
    steps = len(recipe.RECIPE.steps)
    weights = sorted((options.out / "checkpoints").glob("*.safetensors"))
    assert len(weights) == steps == len(list((options.out / "logs").glob("*.csv")))
    assert has_learned(recipe.RECIPE, side, weights[-1])
    shown = said.getvalue()
    assert "balanced accuracy" in shown
    assert "paper" in shown
    assert recipe.RECIPE.paper.remark[:40] in shown
    if recipe.RECIPE.smote:
        assert metrics["films"]["learned_from"] >= metrics["films"]["train"]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def check_figures(figures: dict, out: Path) -> None:
    """The figures are those of the predictions that lie beside them."""
    test = [one for one in read_predictions(out) if one.split == "test"]
    assert all(one.sex and one.age_years for one in test)
    called = np.array([one.score > 0 for one in test])
    truth = np.array([one.truth for one in test])
    assert figures["films"] == len(test)
    assert figures["confusion"]["true_positive"] == int((called & truth).sum())
    assert figures["accuracy"][0] == pytest.approx((called == truth).mean(), abs=1e-6)
    sensitivity, specificity = called[truth].mean(), (~called)[~truth].mean()
    assert figures["sensitivity"][0] == pytest.approx(sensitivity, abs=1e-6)
    assert figures["specificity"][0] == pytest.approx(specificity, abs=1e-6)
    both = (sensitivity + specificity) / 2
    assert figures["balanced_accuracy"] == pytest.approx(both, abs=1e-6)
    assert figures["recall"]["macro"] == pytest.approx(both, abs=1e-6)
    assert {"binary", "macro", "weighted"} == set(figures["precision"]) == set(figures["f1"])
    assert len(figures["auc"]) == 3


def has_learned(recipe, side: int, weights: Path) -> bool:
    """Whether weights are others than those that training began with."""
    begun, ended = build(recipe.network, side, Start(""), seed=1), read_weights(weights)
    assert begun.state_dict().keys() == ended.keys()
    return any(not torch.equal(one, ended[key]) for key, one in begun.named_parameters())


def test_a_finished_run_is_resumed_without_training_again(
    phantom_films: Path, stages: Stages, tmp_path: Path
) -> None:
    options = small_run(tmp_path / "run", phantom_films, image_side=VGG_SIDE)
    find_recipe("csm").run(options, stages)
    before = (options.out / "predictions.csv").read_bytes()

    with pytest.raises(RunError, match="--resume"):
        find_recipe("csm").run(options, stages)
    find_recipe("csm").run(replace(options, resume=True), stages)

    assert (options.out / "predictions.csv").read_bytes() == before


def test_csxa_recipes_run_on_real_films(
    test_data: Path, stages: Stages, said: io.StringIO, tmp_path: Path
) -> None:
    """The six films hold no healthy one: that is named, with findings that can be learned."""
    films = test_data / "csxa" / "mini"
    recipe = find_recipe("csxa-colour-wide")
    options = small_run(tmp_path / "run", films, target=None)
    with pytest.raises(DataError, match="No film without 'symptomatic'") as refused:
        recipe.run(options, stages)
    found = re.search(r"both classes of (\S+?)[,:]", str(refused.value))
    assert found is not None
    assert not options.out.exists()

    recipe.run(replace(options, target=found[1]), stages)

    metrics = json.loads((options.out / "metrics.json").read_text())
    assert metrics["stands_in_for"] == "symptomatic"
    assert f"here it learns '{found[1]}'" in said.getvalue()


def test_every_recipe_states_its_contract_and_its_name() -> None:
    for name in PAPERS:
        words = contract(name)
        assert words.startswith(f"{name}: ")
        for part in ("Paper", "Data", "Split", "Expected", "Silent", "Hardware", "Minutes"):
            assert f"\n{part} " in words, (name, part)
        assert f"training run {name} " in words
        assert find_recipe(name).NAME == find_recipe(name).RECIPE.name == name


def test_a_contract_says_what_the_matrix_of_the_paper_says() -> None:
    for name in PAPERS:
        paper = find_recipe(name).RECIPE.paper
        if paper.matrix is None:
            continue
        matrix = paper.matrix
        assert str(matrix) in " ".join(contract(name).split()), name
        if "accuracy" in paper.printed:
            accuracy = matrix.right / matrix.films
            assert paper.printed["accuracy"] == pytest.approx(accuracy, abs=6e-4)


# Where a recipe's figures stand: paper and model in `training.tables.printed`.
ROWS = {
    "csm": ("csm", "VGG16, pooled"),
    "normal-vgg16": ("normal", "VGG16"),
    "normal-vgg19": ("normal", "VGG19"),
    "normal-resnet101": ("normal", "ResNet101"),
    "normal-densenet201": ("normal", "DenseNet201"),
    "csxa-original": ("csxa", "original"),
    "csxa-original-vgg19": ("csxa", "original, VGG19"),
    "csxa-cropped": ("csxa", "cropped"),
    "csxa-wide": ("csxa", "wide"),
    "csxa-colour": ("csxa", "colour"),
    "csxa-colour-cropped": ("csxa", "colour, cropped"),
    "csxa-colour-wide": ("csxa", "colour, wide"),
}


@pytest.mark.parametrize("name", PAPERS)
def test_a_recipe_calls_nothing_printed_that_was_not_at_hand(name: str) -> None:
    """What is computed from a matrix would agree with that matrix whatever the paper says."""
    printed = find_recipe(name).RECIPE.paper.printed
    if name not in ROWS:
        assert not printed
        return
    paper, model = ROWS[name]
    (row,) = (row for row in TABLES[paper].rows if row.name == model)
    seen = [one.per_cent for one in row.figures if one.source is Source.PRINTED]
    if row.area is not None:
        seen.append(100 * row.area.auc)

    assert sorted(printed.values()) == pytest.approx(sorted(share / 100 for share in seen))


def test_variants_differ_from_their_base_only_where_they_say() -> None:
    base = find_recipe("csxa-original").RECIPE
    wide = find_recipe("csxa-colour-wide").RECIPE

    assert (wide.picture.crop, wide.picture.channels) == (Crop.WIDE, Channels.COLOUR)
    assert replace(wide, name=base.name, paper=base.paper, picture=base.picture) == base


def test_an_unknown_recipe_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(SettingsError, match="csxa-colour-wide"):
        find_recipe("csxa-pink")


def film(labels: dict[str, bool | None], path: Path) -> FilmRecord:
    return FilmRecord("a", path, "p", "p", labels)


def test_a_finding_stands_in_where_the_films_know_nothing_of_the_papers_own(tmp_path) -> None:
    recipe = find_recipe("csm").RECIPE
    films = [film({"myelopathy": None, "abnormal": one}, tmp_path) for one in (True, False)]

    assert chosen_finding(films, recipe, None) == "abnormal"


def test_an_empty_class_of_the_papers_own_finding_is_no_reason_for_a_stand_in(tmp_path) -> None:
    recipe = find_recipe("csm").RECIPE
    films = [film({"myelopathy": True, "abnormal": one}, tmp_path) for one in (True, False)]

    with pytest.raises(DataError, match=r"No film without 'myelopathy'.*abnormal.*--target"):
        chosen_finding(films, recipe, None)
    with pytest.raises(DataError, match="labelled for 'swelling'"):
        chosen_finding(films, recipe, "swelling")


def test_what_differs_from_the_paper_is_said() -> None:
    said: list[str] = []
    recipe = find_recipe("foraminal").RECIPE

    asked = adapted(recipe, small_run("x", "y", epochs=5), said.append)

    assert [step.epochs for step in asked.steps] == [1, 1, 1, 2]
    assert said[0] == "foraminal has 25 epochs; this run has 5"
    with pytest.raises(RunError, match="one grey channel"):
        adapted(recipe, small_run("x", "y", reversed_channels=True))
    with pytest.raises(RunError, match="--epochs is 0"):
        adapted(recipe, small_run("x", "y", epochs=0))


def damaged_copy(films: Path, tmp_path: Path) -> Path:
    """Films of which one cannot be read, and another has no landmarks."""
    folder = tmp_path / "films"
    folder.mkdir()
    for file in films.iterdir():
        (folder / file.name).symlink_to(file)
    table = folder / "truth.csv"
    rows = rows_of(films / "truth.csv")
    table.unlink()
    rows[1].update({key: "" for key in rows[1] if re.fullmatch(r"[xy]\d+", key)})
    with table.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return folder


def test_films_that_cannot_be_used_are_named_before_anything_is_learned(
    phantom_films: Path, stages: Stages, tmp_path: Path
) -> None:
    folder = damaged_copy(phantom_films, tmp_path)
    (folder / "00004.png").unlink()
    (folder / "00004.png").write_bytes(b"no film")
    options = small_run(tmp_path / "run", folder)

    with pytest.raises(DataError) as refused:
        find_recipe("csxa-cropped").run(options, stages)

    message = str(refused.value)
    assert message.startswith("2 of 20 films cannot be used")
    assert "00001.png: it has no landmarks" in message
    assert "00004.png" in message
    assert "--landmarks-from" in message
    assert not options.out.exists()


def test_a_bundle_finds_the_landmarks_that_films_lack(phantom_films: Path) -> None:
    known = open_set(phantom_films).films[:4]
    bare = [replace(one, landmarks=None) for one in known[:3]]

    *found, kept = with_landmarks([*bare, known[3]], default_bundle_folder())

    assert kept is known[3]
    errors = [
        np.linalg.norm(one.landmarks - true.landmarks, axis=1).mean()
        for one, true in zip(found, known, strict=False)
        if has_landmarks(one)
    ]
    assert errors
    assert max(errors) < 12  # pixels; a vertebra is some 60 deep


def test_fewer_films_keep_both_classes_in_every_part(
    phantom_films: Path, stages: Stages, tmp_path: Path
) -> None:
    options = small_run(tmp_path / "run", phantom_films, limit_films=12)

    chosen = choose_films(find_recipe("normal-vgg16").RECIPE, options, stages)

    assert sum(map(len, chosen.parts.values())) == 12
    assert chosen.left_out == {"over --limit-films": 8}
    assert all(set(chosen.present(part)) == {True, False} for part in chosen.parts)


def test_a_picture_too_small_for_the_network_is_refused(
    phantom_films: Path, tmp_path: Path, capsys
) -> None:
    run = ["run", "csm", "--data", str(phantom_films), "--out", str(tmp_path / "run")]

    assert main([*run, "--from-scratch", "--image-side", "16", "--target", "abnormal"]) == 1
    assert "--image-side must be at least 32, not 16" in capsys.readouterr().err


def test_a_paper_draws_no_films_of_its_own(tmp_path: Path, capsys) -> None:
    assert main(["run", "csm", "--out", str(tmp_path / "run")]) == 1
    assert "training phantom --out DIR" in capsys.readouterr().err


def test_one_recipe_is_listed_with_all_that_its_contract_says(capsys) -> None:
    assert main(["list", "csm"]) == 0
    assert "TP 22 FN 7 TN 32 FP 1" in capsys.readouterr().out
