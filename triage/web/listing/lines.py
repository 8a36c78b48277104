"""The lines of the list with their headings, each with a mark of what it shows: pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from triage.store import Sort
from triage.values import ReadingClass
from triage.web.strings import say
from triage.worklist.words import group_title

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from triage.store import ShownWindow, Window
    from triage.values import RankedEntry
    from triage.web.listing.asking import ListQuery


@dataclass(frozen=True, slots=True)
class Heading:
    """The line over neighbouring studies of one class."""

    key: str
    title: str
    tone: str
    count: int

    @property
    def mark(self) -> int:
        """A number that is another one as soon as the line shows something else."""
        return hash(self)


@dataclass(frozen=True, slots=True)
class StudyLine:
    """A study's line: what it shows, apart from its number and its waiting time.

    Attributes:
        ranked: The study at its place.
        late: Its waiting time has reached the cap.
        feedback: What the reader of the page has said of it.
        outside: No filter would show it.
    """

    ranked: RankedEntry
    late: bool
    feedback: str
    outside: bool

    @property
    def key(self) -> str:
        """The identifier of the line in the page."""
        return f"w-{self.ranked.entry.work_item_uid}"

    @property
    def mark(self) -> int:
        """A number that is another one as soon as the line shows something else."""
        item = self.ranked
        shown = (item.entry, item.effective_class, item.overdue, self.late)
        return hash((shown, self.feedback, self.outside))


Line = Heading | StudyLine


def lines_of(shown: ShownWindow, query: ListQuery, feedback: Mapping[str, str]) -> tuple[Line, ...]:
    """Lay out a window.

    Args:
        shown: What is shown.
        query: What was asked for.
        feedback: What the reader of the page has said, by Study Instance UID.
    """
    return tuple(_lines(shown, query, feedback))


def _lines(shown: ShownWindow, query: ListQuery, feedback: Mapping[str, str]) -> Iterator[Line]:
    window = shown.window
    for effective, members in groupby(window.entries, key=lambda item: _group(item, query.sort)):
        together = tuple(members)
        yield _heading(effective, together, window, query)
        for item in together:
            entry = item.entry
            yield StudyLine(
                ranked=item,
                late=item.overdue or item.waited_seconds >= item.cap_seconds,
                feedback=feedback.get(entry.study_instance_uid, ""),
                outside=entry.work_item_uid in shown.outside,
            )


def _group(item: RankedEntry, sort: Sort) -> ReadingClass | None:
    """Return the class that a line stands under; none below urgent orders in another order."""
    urgent = item.effective_class is ReadingClass.URGENT_ORDER
    return item.effective_class if sort is Sort.READING or urgent else None


def _heading(
    effective: ReadingClass | None,
    members: Sequence[RankedEntry],
    window: Window,
    query: ListQuery,
) -> Heading:
    if effective is None:
        rest = sum(count for one, count in window.counts.items() if one is not _URGENT)
        count = len(members) if query.filters else rest
        return Heading("g-rest", say(f"list.sorted.{query.sort.value}"), "sorted", count)
    tone = effective.name.lower().replace("_", "-")
    count = len(members) if query.filters else window.counts[effective]
    return Heading(f"g-{effective.value}", group_title(members), tone, count)


_URGENT = ReadingClass.URGENT_ORDER
