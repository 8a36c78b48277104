"""Whether probabilities mean what they say: errors by bin, Brier's score, recalibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm

from training.errors import DataError
from training.statistics.values import Flags, Interval, Values, checked, refuse_missing

if TYPE_CHECKING:
    from numpy.typing import NDArray

Binning = Literal["width", "mass"]

_STEPS = 100  # of Newton's method; it converges in fewer than 10 where there is anything to find
_CLOSE = 1e-10
_NEAREST = 1e-12  # a probability of 0 or 1 has no logit: it is moved this far


def _checked(probabilities: Values, positive: Flags) -> tuple[NDArray[np.float64], Flags]:
    values, flags = np.asarray(probabilities, np.float64), np.asarray(positive, np.bool_)
    if values.ndim != 1 or values.shape != flags.shape or not len(values):
        raise DataError(f"{values.shape} probabilities do not go with {flags.shape} truths.")
    refuse_missing(values, "probability")
    if values.min() < 0 or values.max() > 1:
        raise DataError(
            f"Probabilities lie between 0 and 1, not {values.min():g} to {values.max():g}: turn "
            "logits into probabilities first."
        )
    return values, flags


@dataclass(frozen=True, slots=True, eq=False)
class ReliabilityCurve:
    """What was said and what came true, bin by bin; empty bins are left out.

    Attributes:
        said: (bins,) mean probability.
        came: (bins,) share of positives.
        films: (bins,) films in the bin.
    """

    said: NDArray[np.float64]
    came: NDArray[np.float64]
    films: NDArray[np.int64]


def reliability_curve(
    probabilities: Values, positive: Flags, bins: int = 10, binning: Binning = "width"
) -> ReliabilityCurve:
    """Sort films into bins by probability.

    Args:
        probabilities: (n,), between 0 and 1.
        positive: (n,).
        bins: How many.
        binning: ``"width"`` cuts 0 to 1 into equal parts, closed on the left and the last also on
            the right; ``"mass"`` cuts the sorted films into parts of equal number, and films of
            one probability may then fall into two bins.

    Raises:
        DataError: Something is no probability, or lengths differ.
    """
    values, flags = _checked(probabilities, positive)
    if binning == "width":
        place = np.minimum((values * bins).astype(np.int64), bins - 1)
    else:
        place = np.empty(len(values), np.int64)
        place[np.argsort(values, kind="stable")] = np.arange(len(values)) * bins // len(values)
    films = np.bincount(place, minlength=bins)
    kept = films > 0
    said = np.bincount(place, values, bins)[kept] / films[kept]
    came = np.bincount(place, flags, bins)[kept] / films[kept]
    return ReliabilityCurve(said, came, films[kept])


def expected_calibration_error(
    probabilities: Values, positive: Flags, bins: int = 10, binning: Binning = "width"
) -> float:
    """Mean distance of what was said from what came true (Naeini et al. 2015).

    Args:
        probabilities: (n,), between 0 and 1.
        positive: (n,).
        bins: How many.
        binning: As in `reliability_curve`. The figure depends on both, and is never 0 for few
            films however good the model.

    Raises:
        DataError: Something is no probability, or lengths differ.
    """
    curve = reliability_curve(probabilities, positive, bins, binning)
    return float(np.average(np.abs(curve.said - curve.came), weights=curve.films))


@dataclass(frozen=True, slots=True)
class Brier:
    """Brier's score, taken apart over the distinct probabilities (Murphy 1973).

    Attributes:
        score: Mean squared distance of probability and truth.
        reliability: Mean squared distance of probability and share that came true; 0 is best.
        resolution: Mean squared distance of that share and prevalence; more is better.
        uncertainty: Prevalence times its complement.
    """

    score: float
    reliability: float
    resolution: float
    uncertainty: float


def brier(probabilities: Values, positive: Flags) -> Brier:
    """Brier 1950, with score = reliability - resolution + uncertainty exactly.

    Args:
        probabilities: (n,), between 0 and 1. Where all differ, reliability and resolution say
            little: round to a few values first.
        positive: (n,).

    Raises:
        DataError: Something is no probability, or lengths differ.
    """
    values, flags = _checked(probabilities, positive)
    said, place = np.unique(values, return_inverse=True)
    films = np.bincount(place)
    came = np.bincount(place, flags) / films
    prevalence = flags.mean()
    return Brier(
        float(np.mean((values - flags) ** 2)),
        float(np.average((said - came) ** 2, weights=films)),
        float(np.average((came - prevalence) ** 2, weights=films)),
        float(prevalence * (1 - prevalence)),
    )


@dataclass(frozen=True, slots=True)
class Recalibration:
    """Logistic regression of the truth on the logit (Cox 1958).

    Attributes:
        slope: 1 is best; below 1 the model is too sure of itself.
        intercept: 0 is best, given the slope.
        in_the_large: The intercept with the slope held at 1: above 0 the model says too little.
    """

    slope: Interval
    intercept: Interval
    in_the_large: Interval


def recalibration(
    probabilities: Values, positive: Flags, confidence: float = 0.95
) -> Recalibration:
    """Calibration slope and intercepts with Wald intervals.

    Args:
        probabilities: (n,), between 0 and 1.
        positive: (n,).
        confidence: Of the intervals.

    Raises:
        DataError: Something is no probability, there is one class only, all probabilities are
            alike, or one threshold separates the classes wholly, so that the slope is infinite.
    """
    values, flags = _checked(probabilities, positive)
    checked(values, flags)
    logits = logit(np.clip(values, _NEAREST, 1 - _NEAREST))
    if np.ptp(logits) == 0:
        raise DataError("All probabilities are alike, so that no calibration slope exists.")
    if max(logits[~flags]) <= min(logits[flags]) or max(logits[flags]) <= min(logits[~flags]):
        raise DataError(
            "One threshold separates positives from negatives wholly, so that the calibration "
            "slope is infinite: more films are needed."
        )
    z = float(norm.ppf((1 + confidence) / 2))
    nothing = np.zeros(len(logits))
    both = _fitted(np.column_stack([np.ones(len(logits)), logits]), nothing, flags)
    alone = _fitted(np.ones((len(logits), 1)), logits, flags)
    intercept, slope, large = (
        Interval(value, value - z * error, value + z * error) for value, error in (*both, *alone)
    )
    return Recalibration(slope, intercept, large)


def _fitted(
    inputs: NDArray[np.float64], offset: NDArray[np.float64], flags: Flags
) -> list[tuple[float, float]]:
    """Coefficients of a logistic regression and their standard errors, by Newton's method."""
    weights = np.zeros(inputs.shape[1])
    for _ in range(_STEPS):
        expected = expit(inputs @ weights + offset)
        information = (inputs * (expected * (1 - expected))[:, None]).T @ inputs
        step = np.linalg.solve(information, inputs.T @ (flags - expected))
        weights += np.clip(step, -1, 1)  # far from the solution a whole step may overshoot
        if np.abs(step).max() < _CLOSE:
            break
    errors = np.sqrt(np.diag(np.linalg.inv(information)))
    return list(zip(weights.tolist(), errors.tolist(), strict=True))
