"""`training certify`: what it writes, what it refuses, and what it says of a run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.vision.bundles import bundle_parts
from training.bundle.export import write_bundle
from training.certify.anew import certified_anew, refuse_shortfall, without_certificate
from training.certify.certificate import Aims, Calibration
from training.certify.command import would_certify
from training.cli import main
from training.errors import RefusedError
from training.predictions import PREDICTIONS, Prediction, write_predictions
from triage.vision.bundle import Bundle

if TYPE_CHECKING:
    from pathlib import Path

FINDINGS = ("abnormal", "spondylosis")
FEW = ["--films", "16", "--rare", "6", "--processes", "1"]
FEWER = ["--films", "4", "--rare", "1", "--processes", "1"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a small bundle with random weights."""
    return write_bundle(tmp_path / "bundle", bundle_parts()).folder


def calibration(positives: int, negatives: int = 100, apart: float = 8.0) -> Calibration:
    """Both findings alike, two members."""
    chance = np.random.default_rng(2)
    truth = np.repeat([True, False], [positives, negatives])
    middle = np.where(truth, apart / 2, -apart / 2)[:, None, None]
    raw = chance.normal(middle, 1, (len(truth), 2, 2)).astype(np.float32)
    both = np.stack([truth, truth], axis=1)
    strata = {"sex: women": np.arange(len(truth)) % 2 == 0}
    return Calibration(raw, both, np.ones_like(both), FINDINGS, strata, "d" * 64)


def test_too_few_positives_are_refused_with_the_numbers_needed(folder, tmp_path, capsys) -> None:
    assert main(["certify", str(folder), "--out", str(tmp_path / "new"), *FEWER]) == 1

    said = capsys.readouterr().err
    assert "299 positives" in said
    assert "473 when one" in said
    assert "628 when two" in said
    assert "abnormal " in said
    assert not (tmp_path / "new").exists()


def test_enough_positives_give_a_bundle_with_a_certificate(folder, tmp_path) -> None:
    """Five positives show a miss rate of at most one half."""
    out = tmp_path / "new"
    assert main(["certify", str(folder), "--out", str(out), "--alpha", "0.5", *FEW]) == 0

    bundle = Bundle.load(out)
    assert bundle.certificate is not None
    assert bundle.certificate.alpha == 0.5
    assert set(bundle.certificate.findings) == set(FINDINGS)
    assert bundle.manifest.provenance["certified_on"]["films"] == 22
    kinds = {row["stratum"].split(":")[0] for row in bundle.certificate.strata}
    assert kinds == {"sex", "age", "site", "manufacturer", "facing", "resolution"}
    before = Bundle.load(folder)
    for old, new in zip(before.operating_points, bundle.operating_points, strict=True):
        assert new.rule_out is not None
        assert old.rule_out is not None
        assert new.rule_out <= old.rule_out
        assert new.flag <= old.flag


def test_a_certificate_at_one_in_a_hundred_takes_299_positives() -> None:
    aims = Aims(alpha=0.01, delta=0.05)

    refuse_shortfall(calibration(299), FINDINGS, aims)
    refuse_shortfall(calibration(298), FINDINGS[1:], replace(aims, alpha=0.05))
    with pytest.raises(RefusedError, match=r"too few of: abnormal 298\."):
        refuse_shortfall(calibration(298), FINDINGS, aims)


def test_no_threshold_is_raised() -> None:
    """The films would allow a threshold far above the one that there is."""
    parts = bundle_parts()

    anew = certified_anew(parts, calibration(299), FINDINGS, Aims(alpha=0.01), {})

    for name in FINDINGS:
        assert anew.manifest["operating_points"][name]["rule_out"] == -3.0
        assert anew.manifest["operating_points"][name]["flag"] <= 5.0
    assert anew.certificate is not None
    assert anew.certificate["findings"]["abnormal"]["threshold"] > 0


