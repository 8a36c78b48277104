"""The predictions of two runs, brought together film by film; different films are refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from training.errors import DataError
from training.predictions import Prediction, read_predictions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from training.statistics import Flags

_CALIBRATION, _TUNING = "calibration", "tuning"


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Films of one split and one finding, as one run scored them.

    Attributes:
        score: (n,) mean logit.
        highest: (n,) highest logit of the members.
        positive: (n,) whether the finding is there.
        passed: (n,) whether the film passed every gate.
    """

    score: NDArray[np.float64]
    highest: NDArray[np.float64]
    positive: Flags
    passed: Flags

    @classmethod
    def of(cls, predictions: Sequence[Prediction]) -> Scored:
        """Take the columns of some lines, in their order."""
        return cls(
            np.array([one.score for one in predictions], np.float64),
            np.array([one.highest for one in predictions], np.float64),
            np.array([one.truth for one in predictions], np.bool_),
            np.array([not one.gate for one in predictions], np.bool_),
        )

    def where(self, rows: Flags) -> Scored:
        """Some of the films."""
        return Scored(self.score[rows], self.highest[rows], self.positive[rows], self.passed[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """What one run says of one finding.

    Attributes:
        films: The films that are compared.
        tuning: Films that its operating point is chosen on.
        calibration: Films that its rule-out threshold is set on.
    """

    films: Scored
    tuning: Scored
    calibration: Scored


@dataclass(frozen=True, slots=True, eq=False)
class FindingPair:
    """One finding in both runs, on the same films in the same order.

    Attributes:
        finding: Its name.
        patients: (n,) whose film it is.
        first: Of the first run.
        second: Of the second run.
    """

    finding: str
    patients: tuple[str, ...]
    first: Side
    second: Side

    @property
    def positive(self) -> Flags:
        """Whether the finding is there (n,)."""
        return self.first.films.positive


@dataclass(frozen=True, slots=True, eq=False)
class Pairing:
    """Both runs.

    Attributes:
        names: Of the runs, as given.
        split: Which films are compared.
        findings: Those that both runs speak of, in the order of the first.
        unshared: Findings that only one run speaks of.
    """

    names: tuple[str, str]
    split: str
    findings: tuple[FindingPair, ...]
    unshared: tuple[str, ...]


def pair_runs(
    first: Path, second: Path, split: str = "test", wanted: Sequence[str] = ()
) -> Pairing:
    """Read two runs and bring their films together.

    Args:
        first: A run's folder, or its predictions.csv.
        second: Another.
        split: Which films are compared.
        wanted: Findings; all that both runs speak of when empty.

    Raises:
        DataError: A table cannot be read, holds a film twice, or the runs differ in films,
            patients or truths; the message names the first that differs.
    """
    tables = [_by_finding(read_predictions(path), path) for path in (first, second)]
    shared = [finding for finding in tables[0] if finding in tables[1]]
    unshared = [finding for one in tables for finding in one if finding not in shared]
    missing = [finding for finding in wanted if finding not in shared]
    if missing or not shared:
        what = f"{missing[0]!r}" if missing else "any finding"
        raise DataError(
            f"{first} and {second} do not both speak of {what}: they share "
            f"{', '.join(shared) or 'nothing'}."
        )
    pairs = tuple(
        _pair((first, second), finding, (tables[0][finding], tables[1][finding]), split)
        for finding in (wanted or shared)
    )
    return Pairing((str(first), str(second)), split, pairs, tuple(unshared))


_Splits = dict[str, dict[str, Prediction]]


def _by_finding(predictions: Iterable[Prediction], path: Path) -> dict[str, _Splits]:
    """Lines by finding, split and film."""
    table: dict[str, _Splits] = {}
    for one in predictions:
        films = table.setdefault(one.finding, {}).setdefault(one.split, {})
        if one.film in films:
            raise DataError(
                f"{path} holds film {one.film!r} twice for {one.finding!r} in split "
                f"{one.split!r}: run the recipe again."
            )
        films[one.film] = one
    return table


def _pair(
    paths: tuple[Path, Path], finding: str, splits: tuple[_Splits, _Splits], split: str
) -> FindingPair:
    one, other = (side.get(split, {}) for side in splits)
    _refuse_other_films(paths, finding, split, (one, other))
    films = list(one)
    return FindingPair(
        finding,
        tuple(one[film].patient for film in films),
        _side([one[film] for film in films], splits[0]),
        _side([other[film] for film in films], splits[1]),
    )


def _side(films: list[Prediction], splits: _Splits) -> Side:
    tuning, calibration = (
        Scored.of([one for one in splits.get(name, {}).values() if not one.gate])
        for name in (_TUNING, _CALIBRATION)
    )
    return Side(Scored.of(films), tuning, calibration)


def _refuse_other_films(
    paths: tuple[Path, Path],
    finding: str,
    split: str,
    films: tuple[Mapping[str, Prediction], Mapping[str, Prediction]],
) -> None:
    one, other = films
    if not one and not other:
        raise DataError(f"Neither {paths[0]} nor {paths[1]} holds films of split {split!r}.")
    advice = "compare runs on the same data with the same split"
    alone = next((film for film in [*one, *other] if film not in one or film not in other), None)
    if alone is not None:
        has, lacks = paths if alone in one else paths[::-1]
        raise DataError(
            f"Film {alone!r} is in split {split!r} of {has} but not of {lacks}: {advice}."
        )
    for film, line in one.items():
        if line.truth != other[film].truth:
            raise DataError(
                f"Film {film!r} has {finding!r} by {paths[0] if line.truth else paths[1]} and has "
                f"it not by {paths[1] if line.truth else paths[0]}: {advice}."
            )
        if line.patient != other[film].patient:
            raise DataError(
                f"Film {film!r} is of patient {line.patient!r} by {paths[0]} and of "
                f"{other[film].patient!r} by {paths[1]}: {advice}."
            )
