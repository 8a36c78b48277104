"""The reading order in SQL: the same as triage.worklist.order, by ranges of two indexes.

The open list falls into streams that an index yields in order: a class, and within it what the
waiting cap has raised and what it has not. An effective class is the merger of a few of them.
Nothing is computed over the whole list, and a study that changes touches its own row only.
"""

from __future__ import annotations

import functools
import heapq
import operator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Double,
    String,
    and_,
    bindparam,
    false,
    func,
    literal_column,
    or_,
    select,
    text,
    true,
    type_coerce,
)

from triage.store.list_records import Position
from triage.store.schema import FIXED, MOVABLE, UtcTime, work_items
from triage.values import ReadingClass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Select
    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.elements import ColumnElement

_RAISED_TO = ReadingClass.SUSPECTED_ABNORMAL
_BELOW = tuple(one for one in ReadingClass if one > _RAISED_TO)
# Times are kept as doubles of seconds since 1970, exact to the microsecond. The difference of
# two is off by less than this, and two that differ are further apart than twice this.
_HALF_A_MICROSECOND = 5e-7


_HORIZON = bindparam("horizon", type_=UtcTime)
_CAP = bindparam("cap", type_=Double)


def _claimed_overdue() -> ColumnElement[bool]:
    """Whether a fixed item had been raised when it was opened; what is held never is."""
    waited = type_coerce(work_items.c.claimed_at, Double) - type_coerce(
        work_items.c.arrived_at, Double
    )
    return and_(work_items.c.held_by == "", func.coalesce(waited > _CAP, false()))


def _own(reading_class: ReadingClass) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of the streams of what stands in its own class."""
    own = work_items.c.reading_class == literal_column(str(int(reading_class)))
    if reading_class <= _RAISED_TO:
        return and_(text(MOVABLE), own), and_(text(FIXED), own)
    return (
        and_(text(MOVABLE), own, work_items.c.arrived_at > _HORIZON),
        and_(text(FIXED), own, ~_claimed_overdue()),
    )


def _raised(reading_class: ReadingClass) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of the streams of what the cap has raised out of a class."""
    own = work_items.c.reading_class == literal_column(str(int(reading_class)))
    return (
        and_(text(MOVABLE), own, work_items.c.arrived_at <= _HORIZON),
        and_(text(FIXED), own, _claimed_overdue()),
    )


def _follows(prefix: str) -> ColumnElement[bool]:
    """Return what holds behind a place; its parameters begin with a prefix."""
    arrived_at, uid = _place_parameters(prefix)
    # The first term is implied by the second: it lets the index begin where the page does.
    return and_(
        work_items.c.arrived_at >= arrived_at,
        or_(work_items.c.arrived_at > arrived_at, work_items.c.work_item_uid > uid),
    )


def _precedes(prefix: str) -> ColumnElement[bool]:
    arrived_at, uid = _place_parameters(prefix)
    return and_(
        work_items.c.arrived_at <= arrived_at,
        or_(work_items.c.arrived_at < arrived_at, work_items.c.work_item_uid < uid),
    )


def _from(prefix: str) -> ColumnElement[bool]:
    """Return what holds at a place and behind it."""
    arrived_at, uid = _place_parameters(prefix)
    return and_(
        work_items.c.arrived_at >= arrived_at,
        or_(work_items.c.arrived_at > arrived_at, work_items.c.work_item_uid >= uid),
    )


def _place_parameters(prefix: str) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    return (
        bindparam(f"{prefix}_arrived_at", type_=UtcTime),
        bindparam(f"{prefix}_uid", type_=String),
    )


def _number(
    streams: Iterable[ColumnElement[bool]], *bounds: ColumnElement[bool]
) -> ColumnElement[int]:
    """Return how many lines some streams have together."""
    counted = (
        select(func.count()).select_from(work_items).where(stream, *bounds).scalar_subquery()
        for stream in streams
    )
    return functools.reduce(operator.add, counted)


# Statements that are made for every page are built once: SQLAlchemy takes longer to build one
# than SQLite to carry it out.
_RAISED = tuple(stream for below in _BELOW for stream in _raised(below))
_STREAMS = {one: _own(one) + (_RAISED if one is _RAISED_TO else ()) for one in ReadingClass}
_COUNTS = select(*(_number(_own(one)) for one in ReadingClass), _number(_RAISED))
_WHOLE = {one: select(_number(_STREAMS[one])) for one in ReadingClass}
_BEFORE = {one: select(_number(_STREAMS[one], _precedes("last"))) for one in ReadingClass}
_BEHIND = {one: select(_number(_STREAMS[one], _from("first"))) for one in ReadingClass}
_BETWEEN = {
    one: select(_number(_STREAMS[one], _from("first"), _precedes("last"))) for one in ReadingClass
}


