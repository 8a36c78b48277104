"""The verbs of the operators' page: what gates stopped, what went wrong, what was taken."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import Integer, column, select, text

from triage.store.database import Database
from triage.store.schema import (
    FAILING,
    GIVEN_UP,
    LOOKED_AT,
    STORED,
    deliveries,
    instances,
    reports,
    work_items,
)
from triage.store.shown_places import patient_locations

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from triage.values import DeliveryState


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


_LAST: Final = f"""
    SELECT analysis, received_at FROM instances
    WHERE {LOOKED_AT} ORDER BY instance_id DESC LIMIT :most_films
"""
_GATES: Final = text(f"""
    SELECT json_extract(gate.value, '$.gate'), json_extract(gate.value, '$.passed'), count(*)
    FROM ({_LAST}), json_each(analysis, '$.gates') AS gate GROUP BY 1, 2
""")
_FILMS: Final = text(f"SELECT count(*), min(received_at) FROM ({_LAST})").columns(
    column("films", Integer), instances.c.received_at
)
_LAST_STORED: Final = text(f"""
    SELECT each.value, (
        SELECT max(stored_at) FROM deliveries WHERE destination = each.value AND {STORED}
    )
    FROM json_each(:names) AS each
""").columns(deliveries.c.destination, deliveries.c.stored_at)


class OverviewVerbs(Database):
    """What the operators' page asks."""

    def patient_locations(self) -> tuple[str, ...]:
        """Return the places where patients of open studies are, by name."""
        with self.reading() as connection:
            return patient_locations(connection)

    def gate_counts(self, most_films: int) -> GateCounts:
        """Return what the gates let through and stopped among the films received last."""
        with self.reading() as connection:
            rows = connection.execute(_GATES, {"most_films": most_films}).all()
            films, since = connection.execute(_FILMS, {"most_films": most_films}).one()
        passed: Counter[str] = Counter()
        stopped: Counter[str] = Counter()
        for gate, was_passed, number in rows:
            (passed if was_passed else stopped)[gate] = number
        counts = (GateCount(name, passed[name], stopped[name]) for name in passed | stopped)
        ordered = sorted(counts, key=lambda one: (-one.stopped, one.gate))
        return GateCounts(films, since, tuple(ordered))

    def last_stored(self, destinations: Sequence[str]) -> dict[str, datetime]:
        """Return when destinations last took a report; one that took none is left out."""
        names = {"names": json.dumps(list(destinations))}
        with self.reading() as connection:
            rows = connection.execute(_LAST_STORED, names)
            return {name: at for name, at in rows if at is not None}

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
            .where(text(GIVEN_UP))
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
            .where(text(FAILING))
            .order_by(deliveries.c.delivery_id.desc())
            .limit(limit)
        )
        with self.reading() as connection:
            return tuple(FailingDelivery(*row) for row in connection.execute(query))