def test_a_bundle_without_a_certificate_gets_the_threshold_that_the_films_show() -> None:
    parts = without_certificate(bundle_parts())

    anew = certified_anew(parts, calibration(299), FINDINGS, Aims(alpha=0.01), {"data": "x"})

    point = anew.manifest["operating_points"]["abnormal"]
    assert point["rule_out"] is not None
    assert anew.certificate is not None
    assert point["rule_out"] <= anew.certificate["findings"]["abnormal"]["threshold"]
    assert anew.manifest["provenance"]["certified_on"] == {"data": "x"}
    assert anew.certificate["strata"][0]["stratum"] == "sex: women"


def test_positives_alone_leave_the_flag_where_it_was() -> None:
    films = calibration(299, negatives=0)

    anew = certified_anew(bundle_parts(), films, FINDINGS, Aims(alpha=0.01), {})

    assert anew.manifest["operating_points"]["abnormal"]["flag"] == 5.0


def test_only_findings_that_decide_are_certified() -> None:
    """A finding that describes another one is never ruled out, however many films there are."""
    parts = without_certificate(bundle_parts())

    anew = certified_anew(parts, calibration(299), ("abnormal",), Aims(alpha=0.01), {})

    assert anew.certificate is not None
    assert list(anew.certificate["findings"]) == ["abnormal"]
    assert anew.manifest["operating_points"]["spondylosis"]["rule_out"] is None


def test_a_new_bundle_needs_a_place(folder, capsys) -> None:
    assert main(["certify", str(folder), *FEW]) == 1

    assert "--out FOLDER" in capsys.readouterr().err


def test_a_folder_that_is_neither_bundle_nor_run_is_named(tmp_path, capsys) -> None:
    assert main(["certify", str(tmp_path), "--out", str(tmp_path / "new")]) == 1

    assert "neither a bundle" in capsys.readouterr().err


def prediction(
    number: int, *, truth: bool, split: str = "calibration", finding: str = "symptomatic"
) -> Prediction:
    score = number / 100 + (2.0 if truth else -2.0)
    return Prediction(f"f{number}", f"p{number}", split, finding, truth, score, score)


def test_a_run_without_a_bundle_is_told_what_it_would_show(tmp_path) -> None:
    lines = [prediction(number, truth=number < 60) for number in range(100)]
    write_predictions(tmp_path / PREDICTIONS, lines)

    said = "\n".join(would_certify(tmp_path, Aims(alpha=0.05)))

    assert "takes 59 positives past the gates when none is missed" in said
    assert "symptomatic: 60 positives allow 0 misses at 0.05" in said
    assert "100.0% of 40 films" in said
    assert "No certificate is written" in said
    assert "refused, 60 positives are too few" in "\n".join(would_certify(tmp_path, Aims(0.01)))


def test_each_finding_of_a_run_is_held_to_its_own_miss_rate(tmp_path) -> None:
    """Beside "abnormal" a particular finding needs no more positives than its own rate takes."""
    lines = [
        prediction(number, truth=number < 60, finding=finding)
        for finding in ("abnormal", "swelling")
        for number in range(100)
    ]
    write_predictions(tmp_path / PREDICTIONS, lines)

    said = "\n".join(would_certify(tmp_path, Aims(alpha=0.01, finding_alpha=0.05)))

    assert "A miss rate of at most 0.01 with risk 0.05 takes 299 positives" in said
    assert "A miss rate of at most 0.05 with risk 0.05 takes 59 positives" in said
    assert "abnormal: refused, 60 positives are too few for 0.01" in said
    assert "swelling: 60 positives allow 0 misses at 0.05" in said


def test_a_run_that_kept_no_films_for_calibration_is_refused(tmp_path, capsys) -> None:
    lines = [replace(prediction(number, truth=number < 60), split="test") for number in range(9)]
    write_predictions(tmp_path / PREDICTIONS, lines)

    assert main(["certify", str(tmp_path)]) == 1

    assert "no films in the split 'calibration'" in capsys.readouterr().err
