"""Everything durable: the only speaker of SQL."""

from __future__ import annotations

from triage.store.access import SessionRecord, UserRecord
from triage.store.database import Watcher, utc_now
from triage.store.feedback import FeedbackRecord
from triage.store.film_views import FilmToExplain, FilmView, Landmark
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
from triage.store.ups_records import (
    Candidate,
    Channel,
    ClaimedEvent,
    StepEvent,
    StepLine,
    StepWatcher,
)

__all__ = [
    "EVERYTHING",
    "Arrival",
    "Candidate",
    "Channel",
    "ClaimedDelivery",
    "ClaimedEvent",
    "ClaimedImage",
    "DecisionRecord",
    "DeliveryRecord",
    "FailingDelivery",
    "FeedbackRecord",
    "FilmToExplain",
    "FilmView",
    "GateCount",
    "GateCounts",
    "InstanceRecord",
    "Landmark",
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
    "SessionRecord",
    "SetAsideImage",
    "StandingDecision",
    "StepChange",
    "StepEvent",
    "StepLine",
    "StepRecord",
    "StepStateChange",
    "StepSubject",
    "StepWatcher",
    "Store",
    "StoredFile",
    "StudyRecord",
    "StudySnapshot",
    "UserRecord",
    "Watcher",
    "Window",
    "utc_now",
]
