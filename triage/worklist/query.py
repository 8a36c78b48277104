"""Matching of query keys against a data set, and the answer (PS3.4 C.2.2.2): pure.

Universal, single value, list of UID, wildcard, range and sequence matching. Person names are
matched without regard to case. A key that the items of the list do not have is an optional key
that is not supported: it constrains nothing.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from triage.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydicom.tag import BaseTag

# They say how the query is encoded, or belong to an operation; they constrain nothing.
_NEVER_MATCHED = frozenset(
    map(Tag, ("SpecificCharacterSet", "TimezoneOffsetFromUTC", "TransactionUID"))
)
# Whoever reads an answer needs these, asked for or not.
_ALWAYS_ANSWERED = tuple(map(Tag, ("SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID")))
# Long, and seldom wanted in a list: only for those who ask.
_ON_DEMAND = frozenset({Tag("InputInformationSequence")})

_WITHOUT_WILDCARDS = frozenset({"DA", "DT", "TM", "UI", "SQ"})
_DEEPEST_KEYS = 8

# YYYY[MM[DD[HH[MM[SS[.F]]]]]][&ZZXX] (PS3.5 6.2). Up to 1200 after a "-" is an offset.
_DATE_TIME = re.compile(
    r"(\d{4}(?:\d{2}){0,5})(?:\.(\d{1,6}))?(\+(?:0\d|1[0-4])[0-5]\d|-(?:0\d|1[01])[0-5]\d|-1200)?"
)
_FORMATS = {4: "%Y", 6: "%Y%m", 8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_UNITS = {
    8: timedelta(days=1),
    10: timedelta(hours=1),
    12: timedelta(minutes=1),
    14: timedelta(seconds=1),
}
_YEAR_DIGITS = 4
_MONTH_DIGITS = 6


def is_date_time(text: str) -> bool:
    """Whether a DT value names a moment, so that a query can be matched against it."""
    try:
        _span(text)
    except PermanentError:
        return False
    return True


def check_query(query: Dataset) -> None:
    """Refuse a query whose keys are nested deeper than any list item is.

    Raises:
        PermanentError: It is.
    """
    level = [query]
    for _ in range(_DEEPEST_KEYS):
        level = [item for keys in level for key in keys if key.VR == "SQ" for item in key.value]
        if not level:
            return
    raise PermanentError(f"the query is nested deeper than {_DEEPEST_KEYS} levels")


def matches(query: Dataset, item: Dataset) -> bool:
    """Whether an item of the list fulfils every key of a query.

    Args:
        query: The identifier of a C-FIND request.
        item: A data set of the list. Its DT values have an offset from UTC; those of the query
            that have none are in the local time of this machine.

    Raises:
        PermanentError: A key has a value that its type of matching does not know.
    """
    return all(
        _element_matches(key, item[key.tag]) for key in _matching_keys(query) if key.tag in item
    )


def has_unsupported_keys(query: Dataset, item: Dataset) -> bool:
    """Whether a query constrains something that the items of the list do not have."""
    return any(key.tag not in item for key in _matching_keys(query))


def answer(query: Dataset, item: Dataset) -> Dataset:
    """Return what a query asks for of an item; everything, when it names nothing.

    Args:
        query: The identifier of a C-FIND request.
        item: An item that matches it.
    """
    if len(query) == 0:
        return select(item, [tag for tag in item.keys() if tag not in _ON_DEMAND])  # noqa: SIM118 - iterating a data set gives elements
    found = select(item, _ALWAYS_ANSWERED)
    for key in query:
        if key.tag in item:
            found.add(_answered(key, item[key.tag]))
    return found


def constrains(query: Dataset) -> bool:
    """Whether a query has any key that an item may fail to match."""
    return any(True for _ in _matching_keys(query))


def named_in(query: Dataset) -> frozenset[BaseTag]:
    """Return the attributes of an item that a query can say or answer something of."""
    return frozenset((*query.keys(), *_ALWAYS_ANSWERED))


def select(item: Dataset, tags: Iterable[BaseTag]) -> Dataset:
    """Return those of the named attributes that an item has."""
    found = Dataset()
    for tag in tags:
        if tag in item:
            found.add(item[tag])
    return found


def _answered(key: DataElement, element: DataElement) -> DataElement:
    """Return an element as asked for; of a sequence, the items that match, reduced to the keys."""
    if key.VR != "SQ" or element.VR != "SQ" or not key.value or len(key.value[0]) == 0:
        return element
    keys = key.value[0]
    items = [_reduced(keys, one) for one in element.value if matches(keys, one)]
    return DataElement(element.tag, "SQ", Sequence(items))


def _reduced(keys: Dataset, item: Dataset) -> Dataset:
    found = Dataset()
    for key in keys:
        if key.tag in item:
            found.add(_answered(key, item[key.tag]))
    return found


def _matching_keys(query: Dataset) -> Iterator[DataElement]:
    for key in query:
        is_group_length = key.tag.element == 0
        if not is_group_length and key.tag not in _NEVER_MATCHED and not _is_universal(key):
            yield key


def _is_universal(key: DataElement) -> bool:
    if key.VR == "SQ":
        return not any(True for item in key.value for _ in _matching_keys(item))
    return _texts(key) in ([], ["*"])


def _texts(element: DataElement) -> list[str]:
    """Return the values of an element as text, none when it is empty."""
    values = element.value if isinstance(element.value, MultiValue) else [element.value]
    texts = [unicodedata.normalize("NFC", str(value)).strip() for value in values if value]
    return [text for text in texts if text]


def _element_matches(key: DataElement, element: DataElement) -> bool:
    if element.VR == "SQ":
        keys = key.value[0] if key.VR == "SQ" else Dataset()
        return any(matches(keys, item) for item in element.value)
    return any(
        _value_matches(element.VR, wanted, value)
        for wanted in _texts(key)
        for value in _texts(element)
    )


def _value_matches(vr: str, wanted: str, value: str) -> bool:
    if vr == "DA":
        return _date_matches(wanted, value)
    if vr == "DT":
        return _date_time_matches(wanted, value)
    if vr == "PN":
        return _name_matches(wanted.casefold(), value.casefold())
    return wanted == value if vr in _WITHOUT_WILDCARDS else _is_like(wanted, value)


def _name_matches(wanted: str, value: str) -> bool:
    """Match a person name: one group against any of the name's, several each against its own."""
    groups = [group.rstrip("^ ") for group in value.split("=")]
    asked = [group.rstrip("^ ") for group in wanted.split("=")]
    if len(asked) == 1:
        return any(_is_like(asked[0], group) for group in groups)
    groups += [""] * (len(asked) - len(groups))
    return all(
        _is_like(pattern, group) for pattern, group in zip(asked, groups, strict=False) if pattern
    )


