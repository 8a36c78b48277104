"""Everything durable: the only speaker of SQL."""

from __future__ import annotations

from triage.store.access import SessionRecord, UserRecord
from triage.store.brake import BrakeChange
from triage.store.database import Watcher, utc_now
from triage.store.feedback import FeedbackRecord
from triage.store.film_views import FilmToExplain, FilmView, Landmark
from triage.store.hl7_records import ClaimedResult, FedDecision, ResultRecord
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
from triage.store.overview import FailingDelivery, GateCount, GateCounts, SetAsideImage
from triage.store.receiver_records import (
    ClaimedChange,
    Ground,
    ReceiverChangeRecord,
    ReceiverCounts,
    ReceiverRow,
    ReceiverStanding,
    ReceiverStudy,
)
from triage.store.records import (
    Arrival,
    ClaimedDelivery,
    ClaimedImage,
    DecisionRecord,
    DeliveryRecord,
    Films,
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
    "BrakeChange",
    "Candidate",
    "Channel",
    "ClaimedChange",
    "ClaimedDelivery",
    "ClaimedEvent",
    "ClaimedImage",
    "ClaimedResult",
    "DecisionRecord",
    "DeliveryRecord",
    "FailingDelivery",
    "FedDecision",
    "FeedbackRecord",
    "FilmToExplain",
    "FilmView",
    "Films",
    "GateCount",
    "GateCounts",
    "Ground",
    "InstanceRecord",
    "Landmark",
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
    "ReceiverRow",
    "ReceiverStanding",
    "ReceiverStudy",
    "ReportRecord",
    "ResultRecord",
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
