"""How many lines the open list has, and how many stand before one: from kept counts.

The numbers are those that triage.worklist.order would give. What depends on the time is the
waiting cap alone: of each class below the suspected abnormal it has raised whatever arrived up to
a moment, so that one more count up to that moment settles it.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby, pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, select, text

from triage.store.columns import UtcTime
from triage.store.list_counts_schema import WIDTHS
from triage.store.list_records import Position
from triage.store.schema import EVERY_CLAIMED, FIXED, MOVABLE, work_items
from triage.values import ReadingClass, class_after_cap

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy.engine import Connection

    from triage.store.reading_order import Reading

    Key = tuple[ReadingClass, datetime, str]

RAISED_TO: Final = ReadingClass.SUSPECTED_ABNORMAL
BELOW: Final = tuple(one for one in ReadingClass if one > RAISED_TO)
_HELD: Final = f"{FIXED} AND held_by <> ''"
_BEHIND_EVERY_UID: Final = "\U0010ffff"


def _buckets(width: int, begin: str) -> str:
    """Count by one width what came before `asked`."""
    return f"""
        (SELECT coalesce(sum(number), 0) FROM place_counts
        WHERE width = {width} AND held = asked.held AND reading_class = asked.reading_class
        {begin} AND bucket < CAST(asked.arrived_at / {width} AS INTEGER))
    """


def _narrower_buckets(wider: int, width: int) -> str:
    """Count by one width what came after all that a wider one counts, and before `asked`."""
    begin = f"CAST(asked.arrived_at / {wider} AS INTEGER) * {wider // width}"
    return _buckets(width, f"AND bucket >= {begin}")


def _rows(lines: str, held: int) -> str:
    """Count one by one what came after all that the narrowest width counts, and before `asked`."""
    begin = f"CAST(asked.arrived_at / {WIDTHS[-1]} AS INTEGER) * {WIDTHS[-1]}"
    return f"""
        (SELECT count(*) FROM work_items
        WHERE {lines} AND asked.held = {held} AND reading_class = asked.reading_class
        AND arrived_at >= {begin} AND arrived_at <= asked.arrived_at
        AND (arrived_at < asked.arrived_at OR work_item_uid < asked.work_item_uid))
    """


_NUMBER_BEFORE: Final = "+".join(
    (
        _buckets(WIDTHS[0], ""),
        *(_narrower_buckets(wider, width) for wider, width in pairwise(WIDTHS)),
        _rows(MOVABLE, 0),
        _rows(_HELD, 1),
    )
)
# Each element of :asked is [held, class before the cap, work item UID].
_STANDING_BEFORE: Final = text(f"""
    WITH asked AS MATERIALIZED (
        SELECT
            each.key AS place, json_extract(each.value, '$[0]') AS held,
            json_extract(each.value, '$[1]') AS reading_class,
            work_items.arrived_at, work_items.work_item_uid
        FROM json_each(:asked) AS each
        JOIN work_items ON work_items.work_item_uid = json_extract(each.value, '$[2]')
    )
    SELECT {_NUMBER_BEFORE} FROM asked ORDER BY place
""")
_RAISED: Final = text(
    "WITH asked AS MATERIALIZED ("
    + " UNION ALL ".join(
        f"SELECT 0 AS held, {int(one)} AS reading_class, :horizon AS arrived_at,"
        " :behind AS work_item_uid"
        for one in BELOW
    )
    + f") SELECT {_NUMBER_BEFORE} FROM asked ORDER BY reading_class"
).bindparams(bindparam("horizon", type_=UtcTime))
_IN_ALL: Final = text(
    "SELECT reading_class, sum(number) FROM place_counts"
    f" WHERE width = {WIDTHS[0]} GROUP BY held, reading_class"
)
_STRETCHES: Final = text("""
    SELECT bucket, place_counts.held, place_counts.reading_class, number
    FROM json_each(:groups) AS each CROSS JOIN place_counts
    WHERE width = :width AND bucket >= :first AND bucket < :end
    AND place_counts.held = json_extract(each.value, '$[0]')
    AND place_counts.reading_class = json_extract(each.value, '$[1]')
