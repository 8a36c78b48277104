"""What is kept beside the open list so that nothing has to go through it: counts and name words.

Triggers keep both: whatever statement changes a work item changes them in the same transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import Boolean, CheckConstraint, Column, Integer, String, Table, event

from triage.store.columns import ClassNumber
from triage.store.schema import metadata, work_items

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

# Seconds that one count covers. Each width is 32 of the next: to count up to a place, some counts
# of each width are added, and the lines of the last 32 seconds.
WIDTHS: Final = (32_768, 1_024, 32)

# How many lines of the open list arrived within a stretch of time, by their class before the cap.
# Lines that a reader has claimed are left out, unless a person set their priority: how the cap
# takes them depends on two times, and they are as few as readers are.
place_counts = Table(
    "place_counts",
    metadata,
    Column("width", Integer, primary_key=True),
    Column("held", Boolean, primary_key=True),  # a person has set the priority
    Column("reading_class", ClassNumber, primary_key=True),
    Column("bucket", Integer, primary_key=True),  # arrival in seconds / width, without remainder
    Column("number", Integer, nullable=False),
    CheckConstraint("number > 0", name="some_are_counted"),
    sqlite_with_rowid=False,
)
place_counts.add_is_dependent_on(work_items)

# The words of the names of the open list, folded (triage.store.names).
name_words = Table(
    "name_words",
    metadata,
    Column("word", String, primary_key=True),
    Column("work_item_uid", String(64), primary_key=True),
    sqlite_with_rowid=False,
)
name_words.add_is_dependent_on(work_items)

_COUNTED = "{0}.ended_at IS NULL AND ({0}.claimed_at IS NULL OR {0}.held_by <> '')"
_PLACE = f"(({_COUNTED}), {{0}}.held_by <> '', {{0}}.reading_class, {{0}}.arrived_at)"
_PLACE_COLUMNS = "ended_at, claimed_at, held_by, reading_class, arrived_at"
_COUNT = """
    INSERT INTO place_counts (width, held, reading_class, bucket, number)
    SELECT {width}, {0}.held_by <> '', {0}.reading_class,
        CAST({0}.arrived_at / {width} AS INTEGER), 1
    WHERE {counted}
    ON CONFLICT (width, held, reading_class, bucket) DO UPDATE SET number = number + 1;
"""
_OF_PLACE = """
    width = {width} AND held = ({0}.held_by <> '') AND reading_class = {0}.reading_class
    AND bucket = CAST({0}.arrived_at / {width} AS INTEGER) AND {counted}
"""
_UNCOUNT = f"""
    DELETE FROM place_counts WHERE number = 1 AND {_OF_PLACE};
    UPDATE place_counts SET number = number - 1 WHERE number > 1 AND {_OF_PLACE};
"""
# SQLite's way to split a text: separators become those of a JSON array.
_SPLIT = """json_each(replace(replace(json_array(
    {0}.name_alphabetic || ' ' || {0}.name_ideographic || ' ' || {0}.name_phonetic
), '^', '","'), ' ', '","'))"""
_IS_WORD = "value <> '' AND {0}.ended_at IS NULL"
_NAME = "{0}.ended_at IS NULL, {0}.name_alphabetic, {0}.name_ideographic, {0}.name_phonetic"
_NAME_COLUMNS = "ended_at, name_alphabetic, name_ideographic, name_phonetic"
_SPELL = f"""
    INSERT INTO name_words (word, work_item_uid)
    SELECT DISTINCT value, {{0}}.work_item_uid FROM {_SPLIT} WHERE {_IS_WORD};
"""
_UNSPELL = f"""
    DELETE FROM name_words WHERE work_item_uid = {{0}}.work_item_uid
    AND word IN (SELECT value FROM {_SPLIT} WHERE {_IS_WORD});
"""


def _for_every_width(statements: str, row: str) -> str:
    counted = _COUNTED.format(row)
    return "".join(statements.format(row, width=width, counted=counted) for width in WIDTHS)


def _triggers(table: str, columns: str, told: str, put: str, take: str) -> tuple[str, str, str]:
    """Return the triggers that keep a table up with the work items.

    Args:
        table: Its name.
        columns: On which its rows depend.
        told: What its rows tell of a work item; where this stays, so do they.
        put: Statements that write the rows of NEW.
        take: Statements that take out the rows of OLD.
    """
    differs = f"({told.format('OLD')}) IS NOT ({told.format('NEW')})"
    changed = f"AFTER UPDATE OF {columns} ON work_items WHEN {differs}"
    return (
        f"CREATE TRIGGER {table}_new AFTER INSERT ON work_items BEGIN {put} END",
        f"CREATE TRIGGER {table}_gone AFTER DELETE ON work_items BEGIN {take} END",
        f"CREATE TRIGGER {table}_changed {changed} BEGIN {take} {put} END",
    )


_TRIGGERS: Final = {
    place_counts: _triggers(
        "place_counts",
        _PLACE_COLUMNS,
        _PLACE,
        _for_every_width(_COUNT, "NEW"),
        _for_every_width(_UNCOUNT, "OLD"),
    ),
    name_words: _triggers(
        "name_words", _NAME_COLUMNS, _NAME, _SPELL.format("NEW"), _UNSPELL.format("OLD")
    ),
}
_TRUE_COUNTS: Final = " UNION ALL ".join(
    f"""
    SELECT {width}, held_by <> '', reading_class, CAST(arrived_at / {width} AS INTEGER), count(*)
    FROM work_items WHERE {_COUNTED.format("work_items")} GROUP BY 1, 2, 3, 4
    """
    for width in WIDTHS
)
_TRUE_WORDS: Final = f"""
    SELECT DISTINCT value, work_item_uid
    FROM work_items, {_SPLIT.format("work_items")} WHERE {_IS_WORD.format("work_items")}
"""
_KEPT: Final = (
    ("place_counts", "width, held, reading_class, bucket, number", _TRUE_COUNTS),
    ("name_words", "word, work_item_uid", _TRUE_WORDS),
)


def count_anew(connection: Connection) -> None:
    """Write what is kept beside the list from the work items as they stand."""
    for table, columns, true in _KEPT:
        connection.exec_driver_sql(f"DELETE FROM {table}")
        connection.exec_driver_sql(f"INSERT INTO {table} ({columns}) {true}")


def agrees(connection: Connection) -> bool:
    """Whether what is kept beside the list is what the work items say."""
    for table, columns, true in _KEPT:
        kept = f"SELECT {columns} FROM {table}"
        for one, other in ((kept, true), (true, kept)):
            differs = f"SELECT * FROM ({one}) EXCEPT SELECT * FROM ({other}) LIMIT 1"
            if connection.exec_driver_sql(differs).first() is not None:
                return False
    return True


def _make_triggers(table: Table, connection: Connection, **_: object) -> None:
    for statement in _TRIGGERS[table]:
        connection.exec_driver_sql(statement)


for _table in _TRIGGERS:
    event.listen(_table, "after_create", _make_triggers)
