"""Our own recipe from end to end, on the phantom and on real films, very few of both."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from training.errors import DataError, RunError
from training.phantom import Degradation, View
from training.predictions import read_predictions
from training.progress import Stages
from training.recipes import cspine
from training.recipes.options import RunOptions
from training.sources.splits import SPLIT_FILE
from training.spine.cases import (
    abnormal_cases,
    rare_cases,
    reading_cases,
    scope_cases,
    training_cases,
)
from training.spine.findings import FINDINGS
from training.spine.fitting import Sizes
from training.spine.plan import Plan
from training.spine.records import components_of, labelled_findings
from training.statistics import positives_needed
from training.values import FilmRecord
from triage.vision.bundle import Bundle
from triage.vision.gates import ADULT_YEARS

FEW = replace(
    Plan(),
    train=22,
    reading=10,
    tuning=8,
    limits=12,
    calibration=10,
    positives=0,
    rare=2,
    test=12,
    test_rare=1,
    detector=1,
    shifted=0,
    sizes=Sizes(4, 4, 1, 1, 1, 1, 2),
)


def quiet() -> Stages:
    return Stages(Console(quiet=True))


def test_no_two_groups_of_films_share_a_seed() -> None:
    plan = Plan()
    groups = [
        training_cases(plan.train, 1),
        reading_cases(plan.reading, 1),
        *(
            scope_cases(name, getattr(plan, name), 1)
            for name in ("tuning", "limits", "calibration", "test")
        ),
        *rare_cases("calibration", plan.rare, 1).values(),
        abnormal_cases("calibration", plan.positives, 1),
        *rare_cases("test", plan.test_rare, 1).values(),
    ]
    seeds = [case.seed for cases in groups for case in cases]

    assert len(set(seeds)) == len(seeds)


def test_what_readers_overlook_is_drawn_for_them_alone_and_at_every_level() -> None:
    cases = reading_cases(120, 1)

    alone = [case.findings for case in cases if len(case.findings) == 1]
    for name in ("listhesis:C3/C4", "listhesis:C6/C7", "canal-narrowing:C3", "spondylosis:C6/C7"):
        assert alone.count((name,)) >= 4
    assert alone.count(("kyphosis",)) >= 8
    assert sum(not case.abnormal for case in cases) >= 20
    spoilt = [case.severity for case in cases if case.degradations]
    assert len(spoilt) == 48
    assert all(severity is not None and severity <= 0.5 for severity in spoilt)
    assert sum(case.age_years < ADULT_YEARS for case in cases) == 36


def test_what_gates_must_recognise_is_drawn_often_enough_to_be_learnt() -> None:
    cases = training_cases(400, 1)

    assert sum(case.view is not View.LATERAL for case in cases) == 20
    assert sum(case.hardware for case in cases) >= 20
    assert sum(case.age_years < ADULT_YEARS for case in cases) >= 40
    drawn = [degradation for case in cases for degradation in case.degradations]
    assert drawn.count(Degradation.BURNED_IN) == 30
    assert drawn.count(Degradation.INVERSION) == 10


def test_rare_findings_are_drawn_often_enough_for_a_certificate() -> None:
    rare = rare_cases("calibration", Plan().rare, 1)

    assert set(rare) == {"swelling"} < {finding.name for finding in FINDINGS}
    assert len(rare["swelling"]) >= positives_needed(Plan().aims.finding_alpha, 0.05)
    for name, cases in rare.items():
        assert all({found.split(":")[0] for found in case.findings} == {name} for case in cases)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on the phantom: everything happened once, and nothing was learnt."""
    out = tmp_path_factory.mktemp("runs") / "phantom"
    cspine.run(RunOptions(out, seed=5, processes=1, created="2026-01-01"), quiet(), FEW)
    return out


def test_a_run_goes_from_drawing_to_card(finished: Path) -> None:
    bundle = Bundle.load(finished / "bundle")

    assert bundle.manifest.created == "2026-01-01"
    assert bundle.manifest.provenance["seed"] == 5
    assert bundle.certificate is None
    assert [finding.name for finding in bundle.findings] == [one.name for one in FINDINGS]
    assert {path.name for path in bundle.folder.glob("*.png")} == {
        "roc.png",
        "scores.png",
        "training.png",
    }
    assert "not for patients" in (bundle.folder / "card.md").read_text()


def test_a_run_leaves_its_record_its_logs_and_a_line_for_each_film_and_finding(
    finished: Path,
) -> None:
    assert json.loads((finished / "run.json").read_text())["status"] == "finished"
    assert {"locator.csv", "corners.csv", "rings.csv", "reader-1.csv", "reader-2.csv"} == {
        path.name for path in (finished / "logs").iterdir()
    }
    lines = read_predictions(finished)
    assert {line.split for line in lines} == {"tuning", "calibration", "test"}
    fresh = [line for line in lines if line.split == "test" and line.finding == "abnormal"]
    assert len(fresh) == FEW.test
    assert "findings" in json.loads((finished / "metrics.json").read_text())


def test_a_finished_run_is_gone_on_with_to_the_same_weights(finished: Path) -> None:
    before = Bundle.load(finished / "bundle").sums

    options = RunOptions(finished, seed=5, processes=1, created="2026-01-01", resume=True)
    cspine.run(options, quiet(), FEW)

    after = Bundle.load(finished / "bundle").sums
    weights = [name for name in before if name.endswith(".safetensors")]
    assert {name: before[name] for name in weights} == {name: after[name] for name in weights}


def test_another_run_in_the_same_folder_is_refused(finished: Path) -> None:
    with pytest.raises(RunError, match="resume"):
        cspine.run(RunOptions(finished, seed=5, processes=1), quiet(), FEW)


def film(name: str, **labels: bool | None) -> FilmRecord:
    return FilmRecord(name, Path(name), name, name, dict(labels))


def test_a_finding_is_learnt_only_from_films_with_it_and_films_without() -> None:
    records = [
        film("1", kyphosis=True, symptomatic=True, myelopathy=None),
        film("2", kyphosis=False, symptomatic=True, myelopathy=None),
    ]

    findings, left_out = labelled_findings(records)

    assert [finding.name for finding in findings] == ["kyphosis"]
    assert findings[0].of == ""  # nothing in this set that it could describe
    assert set(left_out) == {"symptomatic", "myelopathy"}
    assert components_of(findings).columns == ("kyphosis",)


def test_too_few_films_to_share_out_are_refused(tmp_path: Path, test_data: Path) -> None:
    options = RunOptions(
        tmp_path / "run", data=str(test_data / "csxa" / "mini"), limit_films=5, processes=1
    )

    with pytest.raises(DataError, match="has no film"):
        cspine.run(options, quiet(), FEW)


def test_six_real_films_run_from_end_to_end(tmp_path: Path, test_data: Path) -> None:
    """Too few for a certificate: the bundle is written without one, and says why."""
    said = Console(record=True, file=StringIO(), width=1000)
    plan = replace(FEW, train=16)
    options = RunOptions(tmp_path / "run", data=str(test_data / "csxa" / "mini"), processes=1)

    cspine.run(options, Stages(said), plan)

    bundle = Bundle.load(tmp_path / "run" / "bundle")
    assert bundle.certificate is None
    assert "not for patients" in bundle.identity.intended_use
    words = said.export_text()
    assert "Rule-out is refused" in words
    assert "kyphosis is left out" in words
    assert (tmp_path / "run" / SPLIT_FILE).is_file()
    assert bundle.manifest.provenance["metrics"]["landmarks"]["films"] == 1
    assert "data set" in (bundle.folder / "card.md").read_text()
