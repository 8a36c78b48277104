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
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    Double,
    String,
    and_,
    bindparam,
    case,
    false,
    func,
    literal_column,
    or_,
    select,
    text,
    true,
    type_coerce,
)

from triage.store.columns import ClassNumber, UtcTime
from triage.store.list_records import Position
from triage.store.schema import FIXED, MOVABLE, OPEN, work_items
from triage.store.tally import BELOW, RAISED_TO
from triage.values import ReadingClass

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.elements import ColumnElement

# Times are kept as doubles of seconds since 1970, exact to the microsecond. The difference of
# two is off by less than this, and two that differ are further apart than twice this.
_HALF_A_MICROSECOND = 5e-7


EVERY_CLASS: Final = tuple(ReadingClass)

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
    if reading_class <= RAISED_TO:
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


def _place_parameters(prefix: str) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    return (
        bindparam(f"{prefix}_arrived_at", type_=UtcTime),
        bindparam(f"{prefix}_uid", type_=String),
    )


# Statements that are made for every page are built once: SQLAlchemy takes longer to build one
# than SQLite to carry it out.
_RAISED = tuple(stream for below in BELOW for stream in _raised(below))
_STREAMS = {one: _own(one) + (_RAISED if one is RAISED_TO else ()) for one in ReadingClass}


# The class after the cap, of any open line.
effective_column = case(
    (work_items.c.reading_class <= literal_column(str(int(RAISED_TO))), work_items.c.reading_class),
    (work_items.c.held_by != "", work_items.c.reading_class),
    (
        or_(
            and_(work_items.c.claimed_at.is_(None), work_items.c.arrived_at <= _HORIZON),
            _claimed_overdue(),
        ),
        literal_column(str(int(RAISED_TO)), type_=ClassNumber),
    ),
    else_=work_items.c.reading_class,
)


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
    classes: Collection[ReadingClass] = EVERY_CLASS,
    holds: ColumnElement[bool] | None = None,
) -> list[Position]:
    """Return the places of the open list that follow one, in reading order.

    Args:
        connection: The transaction.
        reading: When the list is read.
        after: Begin behind this; at the top when None.
        limit: At most so many.
        classes: The effective classes that are wanted.
        holds: What must hold for the lines; None for nothing.
    """
    found: list[Position] = []
    for effective in sorted(classes):
        if len(found) >= limit:
            break
        if after is not None and effective < after.effective_class:
            continue
        begin = after if after is not None and effective is after.effective_class else None
        left = limit - len(found)
        streams = (
            _stream(connection, reading, effective, each, begin, left)
            for each in _streams(effective, holds)
        )
        found += islice(heapq.merge(*streams, key=_within_class), left)
    return found


def _streams(
    effective: ReadingClass, holds: ColumnElement[bool] | None
) -> Iterable[ColumnElement[bool]]:
    every = _STREAMS[effective]
    return every if holds is None else (and_(one, holds) for one in every)


def stands_in(classes: Collection[ReadingClass]) -> ColumnElement[bool]:
    """Return the condition that a line stands in one of some classes after the cap."""
    if len(classes) == len(ReadingClass):
        return true()
    return effective_column.in_([literal_column(str(int(one))) for one in sorted(classes)])


def sorted_keys(
    connection: Connection,
    reading: Reading,
    after: Position | None,
    limit: int,
    holds: ColumnElement[bool],
) -> list[Position]:
    """Return the places of the open lines for which something holds, sorted: for few lines.

    Args:
        connection: The transaction.
        reading: When the list is read.
        after: Begin behind this; at the top when None.
        limit: At most so many.
        holds: What holds for them; an index must serve it.
    """
    query = select(
        effective_column.label("effective"), work_items.c.arrived_at, work_items.c.work_item_uid
    )
    query = query.where(holds, text(OPEN))
    values = reading.values
    if after is not None:
        query = query.where(
            or_(
                effective_column > int(after.effective_class),
                and_(effective_column == int(after.effective_class), _follows("first")),
            )
        )
        values |= _values("first", after)
    query = query.order_by("effective", work_items.c.arrived_at, work_items.c.work_item_uid)
    return [Position(*row) for row in connection.execute(query.limit(limit), values)]


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
