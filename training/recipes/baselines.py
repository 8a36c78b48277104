"""What can be said of a film without a look at its pixels: a network must do better than that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from training.films.located import has_landmarks
from training.sources.pixels import landmarks_in_frame
from triage.vision.geometry import disc_features, spine_features

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from training.statistics import Flags
    from training.values import FilmRecord

MAJORITY: Final = "majority"
AGE_AND_SEX: Final = "age and sex"
LANDMARKS: Final = "landmarks"
_MOST_ITERATIONS: Final = 2000


def baseline_scores(
    train: Sequence[FilmRecord], present: Flags, test: Sequence[FilmRecord]
) -> dict[str, NDArray[np.float64] | str]:
    """Scores of the test films by each baseline, logits as a network's are.

    Args:
        train: Films to fit on.
        present: (n,), which of them have the finding.
        test: Other films.

    Returns:
        For each baseline its scores (n,), or a clause that says why there are none.
    """
    found: dict[str, NDArray[np.float64] | str] = {
        MAJORITY: np.full(len(test), 1.0 if 2 * present.sum() > len(present) else -1.0)
    }
    together = [*train, *test]
    if any(film.age_years is None for film in together) or not all(f.sex for f in together):
        found[AGE_AND_SEX] = "age or sex is not known of every film"
    else:
        found[AGE_AND_SEX] = _fitted(train, present, test, _people)
    if not all(map(has_landmarks, together)):
        found[LANDMARKS] = "not every film has all landmarks"
    else:
        found[LANDMARKS] = _fitted(train, present, test, _shapes)
    return found


def _fitted(
    train: Sequence[FilmRecord],
    present: Flags,
    test: Sequence[FilmRecord],
    measured: Callable[[Sequence[FilmRecord]], NDArray[np.float64]],
) -> NDArray[np.float64]:
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=_MOST_ITERATIONS))
    model.fit(measured(train), present)
    return np.asarray(model.decision_function(measured(test)), np.float64)


def _people(films: Sequence[FilmRecord]) -> NDArray[np.float64]:
    return np.array([[film.age_years, film.sex == "F"] for film in films], np.float64)


def _shapes(films: Sequence[FilmRecord]) -> NDArray[np.float64]:
    """Angles and proportions of the spine; of the discs the least and the greatest."""
    points = np.array([landmarks_in_frame(film) for film in films], np.float32)
    landmarks = torch.from_numpy(points)
    discs = disc_features(landmarks)
    parts = [discs.amin(dim=1), discs.amax(dim=1), spine_features(landmarks)]
    return np.asarray(torch.cat(parts, dim=1).double().numpy())
