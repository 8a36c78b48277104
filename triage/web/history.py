"""What happened to a study, as its page tells it: pure, from its records to dated lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from triage.values import ImageState
from triage.web.strings import say
from triage.worklist.words import CLASS_TITLES, OUTCOME_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from triage.store import (
        DecisionRecord,
        FeedbackRecord,
        InstanceRecord,
        PriorityChange,
        ReceiverChangeRecord,
        ResultRecord,
        StepStateChange,
        StudyRecord,
    )

_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Past:
    """All that is recorded of a study: what its page and its JSON tell.

    Attributes:
        record: Its images, decisions, reports, and what moved it.
        feedback: What readers have said of its results.
        received: What became of its priorities at every receiver.
        results: The HL7 messages about it.
    """

    record: StudyRecord
    feedback: tuple[FeedbackRecord, ...] = ()
    received: tuple[ReceiverChangeRecord, ...] = ()
    results: tuple[ResultRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the study; `trouble` asks for somebody's attention."""

    at: datetime
    what: str
    detail: str = ""
    trouble: bool = False


def history(past: Past) -> tuple[Event, ...]:
    """Return what happened, newest first; of one moment, what followed comes before its cause."""
    told = [
        Event(one.acknowledged_at, say("event.told", receiver=one.receiver), one.control_id)
        for one in past.results
        if one.acknowledged_at is not None
    ]
    events = [
        *_events(past.record),
        *map(_said, past.feedback),
        *map(_received, past.received),
        *told,
    ]
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
