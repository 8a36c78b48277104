"""Factories of values and rows that several rooms' tests need."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from triage.store import ReportRecord, Store, StoredFile
from triage.values import (
    Analysis,
    GateResult,
    HeaderFacts,
    ImageState,
    OrderPriority,
    Score,
)

if TYPE_CHECKING:
    from triage.store import Receipt

DIGEST = "d" * 64


@dataclass
class Clock:
    """A clock that only moves when a test moves it."""

    now: datetime = field(default_factory=lambda: datetime(2026, 3, 2, 8, tzinfo=UTC))

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


def make_facts(study: str = "1.2.1", instance: str = "", **values: object) -> HeaderFacts:
    """Return the facts of an image of a study; `instance` is its SOP Instance UID."""
    return HeaderFacts(
        sop_class_uid="1.2.840.10008.5.1.4.1.1.1.1",
        sop_instance_uid=instance or f"{study}.1",
        study_instance_uid=study,
        series_instance_uid=f"{study}.9",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        **values,
    )


def make_analysis(raw: float = -5.0, *, gate_passed: bool = True, digest: str = DIGEST) -> Analysis:
    """Return an analysis with one finding and one member."""
    return Analysis(
        bundle_digest=digest,
        gates=(GateResult("pixels.blur", gate_passed, "" if gate_passed else "blurred"),),
        scores=(Score("spondylosis", "one", raw, 0.5),),
    )


def record(
    store: Store,
    facts: HeaderFacts | None = None,
    *,
    content: str = "a",
    state: ImageState = ImageState.QUEUED,
    problem: str = "",
) -> Receipt:
    """Record an instance with a file; `content` names its bytes."""
    facts = facts or make_facts()
    name = f"spool/{uuid.uuid4().hex}.dcm"
    (store.state_folder / name).write_bytes(content.encode())
    file = StoredFile(name, len(content.encode()), content.rjust(64, "0"))
    return store.record_instance(
        facts, file, state=state, problem=problem, calling_ae_title="MODALITY"
    )


def make_report(store: Store, uid: str = "2.25.7") -> ReportRecord:
    """Return the record of a report; its file does not exist."""
    return ReportRecord(
        sop_instance_uid=uid,
        sop_class_uid="1.2.840.10008.5.1.4.1.1.88.34",
        series_instance_uid="2.25.8",
        path=f"reports/{uid}.dcm",
        created_at=store.clock(),
    )


URGENT = {"order_priority": OrderPriority.STAT}
