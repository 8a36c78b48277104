"""Everything durable: the only speaker of SQL."""

from __future__ import annotations

from triage.store.database import Watcher, utc_now
from triage.store.list_records import (
    EVERYTHING,
    NewStep,
    OrderedStudies,
    OrderWord,
    Position,
    Selection,
    StepChange,
    StepRecord,
    StepStateChange,
    StepSubject,
    Window,
)
from triage.store.overview import FailingDelivery, GateCount, GateCounts, SetAsideImage
from triage.store.records import (
    Arrival,
    ClaimedDelivery,
    ClaimedImage,
    DecisionRecord,
    DeliveryRecord,
    InstanceRecord,
    Placement,
    PriorityChange,
    QueueCounts,
    Receipt,
    ReportRecord,
    StandingDecision,
    StoredFile,
    StudyRecord,
    StudySnapshot,
)
from triage.store.store import Store

__all__ = [
    "EVERYTHING",
    "Arrival",
    "ClaimedDelivery",
    "ClaimedImage",
    "DecisionRecord",
    "DeliveryRecord",
    "FailingDelivery",
    "GateCount",
    "GateCounts",
    "InstanceRecord",
    "NewStep",
    "OrderWord",
    "OrderedStudies",
    "Placement",
    "Position",
    "PriorityChange",
    "QueueCounts",
    "Receipt",
    "ReportRecord",
    "Selection",
    "SetAsideImage",
    "StandingDecision",
    "StepChange",
    "StepRecord",
    "StepStateChange",
    "StepSubject",
    "Store",
    "StoredFile",
    "StudyRecord",
    "StudySnapshot",
    "Watcher",
    "Window",
    "utc_now",
]