@dataclass(frozen=True, slots=True)
class Reading:
    """When the list is read, and under which cap."""

    now: datetime
    cap_seconds: float

    @property
    def horizon(self) -> datetime:
        """What arrived at or before this has waited for the cap."""
        return self.now - timedelta(seconds=self.cap_seconds)

    @property
    def values(self) -> dict[str, Any]:
        """The values of the statements' parameters."""
        return {"horizon": self.horizon, "cap": self.cap_seconds - _HALF_A_MICROSECOND}


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
            _stream(connection, reading, effective, and_(one, wanted[effective]), begin, left)
            for one in _STREAMS[effective]
        )
        found += islice(heapq.merge(*streams, key=_within_class), left)
        if len(found) == limit:
            break
    return found


def key_before(connection: Connection, reading: Reading, place: Position) -> Position | None:
    """Return the place before one on the open list, None at the top."""
    for effective in sorted(ReadingClass, reverse=True):
        if effective > place.effective_class:
            continue
        bound = _precedes("last") if effective is place.effective_class else true()
        values = {**reading.values, **_values("last", place)}
        last = [
            _last(connection, values, effective, and_(one, bound)) for one in _STREAMS[effective]
        ]
        found = [one for one in last if one is not None]
        if found:
            return max(found, key=_within_class)
    return None


def count_from(
    connection: Connection, reading: Reading, first: Position | None, last: Position
) -> int:
    """Return how many open lines stand at or behind `first` (the top when None) before `last`."""
    values = {**reading.values, **_values("last", last)}
    begin = ReadingClass.URGENT_ORDER
    if first is not None:
        values |= _values("first", first)
        begin = first.effective_class
    return sum(
        connection.execute(_counting(effective, first, last), values).scalar_one()
        for effective in ReadingClass
        if begin <= effective <= last.effective_class
    )


def _counting(effective: ReadingClass, first: Position | None, last: Position) -> Select[int]:
    """Return the statement that counts what one class has between two places."""
    begins = first is not None and effective is first.effective_class
    if effective is last.effective_class:
        return _BETWEEN[effective] if begins else _BEFORE[effective]
    return _BEHIND[effective] if begins else _WHOLE[effective]


def counts(connection: Connection, reading: Reading) -> tuple[dict[ReadingClass, int], int]:
    """Return how many open lines each effective class has, and how many the cap has raised."""
    *own, overdue = connection.execute(_COUNTS, reading.values).one()
    by_class = dict(zip(ReadingClass, map(int, own), strict=True))
    by_class[_RAISED_TO] += overdue
    return by_class, int(overdue)


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


def _stream(
    connection: Connection,
    reading: Reading,
    effective: ReadingClass,
    holds: ColumnElement[bool],
    begin: Position | None,
    limit: int,
) -> list[Position]:
    query = select(work_items.c.arrived_at, work_items.c.work_item_uid).where(holds)
    values = reading.values
    if begin is not None:
        query = query.where(_follows("first"))
        values |= _values("first", begin)
    query = query.order_by(work_items.c.arrived_at, work_items.c.work_item_uid).limit(limit)
    rows = connection.execute(query, values)
    return [Position(effective, arrived_at, uid) for arrived_at, uid in rows]


def _last(
    connection: Connection,
    values: dict[str, Any],
    effective: ReadingClass,
    holds: ColumnElement[bool],
) -> Position | None:
    query = select(work_items.c.arrived_at, work_items.c.work_item_uid).where(holds)
    backwards = (work_items.c.arrived_at.desc(), work_items.c.work_item_uid.desc())
    row = connection.execute(query.order_by(*backwards).limit(1), values).first()
    return None if row is None else Position(effective, row.arrived_at, row.work_item_uid)


def _values(prefix: str, place: Position) -> dict[str, Any]:
    return {f"{prefix}_arrived_at": place.arrived_at, f"{prefix}_uid": place.work_item_uid}


def _within_class(place: Position) -> tuple[datetime, str]:
    return place.arrived_at, place.work_item_uid
