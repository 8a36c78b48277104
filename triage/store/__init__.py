"""Everything durable: the only speaker of SQL."""

from __future__ import annotations

from triage.store.access import SessionRecord, UserRecord
from triage.store.database import Watcher, utc_now
from triage.store.feedback import FeedbackRecord
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
    "DecisionRecord",
    "DeliveryRecord",
    "FeedbackRecord",
    "InstanceRecord",
    "Placement",
    "PriorityChange",
    "QueueCounts",
    "Receipt",
    "ReportRecord",
    "SessionRecord",
    "StandingDecision",
    "Store",
    "StoredFile",
    "StudyRecord",
    "StudySnapshot",
    "UserRecord",
    "Watcher",
    "utc_now",
]
