"""Everything durable: the only speaker of SQL."""

from __future__ import annotations

from triage.store.database import Watcher, utc_now
from triage.store.order_questions import OrderQuestion
from triage.store.receiver_records import (
    ClaimedChange,
    Ground,
    ReceiverChangeRecord,
    ReceiverCounts,
    ReceiverStanding,
    ReceiverStudy,
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
    "Arrival",
    "ClaimedChange",
    "ClaimedDelivery",
    "ClaimedImage",
    "DecisionRecord",
    "DeliveryRecord",
    "Ground",
    "InstanceRecord",
    "OrderQuestion",
    "Placement",
    "PriorityChange",
    "QueueCounts",
    "Receipt",
    "ReceiverChangeRecord",
    "ReceiverCounts",
    "ReceiverStanding",
    "ReceiverStudy",
    "ReportRecord",
    "StandingDecision",
    "Store",
    "StoredFile",
    "StudyRecord",
    "StudySnapshot",
    "Watcher",
    "utc_now",
]
