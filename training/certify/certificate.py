"""Certification: thresholds on calibration films, and what they show about misses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from training.statistics import Flags, clopper_pearson, rule_out_threshold
from triage.vision.manifest import CERTIFICATE_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

Scores = NDArray[np.float32]

EVERYTHING: Final = "abnormal"  # the finding that all others are part of


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Scores of calibration films that passed every gate; none of them was trained on.

    Attributes:
        raw: Logits (n, members, findings).
        truth: (n, findings).
        counted: (n, findings); films that were drawn for the sake of a rare finding count for
            the others only where they would not change their mixture.
        findings: Names of the findings.
        strata: For each group of films its rows (n,).
        data_digest: Of the cases that the films were drawn from.
        natural: (n,); films that came as films come, from which prevalence is counted; None
            where all that count did.
    """

    raw: Scores
    truth: Flags
    counted: Flags
    findings: tuple[str, ...]
    strata: Mapping[str, Flags]
    data_digest: str
    natural: Flags | None = None

    def of(self, findings: Sequence[str]) -> Calibration:
        """The same films, and some of the findings only."""
        columns = [self.findings.index(name) for name in findings]
        return replace(
            self,
            raw=self.raw[:, :, columns],
            truth=self.truth[:, columns],
            counted=self.counted[:, columns],
            findings=tuple(findings),
        )

    def prevalence(self, column: int) -> float:
        """Share of films as they come that have a finding."""
        counted = self.counted[:, column]
        if self.natural is not None and (counted & self.natural).any():
            counted = counted & self.natural
        return float(self.truth[counted, column].mean())

    def positives(self, column: int) -> Flags:
        """Rows that have a finding."""
        return np.asarray(self.truth[:, column] & self.counted[:, column])

    def negatives(self, column: int) -> Flags:
        """Rows that have not."""
        return np.asarray(~self.truth[:, column] & self.counted[:, column])

    @property
    def highest(self) -> Scores:
        """Highest logit over the members (n, findings): what rule-out is certified on."""
        return np.asarray(self.raw.max(axis=1))

    @property
    def mean(self) -> Scores:
        """Mean logit over the members (n, findings): what flags and ordering use."""
        return np.asarray(self.raw.mean(axis=1))


@dataclass(frozen=True, slots=True)
class Aims:
    """What thresholds are set for.

    Attributes:
        alpha: Highest miss rate that is certified.
        finding_alpha: The same for each particular finding where the bundle also rules out
            "abnormal", which stands for all of them at `alpha`: no single finding may then hide
            its misses among those of the common ones.
        delta: Risk that the certificate is wrong, for each finding.
        flagged_specificity: Share of films without a finding that shall not be flagged.
        ruled_out_share: Share of films without any finding that is enough to rule out; where the
            certificate would allow more, the threshold stays lower than certified, and what is
            left over is kept for films that are harder than those of the calibration.
        finding_ruled_out_share: The same for each particular finding beside "abnormal".
    """

    alpha: float = 0.05
    finding_alpha: float = 0.05
    delta: float = 0.05
    flagged_specificity: float = 0.99
    ruled_out_share: float = 0.84
    finding_ruled_out_share: float = 0.97

    def alpha_of(self, finding: str, findings: Collection[str]) -> float:
        """Highest miss rate of a finding of a bundle that has these."""
        if _stands_for_all(finding, findings):
            return self.alpha
        return max(self.alpha, self.finding_alpha)

    def enough_of(self, finding: str, findings: Collection[str]) -> float:
        """Share of films without a finding that is enough to rule out, in such a bundle."""
        if _stands_for_all(finding, findings):
            return self.ruled_out_share
        return self.finding_ruled_out_share


def _stands_for_all(finding: str, findings: Collection[str]) -> bool:
    return finding == EVERYTHING or EVERYTHING not in findings


