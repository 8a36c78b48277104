"""What the store hands out and takes in, beyond the values of the house: frozen records."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from triage.values import (
    Analysis,
    GateResult,
    HeaderFacts,
    OrderPriority,
    Score,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from triage.store.list_records import StepStateChange
    from triage.values import (
        Decision,
        DeliveryState,
        ImageState,
        Mode,
        Outcome,
        ReadingClass,
        StudyEvidence,
        StudyState,
        WorklistEntry,
    )


# Stands at the end of an image's problem while its file is known to be lost or damaged.
FILE_LOST = "the stored file of an image is lost or damaged: send the image again"


def without_note(problem: str) -> str:
    """Return the problem of an image without the note that its file is gone."""
    return problem.removesuffix(FILE_LOST).removesuffix("; ")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that is durable in the spool; `path` is relative to the state folder."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """One instance that is to be recorded.

    Attributes:
        facts: The header of the instance.
        file: Its file; the path is relative to the state folder.
        state: QUEUED for the worker, NOT_ELIGIBLE for an image that no model takes, or
            HEADER_ONLY for an object that is no image.
        problem: Why it is not eligible.
        calling_ae_title: Who sent it.
    """

    facts: HeaderFacts
    file: StoredFile
    state: ImageState
    problem: str = ""
    calling_ae_title: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What recording an instance came to.

    Attributes:
        kind: `restored`: these bytes were recorded already, and their file was gone.
        instance_id: Of the row; 0 where there is none.
        version: 1 for the first bytes under a UID.
    """

    kind: Literal["new", "duplicate", "new-version", "restored", "own-report"]
    instance_id: int
    version: int

    @property
    def takes_file(self) -> bool:
        """Whether a row names the file now; else the caller removes it."""
        return self.kind in ("new", "new-version", "restored")


@dataclass(frozen=True, slots=True)
class ClaimedImage:
    """An image that a worker holds a lease on; `attempts` counts this one."""

    instance_id: int
    study_instance_uid: str
    sop_instance_uid: str
    path: str
    facts: HeaderFacts
    attempts: int


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """An outbox row that a courier holds a lease on; `attempts` counts this one."""

    delivery_id: int
    destination: str
    sop_instance_uid: str
    path: str
    attempts: int


@dataclass(frozen=True, slots=True)
class ReportRecord:
    """A report file that is durable in reports/; `path` is relative to the state folder."""

    sop_instance_uid: str
    sop_class_uid: str
    series_instance_uid: str
    path: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StudySnapshot:
    """A study at one moment, with all that a decision and its report need.

    Attributes:
        changes: The study's change count at that moment; a decision is only written when it
            still is the same.
        settled: No image of the study waits for a worker.
        paths: Path of each current image (relative to the state folder), by SOP Instance UID.
        paused: Whether the brake is on.
        facts: Header facts of each current image, by SOP Instance UID.
        senders: AE title that sent each current image, by SOP Instance UID.
        decisions: How many decisions the study has had.
        last_report: The report of the last decision.
    """

    state: StudyState
    changes: int
    settled: bool
    paused: bool
    evidence: StudyEvidence
    paths: Mapping[str, str]
    facts: Mapping[str, HeaderFacts]
    senders: Mapping[str, str]
    decisions: int
    last_report: ReportRecord | None


@dataclass(frozen=True, slots=True)
class InstanceRecord:
    """One received instance in a study's history."""

    sop_instance_uid: str
    version: int
    superseded: bool
    sop_class_uid: str
    path: str
    size_bytes: int
    sha256: str
    calling_ae_title: str
    received_at: datetime
    facts: HeaderFacts
    state: ImageState
    problem: str
    attempts: int
    analysis: Analysis | None
    analysed_at: datetime | None
    thumbnail: str


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """One decision in a study's history."""

    number: int
    decision: Decision
    mode: Mode
    spared: bool
    bundle_digest: str
    decided_at: datetime
    report: ReportRecord | None


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """One outbox row."""

    delivery_id: int
    destination: str
    sop_instance_uid: str
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime
    status: int | None
    stored_as: str
    stored_at: datetime | None
    problem: str


@dataclass(frozen=True, slots=True)
class PriorityChange:
    """One line of the ledger: what moved a work item, and when.

    Attributes:
        change_id: Grows with every line.
        study_instance_uid: Empty for an item that another system pushed.
        class_before: As the list showed it, with the waiting cap; None for a new item.
        class_after: Likewise.
        by: Who moved it: "ai", "order", "cap", "brake", "mode", "arrival" or "person:NAME".
        threshold: What the raw scores were held against, "spondylosis=1.25"; empty when no
            result moved it.
    """

    change_id: int
    work_item_uid: str
    study_instance_uid: str
    changed_at: datetime
    class_before: ReadingClass | None
    class_after: ReadingClass
    by: str
    reason: str
    bundle_digest: str
    threshold: str


@dataclass(frozen=True, slots=True)
class StudyRecord:
    """A study's whole history, for the study page and `triage study`."""

    entry: WorklistEntry
    instances: tuple[InstanceRecord, ...]
    decisions: tuple[DecisionRecord, ...]
    deliveries: tuple[DeliveryRecord, ...]
    priority_changes: tuple[PriorityChange, ...]
    step_changes: tuple[StepStateChange, ...]


@dataclass(frozen=True, slots=True)
class Placement:
    """A place on the reading list: what a decision, an order or the brake asks for."""

    reading_class: ReadingClass
    reasons: tuple[str, ...]
    outcome: Outcome | None


# Where the films of a study came from: of each its Institution Name and the AE title that sent it.
Films = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class StandingDecision:
    """The last decision of a study, as far as its place on the list depends on it.

    Attributes:
        flagged: The findings that the study is suspected of.
        films: Where its films came from.
    """

    study_instance_uid: str
    order_priority: OrderPriority
    outcome: Outcome
    reasons: tuple[str, ...]
    spared: bool
    flagged: tuple[str, ...] = ()
    films: Films = ()


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """How much stands where, for the operators' eyes."""

    images: Mapping[ImageState, int]
    studies: Mapping[StudyState, int]
    deliveries: Mapping[tuple[str, DeliveryState], int]
    oldest_queued_seconds: float


def facts_from_json(found: Mapping[str, Any]) -> HeaderFacts:
    """Rebuild HeaderFacts from its JSON form."""
    lists = {name: tuple(value) for name, value in found.items() if isinstance(value, list)}
    return HeaderFacts(
        **{**found, **lists, "order_priority": OrderPriority(found["order_priority"])}
    )


_FACTS = dataclasses.fields(HeaderFacts)


def facts_to_json(facts: HeaderFacts) -> dict[str, Any]:
    """Return the JSON form of HeaderFacts."""
    found = {key.name: getattr(facts, key.name) for key in _FACTS}
    return {**found, "order_priority": facts.order_priority.value}


def analysis_from_json(found: Mapping[str, Any]) -> Analysis:
    """Rebuild an Analysis from its JSON form."""
    return Analysis(
        bundle_digest=found["bundle_digest"],
        gates=tuple(GateResult(**gate) for gate in found["gates"]),
        scores=tuple(Score(**score) for score in found["scores"]),
    )
