"""Frozen records of UPS subscriptions and event reports."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from triage.store.list_records import StepRecord
    from triage.values import RankedEntry


class Channel(Enum):
    """How an application entity is told of events."""

    DIMSE = "dimse"  # N-EVENT-REPORT over an association that we open
    WEBSOCKET = "websocket"  # PS3.18 11.13, over a connection that it opens


@dataclass(frozen=True, slots=True)
class StepEvent:
    """One event, as every subscriber is told it.

    Attributes:
        kind: Event Type ID, PS3.4 Table CC.2.4-1.
        information: Event information in the DICOM JSON model.
    """

    kind: int
    information: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StepLine:
    """A work item as queries show it: its line on the list, and the step behind it."""

    ranked: RankedEntry
    step: StepRecord


@dataclass(frozen=True, slots=True)
class ObjectReference:
    """An image or a report, as a work item refers to it."""

    series_instance_uid: str
    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True)
class StepReferences:
    """The images to read of a study of ours, and the reports written of it, in order."""

    images: tuple[ObjectReference, ...] = ()
    reports: tuple[ObjectReference, ...] = ()


@dataclass(frozen=True, slots=True)
class StepWatcher:
    """An application entity that has subscribed to anything.

    Attributes:
        global_lock: Whether its global subscription is with lock; None where it has none.
        matching_keys: Of a filtered global subscription, in the DICOM JSON model.
        subscriptions: To how many items.
        waiting: How many events wait for it.
        dead: How many of its events were given up.
    """

    ae_title: str
    channel: Channel
    global_lock: bool | None
    matching_keys: Mapping[str, Any] | None
    subscriptions: int
    waiting: int
    dead: int


@dataclass(frozen=True, slots=True)
class DroppedWatcher:
    """A subscriber that fetched nothing for too long; `waiting` events were forgotten with it."""

    ae_title: str
    dropped_at: datetime
    waiting: int


@dataclass(frozen=True, slots=True)
class UntoldEvents:
    """Events that could not be told to a receiver.

    Attributes:
        ae_title: Of the receiver.
        given_up: Whether they are tried no more; else they wait for another try.
        count: How many.
        problem: Why, of the last of them.
    """

    ae_title: str
    given_up: bool
    count: int
    problem: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A new item that a filtered global subscription has not judged yet."""

    work_item_uid: str
    ae_title: str
    matching_keys: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ClaimedEvent:
    """An event report that somebody holds a lease on; `attempts` counts this try."""

    event_id: int
    ae_title: str
    work_item_uid: str
    kind: int
    information: Mapping[str, Any]
    occurred_at: datetime
    attempts: int