""")
_END_OF_TIME: Final = 2**40  # seconds, after every arrival
_CLAIMED: Final = select(
    work_items.c.reading_class,
    work_items.c.arrived_at,
    work_items.c.work_item_uid,
    work_items.c.claimed_at,
).where(text(EVERY_CLAIMED), work_items.c.held_by == "")


@dataclass(frozen=True, slots=True)
class Tally:
    """What one transaction counts of the open list.

    Attributes:
        by_class: How many lines stand in each class, after the cap.
        overdue: How many of them the cap has raised.
    """

    by_class: Mapping[ReadingClass, int]
    overdue: int
    _raised: Mapping[ReadingClass, int]
    _claimed: Sequence[Key]

    @classmethod
    def read(cls, connection: Connection, reading: Reading) -> Tally:
        """Count the open list."""
        by_class = dict.fromkeys(ReadingClass, 0)
        for one, number in connection.execute(_IN_ALL):
            by_class[ReadingClass(one)] += int(number)
        up_to = {"horizon": reading.horizon, "behind": _BEHIND_EVERY_UID}
        raised = dict(
            zip(BELOW, map(int, connection.execute(_RAISED, up_to).scalars()), strict=True)
        )
        for one, number in raised.items():
            by_class[one] -= number
            by_class[RAISED_TO] += number
        claimed = [_claimed_key(row, reading) for row in connection.execute(_CLAIMED)]
        for (effective, *_), _ in claimed:
            by_class[effective] += 1
        overdue = sum(raised.values()) + sum(was_raised for _, was_raised in claimed)
        return cls(by_class, overdue, raised, sorted(key for key, _ in claimed))

    @property
    def total(self) -> int:
        """How many lines the open list has."""
        return sum(self.by_class.values())

    def positions(self, connection: Connection, places: Sequence[Position]) -> list[int]:
        """Return the positions of open lines on the whole list, 1 for the first."""
        if not places:
            return []
        asked = [(place, one) for place in places for one in _counted_with(place.effective_class)]
        parameter = json.dumps([(held, one, place.work_item_uid) for place, (held, one) in asked])
        found = connection.execute(_STANDING_BEFORE, {"asked": parameter}).scalars()
        before = {
            (place.work_item_uid, held, one): int(number)
            for (place, (held, one)), number in zip(asked, found, strict=True)
        }
        return [1 + self._before(place, before) for place in places]

    def place_behind(
        self, connection: Connection, classes: Collection[ReadingClass], number: int
    ) -> tuple[Position, int]:
        """Return a place to walk from to the line that has so many lines of some classes before it.

        Args:
            connection: The transaction.
            classes: The effective classes that are counted.
            number: How many lines of them; there must be more.

        Returns:
            A place, and how many lines behind it are still before that line: few, as long as not
            many arrived within one of the narrowest stretches that are counted.
        """
        left = number
        for one in sorted(classes):
            if left < self.by_class[one]:
                seconds, before = self._moment_behind(connection, one, left)
                return Position(one, datetime.fromtimestamp(seconds, UTC), ""), left - before
            left -= self.by_class[one]
        raise ValueError("there are no more lines than are left out")

    def _moment_behind(
        self, connection: Connection, effective: ReadingClass, number: int
    ) -> tuple[int, int]:
        """Return a moment before which no more lines of a class arrived, and how many did.

        Stretches of time are added up while they have no more lines; the one that has is gone
        through by the next narrower ones.
        """
        counted = dict.fromkeys(_counted_with(effective), 0)
        begin, until, before = 0, _END_OF_TIME, 0
        for width in WIDTHS:
            stretches = {"width": width, "first": begin // width, "end": until // width}
            rows = connection.execute(
                _STRETCHES, {"groups": json.dumps(list(counted)), **stretches}
            )
            for bucket, members in groupby(sorted(map(tuple, rows)), key=itemgetter(0)):
                more = {(held, one): some for _, held, one, some in members}
                reached = {group: seen + more.get(group, 0) for group, seen in counted.items()}
                end = (bucket + 1) * width
                standing = self._standing(effective, end, reached)
                if standing > number:
                    until = end
                    break
                counted, begin, before = reached, end, standing
        return begin, before

    def _standing(
        self, effective: ReadingClass, seconds: int, counted: Mapping[tuple[int, int], int]
    ) -> int:
        """Return how many lines of a class arrived before a moment: those that are counted too."""
        moment = (effective, datetime.fromtimestamp(seconds, UTC))
        claimed = bisect_left(self._claimed, moment) - bisect_left(self._claimed, (effective,))
        return claimed + self._after_cap(effective, counted)

    def _after_cap(self, own: ReadingClass, counted: Mapping[tuple[int, int], int]) -> int:
        """Return how many lines stand in a class after the cap, of those that came before some.

        Args:
            own: The class.
            counted: How many came before, by whether held and class before the cap.
        """
        raised = self._raised
        if own is RAISED_TO:
            from_below = sum(min(counted[0, one], raised[one]) for one in BELOW)
            return counted[0, own] + counted[1, own] + from_below
        if own in BELOW:
            return max(0, counted[0, own] - raised[own]) + counted[1, own]
        return counted[0, own] + counted[1, own]

    def _before(self, place: Position, before: Mapping[tuple[str, int, int], int]) -> int:
        """Return how many lines stand before one.

        Args:
            place: Its place.
            before: How many arrived before it, by UID, whether held, and class before the cap.
        """
        own = place.effective_class
        higher = sum(number for one, number in self.by_class.items() if one < own)
        key = (own, place.arrived_at, place.work_item_uid)
        claimed = bisect_left(self._claimed, key) - bisect_left(self._claimed, (own,))
        counted = {
            (held, one): before[place.work_item_uid, held, one] for held, one in _counted_with(own)
        }
        return higher + claimed + self._after_cap(own, counted)


def _counted_with(effective: ReadingClass) -> tuple[tuple[int, int], ...]:
    """Return what stands in a class after the cap: whether held, and the class before the cap."""
    raised = BELOW if effective is RAISED_TO else ()
    return (1, int(effective)), (0, int(effective)), *((0, int(one)) for one in raised)


def _claimed_key(row: Any, reading: Reading) -> tuple[Key, bool]:  # noqa: ANN401 - a row
    """Return where a claimed line stands, and whether the cap had raised it."""
    effective = class_after_cap(
        row.reading_class, row.arrived_at, row.claimed_at, "", reading.now, reading.cap_seconds
    )
    return (effective, row.arrived_at, row.work_item_uid), effective is not row.reading_class
