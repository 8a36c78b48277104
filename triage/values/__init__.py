"""The frozen values that the rooms of the house exchange.

Names follow DICOM keywords (PS3.6) where the standard has one. Times are UTC and
aware; UIDs are plain strings. Nothing here does I/O, and nothing here imports from
another room.
"""

from triage.values.analysis import Analysis, GateResult, ImageState, Score
from triage.values.bundle import BundleIdentity, ConceptCode, FindingDefinition, OperatingPoint
from triage.values.decision import Decision, ImageEvidence, Mode, Outcome, StudyEvidence, StudyState
from triage.values.delivery import DeliveryState, ReceiverState, Wish
from triage.values.header import HeaderFacts
from triage.values.reader import UserRole, Verdict
from triage.values.reading_list import RankedEntry, StepState, WorklistEntry, class_after_cap
from triage.values.urgency import OrderPriority, Priority, ReadingClass

__all__ = [
    "Analysis",
    "BundleIdentity",
    "ConceptCode",
    "Decision",
    "DeliveryState",
    "FindingDefinition",
    "GateResult",
    "HeaderFacts",
    "ImageEvidence",
    "ImageState",
    "Mode",
    "OperatingPoint",
    "OrderPriority",
    "Outcome",
    "Priority",
    "RankedEntry",
    "ReadingClass",
    "ReceiverState",
    "Score",
    "StepState",
    "StudyEvidence",
    "StudyState",
    "UserRole",
    "Verdict",
    "Wish",
    "WorklistEntry",
    "class_after_cap",
]
