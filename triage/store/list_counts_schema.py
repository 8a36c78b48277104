"""What is kept beside the open list so that nothing has to go through it: counts and name words."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, CheckConstraint, Column, Integer, String, Table

from triage.store.columns import ClassNumber
from triage.store.kept import Kept, keep
from triage.store.schema import metadata, work_items

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

# The words of the names of the open list, folded (triage.store.names).
name_words = Table(
    "name_words",
    metadata,
    Column("word", String, primary_key=True),
    Column("work_item_uid", String(64), primary_key=True),
    sqlite_with_rowid=False,
)

_COUNTED = "({0}.ended_at IS NULL AND ({0}.claimed_at IS NULL OR {0}.held_by <> ''))"
_BUCKET = "CAST({0}.arrived_at / {width} AS INTEGER)"
_COUNT = f"""
    INSERT INTO place_counts (width, held, reading_class, bucket, number)
    SELECT {{width}}, {{0}}.held_by <> '', {{0}}.reading_class, {_BUCKET}, 1 WHERE {_COUNTED}
    ON CONFLICT (width, held, reading_class, bucket) DO UPDATE SET number = number + 1;
"""
_OF_PLACE = f"""
    width = {{width}} AND held = ({{0}}.held_by <> '') AND reading_class = {{0}}.reading_class
    AND bucket = {_BUCKET} AND {_COUNTED}
"""
_UNCOUNT = f"""
    DELETE FROM place_counts WHERE number = 1 AND {_OF_PLACE};
    UPDATE place_counts SET number = number - 1 WHERE number > 1 AND {_OF_PLACE};
"""
_COUNTS = f"""
    SELECT {{width}}, held_by <> '', reading_class, {_BUCKET}, count(*)
    FROM work_items WHERE {_COUNTED} GROUP BY 1, 2, 3, 4
"""

# SQLite's way to split a text: separators become those of a JSON array.
_SPLIT = """json_each(replace(replace(json_array(
    {0}.name_alphabetic || ' ' || {0}.name_ideographic || ' ' || {0}.name_phonetic
), '^', '","'), ' ', '","'))"""
_IS_WORD = "value <> '' AND {0}.ended_at IS NULL"


def _for_every_width(statements: str, between: str = "", row: str = "{0}") -> str:
    return between.join(statements.format(row, width=width) for width in WIDTHS)


keep(
    Kept(
        name="place_counts",
        table=place_counts,
        source=work_items,
        columns="ended_at, claimed_at, held_by, reading_class, arrived_at",
        told=f"{_COUNTED}, {{0}}.held_by <> '', {{0}}.reading_class, {{0}}.arrived_at",
        put=_for_every_width(_COUNT),
        take=_for_every_width(_UNCOUNT),
        true=_for_every_width(_COUNTS, "UNION ALL", "work_items"),
    )
)
keep(
    Kept(
        name="name_words",
        table=name_words,
        source=work_items,
        columns="ended_at, name_alphabetic, name_ideographic, name_phonetic",
        told="{0}.ended_at IS NULL, {0}.name_alphabetic, {0}.name_ideographic, {0}.name_phonetic",
        put=f"""
            INSERT INTO name_words (word, work_item_uid)
            SELECT DISTINCT value, {{0}}.work_item_uid FROM {_SPLIT} WHERE {_IS_WORD};
        """,
        take=f"""
            DELETE FROM name_words WHERE work_item_uid = {{0}}.work_item_uid
            AND word IN (SELECT value FROM {_SPLIT} WHERE {_IS_WORD});
        """,
        true=f"""
            SELECT DISTINCT value, work_item_uid
            FROM work_items, {_SPLIT.format("work_items")} WHERE {_IS_WORD.format("work_items")}
        """,
    )
)
