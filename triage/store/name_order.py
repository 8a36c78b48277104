"""A stretch of the order of names: of lines that share a beginning too many to be sorted.

They stand together where their names begin with it, and anywhere else where only a later word
does. The former are walked in the index of names; the latter are sorted where they are few. Many of
them come from given names or titles: they lie all over the order, and a walk of it soon has enough.
"""

from __future__ import annotations

import json
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
) -> Sequence[Any]:
    """Return the first rows of open lines by name, where each has a word of a known beginning.

    Args:
        connection: The transaction.
        query: Selects the lines, in no order.
        values: Its parameters.
        beginning: What some word of each of their names begins with.
        limit: At most so many of those whose name begins with it, and of the others.

    Returns:
        Rows among which are the first of all; the caller puts them into their order.
    """
    most = _most_elsewhere(connection, beginning)
    if most > FEW_NAMED:
        return connection.execute(_first(query, _NAME, limit), values).all()
    begun = _first(query.where(begins_with(_NAME, beginning)), _NAME, limit)
    rows = connection.execute(begun, values).all()
    if most == 0:
        return rows
    uids = json.dumps(_elsewhere(connection, beginning))
    others = query.where(
        work_items.c.work_item_uid.in_(select(func.json_each(uids).table_valued("value")))
    )
    return [*rows, *connection.execute(_first(others, _NAME_ALONE, limit), values)]


def _first(query: Select[Any], name: ColumnElement[str], limit: int) -> Select[Any]:
    arrived_at, uid = work_items.c.arrived_at, work_items.c.work_item_uid
    return query.order_by(name, arrived_at, uid).limit(limit)


def _most_elsewhere(connection: Connection, beginning: str) -> int:
    """Return how many lines at most have such a word, while their name begins otherwise.

    A line whose name begins so has one such word at least, and every other has one: as many words
    as such names means that there is no other line.
    """
    words = select(func.count()).where(begins_with(name_words.c.word, beginning))
    names = select(func.count()).select_from(_begun(beginning).subquery())
    return int(connection.execute(words).scalar_one() - connection.execute(names).scalar_one())


def _elsewhere(connection: Connection, beginning: str) -> list[str]:
    """Return the lines that have such a word, while their name begins otherwise."""
    uid = name_words.c.work_item_uid
    word = begins_with(name_words.c.word, beginning)
    found = connection.execute(select(uid).where(word, uid.not_in(_begun(beginning))))
    return list(found.scalars())


def _begun(beginning: str) -> Select[Any]:
    return select(work_items.c.work_item_uid).where(text(OPEN), begins_with(_NAME, beginning))
