"""What a data report says: counts, gaps, splits, leakage, and what age and sex give away."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from training.errors import DataError
from training.sources.duplicates import same_picture, same_shape
from training.sources.landmarks import faces_right
from training.sources.phantom_folder import NAME as PHANTOM
from training.sources.splits import split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from training.sources.looks import Look
    from training.values import FilmRecord, FilmSet

GIVEN_AWAY: Final = 0.70  # an area under the curve of age and sex alone that calls for a warning
_FEWEST: Final = 10  # films of either class below which age and sex are not tried
_FOLDS: Final = 5
_MOST_PAIRS: Final = 200  # near-duplicates that are listed
_BANDS: Final = ((18, "under 18"), (45, "18-44"), (65, "45-64"), (200, "65 and over"))


@dataclass(frozen=True, slots=True)
class FindingCount:
    """One finding: how many films have it, have it not, or are not labelled.

    Attributes:
        finding: Its name.
        present: Films that have it.
        absent: Films that have it not.
        unknown: Films of which nobody says.
        by_age_and_sex: Area under the curve of age and sex alone, cross-validated by group;
            None where there are too few films.
    """

    finding: str
    present: int
    absent: int
    unknown: int
    by_age_and_sex: float | None

    @property
    def given_away(self) -> bool:
        """Whether age and sex alone predict it so well that a network may learn only these."""
        return self.by_age_and_sex is not None and self.by_age_and_sex >= GIVEN_AWAY


@dataclass(frozen=True, slots=True)
class SplitCount:
    """One part of the split that a recipe would make.

    Attributes:
        name: For instance ``"train"``.
        films: In it.
        groups: In it.
        present: Films with the finding.
        absent: Films without it.
    """

    name: str
    films: int
    groups: int
    present: int
    absent: int


@dataclass(frozen=True, slots=True)
class Leak:
    """Two films that must not be trained and tested on.

    Attributes:
        one: A film.
        other: Another.
        why: For instance ``"same bytes"``.
        apart: Whether their groups differ: then a split may tear them apart.
    """

    one: str
    other: str
    why: str
    apart: bool


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """All that the report says in words and numbers.

    Attributes:
        films: How many.
        patients: How many.
        groups: How many.
        findings: By finding.
        strata: For each kind (sex, age band, site ...) the films of each value.
        landmarks: Counts of what there is of landmarks.
        finding: That the split is stratified by; empty for none.
        splits: As a recipe would make them.
        split_problem: Why none can be made; empty when one can.
        leaks: Pairs of films that repeat each other.
        more_leaks: How many more there are than are listed.
        problems: Films that could not be read, with the reason.
        faults: For each kind of fault how many.
    """

    films: int
    patients: int
    groups: int
    findings: tuple[FindingCount, ...]
    strata: Mapping[str, Mapping[str, int]]
    landmarks: Mapping[str, int]
    finding: str
    splits: tuple[SplitCount, ...]
    split_problem: str
    leaks: tuple[Leak, ...]
    more_leaks: int
    problems: Mapping[str, str]
    faults: Mapping[str, int]


def summarise(
    data: FilmSet,
    looks: Sequence[Look],
    *,
    shares: Mapping[str, float],
    seed: int,
    finding: str | None,
) -> Summary:
    """Summarise a data set.

    Args:
        data: Its films.
        looks: What was seen of each.
        shares: Of the split to show.
        seed: Of the split to show.
        finding: To stratify by; None takes the first that has both classes.

    Returns:
        The summary.

    Raises:
        DataError: No film has a label of that finding.
    """
    films = data.films
    counts = tuple(_counted(name, films) for name in _names(films))
    chosen = _chosen(counts, finding)
    splits, problem = _splits(films, shares, seed, chosen)
    leaks = _leaks(data, looks)
    return Summary(
        films=len(films),
        patients=len({film.patient for film in films}),
        groups=len({film.group for film in films}),
        findings=counts,
        strata=_strata(films, looks),
        landmarks=_landmarks(films),
        finding=chosen or "",
        splits=splits,
        split_problem=problem,
        leaks=tuple(leaks[:_MOST_PAIRS]),
        more_leaks=max(len(leaks) - _MOST_PAIRS, 0),
        problems={
            film.film: look.problem for film, look in zip(films, looks, strict=True) if look.problem
        },
        faults=dict(Counter(fault.kind for fault in data.faults).most_common()),
    )


def _names(films: Iterable[FilmRecord]) -> list[str]:
    return list(dict.fromkeys(name for film in films for name in film.labels))


def _counted(name: str, films: Sequence[FilmRecord]) -> FindingCount:
    labels = [film.labels.get(name) for film in films]
    present, absent = labels.count(True), labels.count(False)
    return FindingCount(
        finding=name,
        present=present,
        absent=absent,
        unknown=len(labels) - present - absent,
        by_age_and_sex=by_age_and_sex(name, films),
    )


def _chosen(counts: Sequence[FindingCount], finding: str | None) -> str | None:
    if finding is None:
        return next((one.finding for one in counts if one.present and one.absent), None)
    if not any(one.finding == finding and one.present + one.absent for one in counts):
        known = ", ".join(one.finding for one in counts if one.present + one.absent) or "none"
        raise DataError(f"No film has a label of {finding!r}; findings with labels: {known}.")
    return finding


def by_age_and_sex(finding: str, films: Sequence[FilmRecord]) -> float | None:
    """How well age and sex alone predict a finding.

    Args:
        finding: Its name.
        films: Those without label, age or sex do not count.

    Returns:
        Area under the curve of a logistic regression on age, its square and sex, each film
        predicted by a model that saw none of its group; None where there are too few films.
    """
    known = [
        film
        for film in films
        if film.labels.get(finding) is not None and film.age_years is not None and film.sex
    ]
    truth = np.array([bool(film.labels[finding]) for film in known], bool)
    groups = np.array([film.group for film in known])
    if min(truth.sum(), (~truth).sum()) < _FEWEST:
        return None
    if min(len(set(groups[truth])), len(set(groups[~truth]))) < _FOLDS:
        return None
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - takes a second to load
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict  # noqa: PLC0415

    from training.statistics import area_under_curve  # noqa: PLC0415 - as above

    ages = np.array([film.age_years for film in known], np.float64)
    age = (ages - ages.mean()) / (ages.std() or 1.0)
    facts = np.column_stack([age, age**2, [film.sex == "F" for film in known]])
    folds = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=0)
    scores = cross_val_predict(
        LogisticRegression(), facts, truth, groups=groups, cv=folds, method="decision_function"
    )
    return float(area_under_curve(scores, truth))


def _strata(films: Sequence[FilmRecord], looks: Sequence[Look]) -> dict[str, dict[str, int]]:
    sizes = [look.size for look in looks if look.size]
    kinds: dict[str, Callable[[FilmRecord], str]] = {
        "sex": lambda film: {"M": "men", "F": "women"}.get(film.sex, "not known"),
        "age": lambda film: _band(film.age_years),
        "site": lambda film: film.site or "not known",
        "manufacturer": lambda film: film.manufacturer or "not known",
        "view": lambda film: film.view,
        "given split": lambda film: film.split or "none",
        "metal": lambda film: {True: "yes", False: "no", None: "not known"}[film.hardware],
    }
    found = {kind: dict(Counter(map(value, films)).most_common()) for kind, value in kinds.items()}
    found["longer side in pixels"] = dict(sorted(Counter(_octave(max(s)) for s in sizes).items()))
    return found


def _band(age: float | None) -> str:
    if age is None:
        return "not known"
    return next(name for below, name in _BANDS if age < below)


def _octave(side: int) -> str:
    low = 1 << (side.bit_length() - 1)
    return f"{low:5d}-{2 * low - 1}"


def _landmarks(films: Sequence[FilmRecord]) -> dict[str, int]:
    placed = [film.landmarks for film in films if film.landmarks is not None]
    complete = sum(bool(np.isfinite(points).all()) for points in placed)
    return {
        "all 23 landmarks": complete,
        "some landmarks": len(placed) - complete,
        "no landmarks": len(films) - len(placed),
        "facing left": sum(not faces_right(points) for points in placed),
        "facing right": sum(faces_right(points) for points in placed),
    }


def _splits(
    films: Sequence[FilmRecord], shares: Mapping[str, float], seed: int, finding: str | None
) -> tuple[tuple[SplitCount, ...], str]:
    known = [film for film in films if not finding or film.labels.get(finding) is not None]
    try:
        parts = split(known, shares, seed, finding=finding)
    except DataError as error:
        return (), str(error)
    return (
        tuple(
            SplitCount(
                name=name,
                films=len(members),
                groups=len({film.group for film in members}),
                present=sum(film.labels.get(finding or "") is True for film in members),
                absent=sum(film.labels.get(finding or "") is False for film in members),
            )
            for name, members in parts.items()
        ),
        "",
    )


def _leaks(data: FilmSet, looks: Sequence[Look]) -> list[Leak]:
    """Pairs of films that repeat each other, those of different groups first.

    Drawn films are alike by construction: of a phantom only copies count.
    """
    films = data.films
    pairs: dict[tuple[int, int], list[str]] = defaultdict(list)
    for why, name in (("same bytes", "content"), ("same pixels", "pixels")):
        first: dict[str, int] = {}
        for number, look in enumerate(looks):
            if look.size and first.setdefault(getattr(look, name), number) != number:
                pairs[first[getattr(look, name)], number].append(why)
    if data.name != PHANTOM:
        readable = [number for number, look in enumerate(looks) if look.size]
        seen = [looks[number] for number in readable]
        for one, other in same_picture([s.print for s in seen], [s.thumbnail for s in seen]):
            pairs[readable[one], readable[other]].append("the same picture")
        for pair in same_shape(films):
            pairs[pair].append("landmarks of the same shape")
    leaks = [
        Leak(
            films[one].film,
            films[other].film,
            ", ".join(why),
            films[one].group != films[other].group,
        )
        for (one, other), why in sorted(pairs.items())
    ]
    return sorted(leaks, key=lambda leak: not leak.apart)
