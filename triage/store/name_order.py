"""A stretch of the order of names: of lines that share a beginning too many to be sorted.

They stand together where their names begin with it, and anywhere else where only a later word
does. The former are walked in the index of names; the latter are sorted where they are few. Many of
them come from given names or titles: they lie all over the order, and a walk of it soon has enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import String, func, literal_column, select, text

from triage.store.choosing import begins_with
from triage.store.list_counts_schema import name_words
from triage.store.schema import NAME_ORDER, OPEN, work_items

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Select
    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.elements import ColumnElement

FEW_NAMED: Final = 2_000  # lines that are sorted sooner than met on a walk

_NAME: Final[ColumnElement[str]] = literal_column(NAME_ORDER, String)
# The same, apart from the index that has it.
_NAME_ALONE: Final[ColumnElement[str]] = literal_column(f"{NAME_ORDER} || ''", String)


def named_rows(
    connection: Connection,
    query: Select[Any],
    values: dict[str, Any],
    beginning: str,
    limit: int,
    few: int = FEW_NAMED,
) -> Sequence[Any]:
    """Return the first rows of open lines by name, where each has a word of a known beginning.

    Args:
        connection: The transaction.
        query: Selects the lines, in no order.
        values: Its parameters.
        beginning: What some word of each of their names begins with.
        limit: At most so many of those that begin with it, and of the others.
        few: Up to so many of the others are sorted.

    Returns:
        Rows among which are the first of all; the caller puts them into their order.
    """
    elsewhere = _elsewhere(beginning)
    some = elsewhere.limit(few + 1).subquery()
    number = connection.execute(select(func.count()).select_from(some)).scalar_one()
    if number > few:
        return connection.execute(_first(query, _NAME, limit), values).all()
    begun = connection.execute(
        _first(query.where(begins_with(_NAME, beginning)), _NAME, limit), values
    ).all()
    if number == 0:
        return begun
    others = query.where(work_items.c.work_item_uid.in_(elsewhere))
    return [*begun, *connection.execute(_first(others, _NAME_ALONE, limit), values)]


def _first(query: Select[Any], name: ColumnElement[str], limit: int) -> Select[Any]:
    arrived_at, uid = work_items.c.arrived_at, work_items.c.work_item_uid
    return query.order_by(name, arrived_at, uid).limit(limit)


def _elsewhere(beginning: str) -> Select[Any]:
    """Select the lines that have such a word, but whose name does not begin with it."""
    begun = select(work_items.c.work_item_uid).where(text(OPEN), begins_with(_NAME, beginning))
    uid = name_words.c.work_item_uid
    words = select(uid).where(begins_with(name_words.c.word, beginning), uid.not_in(begun))
    return words.distinct()
