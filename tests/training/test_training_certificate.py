"""Certificates and operating points from calibration scores."""

from __future__ import annotations

import numpy as np
import pytest

from training.certify.certificate import (
    Aims,
    Calibration,
    certify,
    operating_points,
    ruled_out,
    temperatures,
)


def calibration(positives: int = 93, negatives: int = 100, *, apart: float = 6.0) -> Calibration:
    """Two findings, two members; the second finding counts for half of the films only."""
    chance = np.random.default_rng(1)
    truth = np.repeat([True, False], [positives, negatives])
    raw = chance.normal(
        np.where(truth, apart / 2, -apart / 2)[:, None, None], 1, (len(truth), 2, 2)
    )
    counted = np.ones((len(truth), 2), bool)
    counted[::2, 1] = False
    return Calibration(
        raw.astype(np.float32),
        np.stack([truth, truth], axis=1),
        counted,
        ("abnormal", "swelling"),
        {"all": np.ones(len(truth), bool), "none": np.zeros(len(truth), bool)},
        "0" * 64,
    )


def test_the_threshold_is_certified_on_the_highest_member() -> None:
    films = calibration()

    certificate = certify(films, Aims(), "m" * 64)

    assert certificate is not None
    shown = certificate["findings"]["abnormal"]
    highest = np.sort(films.raw[:93, :, 0].max(axis=1))
    assert (shown["n"], shown["k"]) == (93, 1)
    assert shown["threshold"] == highest[1]
    assert shown["lowest_scores"] == [float(score) for score in highest[:2]]
    assert shown["prevalence"] == pytest.approx(93 / 193)


def test_a_finding_with_too_few_counted_positives_is_left_out() -> None:
    certificate = certify(calibration(), Aims(), "")

    assert certificate is not None
    assert list(certificate["findings"]) == ["abnormal"]


def test_without_any_finding_there_is_no_certificate() -> None:
    assert certify(calibration(50), Aims(), "") is None


def test_every_stratum_with_positives_shows_its_misses() -> None:
    certificate = certify(calibration(), Aims(), "")

    assert certificate is not None
    (row,) = certificate["strata"]
    assert (row["stratum"], row["n"], row["misses"]) == ("all", 93, 1)


def test_a_flag_keeps_the_specificity_and_never_lies_below_rule_out() -> None:
    films = calibration(apart=0.5)
    certificate = certify(films, Aims(), "")

    points = operating_points(films, certificate, Aims())

    point = points["abnormal"]
    assert point["rule_out"] is not None
    assert point["flag"] is not None
    assert (films.mean[93:, 0] < point["flag"]).mean() >= 0.96
    assert point["flag"] >= point["rule_out"]
    assert points["swelling"]["rule_out"] is None


def test_rule_out_stays_below_the_certified_threshold_where_that_is_enough() -> None:
    films = calibration(apart=12.0)
    certificate = certify(films, Aims(), "")
    assert certificate is not None

    point = operating_points(films, certificate, Aims(ruled_out_share=0.8))["abnormal"]

    assert point["rule_out"] is not None
    assert point["rule_out"] < certificate["findings"]["abnormal"]["threshold"] - 5
    assert (films.highest[93:, 0] < point["rule_out"]).mean() == pytest.approx(0.80, abs=0.01)


def test_particular_findings_are_ruled_out_as_far_as_they_are_sure() -> None:
    aims = Aims(ruled_out_share=0.8, finding_ruled_out_share=0.97)
    named = ("abnormal", "swelling")

    assert aims.enough_of("abnormal", named) == 0.8
    assert aims.enough_of("swelling", named) == 0.97
    assert aims.enough_of("swelling", ("swelling",)) == 0.8  # nothing else stands for all


def test_temperature_scaling_makes_overconfident_scores_milder() -> None:
    films = calibration(apart=1.0)
    louder = Calibration(
        films.raw * 5, films.truth, films.counted, films.findings, films.strata, films.data_digest
    )

    for name, value in temperatures(louder).items():
        assert value == pytest.approx(5 * temperatures(films)[name], rel=0.02)


def test_a_film_is_ruled_out_only_when_every_member_and_finding_agrees() -> None:
    raw = np.full((4, 2, 2), -5.0, np.float32)
    raw[1, 0, 1] = -2.0  # one member doubts one finding
    raw[2, 1, 0] = -3.0  # exactly at the threshold is not below it

    assert ruled_out(raw, [-3.0, -3.0]).tolist() == [True, False, False, True]
    assert not ruled_out(raw, [-3.0, None]).any()
