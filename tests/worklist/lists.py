"""Open lists put straight into a store's tables: large ones, and ones that no site would have."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, select

from tests.factories import make_facts
from triage.store.placing import name_columns
from triage.store.records import facts_to_json
from triage.store.schema import instances, studies, work_items
from triage.uids import work_item_uid
from triage.values import ImageState, OrderPriority, ReadingClass, StepState, StudyState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.engine import Connection

    from triage.store import Store

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Line:
    """A line of a list, as far as its place depends on it."""

    number: int
    reading_class: ReadingClass = ReadingClass.ROUTINE
    waited_seconds: float = 0.0
    claimed_after_seconds: float | None = None
    held: bool = False
    ended: bool = False
    patient_id: str = ""
    patient_name: str = ""
    accession_number: str = ""
    patient_location: str = ""
    patient_birth_date: str = ""

    @property
    def study(self) -> str:
        """Study Instance UID."""
        return f"1.2.{self.number}"

    @property
    def arrived_at(self) -> datetime:
        """When it arrived."""
        return NOW - timedelta(seconds=self.waited_seconds)


def fill(store: Store, lines: Iterable[Line]) -> None:
    """Let a store have exactly these lines, each a decided study of one image."""
    with store.writing() as connection:
        for table in (work_items, instances, studies):
            connection.execute(delete(table))
        _insert(connection, list(lines))


def append(store: Store, lines: Iterable[Line]) -> None:
    """Add lines to a store, all of them or none."""
    with store.writing() as connection:
        _insert(connection, list(lines))


def count(store: Store) -> int:
    """Return how many lines a store has."""
    with store.reading() as connection:
        return connection.execute(select(func.count()).select_from(work_items)).scalar_one()


def _insert(connection: Connection, lines: list[Line]) -> None:
    if lines:
        connection.execute(insert(studies), [_study(line) for line in lines])
        connection.execute(insert(work_items), [_item(line) for line in lines])
        connection.execute(insert(instances), [_instance(line) for line in lines])


def _study(line: Line) -> dict[str, Any]:
    return {
        "study_instance_uid": line.study,
        "state": StudyState.DECIDED,
        "changes": 1,
        "examined": 1,
        "first_arrival": line.arrived_at,
        "last_arrival": line.arrived_at,
        "order_priority": OrderPriority.UNKNOWN,
        "patient_id": line.patient_id,
        "patient_name": line.patient_name,
        "patient_birth_date": line.patient_birth_date,
        "accession_number": line.accession_number,
    }


def _item(line: Line) -> dict[str, Any]:
    claimed_at = None
    state = StepState.SCHEDULED
    if line.claimed_after_seconds is not None:
        claimed_at = line.arrived_at + timedelta(seconds=line.claimed_after_seconds)
        state = StepState.IN_PROGRESS
    if line.ended:
        state = StepState.COMPLETED
    return {
        "work_item_uid": work_item_uid(line.study),
        "study_instance_uid": line.study,
        "named_study_uid": line.study,
        "arrived_at": line.arrived_at,
        "reading_class": line.reading_class,
        "reasons": ["because"],
        "changed_at": line.arrived_at,
        "step_state": state,
        "transaction_uid": "2.25.1" if claimed_at else "",
        "claimed_by": "READER" if claimed_at else "",
        "claimed_at": claimed_at,
        "ended_at": NOW if line.ended else None,
        "held_by": "Dr Who" if line.held else "",
        "attributes": {},
        "patient_id": line.patient_id,
        "accession_number": line.accession_number,
        "patient_location": line.patient_location,
        **name_columns(line.patient_name),
    }


def _instance(line: Line) -> dict[str, Any]:
    return {
        "sop_instance_uid": f"{line.study}.1",
        "version": 1,
        "study_instance_uid": line.study,
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.1.1",
        "sha256": "0" * 64,
        "size_bytes": 1,
        "path": f"spool/{line.number}.dcm",
        "calling_ae_title": "MODALITY",
        "received_at": line.arrived_at,
        "facts": facts_to_json(make_facts(line.study)),
        "state": ImageState.NOT_ELIGIBLE,
        "thumbnail": f"thumbnails/{line.number}.png",
    }
