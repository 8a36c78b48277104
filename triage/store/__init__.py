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
    "EVERYTHING",
    "Arrival",
    "ClaimedChange",
    "ClaimedDelivery",
    "ClaimedImage",
    "DecisionRecord",
    "DeliveryRecord",
    "Ground",
    "InstanceRecord",
    "NewStep",
    "OrderQuestion",
    "OrderWord",
    "OrderedStudies",
    "Placement",
    "Position",
    "PriorityChange",
    "QueueCounts",
    "Receipt",
    "ReceiverChangeRecord",
    "ReceiverCounts",
    "ReceiverStanding",
    "ReceiverStudy",
    "ReportRecord",
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
