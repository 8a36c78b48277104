"""Everything durable: the only speaker of SQL."""

from __future__ import annotations

from triage.store.database import Watcher, utc_now
from triage.store.hl7_outbox import ClaimedResult, FedDecision, ResultRecord
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
    "ClaimedResult",
    "DecisionRecord",
    "DeliveryRecord",
    "FedDecision",
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
    "ResultRecord",
    "Selection",
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
