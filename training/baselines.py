"""What can be had without a look at the image: the figures that a model must beat.

The majority, age and sex, and the geometry of the landmarks alone. Each is fitted on training
and tuning films and tried on test films, and comes with the same figures as any model, because
an accuracy by itself says nothing where one class is rare.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from training.errors import DataError
from training.statistics import (
    ConfusionMatrix,
    Flags,
    Interval,
    clopper_pearson,
    delong_logit_interval,
    youden_threshold,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from training.values import FilmRecord

MAJORITY: Final = "majority"
AGE_AND_SEX: Final = "age and sex"
GEOMETRY: Final = "landmark geometry"

_PENALTY = 0.01  # of the squared weights, beside the mean loss over films
_LANDMARKS = (23, 2)
_LEAST = 2  # films of each class that DeLong's variance needs


@dataclass(frozen=True, slots=True, eq=False)
class BaselineFilms:
    """What is known of some films besides their pixels.

    Attributes:
        positive: (n,) whether the finding is there.
        age_years: (n,), NaN where unknown.
        female: (n,) 1 or 0, NaN where unknown.
        landmarks: (n, 23, 2), x and y in pixels in the CSXA order; NaN where there are none.
    """

    positive: Flags
    age_years: NDArray[np.float64]
    female: NDArray[np.float64]
    landmarks: NDArray[np.float32]

    @classmethod
    def of_records(cls, films: Sequence[FilmRecord], finding: str) -> BaselineFilms:
        """Take what a data set says; films of which nobody says the finding are left out."""
        known = [film for film in films if film.labels.get(finding) is not None]
        nowhere = np.full(_LANDMARKS, np.nan, np.float32)
        return cls(
            np.array([bool(film.labels[finding]) for film in known], np.bool_),
            np.array([np.nan if film.age_years is None else film.age_years for film in known]),
            np.array([{"F": 1.0, "M": 0.0}.get(film.sex, np.nan) for film in known]),
            np.array(
                [nowhere if film.landmarks is None else film.landmarks for film in known],
                np.float32,
            ).reshape(-1, *_LANDMARKS),
        )


@dataclass(frozen=True, slots=True)
class Baseline:
    """How a baseline did on test films.

    Attributes:
        name: Of the baseline.
        auc: With DeLong's interval on the logit scale; of the majority always .5, as a point.
        matrix: Calls at the threshold that was best on the fitting films (Youden).
        unknown: Test films for which its inputs are missing; they get the mean of the fitting
            films.
        absent: Why there are no figures; empty when there are.
    """

    name: str
    auc: Interval | None = None
    matrix: ConfusionMatrix | None = None
    unknown: int = 0
    absent: str = ""

    def as_json(self) -> dict[str, Any]:
        """Every figure as [estimate, low, high]."""
        if self.auc is None or self.matrix is None:
            return {"name": self.name, "absent": self.absent}
        sensitivity, specificity = self.matrix.sensitivity(), self.matrix.specificity()
        return {
            "name": self.name,
            "auc": _listed(self.auc),
            "accuracy": _listed(clopper_pearson(self.matrix.right, self.matrix.films)),
            "sensitivity": _listed(sensitivity),
            "specificity": _listed(specificity),
            "balanced_accuracy": round((sensitivity.estimate + specificity.estimate) / 2, 4),
            "unknown": self.unknown,
        }


def _listed(interval: Interval) -> list[float]:
    return [round(value, 4) for value in (interval.estimate, interval.low, interval.high)]


def baselines(fitting: BaselineFilms, testing: BaselineFilms) -> tuple[Baseline, ...]:
    """Fit and try every baseline.

    Args:
        fitting: Films of the training and tuning splits.
        testing: Films of the test split.

    Returns:
        Majority, age and sex, landmark geometry, in this order; one that the data do not allow
        says why.

    Raises:
        DataError: Fewer than two positives or negatives are in either part.
    """
    for films, part in ((fitting, "fitting"), (testing, "test")):
        positives = int(films.positive.sum())
        if min(positives, len(films.positive) - positives) < _LEAST:
            raise DataError(
                f"The {part} films hold {positives} positives of {len(films.positive)}: a "
                "baseline needs two of each class; split the films differently."
            )
    return (
        _majority(fitting, testing),
        _regression(AGE_AND_SEX, (_people(fitting), _people(testing)), fitting, testing),
        _regression(GEOMETRY, (_shapes(fitting), _shapes(testing)), fitting, testing),
    )


def _majority(fitting: BaselineFilms, testing: BaselineFilms) -> Baseline:
    always = np.full(len(testing.positive), fitting.positive.mean() >= 0.5)  # noqa: PLR2004 - half
    matrix = ConfusionMatrix.count(always, testing.positive)
    return Baseline(MAJORITY, Interval(0.5, 0.5, 0.5), matrix)


def _people(films: BaselineFilms) -> NDArray[np.float64]:
    return np.column_stack([films.age_years, films.female]).astype(np.float64)


def _shapes(films: BaselineFilms) -> NDArray[np.float64]:
    """Least and largest measures over the discs, and measures of the spine (n, 31).

    NaN throughout where a landmark is missing.
    """
    import torch  # noqa: PLC0415 - only this baseline needs tensors

    from triage.vision.geometry import (  # noqa: PLC0415 - likewise
        disc_features,
        spine_features,
    )

    landmarks = torch.from_numpy(films.landmarks.astype(np.float32))
    discs, spine = disc_features(landmarks), spine_features(landmarks)
    features = torch.cat([discs.amin(dim=1), discs.amax(dim=1), spine], dim=1).double().numpy()
    features[~np.isfinite(films.landmarks).all(axis=(1, 2))] = np.nan
    return np.asarray(features)


def _regression(
    name: str,
    inputs: tuple[NDArray[np.float64], NDArray[np.float64]],
    fitting: BaselineFilms,
    testing: BaselineFilms,
) -> Baseline:
    known, fresh = inputs
    used = np.isfinite(known).any(axis=0)
    if not used.any() or np.isfinite(known[:, used]).any(axis=1).mean() < 0.5:  # noqa: PLR2004 - half
        return Baseline(name, absent="fewer than half of the fitting films have what it needs")
    known, fresh = known[:, used], fresh[:, used]
    mean = np.nanmean(known, axis=0)
    spread = np.nanstd(known, axis=0) + 1e-9
    scaled = np.nan_to_num((known - mean) / spread)
    weights = ridge_logistic(scaled, fitting.positive)
    scores = np.nan_to_num((fresh - mean) / spread) @ weights[1:]
    threshold = youden_threshold(scaled @ weights[1:], fitting.positive)
    return Baseline(
        name,
        delong_logit_interval(scores, testing.positive),
        ConfusionMatrix.count(scores >= threshold, testing.positive),
        unknown=int(np.isnan(fresh).any(axis=1).sum()),
    )


def ridge_logistic(inputs: NDArray[np.float64], positive: Flags) -> NDArray[np.float64]:
    """Logistic regression with a penalty on the squared weights, but not on the intercept.

    Args:
        inputs: (n, features), each about 0 with spread 1.
        positive: (n,).

    Returns:
        (1 + features,), the intercept first.
    """
    design = np.column_stack([np.ones(len(inputs)), inputs])
    sign = np.where(positive, 1.0, -1.0)

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = sign * (design @ weights)
        slope = -(sign * expit(-margin)) @ design / len(design)
        slope[1:] += 2 * _PENALTY * weights[1:]
        value = np.logaddexp(0, -margin).mean() + _PENALTY * weights[1:] @ weights[1:]
        return float(value), slope

    start = np.zeros(design.shape[1])
    return np.asarray(minimize(loss, start, method="L-BFGS-B", jac=True).x)
