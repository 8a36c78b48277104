"""The command `training`, and the bundles that it writes."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from tests.vision.bundles import bundle_parts
from training.bundle.export import BundleParts, read_parts, write_bundle
from training.cli import main
from training.progress import Stages
from training.recipes import cspine_first
from triage.errors import BundleError
from triage.vision.bundle import Bundle, default_bundle_folder

if TYPE_CHECKING:
    from pathlib import Path


def test_the_recipes_are_listed_with_their_contracts(capsys) -> None:
    assert main(["list"]) == 0

    shown = capsys.readouterr().out
    assert "cspine-first" in shown
    assert "Hardware" in shown
    assert "nothing about patients" in " ".join(shown.split())


def test_an_unknown_recipe_is_answered_with_those_that_there_are(capsys, tmp_path: Path) -> None:
    assert main(["run", "cspine-last", "--out", str(tmp_path / "b")]) == 1

    assert "cspine-first" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [[], ["run"], ["certify"], ["compare"], ["export"], ["list"], ["papers"], ["phantom"]],
)
def test_every_command_explains_itself(command: list[str], capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])

    assert ended.value.code == 0
    assert len(capsys.readouterr().out) > 100


def test_help_needs_no_deep_learning_library() -> None:
    code = "import sys, training.cli; assert 'torch' not in sys.modules"

    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_exported_bundle_is_the_same_bundle(tmp_path: Path) -> None:
    source = default_bundle_folder()

    assert main(["export", str(source), "--out", str(tmp_path / "copy")]) == 0

    assert Bundle.load(tmp_path / "copy").identity == Bundle.load(source).identity


def test_without_its_certificate_a_bundle_rules_nothing_out(tmp_path: Path) -> None:
    source = default_bundle_folder()

    arguments = ["export", str(source), "--out", str(tmp_path / "copy"), "--without-certificate"]
    assert main(arguments) == 0

    bundle = Bundle.load(tmp_path / "copy")
    assert all(point.rule_out is None for point in bundle.operating_points)
    assert bundle.identity.digest != Bundle.load(source).identity.digest
    assert "rules nothing out" in (bundle.folder / "card.md").read_text()


def test_a_damaged_bundle_is_not_exported(tmp_path: Path, capsys) -> None:
    folder = write_bundle(tmp_path / "bundle", bundle_parts()).folder
    (folder / "bundle.json").write_text("{}")

    assert main(["export", str(folder), "--out", str(tmp_path / "copy")]) == 1

    assert "install the bundle again" in capsys.readouterr().err
    assert not (tmp_path / "copy").exists()


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")

    with pytest.raises(BundleError, match="another folder"):
        write_bundle(tmp_path, bundle_parts())

    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_parts_that_do_not_fit_together_replace_no_good_bundle(tmp_path: Path) -> None:
    good = write_bundle(tmp_path / "bundle", bundle_parts())
    parts = bundle_parts()
    wrong = BundleParts({**parts.manifest, "members": []}, parts.tensors, parts.certificate)

    with pytest.raises(BundleError):
        write_bundle(tmp_path / "bundle", wrong)

    assert Bundle.load(tmp_path / "bundle").identity == good.identity


def test_parts_read_back_are_those_that_were_written(tmp_path: Path) -> None:
    parts = bundle_parts()

    back = read_parts(write_bundle(tmp_path / "bundle", parts).folder)

    assert back.manifest == json.loads(json.dumps(parts.manifest))
    assert back.certificate == parts.certificate
    assert back.tensors.keys() == parts.tensors.keys()


def test_no_two_groups_of_films_share_a_seed() -> None:
    plan = cspine_first.Plan()
    groups = {
        "train": cspine_first.training_cases(plan.train, 1),
        "tuning": cspine_first.scope_cases("tuning", plan.tuning, 1),
        "limits": cspine_first.scope_cases("limits", plan.limits, 1),
        "calibration": cspine_first.scope_cases("calibration", plan.calibration, 1),
        "rare calibration": cspine_first.rare_cases("calibration", plan.rare, 1),
        "test": cspine_first.scope_cases("test", plan.test, 1),
        "rare test": cspine_first.rare_cases("test", plan.rare, 1),
    }
    seeds = [case.seed for cases in groups.values() for case in cases]

    assert len(set(seeds)) == len(seeds)


def test_rare_findings_are_drawn_often_enough_for_a_certificate() -> None:
    plan = cspine_first.Plan()
    rare = cspine_first.rare_cases("calibration", plan.rare, 1)

    for kind in ("swelling", "kyphosis", "listhesis"):
        assert (
            sum(any(finding.startswith(kind) for finding in case.findings) for case in rare) >= 30
        )
    assert sum("swelling" in case.findings for case in rare) >= 93


def test_a_whole_recipe_runs_from_drawing_to_card(tmp_path: Path) -> None:
    """Very few films: everything happens once, nothing is learned, rule-out is refused."""
    plan = cspine_first.Plan(
        train=24,
        tuning=16,
        limits=24,
        calibration=16,
        rare=4,
        test=24,
        detector=1,
        behaviour=1,
        members=2,
        locator_width=4,
        reader_width=4,
        locator_epochs=1,
        corner_epochs=1,
        reader_epochs=1,
    )
    stages = Stages(Console(quiet=True))

    bundle = cspine_first.run(tmp_path / "b", 5, plan, stages, processes=1, created="2026-01-01")

    assert bundle.manifest.created == "2026-01-01"
    assert bundle.manifest.provenance["seed"] == 5
    assert bundle.certificate is None
    plots = {path.name for path in bundle.folder.glob("*.png")}
    assert plots == {"roc.png", "scores.png", "training.png"}
    assert "not for patients" in (bundle.folder / "card.md").read_text()
    assert set(stages.seconds) == set(bundle.manifest.provenance["seconds"])