def certify(calibration: Calibration, aims: Aims, model_digest: str) -> dict[str, Any] | None:
    """Make the certificate.

    Args:
        calibration: The calibration films.
        aims: What the thresholds are set for.
        model_digest: Of the weights that gave the scores.

    Returns:
        The content of certificate.json; findings with too few positives are left out, and
        there is no certificate when none is left.
    """
    findings: dict[str, dict[str, Any]] = {}
    thresholds: dict[int, float] = {}
    for column, name in enumerate(calibration.findings):
        positive = calibration.positives(column)
        scores = calibration.highest[positive, column]
        alpha = aims.alpha_of(name, calibration.findings)
        threshold, misses = rule_out_threshold(scores, alpha, aims.delta)
        if threshold is None or misses is None:
            continue
        thresholds[column] = threshold
        findings[name] = {
            "alpha": alpha,
            "n": int(positive.sum()),
            "k": misses,
            "threshold": threshold,
            "prevalence": calibration.prevalence(column),
            "lowest_scores": [float(score) for score in np.sort(scores)[: misses + 1]],
        }
    if not findings:
        return None
    return {
        "schema": CERTIFICATE_SCHEMA,
        "alpha": min(shown["alpha"] for shown in findings.values()),
        "delta": aims.delta,
        "model_digest": model_digest,
        "data_digest": calibration.data_digest,
        "findings": findings,
        "strata": _strata(calibration, thresholds),
    }


def _strata(calibration: Calibration, thresholds: Mapping[int, float]) -> list[dict[str, Any]]:
    """Misses in each group of calibration films: a group that suffers must be seen."""
    rows = []
    for stratum, members in calibration.strata.items():
        for column, threshold in thresholds.items():
            scores = calibration.highest[members & calibration.positives(column), column]
            if not len(scores):
                continue
            misses = int((scores < threshold).sum())
            interval = clopper_pearson(misses, len(scores))
            rows.append(
                {
                    "stratum": stratum,
                    "finding": calibration.findings[column],
                    "n": len(scores),
                    "misses": misses,
                    "interval": [interval.low, interval.high],
                }
            )
    return rows


def operating_points(
    calibration: Calibration, certificate: Mapping[str, Any] | None, aims: Aims
) -> dict[str, dict[str, float | None]]:
    """Set the thresholds of every finding.

    Where films with and without a finding hardly overlap, the certified threshold lies far
    among the positives: ruling out up to there would spend the allowed misses for nothing.

    Args:
        calibration: The calibration films.
        certificate: Content of certificate.json.
        aims: What the thresholds are set for.

    Returns:
        Content of ``operating_points`` in bundle.json. Rule-out never lies above the certified
        threshold, and a flag never below rule-out.
    """
    certified = certificate["findings"] if certificate else {}
    points: dict[str, dict[str, float | None]] = {}
    for column, name in enumerate(calibration.findings):
        negative = calibration.negatives(column)
        flag = -np.inf  # whoever has no film without the finding keeps the flag that there was
        if negative.any():
            flag = _quantile(calibration.mean[negative, column], aims.flagged_specificity)
        rule_out = None
        if name in certified:
            rule_out = certified[name]["threshold"]
            if negative.any():
                share = aims.enough_of(name, calibration.findings)
                rule_out = min(rule_out, _quantile(calibration.highest[negative, column], share))
        points[name] = {
            "flag": flag if rule_out is None else max(flag, rule_out),
            "rule_out": rule_out,
        }
    return points


def _quantile(scores: Scores, share: float) -> float:
    return float(np.quantile(scores, share, method="higher"))


def temperatures(calibration: Calibration) -> dict[str, float]:
    """Fit what each finding's logit is divided by for display (Guo et al. 2017).

    A probability depends on how often a finding is: films as they come say that.
    """
    rows = slice(None) if calibration.natural is None else calibration.natural
    return {
        name: _temperature(calibration.mean[rows, column], calibration.truth[rows, column])
        for column, name in enumerate(calibration.findings)
    }


def _temperature(logits: Scores, truth: Flags) -> float:
    if not len(logits):
        return 1.0

    def loss(log_temperature: float) -> float:
        scaled = logits.astype(np.float64) / np.exp(log_temperature)
        return float(np.mean(np.logaddexp(0, np.where(truth, -scaled, scaled))))

    best = minimize_scalar(loss, bounds=(np.log(0.2), np.log(20.0)), method="bounded")
    return float(np.round(np.exp(best.x), 4))


def ruled_out(raw: Scores, points: Sequence[float | None]) -> Flags:
    """Which films are ruled out: every member below every finding's threshold.

    Args:
        raw: Logits (n, members, findings).
        points: Rule-out threshold of each finding, None where there is none.

    Returns:
        (n,); all False when any finding cannot be ruled out.
    """
    if any(point is None for point in points):
        return np.zeros(len(raw), np.bool_)
    limits = np.array(points, np.float64)
    return np.asarray((raw.max(axis=1) < limits).all(axis=1))
