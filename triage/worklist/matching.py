"""Matching of one value against what a query asks for it (PS3.4 C.2.2.2): pure.

Universal, single value, wildcard and range matching. Person names are matched without regard to
case.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from triage.errors import PermanentError

_WITHOUT_WILDCARDS = frozenset({"DA", "DT", "TM", "UI", "SQ"})

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


def value_matches(vr: str, wanted: str, value: str) -> bool:
    """Whether a value fulfils what a query asks for.

    Args:
        vr: Its value representation.
        wanted: One value of the key.
        value: One value of the item.

    Raises:
        PermanentError: The key has a value that its type of matching does not know.
    """
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
