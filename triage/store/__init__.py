"""Everything durable: the only speaker of SQL."""

from __future__ import annotations

from triage.store.database import Watcher, utc_now
from triage.store.hl7_outbox import ClaimedResult, FedDecision, ResultRecord
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
    "Arrival",
    "ClaimedDelivery",
    "ClaimedImage",
    "ClaimedResult",
    "DecisionRecord",
    "DeliveryRecord",
    "FedDecision",
    "InstanceRecord",
    "Placement",
    "PriorityChange",
    "QueueCounts",
    "Receipt",
    "ReportRecord",
    "ResultRecord",
    "StandingDecision",
    "Store",
    "StoredFile",
    "StudyRecord",
    "StudySnapshot",
    "Watcher",
    "utc_now",
]
