"""The verbs of the operators' page: what gates stopped, what went wrong, what was taken."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import JSON, column, select, text

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
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from typing import Self

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
class _FilmGates:
    """The names of the gates that let one film through, and of those that stopped it."""

    received_at: datetime
    passed: tuple[str, ...]
    stopped: tuple[str, ...]

    @classmethod
    def of(cls, received_at: datetime, gates: Iterable[Mapping[str, Any]]) -> Self:
        named = [(sys.intern(gate["gate"]), gate["passed"]) for gate in gates]
        return cls(
            received_at,
            tuple(name for name, passed in named if passed),
            tuple(name for name, passed in named if not passed),
        )


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


_LOOKED_AT: Final = text(f"""
    SELECT instance_id, analysed_at FROM instances
    WHERE {LOOKED_AT} ORDER BY instance_id DESC LIMIT :most_films
""")
_GATES: Final = text("""
    SELECT instance_id, received_at, json_extract(analysis, '$.gates')
    FROM json_each(:films) AS each CROSS JOIN instances ON instance_id = each.value
""").columns(instances.c.instance_id, instances.c.received_at, column("gates", JSON))
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
            films = connection.execute(_LOOKED_AT, {"most_films": most_films}).all()
            known = self._films_looked_at
            new = [film.instance_id for film in films if tuple(film) not in known]
            rows = connection.execute(_GATES, {"films": json.dumps(new)}).all()
        read = {row.instance_id: _FilmGates.of(row.received_at, row.gates) for row in rows}
        # Those of before are forgotten: what is kept here is a cache of the last films alone.
        self._films_looked_at = seen = {
            tuple(film): read.get(film.instance_id) or known[tuple(film)] for film in films
        }
        passed = Counter(chain.from_iterable(film.passed for film in seen.values()))
        stopped = Counter(chain.from_iterable(film.stopped for film in seen.values()))
        counts = (GateCount(name, passed[name], stopped[name]) for name in passed | stopped)
        ordered = sorted(counts, key=lambda one: (-one.stopped, one.gate))
        since = min((film.received_at for film in seen.values()), default=None)
        return GateCounts(len(seen), since, tuple(ordered))

    @cached_property
    def _films_looked_at(self) -> dict[tuple[int, float], _FilmGates]:
        """What the gates said of the films that were counted last, by film and time."""
        return {}

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
