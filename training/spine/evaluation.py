"""What a bundle does on fresh films: figures with intervals, against baselines, by gate."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from training.baselines import AGE_AND_SEX, GEOMETRY, MAJORITY, BaselineFilms, baselines
from training.certify.certificate import Calibration, Scores, ruled_out
from training.certify.limits import failures
from training.statistics import Flags, Interval, area_under_curve, clopper_pearson, delong_interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from training.phantom import PhantomCase
    from triage.vision.gates import GateLimits
    from triage.vision.inference import Reading

_LEAST_OF_A_KIND: Final = 2  # an interval of an AUC takes two films with and two without


def finding_figures(
    test: Calibration, points: Mapping[str, Mapping[str, float | None]]
) -> dict[str, dict[str, Any]]:
    """AUC, sensitivity and specificity at the flag, misses at rule-out, for each finding.

    Args:
        test: Films that passed every gate; nothing was trained, stopped or set on them.
        points: Thresholds, as in bundle.json.
    """
    return {
        name: _figures(test, column, points[name])
        for column, name in enumerate(test.findings)
        if test.positives(column).any() and test.negatives(column).any()
    }


def _figures(test: Calibration, column: int, point: Mapping[str, float | None]) -> dict[str, Any]:
    positive, negative = test.positives(column), test.negatives(column)
    either = positive | negative
    flagged = test.mean[:, column] >= np.float64(point["flag"])
    sensitivity = _share(flagged[positive])
    specificity = _share(~flagged[negative])
    figures = {
        "positives": int(positive.sum()),
        "negatives": int(negative.sum()),
        **_area(test.mean[either, column], positive[either]),
        "sensitivity_at_flag": _listed(sensitivity),
        "specificity_at_flag": _listed(specificity),
        "balanced_accuracy_at_flag": round((sensitivity.estimate + specificity.estimate) / 2, 4),
    }
    rule_out = point["rule_out"]
    if rule_out is not None:
        below = test.highest[:, column] < rule_out
        figures["miss_rate_at_rule_out"] = _listed(_share(below[positive]))
        figures["ruled_out_without_finding"] = _listed(_share(below[negative]))
    return figures


def _area(scores: Scores, positive: Flags) -> dict[str, list[float]]:
    """The AUC, where there are enough films of both kinds for an interval."""
    if not _enough(positive):
        return {}
    return {"auc": _listed(delong_interval(scores, positive))}


def _enough(positive: Flags) -> bool:
    present = int(positive.sum())
    return min(present, len(positive) - present) >= _LEAST_OF_A_KIND


def study_figures(
    test: Calibration,
    points: Mapping[str, Mapping[str, float | None]],
    deciding: Sequence[str],
) -> dict[str, Any]:
    """What happens to whole films as they come: likely normal only when all is ruled out.

    Args:
        test: See `finding_figures`.
        points: Likewise.
        deciding: The findings that must be ruled out.
    """
    columns = [test.findings.index(name) for name in deciding]
    lowered = ruled_out(test.raw[:, :, columns], [points[name]["rule_out"] for name in deciding])
    abnormal = test.findings.index("abnormal")
    return {
        "abnormal_called_likely_normal": _listed(_share(lowered[test.positives(abnormal)])),
        "normal_called_likely_normal": _listed(_share(lowered[test.negatives(abnormal)])),
    }


def _share(flags: Flags) -> Interval:
    if not len(flags):
        return Interval(0.0, 0.0, 1.0)
    return clopper_pearson(int(flags.sum()), len(flags))


def _listed(interval: Interval) -> list[float]:
    return [round(value, 4) for value in (interval.estimate, interval.low, interval.high)]


def baseline_figures(
    fitting: tuple[Sequence[PhantomCase], Sequence[Reading]],
    testing: tuple[Sequence[PhantomCase], Sequence[Reading]],
) -> dict[str, Any]:
    """What needs no look at the image: the majority, age and sex, the found landmarks alone.

    Args:
        fitting: Cases and readings to fit on.
        testing: Fresh cases and readings.

    Returns:
        AUC (or accuracy of the majority) for "abnormal"; empty where there are too few films.
    """
    if not all(_enough(np.array([case.abnormal for case in one])) for one, _ in (fitting, testing)):
        return {}
    found = {
        one.name: one for one in baselines(_without_pixels(*fitting), _without_pixels(*testing))
    }
    accuracy = found[MAJORITY].as_json()["accuracy"][0]
    return {
        "majority_accuracy": accuracy,
        "age_and_sex_auc": found[AGE_AND_SEX].as_json()["auc"],
        "landmark_geometry_auc": found[GEOMETRY].as_json()["auc"],
    }


def _without_pixels(cases: Sequence[PhantomCase], readings: Sequence[Reading]) -> BaselineFilms:
    return BaselineFilms(
        np.array([case.abnormal for case in cases]),
        np.array([case.age_years for case in cases]),
        np.array([float(case.sex == "F") for case in cases]),
        np.stack([reading.measures.landmarks for reading in readings]),
    )


def gate_figures(
    groups: Mapping[str, Sequence[Reading]], limits: GateLimits
) -> dict[str, dict[str, Any]]:
    """For each kind of film the share kept out, and the gate that most often does it."""
    return {name: _kept_out(readings, limits) for name, readings in groups.items()}


def _kept_out(readings: Sequence[Reading], limits: GateLimits) -> dict[str, Any]:
    failed = [failures(reading, limits) for reading in readings]
    first = Counter(names[0] for names in failed if names)
    return {
        "films": len(readings),
        "kept_out": sum(1 for names in failed if names),
        "most_often_by": first.most_common(1)[0][0] if first else "",
    }


def subgroup_figures(test: Calibration) -> dict[str, dict[str, Any]]:
    """AUC of "abnormal" in groups of films: a group that suffers must be seen."""
    column = test.findings.index("abnormal")
    positive = test.positives(column)
    either = positive | test.negatives(column)
    rows = {}
    for name, members in test.strata.items():
        chosen = members & either
        if len(set(positive[chosen])) < 2:  # noqa: PLR2004 - an area needs both kinds
            continue
        rows[name] = {
            "films": int(chosen.sum()),
            "auc": round(area_under_curve(test.mean[chosen, column], positive[chosen]), 4),
        }
    return rows


def landmark_figures(
    pairs: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]],
) -> dict[str, Any]:
    """How far found landmarks lie from true ones.

    Args:
        pairs: Found and true landmarks (23, 2) of each film, in the same pixels; a true one
            that is NaN does not count.

    Returns:
        Mean, median and 95th percentile over all landmarks in per cent of the true mean depth
        of the vertebral bodies; empty without films.
    """
    if not pairs:
        return {}
    shares = []
    for found, true in pairs:
        rims = true[1:].reshape(11, 2, 2)
        depth = np.nanmean(np.hypot(*(rims[:, 1] - rims[:, 0]).T))
        error = np.hypot(*(found - true).T)
        shares.append(error[np.isfinite(error)] / depth * 100)
    together = np.concatenate(shares)
    return {
        "films": len(pairs),
        "mean_per_cent_of_depth": round(float(together.mean()), 2),
        "median_per_cent_of_depth": round(float(np.median(together)), 2),
        "p95_per_cent_of_depth": round(float(np.quantile(together, 0.95)), 2),
    }
