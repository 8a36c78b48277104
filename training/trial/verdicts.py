"""From the films of a cell to a line of the table, and what the line shows. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

import numpy as np

from training.statistics import Interval, clopper_pearson, delong_interval, misses_allowed
from training.trial.looks import STOPPED_SHARE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.trial.films import TrialFilm
    from training.trial.looks import Claim

FEWEST_FILMS: Final = 59  # that show such a share when all of them are stopped, with risk .05

_LEAST_FOR_AREA: Final = 2  # positives and negatives that an interval of an area needs


class Verdict(Enum):
    """What the films of a cell show about the certificate under that shift."""

    HOLDS = "holds"  # so few of those that passed were missed that alpha and delta are kept
    STOPPED = "stopped"  # the gates stop at least 95 % of such films
    NOT_SHOWN = "not shown"  # too few films to tell
    NEITHER = "neither"  # more are missed than alpha, and the gates do not stop them
    NOTHING_LOWERED = "nothing lowered"  # the bundle has no certificate: it rules nothing out

    @property
    def failed(self) -> bool:
        """Whether the model must not be used on such films."""
        return self is Verdict.NEITHER


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table.

    Attributes:
        kind: Which shift.
        level: How much of it.
        films: How many were drawn.
        stopped: How many a gate stopped.
        stopped_share: The same as a share, with its interval.
        gate: The gate that most often was the first to stop one; may be empty.
        abnormal: How many must not be lowered.
        passed: How many of those passed every gate.
        missed: How many of those were ruled out.
        missed_share: The same as a share of those that passed; None where none did.
        allowed: Misses that alpha and delta allow among so many; None where there are too few.
        normal: How many are normal.
        normals_lowered: How many of those were lowered.
        normals_share: The same as a share; None where there are none.
        area: AUC of "abnormal" among films that passed; None where a kind is missing.
        verdict: What follows.
    """

    kind: str
    level: str
    films: int
    stopped: int
    stopped_share: Interval
    gate: str
    abnormal: int
    passed: int
    missed: int
    missed_share: Interval | None
    allowed: int | None
    normal: int
    normals_lowered: int
    normals_share: Interval | None
    area: Interval | None
    verdict: Verdict


def line(
    names: tuple[str, str],
    films: Sequence[TrialFilm],
    claim: Claim | None,
    column: int | None,
) -> Line:
    """Make a line of the table.

    Args:
        names: Kind and level of the shift.
        films: All of the cell, at least one.
        claim: What is to be shown; None where nothing is ruled out.
        column: Which finding is "abnormal"; None where the bundle has no such finding.
    """
    stopped = [film for film in films if film.stopped]
    abnormal = [film for film in films if film.abnormal]
    normal = [film for film in films if not film.abnormal]
    passed = sum(not film.stopped for film in abnormal)
    missed = sum(film.lowered for film in abnormal)
    down = sum(film.lowered for film in normal)
    first = Counter(film.failed[0] for film in stopped)
    return Line(
        *names,
        films=len(films),
        stopped=len(stopped),
        stopped_share=clopper_pearson(len(stopped), len(films)),
        gate=first.most_common(1)[0][0] if first else "",
        abnormal=len(abnormal),
        passed=passed,
        missed=missed,
        missed_share=clopper_pearson(missed, passed) if passed else None,
        allowed=None if claim is None else misses_allowed(passed, claim.alpha, claim.delta),
        normal=len(normal),
        normals_lowered=down,
        normals_share=clopper_pearson(down, len(normal)) if normal else None,
        area=_area(films, column),
        verdict=verdict((len(films), len(stopped)), (passed, missed), claim),
    )


def verdict(gated: tuple[int, int], among: tuple[int, int], claim: Claim | None) -> Verdict:
    """What the counts of a cell show.

    Args:
        gated: Films, and how many of them were stopped.
        among: Abnormal films that passed every gate, and how many of them were missed.
        claim: What is to be shown.
    """
    films, stopped = gated
    passed, missed = among
    if films >= FEWEST_FILMS and stopped >= STOPPED_SHARE * films:
        return Verdict.STOPPED
    if claim is None:
        return Verdict.NOTHING_LOWERED
    if claim.holds(missed, passed):
        return Verdict.HOLDS
    return Verdict.NEITHER if missed > claim.alpha * passed else Verdict.NOT_SHOWN


def _area(films: Sequence[TrialFilm], column: int | None) -> Interval | None:
    """AUC of the mean logit among films that passed."""
    read = [film for film in films if not film.stopped and film.raw]
    if column is None:
        return None
    positive = np.array([film.abnormal for film in read], np.bool_)
    if min(positive.sum(), (~positive).sum()) < _LEAST_FOR_AREA:
        return None
    means = np.array([np.mean([row[column] for row in film.raw]) for film in read])
    return delong_interval(means, positive)
