"""The reading list's verbs: windows of the order, one line's place, searches."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, select, text

from triage.store.choosing import condition, index_condition
from triage.store.database import Database
from triage.store.lines import entries_of
from triage.store.list_records import EVERYTHING, Position, Window
from triage.store.reading_order import Reading, count_from, counts, key_before, keys_after
from triage.store.schema import OPEN, work_items
from triage.values import RankedEntry, ReadingClass, class_after_cap

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.elements import ColumnElement

    from triage.store.list_records import Selection
    from triage.values import WorklistEntry

# Up to so many matches of an index are sorted in memory; of more, the order itself is walked.
_FEW = 2_000
_PAGE = 500
# Up to so many positions are counted from each line to the next, by one statement each.
_COUNTED = 200
_NO_LIMIT = 2**31 - 1


class ReadingListVerbs(Database):
    """What every view of the reading order says to the store.

    The order is that of triage.worklist.order.rank over the open list.
    """

    def reading_window(
        self,
        now: datetime,
        cap_seconds: float,
        *,
        limit: int,
        after: Position | None = None,
        chosen: Selection = EVERYTHING,
    ) -> Window:
        """Return a stretch of the reading order.

        Args:
            now: When the list is read.
            cap_seconds: The waiting cap.
            limit: At most so many lines.
            after: Begin behind this place; at the top when None.
            chosen: Only these lines. They keep their positions on the whole list.
        """
        reading = Reading(now, cap_seconds)
        with self.reading() as connection:
            places = _open_places(connection, reading, chosen, after, limit)
            found = entries_of(connection, [place.work_item_uid for place in places])
            numbers = _numbers(connection, reading, places, whole=chosen == EVERYTHING)
            by_class, overdue = counts(connection, reading)
        ranked = (
            RankedEntry.at(number, found[place.work_item_uid], now, cap_seconds)
            for number, place in zip(numbers, places, strict=True)
        )
        return Window(tuple(ranked), sum(by_class.values()), by_class, overdue)

    def ranked_entry(
        self, work_item_uid: str, now: datetime, cap_seconds: float
    ) -> RankedEntry | None:
        """Return one line at its place, with position 0 when it has ended; None when unknown."""
        reading = Reading(now, cap_seconds)
        with self.reading() as connection:
            entry = entries_of(connection, [work_item_uid]).get(work_item_uid)
            if entry is None:
                return None
            ranked = RankedEntry.at(0, entry, now, cap_seconds)
            if entry.ended_at is not None:
                return ranked
            return replace(
                ranked, position=1 + count_from(connection, reading, None, Position.of(ranked))
            )

    def neighbours(self, ranked: RankedEntry, now: datetime, cap_seconds: float) -> tuple[str, str]:
        """Return the work items before and behind an open line, empty at the ends."""
        reading = Reading(now, cap_seconds)
        place = Position.of(ranked)
        with self.reading() as connection:
            before = key_before(connection, reading, place)
            behind = keys_after(connection, reading, place, 1, _wanted(EVERYTHING))
        return (
            before.work_item_uid if before else "",
            behind[0].work_item_uid if behind else "",
        )

    def search(
        self,
        selection: Selection,
        now: datetime,
        cap_seconds: float,
        *,
        limit: int,
        offset: int = 0,
    ) -> tuple[RankedEntry, ...]:
        """Return what is looked for: open lines in reading order, then ended ones by arrival.

        Positions are not counted: they are 0.
        """
        reading = Reading(now, cap_seconds)
        with self.reading() as connection:
            open_ = _open_places(connection, reading, selection, None, offset + limit)
            uids = [place.work_item_uid for place in open_]
            if len(uids) < offset + limit:
                uids += _ended(connection, selection, offset + limit - len(uids))
            uids = uids[offset:]
            found = entries_of(connection, uids)
        return tuple(RankedEntry.at(0, found[uid], now, cap_seconds) for uid in uids)

    def search_uids(
        self,
        selection: Selection,
        now: datetime,
        cap_seconds: float,
        *,
        limit: int | None = None,
    ) -> tuple[str, ...]:
        """Return the work items that `search` would find, in its order, all at one moment."""
        most = _NO_LIMIT if limit is None else limit
        with self.reading() as connection:
            places = _open_places(connection, Reading(now, cap_seconds), selection, None, most)
            uids = [place.work_item_uid for place in places]
            if len(uids) < most:
                uids += _ended(connection, selection, most - len(uids))
        return tuple(uids)

    def worklist_entry(self, work_item_uid: str) -> WorklistEntry | None:
        """Return one line, open or ended, None when there is no such work item."""
        with self.reading() as connection:
            return entries_of(connection, [work_item_uid]).get(work_item_uid)

    def reading_order(self, now: datetime, cap_seconds: float) -> Iterator[RankedEntry]:
        """Yield the whole open list in reading order, a page at a time.

        Each page is a transaction of its own: a line that moves meanwhile may come twice or not
        at all. For what must agree with itself, take a window.
        """
        after: Position | None = None
        number = 0
        while page := self._page(Reading(now, cap_seconds), after):
            for entry in page:
                number += 1
                ranked = RankedEntry.at(number, entry, now, cap_seconds)
                yield ranked
            after = Position.of(ranked)

    def _page(self, reading: Reading, after: Position | None) -> list[WorklistEntry]:
        with self.reading() as connection:
            places = keys_after(connection, reading, after, _PAGE, _wanted(EVERYTHING))
            found = entries_of(connection, [place.work_item_uid for place in places])
        return [found[place.work_item_uid] for place in places]

    def worklist_entries(self) -> tuple[WorklistEntry, ...]:
        """Return every open line, by arrival; for small lists, whatever their order."""
        query = (
            select(work_items.c.work_item_uid)
            .where(text(OPEN))
            .order_by(work_items.c.arrived_at, work_items.c.named_study_uid)
        )
        with self.reading() as connection:
            uids = connection.execute(query).scalars().all()
            found = entries_of(connection, uids)
        return tuple(found[uid] for uid in uids)


def _open_places(
    connection: Connection,
    reading: Reading,
    chosen: Selection,
    after: Position | None,
    limit: int,
) -> list[Position]:
    """Return the places of the open lines that are wanted, in reading order."""
    wanted = _wanted(chosen)
    narrow = None if chosen.keep_urgent else index_condition(chosen)
    rows = None if narrow is None else _few(connection, and_(narrow, condition(chosen), text(OPEN)))
    if rows is None:
        return keys_after(connection, reading, after, limit, wanted)
    places = [_place(row, reading) for row in rows]
    fitting = [place for place in places if place.effective_class in wanted]
    if after is not None:
        fitting = [place for place in fitting if _order(place) > _order(after)]
    return sorted(fitting, key=_order)[:limit]


def _wanted(chosen: Selection) -> Mapping[ReadingClass, ColumnElement[bool]]:
    """Return what must hold for the lines of each effective class that is wanted."""
    own = condition(chosen)
    wanted = {one: own for one in ReadingClass if not chosen.classes or one in chosen.classes}
    if chosen.keep_urgent:
        wanted[ReadingClass.URGENT_ORDER] = condition(EVERYTHING)
    return wanted


def _few(connection: Connection, holds: ColumnElement[bool]) -> Sequence[Any] | None:
    """Return the rows for which something holds, None when they are many."""
    query = select(
        work_items.c.work_item_uid,
        work_items.c.arrived_at,
        work_items.c.reading_class,
        work_items.c.claimed_at,
        work_items.c.held_by,
    )
    rows = connection.execute(query.where(holds).limit(_FEW + 1)).all()
    return rows if len(rows) <= _FEW else None


def _place(row: Any, reading: Reading) -> Position:  # noqa: ANN401 - any row with these columns
    effective = class_after_cap(
        row.reading_class,
        row.arrived_at,
        row.claimed_at,
        row.held_by,
        reading.now,
        reading.cap_seconds,
    )
    return Position(effective, row.arrived_at, row.work_item_uid)


def _order(place: Position) -> tuple[ReadingClass, datetime, str]:
    return place.effective_class, place.arrived_at, place.work_item_uid


def _ended(connection: Connection, chosen: Selection, limit: int) -> list[str]:
    """Return the ended items that are wanted, by arrival."""
    holds = and_(condition(chosen), text(f"NOT ({OPEN})"))
    if chosen.classes:
        holds = and_(holds, work_items.c.reading_class.in_(chosen.classes))
    narrow = index_condition(chosen)
    rows = None if narrow is None else _few(connection, and_(narrow, holds))
    if rows is not None:
        ordered = sorted((row.arrived_at, row.work_item_uid) for row in rows)
        return [uid for _, uid in ordered[:limit]]
    query = select(work_items.c.work_item_uid).where(holds)
    query = query.order_by(work_items.c.arrived_at, work_items.c.work_item_uid).limit(limit)
    return list(connection.execute(query).scalars())


def _numbers(
    connection: Connection, reading: Reading, places: list[Position], *, whole: bool
) -> Sequence[int]:
    """Return the positions of lines on the whole list.

    A few are found by counting from each to the next; many, by walking the order to the last.
    """
    if not places:
        return ()
    first = 1 + count_from(connection, reading, None, places[0])
    if whole:
        return range(first, first + len(places))
    if len(places) <= _COUNTED:
        steps = [count_from(connection, reading, one, other) for one, other in pairwise(places)]
        return list(accumulate(steps, initial=first))
    last = 1 + count_from(connection, reading, None, places[-1])
    walked = keys_after(connection, reading, None, last, _wanted(EVERYTHING))
    numbers = {place.work_item_uid: number for number, place in enumerate(walked, start=1)}
    return [numbers[place.work_item_uid] for place in places]
