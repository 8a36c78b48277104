"""What a page shows of the open list: every urgent order, then what is asked for, as it is sorted.

No order that a person asks for goes through the whole list: an index yields each of them.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from itertools import groupby, takewhile
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    Double,
    String,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    text,
    true,
    type_coerce,
)

from triage.store.choosing import beginning_of_names, condition
from triage.store.list_records import EVERYTHING, Position, Sort
from triage.store.name_order import FEW_NAMED, named_rows
from triage.store.places import FEW, open_places, wanted
from triage.store.reading_order import EVERY_CLASS, effective_column, keys_after
from triage.store.schema import LOCATED, NAME_ORDER, OPEN, work_items
from triage.values import ReadingClass

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Select
    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.elements import ColumnElement

    from triage.store.list_records import Selection
    from triage.store.places import Wanted
    from triage.store.reading_order import Reading

_URGENT: Final = ReadingClass.URGENT_ORDER
_KEPT: Final = 64  # statements
# Names that a filter finds stand together among all names: a walk up to them would be long.
_FEW_NAMED: Final = 20_000
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


def shown_places(
    connection: Connection,
    reading: Reading,
    selections: Sequence[Selection],
    sort: Sort,
    limit: int,
) -> list[Position]:
    """Return the places of the lines that a page shows, as they are sorted there.

    Args:
        connection: The transaction.
        reading: When the list is read.
        selections: What any of them chooses is shown, and urgent orders before it.
        sort: By what the lines behind the urgent orders are sorted.
        limit: At most so many.
    """
    urgent = keys_after(connection, reading, None, limit, (_URGENT,))
    rest = [replace(one, classes=classes) for one in selections if (classes := _below(one))]
    left = limit - len(urgent)
    if left == 0 or not rest:
        return urgent
    if sort is Sort.LOCATION:
        return urgent + _by_location(connection, reading, rest, left)
    return urgent + _united(connection, reading, rest, sort, left)


def outside_of(
    connection: Connection, selections: Sequence[Selection], places: Sequence[Position]
) -> frozenset[str]:
    """Return the urgent orders among what a page shows that none of its selections chooses."""
    first = takewhile(lambda place: place.effective_class is _URGENT, places)
    urgent = [place.work_item_uid for place in first]
    chosen = [one for one in selections if not one.classes or _URGENT in one.classes]
    if not urgent or not chosen:
        return frozenset(urgent)
    if any(replace(one, classes=()) == EVERYTHING for one in chosen):
        return frozenset()
    found = connection.execute(_those_of(tuple(chosen)), {"uids": json.dumps(urgent)})
    return frozenset(urgent) - set(found.scalars())


@lru_cache(_KEPT)
def _those_of(chosen: tuple[Selection, ...]) -> Select[Any]:
    """Return the statement that selects what any of some selections chooses, of named items."""
    uids = func.json_each(bindparam("uids", type_=String)).table_valued("value")
    return select(work_items.c.work_item_uid).where(
        work_items.c.work_item_uid.in_(select(uids)), or_(*(condition(one) for one in chosen))
    )


def patient_locations(connection: Connection) -> tuple[str, ...]:
    """Return the places where patients of open studies are, by name."""
    return tuple(connection.execute(_LOCATIONS).scalars())


def _below(chosen: Selection) -> tuple[ReadingClass, ...]:
    return tuple(one for one in chosen.classes or EVERY_CLASS if one is not _URGENT)


def _by_location(
    connection: Connection, reading: Reading, selections: Sequence[Selection], limit: int
) -> list[Position]:
    """Return places by where the patient is, then in reading order; last what is nowhere."""
    found: list[Position] = []
    for names in _groups(patient_locations(connection)):
        there = [
            replace(one, patient_locations=both)
            for one in selections
            if (both := _both(one.patient_locations, names))
        ]
        found += _united(connection, reading, there, Sort.READING, limit - len(found))
        if len(found) == limit:
            break
    return found


def _groups(locations: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield the spellings of each place that there is, in order; last no place."""
    ordered = sorted(locations, key=lambda name: (name.casefold(), name))
    for _, names in groupby(ordered, key=str.casefold):
        yield tuple(names)
    yield ("",)


def _both(asked: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if not asked or name in asked)


def _united(
    connection: Connection,
    reading: Reading,
    selections: Sequence[Selection],
    sort: Sort,
    limit: int,
) -> list[Position]:
    """Return the places of what any of some selections chooses, each once."""
    found: dict[Position, Any] = {}
    for one in selections:
        found.update(_sorted(connection, reading, one, sort, limit))
    return sorted(found, key=lambda place: found[place])[:limit]


def _sorted(
    connection: Connection, reading: Reading, chosen: Selection, sort: Sort, limit: int
) -> Iterator[tuple[Position, Any]]:
    """Yield the places that a selection chooses, each with what it is sorted by."""
    if sort is Sort.READING:
        for place in open_places(connection, reading, chosen, None, limit):
            yield place, (place.effective_class, place.arrived_at, place.work_item_uid)
        return
    for effective, arrived_at, uid, key in _rows(connection, reading, chosen, sort, limit):
        yield Position(effective, arrived_at, uid), (key, arrived_at, uid)


def _rows(
    connection: Connection, reading: Reading, chosen: Selection, sort: Sort, limit: int
) -> Sequence[Any]:
    beginning = beginning_of_names(chosen) if sort is Sort.PATIENT else ""
    few = _FEW_NAMED if sort is Sort.PATIENT else FEW
    how = wanted(connection, chosen, FEW_NAMED if beginning else few)
    if not how.classes:
        return ()
    # On a walk no other index is to be taken: all that it finds would have to be sorted.
    holds = how.looked_up if how.lookup is not None else how.looked_up.is_(true())
    query = select(
        effective_column, work_items.c.arrived_at, work_items.c.work_item_uid, _key(sort)
    ).where(text(OPEN), holds)
    if beginning and how.lookup is None:
        return named_rows(connection, query, reading.values, beginning, limit)
    query = query.order_by(*_order(sort, how)).limit(limit)
    return connection.execute(query, reading.values).all()


def _key(sort: Sort) -> ColumnElement[Any]:
    """Return what the lines are sorted by, as the index of that order has it."""
    return work_items.c.arrived_at if sort is Sort.ARRIVAL else literal_column(NAME_ORDER)


def _order(sort: Sort, how: Wanted) -> tuple[ColumnElement[Any], ...]:
    """Return the order; of few lines that were looked up, apart from the index that has it."""
    uid = work_items.c.work_item_uid
    if sort is Sort.PATIENT:
        name = NAME_ORDER if how.lookup is None else f"{NAME_ORDER} || ''"
        return literal_column(name), work_items.c.arrived_at, uid
    if how.lookup is None:
        return work_items.c.arrived_at, uid
    return type_coerce(work_items.c.arrived_at, Double) + 0.0, uid
