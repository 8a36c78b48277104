"""A Selection in SQL: what an index looks up, and what is compared row by row."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
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
    union_all,
)

from triage.store.list_counts_schema import name_words
from triage.store.names import folded
from triage.store.schema import (
    CLAIMED,
    EVERY_CLAIMED,
    EVERY_TOLD_OF,
    LABELLED,
    LOCATED,
    OPEN,
    SAID,
    SAID_BIRTH_DATE,
    SAID_START,
    studies,
    work_items,
)
from triage.values import StepState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from sqlalchemy import Select
    from sqlalchemy.sql.elements import ColumnElement
    from sqlalchemy.sql.schema import Column

    from triage.store.list_records import Days, Moments, Selection

_WILDCARDS = "*?"
_GREATEST = "\U0010ffff"
_ESCAPE = "\\"
# What one statement of the database can carry; beyond it, comparison narrows alone.
_MOST_VALUES = 10_000
_MOST_PARAMETERS = 100  # more values than this are carried as one text: some builds take 32,766
_MOST_PATTERNS = 100
_LONGEST_PATTERN = 1_000
# A list asks for the same selections again and again, and several times for each answer: to build
# what they say costs more than to carry it out.
_KEPT = 64
_WORTH_JOINING = 1_000  # each line that is found costs a look at another table
_WIDEST_OFFSET = timedelta(hours=26)  # from the westernmost clock to the easternmost
_NAME_GROUPS = (
    work_items.c.name_alphabetic,
    work_items.c.name_ideographic,
    work_items.c.name_phonetic,
)


# What a pattern of a name says of one of its words: its beginning. A NUL ends a text for SQLite.
_WORD = re.compile(r"(?:^|[\^ ])([^\^ *?\0]+)")


@dataclass(frozen=True, slots=True)
class Lookup:
    """A way to find the open lines that a selection may want, without going through the list.

    Attributes:
        holds: What all of them fulfil; an index serves it.
        number: Counts them, `most` at most, from that index alone or beside another table.
        worth: More lines than this are not worth finding in that way: the order is walked.
    """

    holds: ColumnElement[bool]
    number: Select[int]
    worth: int = 1_000_000


@lru_cache(_KEPT)
def condition(selection: Selection) -> ColumnElement[bool]:
    """Return the condition that a row of the wanted lines fulfils; classes are not part of it."""
    return and_(true(), *_conditions(selection))


def index_condition(selection: Selection) -> ColumnElement[bool] | None:
    """Return the one condition by which ended lines are best looked up, None when none serves."""
    for column, patterns in _text_keys(selection):
        if patterns and all(_prefix(pattern) for pattern in patterns):
            return _any_pattern((column,), patterns)
    names = _name_patterns(selection.patient_names)
    if names and all(_prefix(pattern) for pattern in names):
        return _any_pattern(_NAME_GROUPS, names)
    return None


@lru_cache(_KEPT)
def lookups(selection: Selection) -> tuple[Lookup, ...]:
    """Return the ways to look up open lines, the most telling first."""
    return tuple(_lookups(selection))


def _lookups(selection: Selection) -> Iterator[Lookup]:
    for column, patterns in _text_keys(selection):
        if patterns and all(_prefix(pattern) for pattern in patterns):
            yield _among_open(OPEN, _any_pattern((column,), patterns))
    words = [_longest_word(pattern) for pattern in _name_patterns(selection.patient_names)]
    if words and all(words) and len(set(words)) <= _MOST_PATTERNS:
        spelt = or_(*(_like(name_words.c.word, f"{word}*") for word in dict.fromkeys(words)))
        named = select(name_words.c.work_item_uid).where(spelt)
        yield Lookup(work_items.c.work_item_uid.in_(named), _number(named))
    if selection.claimed_by:
        yield _among_open(CLAIMED, work_items.c.claimed_by.in_(selection.claimed_by))
    elif selection.step_states == (StepState.IN_PROGRESS,):
        yield _among_open(EVERY_CLAIMED, true())
    if selection.told_of:
        yield _among_open(EVERY_TOLD_OF, true())
    yield from narrow_lookups(selection, OPEN)
    if selection.labels and "" not in selection.labels:
        yield _among_open(LABELLED, work_items.c.label.in_(selection.labels))
    if selection.patient_locations and "" not in selection.patient_locations:
        yield _among_open(LOCATED, work_items.c.patient_location.in_(selection.patient_locations))


def narrow_lookups(selection: Selection, lines: str) -> Iterator[Lookup]:
    """Yield the ways to look up, among the open or the ended lines, what days and moments name.

    Args:
        selection: What is wanted.
        lines: What the lines among which to look fulfil.
    """
    uid, among = work_items.c.work_item_uid, text(lines)
    if selection.birth_dates:
        born = _in_days(studies.c.patient_birth_date, selection.birth_dates)
        yield _named(
            select(uid).join_from(studies, work_items).where(born, among),
            select(uid).where(text(SAID), _said_days(selection.birth_dates), among),
        )
    if selection.study_states:
        in_state = studies.c.state.in_(selection.study_states)
        yield _named(
            select(uid).join_from(studies, work_items).where(in_state, among),
            select(uid).where(text(EVERY_TOLD_OF) if lines == OPEN else text(SAID), among),
        )
    if selection.starts:
        arrived = _in_moments(work_items.c.arrived_at, selection.starts)
        yield _named(
            select(uid).where(arrived, among),
            select(uid).where(text(SAID), _said_start(selection.starts), among),
        )
    if selection.changes:
        yield _named(
            select(uid).where(_in_moments(work_items.c.changed_at, selection.changes), among)
        )


def beginning_of_names(selection: Selection) -> str:
    """Return what some word of each name that is wanted begins with; empty where none is known."""
    words = [_longest_word(pattern) for pattern in _name_patterns(selection.patient_names)]
    shortest = min(words, key=len, default="")
    return shortest if all(word.startswith(shortest) for word in words) else ""


def begins_with(column: ColumnElement[str], beginning: str) -> ColumnElement[bool]:
    """Hold a column against a literal beginning, as a range that an index serves."""
    return and_(column >= beginning, column < beginning + _GREATEST)


def _named(*selects: Select[Any]) -> Lookup:
    """Return the lookup of the items that any of some statements names."""
    named = union_all(*selects).subquery()
    items = select(named.c.work_item_uid)
    return Lookup(work_items.c.work_item_uid.in_(items), _number(items), _WORTH_JOINING)


def _among_open(lines: str, holds: ColumnElement[bool]) -> Lookup:
    """Return a lookup by an index of some of the open lines, word for word as it is defined."""
    among = and_(text(lines), holds)
    return Lookup(among, _number(select(literal_column("1")).select_from(work_items).where(among)))


def _number(each: Select[Any]) -> Select[int]:
    """Return the statement that counts rows, and no more of them than its parameter `most`."""
    return select(func.count()).select_from(each.limit(bindparam("most", type_=Integer)).subquery())


def _longest_word(pattern: str) -> str:
    """Return the longest beginning of a word that every matching name has; empty when none."""
    return max(_WORD.findall(pattern), key=len, default="")


def _conditions(selection: Selection) -> Iterator[ColumnElement[bool]]:
    for column, patterns in _text_keys(selection):
        if patterns:
            yield _any_pattern((column,), patterns)
    if selection.patient_names:
        yield _any_pattern(_NAME_GROUPS, _name_patterns(selection.patient_names))
    for column, wanted in _listed_keys(selection):
        if wanted:
            yield _is_any_of(column, wanted)
    if selection.outcomes:
        known = [outcome for outcome in selection.outcomes if outcome is not None]
        unknown = work_items.c.outcome.is_(None) if None in selection.outcomes else false()
        yield or_(work_items.c.outcome.in_(known), unknown)
    yield from _narrow_conditions(selection)
    if selection.told_of:
        yield and_(text(SAID))
    if selection.arrived_from is not None:
        yield work_items.c.arrived_at >= selection.arrived_from
    if selection.arrived_until is not None:
        yield work_items.c.arrived_at <= selection.arrived_until


def _narrow_conditions(selection: Selection) -> Iterator[ColumnElement[bool]]:
    """Yield what days and moments ask of a row; what somebody has said of an item counts too."""
    if selection.birth_dates:
        born = _in_days(studies.c.patient_birth_date, selection.birth_dates)
        yield or_(_of_study(born), and_(text(SAID), _said_days(selection.birth_dates)))
    if selection.study_states:
        yield or_(_of_study(studies.c.state.in_(selection.study_states)), text(SAID))
    if selection.patient_sexes:
        yield or_(_of_study(studies.c.patient_sex.in_(selection.patient_sexes)), text(SAID))
    if selection.starts:
        # By names, of which there are few: the index of the order tells both, and no row is read.
        said = select(work_items.c.work_item_uid).where(text(SAID), _said_start(selection.starts))
        yield or_(
            _in_moments(work_items.c.arrived_at, selection.starts),
            work_items.c.work_item_uid.in_(said.correlate(None)),
        )
    if selection.changes:
        yield _in_moments(work_items.c.changed_at, selection.changes)


def _of_study(holds: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition that something holds for the study of an item."""
    own = studies.c.study_instance_uid == work_items.c.study_instance_uid
    return select(studies.c.study_instance_uid).where(own, holds).correlate(work_items).exists()


