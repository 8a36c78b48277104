"""The reading order in SQL: the same as triage.worklist.order, by ranges of two indexes.

The open list falls into streams that an index yields in order: a class, and within it what the
waiting cap has raised and what it has not. An effective class is the merger of a few of them
(triage.store.streams).
Nothing is computed over the whole list, and a study that changes touches its own row only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, case, literal_column, or_, select, text, true

from triage.store.columns import ClassNumber
from triage.store.list_records import EVERYTHING, Position
from triage.store.schema import MOVABLE, OPEN, work_items
from triage.store.streams import HORIZON, claimed_overdue, follows, last_of_class, lines_of_class
from triage.store.tally import RAISED_TO
from triage.values import ReadingClass

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.elements import ColumnElement

    from triage.store.list_records import Selection

# Times are kept as doubles of seconds since 1970, exact to the microsecond. The difference of
# two is off by less than this, and two that differ are further apart than twice this.
_HALF_A_MICROSECOND = 5e-7

EVERY_CLASS: Final = tuple(ReadingClass)

# The class after the cap, of any open line.
effective_column = case(
    (work_items.c.reading_class <= literal_column(str(int(RAISED_TO))), work_items.c.reading_class),
    (work_items.c.held_by != "", work_items.c.reading_class),
    (
        or_(
            and_(work_items.c.claimed_at.is_(None), work_items.c.arrived_at <= HORIZON),
            claimed_overdue(),
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
    chosen: Selection = EVERYTHING,
) -> list[Position]:
    """Return the places of the open list that follow one, in reading order.

    Args:
        connection: The transaction.
        reading: When the list is read.
        after: Begin behind this; at the top when None.
        limit: At most so many.
        classes: The effective classes that are wanted.
        chosen: Only these lines; their classes are not asked.
    """
    found: list[Position] = []
    for effective in sorted(classes):
        if len(found) >= limit:
            break
        if after is not None and effective < after.effective_class:
            continue
        behind = after is not None and effective is after.effective_class
        values = reading.values | {"most": limit - len(found)}
        if after is not None and behind:
            values |= _values("first", after)
        rows = connection.execute(lines_of_class(effective, chosen, behind=behind), values)
        found += [Position(effective, arrived_at, uid) for arrived_at, uid in rows]
    return found


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
                and_(effective_column == int(after.effective_class), follows("first")),
            )
        )
        values |= _values("first", after)
    query = query.order_by("effective", work_items.c.arrived_at, work_items.c.work_item_uid)
    return [Position(*row) for row in connection.execute(query.limit(limit), values)]


def key_before(connection: Connection, reading: Reading, place: Position) -> Position | None:
    """Return the place before one on the open list, None at the top."""
    values = reading.values | _values("last", place)
    for effective in sorted(ReadingClass, reverse=True):
        if effective > place.effective_class:
            continue
        query = last_of_class(effective, before=effective is place.effective_class)
        row = connection.execute(query, values).first()
        if row is not None:
            return Position(effective, row.arrived_at, row.work_item_uid)
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


def _values(prefix: str, place: Position) -> dict[str, Any]:
    return {f"{prefix}_arrived_at": place.arrived_at, f"{prefix}_uid": place.work_item_uid}
