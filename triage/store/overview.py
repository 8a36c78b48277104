"""The verbs of the operators' page: what gates stopped, what went wrong, what was taken."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select, text

from triage.store.database import Database
from triage.store.records import analysis_from_json
from triage.store.schema import LOCATED, deliveries, instances, reports, work_items
from triage.values import DeliveryState, ImageState

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class GateCount:
    """How many of the films that were looked at a gate has let through and stopped."""

    gate: str
    passed: int
    stopped: int


@dataclass(frozen=True, slots=True)
class GateCounts:
    """What the gates did to the films received last.

    Attributes:
        films: How many.
        since: When the oldest of them was received; None when there are none.
    """

    films: int
    since: datetime | None
    gates: tuple[GateCount, ...]


@dataclass(frozen=True, slots=True)
class SetAsideImage:
    """An image that could not be analysed, and the line of its study."""

    work_item_uid: str
    received_at: datetime
    attempts: int
    problem: str


@dataclass(frozen=True, slots=True)
class FailingDelivery:
    """A report that a destination has not taken yet, with the line of its study."""

    work_item_uid: str
    destination: str
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime
    problem: str


# From each place to the next by the index: SQLite itself would go through every line of it.
_LOCATIONS: Final = text(f"""
    WITH RECURSIVE place (name) AS (
        SELECT min(patient_location) FROM work_items WHERE {LOCATED}
        UNION ALL
        SELECT (
            SELECT min(patient_location) FROM work_items
            WHERE {LOCATED} AND patient_location > place.name
        ) FROM place WHERE place.name IS NOT NULL
    )
    SELECT name FROM place WHERE name IS NOT NULL
""")


class OverviewVerbs(Database):
    """What the operators' page asks."""

    def patient_locations(self) -> tuple[str, ...]:
        """Return the places where patients of open studies are, by name."""
        with self.reading() as connection:
            return tuple(connection.execute(_LOCATIONS).scalars())

    def gate_counts(self, most_films: int) -> GateCounts:
        """Return what the gates let through and stopped among the films received last."""
        query = (
            select(instances.c.analysis, instances.c.received_at)
            .where(instances.c.state == ImageState.ANALYSED)
            .order_by(instances.c.instance_id.desc())  # the primary key: no scan, no sort
            .limit(most_films)
        )
        with self.reading() as connection:
            rows = connection.execute(query).all()
        passed: Counter[str] = Counter()
        stopped: Counter[str] = Counter()
        for row in rows:
            for gate in analysis_from_json(row.analysis).gates:
                (passed if gate.passed else stopped)[gate.gate] += 1
        counts = (GateCount(name, passed[name], stopped[name]) for name in passed | stopped)
        ordered = sorted(counts, key=lambda one: (-one.stopped, one.gate))
        since = min((row.received_at for row in rows), default=None)
        return GateCounts(len(rows), since, tuple(ordered))

    def last_stored(self) -> dict[str, datetime]:
        """Return when each destination last took a report."""
        query = (
            select(deliveries.c.destination, func.max(deliveries.c.stored_at))
            .where(deliveries.c.state == DeliveryState.STORED)
            .group_by(deliveries.c.destination)
        )
        with self.reading() as connection:
            return {name: at for name, at in connection.execute(query) if at is not None}

    def set_aside_images(self, limit: int) -> tuple[SetAsideImage, ...]:
        """Return the images that could not be analysed, the latest first."""
        query = (
            select(
                work_items.c.work_item_uid,
                instances.c.received_at,
                instances.c.attempts,
                instances.c.problem,
            )
            .join_from(
                instances,
                work_items,
                work_items.c.study_instance_uid == instances.c.study_instance_uid,
            )
            .where(instances.c.state == ImageState.SET_ASIDE, ~instances.c.superseded)
            .order_by(instances.c.instance_id.desc())
            .limit(limit)
        )
        with self.reading() as connection:
            return tuple(SetAsideImage(*row) for row in connection.execute(query))

    def failing_deliveries(self, limit: int) -> tuple[FailingDelivery, ...]:
        """Return the reports that went wrong and are not stored, the latest first."""
        query = (
            select(
                work_items.c.work_item_uid,
                deliveries.c.destination,
                deliveries.c.state,
                deliveries.c.attempts,
                deliveries.c.next_attempt_at,
                deliveries.c.problem,
            )
            .join_from(deliveries, reports)
            .join(work_items, work_items.c.study_instance_uid == reports.c.study_instance_uid)
            .where(deliveries.c.state != DeliveryState.STORED, deliveries.c.problem != "")
            .order_by(deliveries.c.delivery_id.desc())
            .limit(limit)
        )
        with self.reading() as connection:
            return tuple(FailingDelivery(*row) for row in connection.execute(query))
