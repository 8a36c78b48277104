"""Reads from the store the lines that a page asks for, in the order that it asks for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from triage.store import Selection
from triage.values import ReadingClass
from triage.web.listing.asking import LONGEST_WINDOW, Sort
from triage.worklist.words import person_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from triage.store import Store, Window
    from triage.values import RankedEntry
    from triage.web.listing.asking import ListQuery


@dataclass(frozen=True, slots=True)
class ListWindow:
    """What a page shows of the list.

    Attributes:
        ranked: The lines, in the order asked for, each with its place in the reading order.
        total: How many studies the whole open list has.
        counts: How many of them stand in each class.
        overdue: How many of them the waiting cap has raised.
        outside: Work items of urgent orders that no filter would show.
        more: There are further lines.
    """

    ranked: tuple[RankedEntry, ...]
    total: int
    counts: Mapping[ReadingClass, int]
    overdue: int
    outside: frozenset[str]
    more: bool


@dataclass(frozen=True, slots=True)
class Moment:
    """When the list is read, under which cap, and by whom.

    Attributes:
        now: The present time.
        cap_seconds: The waiting cap.
        reader: Name of the user; empty for nobody.
        show_patient: The reader may know who patients are: without this, nobody may find out by
            filters either.
    """

    now: datetime
    cap_seconds: float
    reader: str
    show_patient: bool


def read_window(store: Store, query: ListQuery, moment: Moment) -> ListWindow:
    """Return the lines that a page asks for; no filter leaves out an urgent order."""
    # One more than is shown tells whether there are more; another order needs all of them.
    wanted = query.limit + 1 if query.sort is Sort.READING else LONGEST_WINDOW
    windows = [_read(store, moment, wanted, chosen) for chosen in _selections(query, moment)]
    matching = {item.entry.work_item_uid for window in windows[:-1] for item in window.entries}
    ranked = _sorted(_united(windows), query.sort)
    whole = windows[-1]
    return ListWindow(
        ranked=ranked[: query.limit],
        total=whole.total,
        counts=whole.counts,
        overdue=whole.overdue,
        outside=_outside(whole, matching) if query.filters else frozenset(),
        more=len(ranked) > query.limit,
    )


def _read(store: Store, moment: Moment, limit: int, chosen: Selection) -> Window:
    return store.reading_window(moment.now, moment.cap_seconds, limit=limit, chosen=chosen)


def _selections(query: ListQuery, moment: Moment) -> Iterator[Selection]:
    """Yield what is to be united: all that the filters choose; at last, what always stays."""
    if not query.filters:
        yield Selection()
        return
    yield from _texts(query.text, _without_text(query, moment), names=moment.show_patient)
    yield Selection(classes=(ReadingClass.URGENT_ORDER,))


def _without_text(query: ListQuery, moment: Moment) -> Selection:
    since = timedelta(minutes=query.waiting_minutes)
    return Selection(
        classes=tuple(sorted(query.classes)),
        arrived_until=moment.now - since if since else None,
        patient_locations=(query.location,) if query.location else (),
        claimed_by=(moment.reader,) if query.mine else (),
    )


def _texts(text: str, chosen: Selection, *, names: bool) -> Iterator[Selection]:
    """Yield a selection for each thing that a typed text may be the beginning of."""
    if not text:
        yield chosen
        return
    beginnings = tuple(dict.fromkeys(f"{each}*" for each in (text, text.upper())))
    yield replace(chosen, accession_numbers=beginnings)
    if names:
        yield replace(chosen, patient_names=_names(text))
        yield replace(chosen, patient_ids=beginnings)


def _names(text: str) -> tuple[str, ...]:
    """Return the patterns of names (PS3.5 6.2.1) that people mean when they type a text."""
    first, _, second = text.replace(",", " ").partition(" ")
    second = second.strip()
    patterns = [f"{text}*", f"*^{text}*", f"* {text}*"]
    if second:
        patterns += [f"{first}*^{second}*", f"{second}*^{first}*"]
    return tuple(patterns)


def _united(windows: Iterable[Window]) -> list[RankedEntry]:
    found = {item.position: item for window in windows for item in window.entries}
    return [found[position] for position in sorted(found)]


def _outside(urgent: Window, matching: set[str]) -> frozenset[str]:
    return frozenset(item.entry.work_item_uid for item in urgent.entries) - matching


def _sorted(ranked: list[RankedEntry], sort: Sort) -> tuple[RankedEntry, ...]:
    """Return the lines as asked for; urgent orders stay first, in the reading order."""
    if sort is Sort.READING:
        return tuple(ranked)
    return tuple(sorted(ranked, key=lambda item: _sort_key(item, sort)))


def _sort_key(item: RankedEntry, sort: Sort) -> tuple[bool, bool, str | float]:
    if item.effective_class is ReadingClass.URGENT_ORDER:
        return False, False, 0.0
    if sort is Sort.ARRIVAL:
        return True, False, item.entry.arrived_at.timestamp()
    if sort is Sort.PATIENT:
        name = person_name(item.entry.patient_name).main.casefold()
        return True, not name, name
    place = item.entry.patient_location.casefold()
    return True, not place, place
