"""The places of the lines that are wanted: looked up by an index, or met on a walk of the order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Double, and_, select, text, true, type_coerce

from triage.store.choosing import condition, index_condition, lookups, narrow_lookups
from triage.store.list_records import EVERYTHING, Position
from triage.store.reading_order import EVERY_CLASS, keys_after, sorted_keys, stands_in
from triage.store.schema import ENDED, work_items
from triage.store.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.elements import ColumnElement

    from triage.store.choosing import Lookup
    from triage.store.list_records import Selection
    from triage.store.reading_order import Reading
    from triage.values import ReadingClass

FEW: Final = 5_000  # lines of the reading order that are rather sorted than met on a walk of it
_FEW_ENOUGH = 100  # no other index needs to be asked


@dataclass(frozen=True, slots=True)
class Wanted:
    """A selection as it is read from the open list.

    Attributes:
        classes: The effective classes that are wanted.
        chosen: What is wanted of them; their classes are named apart.
        lookup: Finds the few lines that it can be; None where the order has to be walked.
    """

    classes: tuple[ReadingClass, ...]
    chosen: Selection
    lookup: Lookup | None

    @property
    def looked_up(self) -> ColumnElement[bool]:
        """What holds for the wanted lines among those of the open list."""
        found = true() if self.lookup is None else self.lookup.holds
        return and_(found, stands_in(self.classes), condition(self.chosen))


def wanted(connection: Connection, chosen: Selection, few: int) -> Wanted:
    """Return how a selection is read; it wants no class at all where no open line can be meant.

    Args:
        connection: The transaction.
        chosen: The selection.
        few: Up to so many lines that an index finds are sorted; of more, the order is walked.
    """
    if chosen.step_states and all(state.final for state in chosen.step_states):
        return Wanted((), chosen, None)
    classes, chosen = chosen.classes or EVERY_CLASS, replace(chosen, classes=())
    if chosen == EVERYTHING:
        return Wanted(classes, chosen, None)
    lookup, number = _fewest(connection, lookups(chosen), few)
    return Wanted(() if number == 0 else classes, chosen, lookup)


def open_places(
    connection: Connection,
    reading: Reading,
    chosen: Selection,
    after: Position | None,
    limit: int,
) -> list[Position]:
    """Return the places of the open lines that are wanted, in reading order.

    Args:
        connection: The transaction.
        reading: When the list is read.
        chosen: Which lines are wanted.
        after: Begin behind this place; at the top when None.
        limit: At most so many.
    """
    how = wanted(connection, chosen, FEW)
    if not how.classes:
        return []
    if how.lookup is None:
        return keys_after(connection, reading, after, limit, how.classes, how.chosen)
    return sorted_keys(connection, reading, after, limit, how.looked_up)


def places_behind(
    connection: Connection, reading: Reading, chosen: Selection, skipped: int, limit: int
) -> tuple[list[Position], int]:
    """Return the places of the open lines that are wanted, behind the first of them.

    Args:
        connection: The transaction.
        reading: When the list is read.
        chosen: Which lines are wanted.
        skipped: So many of them are left out first.
        limit: At most so many.

    Returns:
        The places, and how many were left out: less than was to be where there are no more.
    """
    if skipped and replace(chosen, classes=()) == EVERYTHING:
        classes = chosen.classes or EVERY_CLASS
        return _counted_off(connection, reading, classes, skipped, limit)
    found = open_places(connection, reading, chosen, None, skipped + limit)
    return found[skipped:], min(skipped, len(found))


def _counted_off(
    connection: Connection,
    reading: Reading,
    classes: Collection[ReadingClass],
    skipped: int,
    limit: int,
) -> tuple[list[Position], int]:
    """Return places behind others of whole classes: those are counted, and not gone through."""
    tally = Tally.read(connection, reading)
    number = sum(tally.by_class[one] for one in classes)
    if skipped >= number:
        return [], number
    place, left = tally.place_behind(connection, classes, skipped)
    return keys_after(connection, reading, place, left + limit, classes)[left:], skipped


def ended_items(connection: Connection, chosen: Selection, skipped: int, limit: int) -> list[str]:
    """Return the ended items that are wanted, by arrival, behind the first of them.

    Args:
        connection: The transaction.
        chosen: Which items are wanted.
        skipped: So many of them are left out first.
        limit: At most so many.
    """
    if chosen.step_states and not any(state.final for state in chosen.step_states):
        return []
    holds = and_(condition(chosen), text(ENDED))
    if chosen.classes:
        holds = and_(holds, work_items.c.reading_class.in_(chosen.classes))
    arrived_at: ColumnElement[Any] = work_items.c.arrived_at
    narrow = index_condition(chosen)
    if narrow is None:
        lookup, number = _fewest(connection, narrow_lookups(chosen, ENDED), FEW)
        if number == 0:
            return []
        narrow = None if lookup is None else lookup.holds
    if narrow is not None:
        # Sorted apart from any index: that of the order would be walked from end to end.
        holds, arrived_at = and_(narrow, holds), type_coerce(work_items.c.arrived_at, Double) + 0.0
    query = select(work_items.c.work_item_uid).where(holds)
    query = query.order_by(arrived_at, work_items.c.work_item_uid).limit(limit).offset(skipped)
    return list(connection.execute(query).scalars())


def _fewest(
    connection: Connection, ways: Iterable[Lookup], few: int
) -> tuple[Lookup | None, int | None]:
    """Return the lookup that finds the fewest lines and how many; None where each finds many."""
    best, fewest = None, few + 1
    for lookup in ways:
        most = min(fewest, lookup.worth + 1)
        number = connection.execute(lookup.number, {"most": most}).scalar_one()
        if number < most:
            best, fewest = lookup, number
        if number <= _FEW_ENOUGH:
            break
    return best, None if best is None else fewest
