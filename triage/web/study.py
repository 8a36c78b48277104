"""A study's page: pure, from its record to films, scores, deliveries and a history."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from types import MappingProxyType
from typing import TYPE_CHECKING

from triage.values import Analysis, DeliveryState, GateResult, ImageState, OperatingPoint, Score
from triage.web.overlay import overlay_of
from triage.web.strings import say
from triage.web.view import thumbnail_version
from triage.worklist.words import CLASS_TITLES, OUTCOME_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from triage.store import (
        DecisionRecord,
        DeliveryRecord,
        FeedbackRecord,
        FilmView,
        InstanceRecord,
        PriorityChange,
        ReceiverChangeRecord,
        StepStateChange,
        StudyRecord,
    )
    from triage.web.algorithm import Algorithm
    from triage.web.overlay import Overlay

_MEGABYTE = 1_000_000
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
class Event:
    """Something that happened to the study; `trouble` asks for somebody's attention."""

    at: datetime
    what: str
    detail: str = ""
    trouble: bool = False


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """One report on its way to one destination."""

    delivery: DeliveryRecord
    state: str
    trouble: bool


@dataclass(frozen=True, slots=True)
class StudyView:
    """All that the study page shows below the patient."""

    films: tuple[ShownFilm, ...]
    others: tuple[ShownFilm, ...]
    deliveries: tuple[DeliveryView, ...]
    history: tuple[Event, ...]
    decision: DecisionRecord | None


def study_view(
    record: StudyRecord,
    algorithm: Algorithm | None,
    feedback: Sequence[FeedbackRecord] = (),
    drawn: Mapping[tuple[str, int], FilmView] = _NOTHING_DRAWN,
    received: Sequence[ReceiverChangeRecord] = (),
) -> StudyView:
    """Lay out a study's record; the history runs from the newest event to the oldest.

    Args:
        record: The study.
        algorithm: The bundle in use, None when it cannot be read.
        feedback: What readers have said of its results.
        drawn: What can be drawn over its films, by SOP Instance UID and version.
        received: What became of its priorities at every receiver.
    """
    films = [
        _film(number, found, algorithm, drawn.get((found.sop_instance_uid, found.version)))
        for number, found in enumerate(record.instances)
    ]
    films.sort(key=lambda film: film.instance.superseded)
    return StudyView(
        films=tuple(film for film in films if film.instance.state is not ImageState.HEADER_ONLY),
        others=tuple(film for film in films if film.instance.state is ImageState.HEADER_ONLY),
        deliveries=tuple(_delivery(found) for found in record.deliveries),
        history=_history(record, feedback, received),
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


def _delivery(delivery: DeliveryRecord) -> DeliveryView:
    failing = bool(delivery.problem) and delivery.state is not DeliveryState.STORED
    return DeliveryView(
        delivery=delivery,
        state=say(f"delivery.{delivery.state.value}"),
        trouble=failing or delivery.state is DeliveryState.DEAD,
    )


def _history(
    record: StudyRecord,
    feedback: Sequence[FeedbackRecord],
    received: Sequence[ReceiverChangeRecord],
) -> tuple[Event, ...]:
    """Return what happened, newest first; of one moment, what followed comes before its cause."""
    events = [*_events(record), *map(_said, feedback), *map(_received, received)]
    return tuple(sorted(events, key=lambda event: event.at)[::-1])


def _events(record: StudyRecord) -> Iterator[Event]:
    for number, instance in enumerate(record.instances, start=1):
        yield from _image_events(number, instance)
    for decided in record.decisions:
        yield from _decision_events(decided)
    for delivery in record.deliveries:
        if delivery.stored_at is not None:
            what = say("event.stored", destination=delivery.destination)
            yield Event(delivery.stored_at, what)
    yield from map(_moved, record.priority_changes)
    # That a new item waits to be read goes without saying.
    yield from (_stepped(one) for one in record.step_changes if one.state_before is not None)


def _moved(change: PriorityChange) -> Event:
    after = CLASS_TITLES[change.class_after]
    if change.class_before is None:
        return Event(change.changed_at, say("event.listed", title=after))
    before = CLASS_TITLES[change.class_before]
    what = say("event.moved", before=before, after=after)
    cause, _, person = change.by.partition(":")
    by = person or say(f"by.{cause}")
    return Event(change.changed_at, what, say("event.by", by=by, reason=change.reason))


def _stepped(change: StepStateChange) -> Event:
    what = say(f"step.{change.state_after.name.lower()}", by=change.by)
    return Event(change.changed_at, what, change.reason)


def _received(change: ReceiverChangeRecord) -> Event:
    at = change.confirmed_at or change.acknowledged_at or change.made_at
    what = say(f"receiver-state.{change.state.value}")
    answer = change.problem or change.acknowledgement or change.reason
    return Event(
        at,
        say("event.receiver", what=what, receiver=change.receiver),
        say(
            "event.receiver.detail",
            before=change.before or "–",  # noqa: RUF001 - a dash for nothing
            after=change.after or "–",  # noqa: RUF001 - likewise
            answer=answer,
        ),
        trouble=change.state.alarming,
    )


def _said(record: FeedbackRecord) -> Event:
    what = say(f"event.{record.verdict.value}", reader=record.user_name)
    return Event(record.given_at, what, say("event.of", number=record.decision_number))


def _image_events(number: int, instance: InstanceRecord) -> Iterator[Event]:
    header_only = instance.state is ImageState.HEADER_ONLY
    what = say("study.object") if header_only else say("study.image", number=number)
    detail = say(
        "event.from",
        modality=instance.facts.modality,
        sender=instance.calling_ae_title,
        size=f"{instance.size_bytes / _MEGABYTE:.1f} MB",
    )
    again = "" if instance.version == 1 else say("event.version", number=instance.version)
    yield Event(instance.received_at, say("event.received", what=what) + again, detail.strip())
    if instance.analysed_at is not None:
        failed = instance.analysis.failed_gates if instance.analysis else ()
        doubt = say("event.gates", count=len(failed)) if failed else ""
        yield Event(instance.analysed_at, say("event.analysed", what=what), doubt)


def _decision_events(decided: DecisionRecord) -> Iterator[Event]:
    decision = decided.decision
    told = [*decision.reasons, say("event.mode", mode=decided.mode.value)]
    if decided.spared:
        told.append(say("event.spared"))
    outcome = OUTCOME_WORDS[decision.outcome].lower()
    what = say("event.decision", number=decided.number, outcome=outcome)
    yield Event(decided.decided_at, what, "; ".join(told))
    if decided.report is not None:
        uid = decided.report.sop_instance_uid
        yield Event(decided.report.created_at, say("event.report"), uid)
