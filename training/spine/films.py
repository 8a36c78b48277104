"""From phantom cases to arrays: rendering in processes, through the pixel path of `triage`."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from training.phantom import Degradation, PhantomCase, View, render
from training.spine.findings import COMPONENTS
from triage.vision.networks import ATTRIBUTES
from triage.vision.pixels import prepare

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from training.processes import Crew
    from triage.vision.path import PixelPath

_ARRAYS: Final = ("images", "landmarks", "attributes", "components")
_CHILD_YEARS: Final = 15.0
_ADULT_YEARS: Final = 18.0  # in between nobody can tell by the look of a spine


@dataclass(frozen=True, slots=True, eq=False)
class Films:
    """Films ready to train on, one row each.

    Attributes:
        images: float16 (n, side, side), from the pixel path.
        landmarks: float32 (n, 23, 2) in pixels of the square; NaN where there is none.
        attributes: float32 (n, 5) in the order of `ATTRIBUTES`; NaN where nobody says.
        components: float32 (n, columns); NaN where nobody says.
        columns: Names of the components, for instance ``spondylosis:C5/C6``.
    """

    images: NDArray[np.float16]
    landmarks: NDArray[np.float32]
    attributes: NDArray[np.float32]
    components: NDArray[np.float32]
    columns: tuple[str, ...] = COMPONENTS.columns

    def __len__(self) -> int:
        return len(self.images)

    def chosen(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Films:
        """The films of some rows."""
        images, landmarks, attributes, components = (getattr(self, one)[rows] for one in _ARRAYS)
        return Films(images, landmarks, attributes, components, self.columns)

    @property
    def in_scope(self) -> NDArray[np.bool_]:
        """Rows of laterals of adults, upright, without hardware or text, with all landmarks."""
        return self._laterals(without=("inverted", "hardware", "child", "text"))

    @property
    def of_any_age(self) -> NDArray[np.bool_]:
        """The same with those of children."""
        return self._laterals(without=("inverted", "hardware", "text"))

    def _laterals(self, without: Sequence[str]) -> NDArray[np.bool_]:
        said = dict(zip(ATTRIBUTES, self.attributes.T, strict=True))
        complete = np.isfinite(self.landmarks).all(axis=(1, 2))
        others = [said[name] != 1 for name in without]
        return np.asarray(complete & (said["lateral"] != 0) & np.all(others, axis=0))


def joined(parts: Sequence[Films]) -> Films:
    """Films of several sources with the same components, one behind the other."""
    images, landmarks, attributes, components = (
        np.concatenate([getattr(part, name) for part in parts]) for name in _ARRAYS
    )
    return Films(images, landmarks, attributes, components, parts[0].columns)


def finding_truth(films: Films, findings: Mapping[str, Sequence[str]]) -> NDArray[np.float32]:
    """Whether each finding is there (n, findings): 1 or 0, NaN where nobody says.

    Args:
        films: The films.
        findings: For each finding the components it consists of. One that is there is enough;
            to say that none is there, all of them must be known.
    """
    columns = []
    for parts in findings.values():
        chosen = films.components[
            :,
            [
                number
                for number, column in enumerate(films.columns)
                if column in parts or column.split(":")[0] in parts
            ],
        ]
        some = (chosen == 1).any(axis=1)
        columns.append(np.where(some, 1.0, chosen.max(axis=1)))  # the maximum of NaN is NaN
    return np.stack(columns, axis=1).astype(np.float32)


def rendered_films(crew: Crew, cases: Sequence[PhantomCase], path: PixelPath) -> Films:
    """Render cases, take them through the pixel path and add the truth; in their order."""
    return stacked(crew.each(partial(_rendered, path=path), cases))


Row = tuple[NDArray[np.float16], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


def _rendered(case: PhantomCase, path: PixelPath) -> Row:
    film = render(case)
    prepared = prepare(film.pixels, path)
    return (
        prepared.image.astype(np.float16),
        prepared.placement.to_square(film.keypoints),
        _attributes(case),
        np.array([name in case.findings for name in COMPONENTS.columns], np.float32),
    )


def _attributes(case: PhantomCase) -> NDArray[np.float32]:
    """What the locator must say of a film; what only a cervical spine has is asked only of it."""
    lateral = case.view is View.LATERAL
    known = {
        "lateral": lateral,
        "inverted": Degradation.INVERSION in case.degradations,
        "hardware": case.hardware if lateral else np.nan,
        "child": child_label(case.age_years) if lateral else np.nan,
        "text": Degradation.BURNED_IN in case.degradations,
    }
    return np.array([known[name] for name in ATTRIBUTES], np.float32)


def child_label(age_years: float) -> float:
    """Whether a spine looks like a child's: 1 or 0, NaN where nobody can tell."""
    if _CHILD_YEARS <= age_years < _ADULT_YEARS:
        return np.nan
    return float(age_years < _CHILD_YEARS)


def stacked(rows: Iterable[Row]) -> Films:
    """Films of single rows."""
    images, landmarks, attributes, components = zip(*rows, strict=True)
    return Films(np.stack(images), np.stack(landmarks), np.stack(attributes), np.stack(components))


def finding_labels(
    cases: Sequence[PhantomCase], findings: Mapping[str, Sequence[str]]
) -> NDArray[np.bool_]:
    """Which finding is present in which case.

    Args:
        cases: The cases.
        findings: For each finding the components it consists of.

    Returns:
        (cases, findings).
    """
    columns = [
        [COMPONENTS.columns[column] for column in COMPONENTS.chosen(parts)]
        for parts in findings.values()
    ]
    return np.array([[bool(set(case.findings) & set(one)) for one in columns] for case in cases])


def data_digest(groups: Mapping[str, Sequence[PhantomCase]]) -> str:
    """SHA-256 over what was drawn: the same cases, the same digest."""
    text = json.dumps(
        {name: [_described(case) for case in cases] for name, cases in groups.items()},
        sort_keys=True,
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _described(case: PhantomCase) -> str:
    return repr(replace(case, age_years=round(case.age_years, 1)))
