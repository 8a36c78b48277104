"""The reading order in SQL: the same as triage.worklist.order, by ranges of two indexes.

The open list falls into streams that an index yields in order: a class, and within it what the
waiting cap has raised and what it has not. An effective class is the merger of a few of them.
Nothing is computed over the whole list, and a study that changes touches its own row only.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy import Double, and_, false, func, or_, select, text, true, type_coerce

from triage.store.list_records import Position
from triage.store.schema import FIXED, MOVABLE, work_items
from triage.values import ReadingClass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.elements import ColumnElement

_RAISED_TO = ReadingClass.SUSPECTED_ABNORMAL
_BELOW = tuple(one for one in ReadingClass if one > _RAISED_TO)
# Times are kept as doubles of seconds since 1970, exact to the microsecond. The difference of
# two is off by less than this, and two that differ are further apart than twice this.
_HALF_A_MICROSECOND = 5e-7


@dataclass(frozen=True, slots=True)
class Reading:
    """When the list is read, and under which cap."""

    now: datetime
    cap_seconds: float

    @property
    def horizon(self) -> datetime:
        """What arrived at or before this has waited for the cap."""
        return self.now - timedelta(seconds=self.cap_seconds)


def keys_after(
    connection: Connection,
    reading: Reading,
    after: Position | None,
    limit: int,
    wanted: Mapping[ReadingClass, ColumnElement[bool]],
) -> list[Position]:
    """Return the places of the open list that follow one, in reading order.

    Args:
        connection: The transaction.
        reading: When the list is read.
        after: Begin behind this; at the top when None.
        limit: At most so many.
        wanted: The effective classes that are wanted, each with what holds for its lines.
    """
    found: list[Position] = []
    for effective in ReadingClass:
        if effective not in wanted or (after is not None and effective < after.effective_class):
            continue
        begin = after if after is not None and effective is after.effective_class else None
        left = limit - len(found)
        streams = (
            _stream(connection, effective, and_(one, wanted[effective]), begin, left)
            for one in _streams(effective, reading)
        )
        merged = heapq.merge(*streams, key=_within_class)
        found += islice(merged, left)
        if len(found) == limit:
            break
    return found


def key_before(connection: Connection, reading: Reading, place: Position) -> Position | None:
    """Return the place before one on the open list, None at the top."""
    for effective in sorted(ReadingClass, reverse=True):
        if effective > place.effective_class:
            continue
        bound = _precedes(place) if effective is place.effective_class else true()
        last = [
            _last(connection, effective, and_(one, bound)) for one in _streams(effective, reading)
        ]
        found = [one for one in last if one is not None]
        if found:
            return max(found, key=_within_class)
    return None


def count_from(
    connection: Connection, reading: Reading, first: Position | None, last: Position
) -> int:
    """Return how many open lines stand at or behind `first` (the top when None) before `last`."""
    found = 0
    for effective in ReadingClass:
        if effective > last.effective_class:
            break
        if first is not None and effective < first.effective_class:
            continue
        bounds = []
        if first is not None and effective is first.effective_class:
            bounds.append(~_precedes(first))
        if effective is last.effective_class:
            bounds.append(_precedes(last))
        found += sum(_count(connection, one, bounds) for one in _streams(effective, reading))
    return found


def counts(connection: Connection, reading: Reading) -> tuple[dict[ReadingClass, int], int]:
    """Return how many open lines each effective class has, and how many the cap has raised."""
    by_class = {
        effective: sum(_count(connection, one, ()) for one in _own(effective, reading))
        for effective in ReadingClass
    }
    overdue = sum(_count(connection, one, ()) for one in _raised(reading))
    by_class[_RAISED_TO] += overdue
    return by_class, overdue


def overdue_items(connection: Connection, reading: Reading, limit: int) -> Sequence[Any]:
    """Return rows of movable items that the cap has raised and the ledger does not say so yet."""
    query = (
        select(
            work_items.c.work_item_uid,
            work_items.c.study_instance_uid,
            work_items.c.reading_class,
        )
        .where(
            text(f"{MOVABLE} AND capped_at IS NULL AND reading_class > 1"),
            work_items.c.arrived_at <= reading.horizon,
        )
        .order_by(work_items.c.arrived_at)
        .limit(limit)
    )
    return connection.execute(query).all()


def _streams(effective: ReadingClass, reading: Reading) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions of the streams that make up an effective class."""
    yield from _own(effective, reading)
    if effective is _RAISED_TO:
        yield from _raised(reading)


def _own(reading_class: ReadingClass, reading: Reading) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions of what stands in its own class."""
    own = work_items.c.reading_class == reading_class
    if reading_class <= _RAISED_TO:
        yield and_(text(MOVABLE), own)
        yield and_(text(FIXED), own)
    else:
        yield and_(text(MOVABLE), own, work_items.c.arrived_at > reading.horizon)
        yield and_(text(FIXED), own, ~_claimed_overdue(reading))


def _raised(reading: Reading) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions of what the cap has raised."""
    for below in _BELOW:
        own = work_items.c.reading_class == below
        yield and_(text(MOVABLE), own, work_items.c.arrived_at <= reading.horizon)
        yield and_(text(FIXED), own, _claimed_overdue(reading))


def _claimed_overdue(reading: Reading) -> ColumnElement[bool]:
    """Whether a fixed item had been raised when it was opened; what is held never is."""
    waited = type_coerce(work_items.c.claimed_at, Double) - type_coerce(
        work_items.c.arrived_at, Double
    )
    overdue = waited > reading.cap_seconds - _HALF_A_MICROSECOND
    return and_(work_items.c.held_by == "", func.coalesce(overdue, false()))


def _stream(
    connection: Connection,
    effective: ReadingClass,
    stream: ColumnElement[bool],
    begin: Position | None,
    limit: int,
) -> list[Position]:
    query = select(work_items.c.arrived_at, work_items.c.work_item_uid).where(stream)
    if begin is not None:
        query = query.where(_follows(begin))
    query = query.order_by(work_items.c.arrived_at, work_items.c.work_item_uid).limit(limit)
    rows = connection.execute(query)
    return [Position(effective, arrived_at, uid) for arrived_at, uid in rows]


def _last(
    connection: Connection, effective: ReadingClass, stream: ColumnElement[bool]
) -> Position | None:
    query = select(work_items.c.arrived_at, work_items.c.work_item_uid).where(stream)
    backwards = (work_items.c.arrived_at.desc(), work_items.c.work_item_uid.desc())
    row = connection.execute(query.order_by(*backwards).limit(1)).first()
    return None if row is None else Position(effective, row.arrived_at, row.work_item_uid)


def _count(
    connection: Connection, stream: ColumnElement[bool], bounds: Iterable[ColumnElement[bool]]
) -> int:
    query = select(func.count()).select_from(work_items).where(stream, *bounds)
    return int(connection.execute(query).scalar_one())


def _follows(place: Position) -> ColumnElement[bool]:
    # The first term is implied by the second: it lets the index begin where the page does.
    return and_(
        work_items.c.arrived_at >= place.arrived_at,
        or_(
            work_items.c.arrived_at > place.arrived_at,
            work_items.c.work_item_uid > place.work_item_uid,
        ),
    )


def _precedes(place: Position) -> ColumnElement[bool]:
    return and_(
        work_items.c.arrived_at <= place.arrived_at,
        or_(
            work_items.c.arrived_at < place.arrived_at,
            work_items.c.work_item_uid < place.work_item_uid,
        ),
    )


def _within_class(place: Position) -> tuple[datetime, str]:
    return place.arrived_at, place.work_item_uid
