"""The figures of a comparison: ranking, calls at each run's own threshold, and rule-out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from training.errors import DataError
from training.statistics import (
    DelongTest,
    Discordance,
    Interval,
    area_difference,
    bca_interval,
    clopper_pearson,
    delong_logit_interval,
    delong_test,
    holm,
    mcnemar_exact,
    paired_difference,
    positives_needed,
    rule_out_threshold,
    threshold_at_sensitivity,
    youden_threshold,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.comparison.pairs import FindingPair, Pairing, Scored, Side
    from training.statistics import Flags

_LEAST = 2  # films of each class that DeLong's variance needs


@dataclass(frozen=True, slots=True)
class Aims:
    """How runs are compared.

    Attributes:
        sensitivity: That each run's threshold shall reach on its tuning films; None takes the
            threshold at which sensitivity + specificity is largest (Youden).
        alpha: Highest miss rate of rule-out.
        delta: Risk that it does not hold.
        confidence: Of every interval.
        resamples: Of the bootstrap.
        seed: Of the bootstrap.
    """

    sensitivity: float | None = None
    alpha: float = 0.05
    delta: float = 0.05
    confidence: float = 0.95
    resamples: int = 2000
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Ranking:
    """How well both runs rank, on films that passed the gates of both.

    Attributes:
        first: AUC of the first run, DeLong's interval on the logit scale.
        second: AUC of the second.
        test: DeLong's paired test, which takes every film for a patient of its own.
        by_patient: BCa interval of the difference, patients drawn; None where they are too few.
        adjusted: p of the test after Holm, over the findings of the comparison.
    """

    first: Interval
    second: Interval
    test: DelongTest
    by_patient: Interval | None
    adjusted: float


@dataclass(frozen=True, slots=True)
class Rates:
    """One kind of success in both runs, on the same films.

    Attributes:
        first: Share in the first run, Clopper and Pearson's interval.
        second: Share in the second.
        table: Films by which run had the success.
        difference: First minus second, Newcombe's paired interval.
        p: McNemar's exact test.
    """

    first: Interval
    second: Interval
    table: Discordance
    difference: Interval
    p: float


@dataclass(frozen=True, slots=True)
class Calls:
    """How well both runs call at their own thresholds, on films that passed the gates of both.

    Attributes:
        thresholds: Of the first and the second run, from their tuning films.
        sensitivity: Among films with the finding.
        specificity: Among films without it.
        right: Over all films.
        adjusted: p of McNemar's test over all films after Holm.
    """

    thresholds: tuple[float, float]
    sensitivity: Rates
    specificity: Rates
    right: Rates
    adjusted: float


@dataclass(frozen=True, slots=True)
class RuleOut:
    """What both runs may rule out; a film that failed a gate is never ruled out.

    Attributes:
        thresholds: Of the first and the second run, from their calibration positives.
        normals: Films without the finding that are ruled out: the more, the better.
        misses: Films with it that are ruled out.
        alpha: Highest share of misses that the thresholds were set for.
    """

    thresholds: tuple[float, float]
    normals: Rates
    misses: Rates
    alpha: float


@dataclass(frozen=True, slots=True)
class FindingComparison:
    """One finding.

    Attributes:
        finding: Its name.
        films: That passed the gates of both runs.
        positives: Among them.
        patients: Whose films these are.
        stopped: Films that failed a gate in the first run, and in the second.
        ranking: None where there are too few films.
        calls: None where there are too few films.
        rule_out: None where a run may rule nothing out.
        absent: Why something is None.
    """

    finding: str
    films: int
    positives: int
    patients: int
    stopped: tuple[int, int]
    ranking: Ranking | None
    calls: Calls | None
    rule_out: RuleOut | None
    absent: tuple[str, ...]


def compare(
    pairing: Pairing, aims: Aims, advance: Callable[[], None] = lambda: None
) -> tuple[FindingComparison, ...]:
    """Compare two runs in every finding that they share.

    Args:
        pairing: Both runs.
        aims: How.
        advance: Called after each finding.
    """
    done = []
    for pair in pairing.findings:
        done.append(_compared(pair, aims, pairing.names))
        advance()
    return _adjusted(done)


def _compared(pair: FindingPair, aims: Aims, names: tuple[str, str]) -> FindingComparison:
    passed = pair.first.films.passed & pair.second.films.passed
    positive = pair.positive[passed]
    absent: list[str] = []
    ranking, calls = None, None
    if min(positive.sum(), (~positive).sum()) < _LEAST:
        absent.append(
            f"ranking and calls need two films of each class that passed the gates, and there are "
            f"{int(positive.sum())} with the finding and {int((~positive).sum())} without it"
        )
    else:
        ranking = _ranking(pair, passed, aims, absent)
        calls = _calls(pair, passed, aims, names, absent)
    return FindingComparison(
        pair.finding,
        len(positive),
        int(positive.sum()),
        len({name for name, kept in zip(pair.patients, passed, strict=True) if kept}),
        (int((~pair.first.films.passed).sum()), int((~pair.second.films.passed).sum())),
        ranking,
        calls,
        _rule_out(pair, aims, names, absent),
        tuple(absent),
    )


def _ranking(pair: FindingPair, passed: Flags, aims: Aims, absent: list[str]) -> Ranking:
    positive = pair.positive[passed]
    one, other = pair.first.films.score[passed], pair.second.films.score[passed]
    test = delong_test(one, other, positive, aims.confidence)
    return Ranking(
        delong_logit_interval(one, positive, aims.confidence),
        delong_logit_interval(other, positive, aims.confidence),
        test,
        _by_patient(pair, passed, aims, absent),
        test.p,
    )


def _by_patient(pair: FindingPair, passed: Flags, aims: Aims, absent: list[str]) -> Interval | None:
    positive = pair.positive[passed]
    one, other = pair.first.films.score[passed], pair.second.films.score[passed]
    try:
        return bca_interval(
            area_difference(one, other, positive),
            len(positive),
            seed=aims.seed,
            groups=[name for name, kept in zip(pair.patients, passed, strict=True) if kept],
            resamples=aims.resamples,
            confidence=aims.confidence,
        )
    except DataError as error:
        absent.append(f"no interval by patient: {error}")
        return None


def _calls(
    pair: FindingPair, passed: Flags, aims: Aims, names: tuple[str, str], absent: list[str]
) -> Calls | None:
    first = _threshold(pair.first, aims, names[0], absent)
    second = _threshold(pair.second, aims, names[1], absent)
    if first is None or second is None:
        return None
    positive = pair.positive[passed]
    one = pair.first.films.score[passed] >= first
    other = pair.second.films.score[passed] >= second
    right = _rates(one == positive, other == positive, aims.confidence)
    return Calls(
        (first, second),
        _rates(one[positive], other[positive], aims.confidence),
        _rates(~one[~positive], ~other[~positive], aims.confidence),
        right,
        right.p,
    )


def _threshold(side: Side, aims: Aims, name: str, absent: list[str]) -> float | None:
    tuning = side.tuning
    try:
        if aims.sensitivity is None:
            return youden_threshold(tuning.score, tuning.positive)
        return threshold_at_sensitivity(tuning.score, tuning.positive, aims.sensitivity)
    except DataError as error:
        absent.append(f"no operating point from the tuning films of {name}: {error}")
        return None


def _rule_out(
    pair: FindingPair, aims: Aims, names: tuple[str, str], absent: list[str]
) -> RuleOut | None:
    first = _certified(pair.first.calibration, aims, names[0], absent)
    second = _certified(pair.second.calibration, aims, names[1], absent)
    positive = pair.positive
    if first is None or second is None or positive.all() or not positive.any():
        return None
    one = (pair.first.films.highest < first) & pair.first.films.passed
    other = (pair.second.films.highest < second) & pair.second.films.passed
    return RuleOut(
        (first, second),
        _rates(one[~positive], other[~positive], aims.confidence),
        _rates(one[positive], other[positive], aims.confidence),
        aims.alpha,
    )


def _certified(films: Scored, aims: Aims, name: str, absent: list[str]) -> float | None:
    scores = films.highest[films.positive]
    threshold, _ = rule_out_threshold(scores, aims.alpha, aims.delta)
    if threshold is None:
        needed = positives_needed(aims.alpha, aims.delta)
        absent.append(
            f"{name} may rule nothing out: it has {len(scores)} calibration positives, and a miss "
            f"rate of {aims.alpha:.0%} needs {needed}"
        )
    return threshold


def _rates(first: Flags, second: Flags, confidence: float) -> Rates:
    table = Discordance.count(first, second)
    return Rates(
        clopper_pearson(int(np.sum(first)), table.films, confidence),
        clopper_pearson(int(np.sum(second)), table.films, confidence),
        table,
        paired_difference(table, confidence),
        mcnemar_exact(table),
    )


def _adjusted(done: list[FindingComparison]) -> tuple[FindingComparison, ...]:
    """Holm's steps over the findings, for ranking and for calls each by itself."""
    ranked = iter(holm([one.ranking.adjusted for one in done if one.ranking]))
    called = iter(holm([one.calls.adjusted for one in done if one.calls]))
    return tuple(
        replace(
            one,
            ranking=one.ranking and replace(one.ranking, adjusted=next(ranked)),
            calls=one.calls and replace(one.calls, adjusted=next(called)),
        )
        for one in done
    )
