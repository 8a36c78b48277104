"""`training export`: the bundle of a run or a bundle, and no bundle where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.vision.bundles import bundle_parts
from training.bundle.export import write_bundle
from training.cli import main
from training.predictions import PREDICTIONS, Prediction, write_predictions
from triage.vision.bundle import Bundle

if TYPE_CHECKING:
    from pathlib import Path


def test_the_bundle_of_a_run_is_written_whole(tmp_path: Path, capsys) -> None:
    made = write_bundle(tmp_path / "run" / "bundle", bundle_parts())

    assert main(["export", str(tmp_path / "run"), "--out", str(tmp_path / "copy")]) == 0

    assert Bundle.load(tmp_path / "copy").identity == made.identity
    assert "certified" in capsys.readouterr().out


def test_without_its_certificate_the_bundle_of_a_run_rules_nothing_out(tmp_path, capsys) -> None:
    write_bundle(tmp_path / "run" / "bundle", bundle_parts())
    arguments = [str(tmp_path / "run"), "--out", str(tmp_path / "copy"), "--without-certificate"]

    assert main(["export", *arguments]) == 0

    points = Bundle.load(tmp_path / "copy").operating_points
    assert all(point.rule_out is None for point in points)
    assert "rules nothing out" in capsys.readouterr().out


def test_a_run_that_reproduces_a_paper_is_refused_with_the_way_on(tmp_path, capsys) -> None:
    one = Prediction("f", "p", "test", "symptomatic", truth=True, score=1.0, highest=1.0)
    write_predictions(tmp_path / PREDICTIONS, [one])

    assert main(["export", str(tmp_path), "--out", str(tmp_path / "copy")]) == 1

    said = capsys.readouterr().err
    assert "neither gates nor landmarks" in said
    assert "training run cspine" in said
    assert not (tmp_path / "copy").exists()
