"""What a page asks of the list: filters, sorting, how many lines. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from triage.errors import PermanentError
from triage.store import Sort
from triage.values import ReadingClass
from triage.web.strings import say

if TYPE_CHECKING:
    from collections.abc import Mapping

WINDOW = 60  # lines that a page loads first: more than two screens of the usual displays
LONGEST_WINDOW = 5000
_LONGEST_TEXT = 64
_LONGEST_WAIT_MINUTES = 100_000.0


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What one page shows of the list; the text may name a patient, and stands in no address.

    Attributes:
        classes: Effective classes that are shown; none named means every one.
        waiting_minutes: Only studies that have waited for so long.
        text: Beginning of a patient's name or of a word of it, of a Patient ID or of an
            accession number, in any case.
        location: Where the patient is; empty for anywhere.
        mine: Only studies that this reader has opened.
        sort: By what the lines are sorted.
        limit: How many lines.
    """

    classes: frozenset[ReadingClass] = frozenset()
    waiting_minutes: float = 0.0
    text: str = ""
    location: str = ""
    mine: bool = False
    sort: Sort = Sort.READING
    limit: int = WINDOW

    @property
    def filters(self) -> bool:
        """Whether some studies are left out."""
        return replace(self, sort=Sort.READING, limit=WINDOW) != ListQuery()


def read_query(asked: Mapping[str, object]) -> ListQuery:
    """Read what a page asks for; what it does not name is not restricted.

    Raises:
        PermanentError: It asks for something that there is not.
    """
    return ListQuery(
        classes=_classes(asked.get("classes", [])),
        waiting_minutes=_number(asked.get("waiting_minutes", 0), _LONGEST_WAIT_MINUTES),
        text=_text(asked.get("text", "")),
        location=_text(asked.get("location", "")),
        mine=asked.get("mine") is True,
        sort=_sort(asked.get("sort", Sort.READING.value)),
        limit=max(WINDOW, int(_number(asked.get("limit", WINDOW), LONGEST_WINDOW))),
    )


def _classes(value: object) -> frozenset[ReadingClass]:
    known = {int(member) for member in ReadingClass}
    if not isinstance(value, list) or not all(
        isinstance(number, int) and number in known for number in value
    ):
        raise PermanentError(say("error.class"))
    return frozenset(map(ReadingClass, value))


def _number(value: object, largest: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= largest:
        raise PermanentError(say("error.number"))
    return float(value)


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        raise PermanentError(say("error.long-text", count=_LONGEST_TEXT))
    return " ".join(value.split())


def _sort(value: object) -> Sort:
    try:
        return Sort(value)
    except ValueError as error:
        raise PermanentError(say("error.sort")) from error