def _is_like(pattern: str, text: str) -> bool:
    """Match "*" (any characters) and "?" (any one), in time that no pattern can blow up."""
    at = position = 0
    star = resume = -1
    while position < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, resume = at, position
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[position]):
            at += 1
            position += 1
        elif star >= 0:
            # Let the last star take one character more.
            at, resume = star + 1, resume + 1
            position = resume
        else:
            return False
    return not pattern[at:].strip("*")


def _date_matches(wanted: str, value: str) -> bool:
    first, last = days(wanted)
    return first <= value and (not last or value <= last)


def days(wanted: str) -> tuple[str, str]:
    """Return the first and the last day of a DA query value; empty where it is open.

    Raises:
        PermanentError: It is no date and no range of dates.
    """
    first, dash, last = (part.replace(".", "").strip() for part in wanted.partition("-"))
    if not all(part == "" or (len(part) == 8 and part.isdecimal()) for part in (first, last)):  # noqa: PLR2004 - YYYYMMDD
        raise PermanentError("a date of the query is no date")
    return first, last if dash else first


def _date_time_matches(wanted: str, value: str) -> bool:
    moment, _ = _span(value)
    begin, end = moments(wanted)
    return (begin is None or begin <= moment) and (end is None or moment < end)


def moments(wanted: str) -> tuple[datetime | None, datetime | None]:
    """Return the begin and the end, exclusive, of a DT query value; None where it is open.

    A value with less than full precision means all of the year, month, day ... that it names.

    Raises:
        PermanentError: It is no moment and no range of moments.
    """
    if _DATE_TIME.fullmatch(wanted):
        return _span(wanted)
    for dash in re.finditer("-", wanted):
        first, last = wanted[: dash.start()].strip(), wanted[dash.end() :].strip()
        if all(part == "" or _DATE_TIME.fullmatch(part) for part in (first, last)):
            return (_span(first)[0] if first else None, _span(last)[1] if last else None)
    raise PermanentError("a date and time of the query is none")


def _span(value: str) -> tuple[datetime, datetime]:
    """Return the begin and the end, exclusive, of what a DT value names."""
    matched = _DATE_TIME.fullmatch(value)
    if matched is None:
        raise PermanentError("a date and time is none")
    digits, fraction, offset = matched.groups()
    try:
        layout = _FORMATS[len(digits)] + ("%z" if offset else "")
        begin = datetime.strptime(digits + (offset or ""), layout)  # noqa: DTZ007 - without an offset it is local time
        if fraction:
            begin += timedelta(microseconds=int(fraction.ljust(6, "0")))
        end = _following(begin, digits, fraction)
        return begin.astimezone(UTC), end.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise PermanentError("a date and time of the query does not exist") from error


def _following(begin: datetime, digits: str, fraction: str | None) -> datetime:
    """Return the first moment after the unit that a DT value names."""
    if fraction:
        return begin + timedelta(microseconds=10 ** (6 - len(fraction)))
    if len(digits) == _YEAR_DIGITS:
        return begin.replace(year=begin.year + 1)
    if len(digits) == _MONTH_DIGITS:
        return (begin + timedelta(days=31)).replace(day=1)
    return begin + _UNITS[len(digits)]
