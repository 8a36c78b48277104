"""How a line of the reading list is put into words, for the page and the terminal alike."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from triage.values import Outcome, ReadingClass, StudyState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from triage.values import RankedEntry, WorklistEntry

CLASS_TITLES = {
    ReadingClass.URGENT_ORDER: "Urgent orders",
    ReadingClass.SUSPECTED_ABNORMAL: "Suspected abnormal",
    ReadingClass.ROUTINE: "Routine",
    ReadingClass.LIKELY_NORMAL: "Likely normal",
}
OUTCOME_WORDS = {
    Outcome.ABNORMAL: "Suspected abnormal",
    Outcome.LIKELY_NORMAL: "Likely normal",
    Outcome.INDETERMINATE: "Indeterminate",
    Outcome.NOT_ASSESSABLE: "Not assessable",
}
# What stands in place of an outcome while there is none.
STATE_WORDS = {
    StudyState.ARRIVING: "Receiving images",
    StudyState.COMPLETE: "Being analysed",
    StudyState.DECIDED: "No result",
}

_REASONS_ON_A_LINE = 2
_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_DA_LENGTH = 8
_MONTHS_ARE_TOLD_BELOW_YEARS = 2
# Bidirectional controls: within a name they serve only to disguise it.
_DIRECTION_MARKS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True)
class PersonName:
    """A DICOM person name (VR PN, PS3.5 6.2) as people write it.

    Attributes:
        main: The alphabetic group as "Family, Given Middle"; another group where it is empty.
        others: The remaining groups (ideographic, phonetic), family name first, in that order.
    """

    main: str
    others: tuple[str, ...] = ()


def person_name(value: str) -> PersonName:
    """Put a PN value into words.

    Args:
        value: Up to three component groups separated by "=", each
            "Family^Given^Middle^Prefix^Suffix" (PS3.5 6.2.1); anything else is tolerated.

    Returns:
        The name; `main` is empty when nothing of the value can be shown.
    """
    alphabetic, *others = (_printable(group) for group in value.split("="))
    groups = [_alphabetic(alphabetic), *(_family_first(group) for group in others)]
    main, *rest = [group for group in groups if group] or [""]
    return PersonName(main, tuple(name for name in rest if name != main))


def _alphabetic(group: str) -> str:
    family, given, middle, prefix, suffix = _components(group)
    first_names = " ".join(part for part in (prefix, given, middle) if part)
    return ", ".join(part for part in (family, first_names, suffix) if part)


def _family_first(group: str) -> str:
    return " ".join(part for part in _components(group) if part)


def _components(group: str) -> tuple[str, ...]:
    parts = [" ".join(part.split()) for part in group.split("^", 4)]
    return tuple(parts + [""] * (5 - len(parts)))


def _printable(text: str) -> str:
    return "".join(
        mark
        for mark in text
        if unicodedata.category(mark) not in ("Cc", "Cs") and mark not in _DIRECTION_MARKS
    )


def calendar_date(value: str) -> date | None:
    """Return the date of a DA value (PS3.5 6.2), or None when it is none."""
    if len(value) != _DA_LENGTH or not (value.isascii() and value.isdecimal()):
        return None
    try:
        return date(int(value[:4]), int(value[4:6]), int(value[6:]))
    except ValueError:
        return None


def age_words(birth_date: str, on: date) -> str:
    """Return the age on a day, as "54 y" or, for infants, "7 mo"; empty when it is unknown."""
    born = calendar_date(birth_date)
    if born is None or born > on:
        return ""
    months = (on.year - born.year) * 12 + on.month - born.month - (on.day < born.day)
    years = months // 12
    return f"{years} y" if years >= _MONTHS_ARE_TOLD_BELOW_YEARS else f"{months} mo"


def waiting_words(seconds: float) -> str:
    """Return a waiting time as "<1 min", "34 min", "2 h 05 min" or "3 d 04 h"."""
    if seconds < _MINUTE:
        return "<1 min"
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min"
    if seconds < _DAY:
        return f"{int(seconds // _HOUR)} h {int(seconds % _HOUR // _MINUTE):02d} min"
    return f"{int(seconds // _DAY)} d {int(seconds % _DAY // _HOUR):02d} h"


def cap_words(seconds: float) -> str:
    """Return the waiting cap as "4 h", or "1 h 30 min" where it is no whole number of hours."""
    return waiting_words(seconds).replace(" h 00 min", " h")


def group_title(members: Sequence[RankedEntry]) -> str:
    """Return the heading of neighbouring lines of one effective class.

    The waiting cap puts studies among the suspected abnormal that no finding has raised; the
    heading must not say of them what nobody has found.
    """
    capped = [member.overdue for member in members]
    if all(capped):
        return "Waiting too long"
    title = CLASS_TITLES[members[0].effective_class]
    return f"{title}, or waiting too long" if any(capped) else title


def reason_words(reasons: Sequence[str]) -> str:
    """Return the reasons; of many only the first, most telling one, and how many more there are.

    Where a film fails one gate it often fails several: the study's own page names them all.
    """
    if len(reasons) <= _REASONS_ON_A_LINE:
        return "; ".join(reasons)
    first, *others = reasons
    return f"{first} (and {len(others)} more)"


def outcome_words(entry: WorklistEntry) -> str:
    """Return the outcome in words, or how far the study is while there is none."""
    return STATE_WORDS[entry.study_state] if entry.outcome is None else OUTCOME_WORDS[entry.outcome]