def _in_moments(column: Column[Any], wanted: Iterable[Moments]) -> ColumnElement[bool]:
    return or_(*(_between(column, one.first, one.last) for one in wanted))


def _in_days(column: ColumnElement[Any], wanted: Iterable[Days]) -> ColumnElement[bool]:
    return or_(*(_between(column, one.first or None, one.last or None) for one in wanted))


def _said_days(wanted: Iterable[Days]) -> ColumnElement[bool]:
    return _in_days(literal_column(SAID_BIRTH_DATE, String), wanted)


def _said_start(wanted: Iterable[Moments]) -> ColumnElement[bool]:
    """Hold what was said of a start against moments, as far as texts can be compared.

    A DT value (PS3.5 6.2) is a text of one order, in any offset from UTC, and one of little
    precision begins what others of its span begin with: with room for every offset on both
    sides, none is missed.
    """
    said = literal_column(SAID_START, String)
    return or_(
        *(
            _between(said, _dated(one.first, -_WIDEST_OFFSET), _dated(one.last, _WIDEST_OFFSET))
            for one in wanted
        )
    )


def _dated(moment: datetime | None, room: timedelta) -> str | None:
    if moment is None:
        return None
    try:
        at = moment.astimezone(UTC) + room
    except OverflowError:  # at the ends of the calendar
        return None
    return f"{at.year:04}{at:%m%d%H%M%S}"


