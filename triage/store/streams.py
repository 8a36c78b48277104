"""The streams of the open list: what one index yields in order, and how they are merged.

A class has two of them, of what results, the brake and the cap may still move and of what a person
has opened or held; what the cap has raised comes from the classes below. They are merged by the
database, which goes no further in any of them than the lines that are wanted.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Double,
    Integer,
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
    union_all,
)

from triage.store.choosing import condition
from triage.store.columns import UtcTime
from triage.store.list_records import EVERYTHING
from triage.store.schema import EVERY_CLAIMED, FIXED, MOVABLE, work_items
from triage.store.tally import BELOW, RAISED_TO

if TYPE_CHECKING:
    from sqlalchemy import CompoundSelect, Select
    from sqlalchemy.sql.elements import ColumnElement, TextClause

    from triage.store.list_records import Selection
    from triage.values import ReadingClass

# Statements are kept: SQLAlchemy takes longer to build one than SQLite to carry it out.
_KEPT = 128
HORIZON = bindparam("horizon", type_=UtcTime)
_CAP = bindparam("cap", type_=Double)
_MOST = bindparam("most", type_=Integer)


@lru_cache(_KEPT)
def lines_of_class(
    effective: ReadingClass, chosen: Selection, *, behind: bool
) -> CompoundSelect[Any]:
    """Return the statement that reads the lines of a class, by arrival and UID.

    Its parameters are those of a Reading, `most` for how many lines, and those of a place.

    Args:
        effective: The class, after the cap.
        chosen: Only these lines; their classes are not asked.
        behind: Only what follows the place that parameters beginning with `first` name.
    """
    asked = [true() if chosen == EVERYTHING else condition(chosen)]
    if behind:
        asked.append(follows("first"))
    streams = union_all(*(one.where(*asked) for one in _streams(effective)))
    return streams.order_by("arrived_at", "work_item_uid").limit(_MOST)


@lru_cache(_KEPT)
def last_of_class(effective: ReadingClass, *, before: bool) -> CompoundSelect[Any]:
    """Return the statement that reads the last line of a class.

    Args:
        effective: The class, after the cap.
        before: Only what precedes the place that parameters beginning with `last` name.
    """
    bound = _precedes("last") if before else true()
    streams = union_all(*(one.where(bound) for one in _streams(effective)))
    return streams.order_by(text("arrived_at DESC"), text("work_item_uid DESC")).limit(1)


def claimed_overdue() -> ColumnElement[bool]:
    """Whether a fixed item had been raised when it was opened; what is held never is."""
    waited = type_coerce(work_items.c.claimed_at, Double) - type_coerce(
        work_items.c.arrived_at, Double
    )
    return and_(work_items.c.held_by == "", func.coalesce(waited > _CAP, false()))


def follows(prefix: str) -> ColumnElement[bool]:
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


def _streams(effective: ReadingClass) -> list[Select[Any]]:
    """Return statements that select the lines of a class after the cap, each in no order."""
    raised = BELOW if effective is RAISED_TO else ()
    return _own(effective) + [stream for below in raised for stream in _raised(below)]


def _own(reading_class: ReadingClass) -> list[Select[Any]]:
    """Select what stands in its own class."""
    own = _is_of(reading_class)
    if reading_class <= RAISED_TO:
        return [_lines(text(MOVABLE), own), _lines(text(FIXED), own)]
    return [
        _lines(text(MOVABLE), own, work_items.c.arrived_at > HORIZON),
        _lines(text(FIXED), own, ~claimed_overdue()),
    ]


def _raised(reading_class: ReadingClass) -> list[Select[Any]]:
    """Select what the cap has raised out of a class."""
    # By their names, which are few: SQLite would rather walk all that persons hold than sort those.
    # As an expression the class leads it to no index but that of what is claimed.
    of_claimed = text(f"+reading_class = {int(reading_class)}")
    among = (text(EVERY_CLAIMED), of_claimed, claimed_overdue())
    claimed = select(work_items.c.work_item_uid).where(*among).correlate(None)
    return [
        _lines(text(MOVABLE), _is_of(reading_class), work_items.c.arrived_at <= HORIZON),
        _lines(work_items.c.work_item_uid.in_(claimed)),
    ]


def _is_of(reading_class: ReadingClass) -> ColumnElement[bool]:
    return work_items.c.reading_class == literal_column(str(int(reading_class)))


def _lines(*holds: ColumnElement[bool] | TextClause) -> Select[Any]:
    return select(work_items.c.arrived_at, work_items.c.work_item_uid).where(*holds)
