"""The reading list's verbs: windows of the order, one line's place, searches."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import select, text

from triage.store.database import Database
from triage.store.lines import entries_of
from triage.store.list_records import EVERYTHING, Position, ShownWindow, Sort, Window
from triage.store.places import ended_items, open_places, places_behind
from triage.store.reading_order import Reading, key_before, keys_after
from triage.store.schema import OPEN, work_items
from triage.store.shown_places import outside_of, shown_places
from triage.store.tally import Tally
from triage.values import RankedEntry, ReadingClass

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from triage.store.list_records import Selection
    from triage.values import WorklistEntry

_PAGE = 500
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
            places = open_places(connection, reading, chosen, after, limit)
            found = entries_of(connection, [place.work_item_uid for place in places])
            tally = Tally.read(connection, reading)
            numbers = _numbers(connection, tally, places, whole=chosen == EVERYTHING)
        ranked = (
            RankedEntry.at(number, found[place.work_item_uid], now, cap_seconds)
            for number, place in zip(numbers, places, strict=True)
        )
        return Window(tuple(ranked), tally.total, tally.by_class, tally.overdue)

    def shown_window(
        self,
        now: datetime,
        cap_seconds: float,
        *,
        limit: int,
        selections: Sequence[Selection] = (EVERYTHING,),
        sort: Sort = Sort.READING,
    ) -> ShownWindow:
        """Return what a page shows: every urgent order, then what any of some selections chooses.

        Args:
            now: When the list is read.
            cap_seconds: The waiting cap.
            limit: At most so many lines.
            selections: What is asked for; urgent orders are shown whatever it is.
            sort: By what the other lines are sorted.
        """
        reading = Reading(now, cap_seconds)
        with self.reading() as connection:
            # One more than is shown tells whether there are more.
            wanted = shown_places(connection, reading, selections, sort, limit + 1)
            places = wanted[:limit]
            outside = outside_of(connection, selections, places)
            found = entries_of(connection, [place.work_item_uid for place in places])
            tally = Tally.read(connection, reading)
            whole = sort is Sort.READING and EVERYTHING in selections
            numbers = _numbers_of_shown(connection, tally, places, whole=whole)
        ranked = (
            RankedEntry.at(number, found[place.work_item_uid], now, cap_seconds)
            for number, place in zip(numbers, places, strict=True)
        )
        window = Window(tuple(ranked), tally.total, tally.by_class, tally.overdue)
        return ShownWindow(window, outside, more=len(wanted) > limit)

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
            tally = Tally.read(connection, reading)
            (position,) = tally.positions(connection, [Position.of(ranked)])
        return replace(ranked, position=position)

    def neighbours(self, ranked: RankedEntry, now: datetime, cap_seconds: float) -> tuple[str, str]:
        """Return the work items before and behind an open line, empty at the ends."""
        reading = Reading(now, cap_seconds)
        place = Position.of(ranked)
        with self.reading() as connection:
            before = key_before(connection, reading, place)
            behind = keys_after(connection, reading, place, 1)
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
            uids = _found(connection, reading, selection, offset, limit)
            found = entries_of(connection, uids)
        return tuple(RankedEntry.at(0, found[uid], now, cap_seconds) for uid in uids)

    def search_uids(
        self,
        selection: Selection,
        now: datetime,
        cap_seconds: float,
        *,
        limit: int | None = None,
        offset: int = 0,
    ) -> tuple[str, ...]:
        """Return the work items that `search` would find, in its order, all at one moment."""
        most = _NO_LIMIT if limit is None else limit
        with self.reading() as connection:
            return tuple(_found(connection, Reading(now, cap_seconds), selection, offset, most))

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
            places = keys_after(connection, reading, after, _PAGE)
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


def _found(
    connection: Connection, reading: Reading, selection: Selection, offset: int, limit: int
) -> list[str]:
    """Return what is looked for: open items in reading order, then ended ones by arrival."""
    places, passed = places_behind(connection, reading, selection, offset, limit)
    uids = [place.work_item_uid for place in places]
    if len(uids) < limit:
        uids += ended_items(connection, selection, offset - passed, limit - len(uids))
    return uids


def _numbers(
    connection: Connection, tally: Tally, places: Sequence[Position], *, whole: bool
) -> Sequence[int]:
    """Return the positions of lines on the whole list; on the whole one itself they count up."""
    if not whole or not places:
        return tally.positions(connection, places)
    (first,) = tally.positions(connection, places[:1])
    return range(first, first + len(places))


def _numbers_of_shown(
    connection: Connection, tally: Tally, places: Sequence[Position], *, whole: bool
) -> Sequence[int]:
    """Return the positions of what a page shows: urgent orders are all there, and count up."""
    if whole:
        return range(1, len(places) + 1)
    urgent = sum(place.effective_class is ReadingClass.URGENT_ORDER for place in places)
    return [*range(1, urgent + 1), *tally.positions(connection, places[urgent:])]