def _between(column: ColumnElement[Any], first: object, last: object) -> ColumnElement[bool]:
    """Hold a column against a stretch, both ends within it; an end that is None is open."""
    from_ = true() if first is None else column >= first
    until = true() if last is None else column <= last
    return and_(column.is_not(None), from_, until)


def _text_keys(selection: Selection) -> Iterator[tuple[Column[str], tuple[str, ...]]]:
    """Yield the columns that patterns are held against, the most telling first."""
    yield work_items.c.work_item_uid, selection.work_item_uids
    yield work_items.c.named_study_uid, selection.study_instance_uids
    yield work_items.c.accession_number, selection.accession_numbers
    yield work_items.c.patient_id, selection.patient_ids


def _listed_keys(selection: Selection) -> Iterator[tuple[Column[Any], tuple[Any, ...]]]:
    """Yield the columns of which each wanted value is listed."""
    yield work_items.c.label, selection.labels
    yield work_items.c.step_state, selection.step_states
    yield work_items.c.patient_location, selection.patient_locations
    yield work_items.c.claimed_by, selection.claimed_by


def _any_pattern(columns: tuple[Column[str], ...], patterns: Iterable[str]) -> ColumnElement[bool]:
    """Hold columns against patterns; where there are too many of them, nothing is narrowed."""
    plain = [pattern for pattern in patterns if _prefix(pattern) == pattern]
    wild = [pattern for pattern in patterns if _prefix(pattern) != pattern]
    if len(plain) > _MOST_VALUES or len(wild) > _MOST_PATTERNS:
        return true()
    terms = [_is_any_of(column, plain) for column in columns] if plain else []
    return or_(*terms, *(_like(column, pattern) for pattern in wild for column in columns))


def _is_any_of(column: Column[Any], wanted: Iterable[Any]) -> ColumnElement[bool]:
    """Hold a column against values, each of which may come often."""
    values = tuple(dict.fromkeys(wanted))
    if len(values) <= _MOST_PARAMETERS:
        return column.in_(values)
    return column.in_(select(func.json_each(json.dumps(values)).table_valued("value")))


def _like(column: Column[str], pattern: str) -> ColumnElement[bool]:
    """Hold a column against a pattern; its literal beginning is a range that an index serves."""
    prefix = _prefix(pattern)
    within = begins_with(column, prefix) if prefix else true()
    if pattern == f"{prefix}*" or len(pattern) > _LONGEST_PATTERN:
        return within
    return and_(within, column.like(_sql_pattern(pattern), escape=_ESCAPE))


def _name_patterns(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Return patterns of one name group each: of several groups, the first that says something."""
    groups = ([part.rstrip("^ ") for part in folded(pattern).split("=")] for pattern in patterns)
    return tuple(next(filter(None, parts), "*") for parts in groups)


def _prefix(pattern: str) -> str:
    """Return what a pattern begins with before its first wildcard."""
    ends = [pattern.index(mark) for mark in _WILDCARDS if mark in pattern]
    return pattern[: min(ends)] if ends else pattern


def _sql_pattern(pattern: str) -> str:
    for mark in (_ESCAPE, "%", "_"):
        pattern = pattern.replace(mark, _ESCAPE + mark)
    return pattern.replace("*", "%").replace("?", "_")
