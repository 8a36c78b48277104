"""A study's page: pure, from its record to films, scores and what was sent."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from types import MappingProxyType
from typing import TYPE_CHECKING

from triage.values import Analysis, DeliveryState, GateResult, ImageState, OperatingPoint, Score
from triage.web.history import history
from triage.web.overlay import overlay_of
from triage.web.strings import say
from triage.web.view import thumbnail_version

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from triage.store import (
        DecisionRecord,
        DeliveryRecord,
        FilmView,
        InstanceRecord,
        ResultRecord,
    )
    from triage.web.algorithm import Algorithm
    from triage.web.history import Event, Past
    from triage.web.overlay import Overlay

_NOTHING_DRAWN: Mapping[tuple[str, int], FilmView] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class FindingView:
    """What the models of the bundle say about one finding in one image.

    Attributes:
        title: The finding in words.
        probabilities: Calibrated probability by each member, in [0, 1].
        mean: Their mean.
        point: The thresholds; None when the scores come from a bundle that is not in use.
        verdict: "flagged", "ruled-out", "neither", "unknown" without thresholds,
            or "not-counted" when a gate failed; "seen" or "not-seen" of a description.
    """

    title: str
    probabilities: tuple[float, ...]
    mean: float
    point: OperatingPoint | None
    verdict: str


@dataclass(frozen=True, slots=True)
class ShownFilm:
    """One received image or object.

    Attributes:
        number: Its place in the record, from 0: the address of its thumbnail.
        instance: Its record.
        state: Its state in words.
        thumbnail_version: Empty while there is no thumbnail.
        gates: Gate results, failed ones first.
        findings: Scores.
        overlay: What can be drawn over it, None when nothing is kept.
        overlay_title: The finding that the heat map is about, in words; empty for none.
    """

    number: int
    instance: InstanceRecord
    state: str
    thumbnail_version: str
    gates: tuple[GateResult, ...]
    findings: tuple[FindingView, ...]
    overlay: Overlay | None
    overlay_title: str


@dataclass(frozen=True, slots=True)
class SentView:
    """One report on its way to a destination, or one HL7 message to a receiver.

    Attributes:
        where: Name of the destination or receiver.
        state: How far it is, in words.
        taken_at: When it was taken there, None while it was not.
        attempts: How often it was tried.
        next_at: When it is tried again, None when it is not.
        problem: Why it is not there; empty for no reason.
        trouble: Somebody should look.
    """

    where: str
    state: str
    taken_at: datetime | None
    attempts: int
    next_at: datetime | None
    problem: str
    trouble: bool


@dataclass(frozen=True, slots=True)
class StudyView:
    """All that the study page shows below the patient."""

    films: tuple[ShownFilm, ...]
    others: tuple[ShownFilm, ...]
    sent: tuple[SentView, ...]
    history: tuple[Event, ...]
    decision: DecisionRecord | None


def study_view(
    past: Past,
    algorithm: Algorithm | None,
    drawn: Mapping[tuple[str, int], FilmView] = _NOTHING_DRAWN,
) -> StudyView:
    """Lay out a study's record; the history runs from the newest event to the oldest.

    Args:
        past: What is recorded of the study.
        algorithm: The bundle in use, None when it cannot be read.
        drawn: What can be drawn over its films, by SOP Instance UID and version.
    """
    record = past.record
    films = [
        _film(number, found, algorithm, drawn.get((found.sop_instance_uid, found.version)))
        for number, found in enumerate(record.instances)
    ]
    films.sort(key=lambda film: film.instance.superseded)
    return StudyView(
        films=tuple(film for film in films if film.instance.state is not ImageState.HEADER_ONLY),
        others=tuple(film for film in films if film.instance.state is ImageState.HEADER_ONLY),
        sent=(*map(_report, record.deliveries), *map(_result, past.results)),
        history=history(past),
        decision=record.decisions[-1] if record.decisions else None,
    )


def _film(
    number: int, instance: InstanceRecord, algorithm: Algorithm | None, drawn: FilmView | None
) -> ShownFilm:
    overlay = overlay_of(drawn)
    about = overlay.finding if overlay else ""
    analysis = instance.analysis
    return ShownFilm(
        number=number,
        instance=instance,
        state=say(f"image.{instance.state.value}"),
        thumbnail_version=thumbnail_version(instance.thumbnail),
        gates=() if analysis is None else _failed_first(analysis),
        findings=() if analysis is None else _findings(analysis, algorithm),
        overlay=overlay,
        overlay_title=algorithm.title(about) if algorithm and about else about,
    )


def _failed_first(analysis: Analysis) -> tuple[GateResult, ...]:
    return tuple(sorted(analysis.gates, key=lambda gate: gate.passed))


def _findings(analysis: Analysis, algorithm: Algorithm | None) -> tuple[FindingView, ...]:
    by_finding: dict[str, list[Score]] = {}
    for score in analysis.scores:
        by_finding.setdefault(score.finding, []).append(score)
    return tuple(_finding(name, scores, analysis, algorithm) for name, scores in by_finding.items())


def _finding(
    name: str, scores: list[Score], analysis: Analysis, algorithm: Algorithm | None
) -> FindingView:
    point = algorithm.point(name, analysis.bundle_digest) if algorithm else None
    verdict = _verdict([score.raw for score in scores], point)
    return FindingView(
        title=algorithm.title(name) if algorithm else name,
        probabilities=tuple(score.probability for score in scores),
        mean=fmean(score.probability for score in scores),
        point=point,
        # What models say of a film that is out of their scope decides nothing.
        verdict="not-counted" if analysis.failed_gates else verdict,
    )


def _verdict(raw: list[float], point: OperatingPoint | None) -> str:
    if point is None:
        return "unknown"
    reached = fmean(raw) >= point.flag
    if not point.decides:
        return "seen" if reached else "not-seen"
    if reached:
        return "flagged"
    if point.rule_out is not None and max(raw) < point.rule_out:
        return "ruled-out"
    return "neither"


def _report(delivery: DeliveryRecord) -> SentView:
    return _sent(delivery, delivery.destination, delivery.stored_at)


def _result(result: ResultRecord) -> SentView:
    return _sent(result, result.receiver, result.acknowledged_at)


def _sent(record: DeliveryRecord | ResultRecord, where: str, taken_at: datetime | None) -> SentView:
    under_way = record.state in (DeliveryState.PENDING, DeliveryState.SENDING)
    return SentView(
        where=where,
        state=say(f"delivery.{record.state.value}"),
        taken_at=taken_at,
        attempts=record.attempts,
        next_at=record.next_attempt_at if under_way and record.attempts else None,
        problem=record.problem,
        trouble=bool(record.problem) and record.state is not DeliveryState.STORED,
    )
