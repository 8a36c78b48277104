"""What a page asks for, in the words of the store."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from triage.store import Selection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from triage.store import ShownWindow, Store
    from triage.web.listing.asking import ListQuery


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


def read_window(store: Store, query: ListQuery, moment: Moment) -> ShownWindow:
    """Return the lines that a page asks for; no filter leaves out an urgent order."""
    return store.shown_window(
        moment.now,
        moment.cap_seconds,
        limit=query.limit,
        selections=tuple(_selections(query, moment)),
        sort=query.sort,
    )


def _selections(query: ListQuery, moment: Moment) -> Iterator[Selection]:
    """Yield what is to be united: all that the filters choose."""
    yield from _texts(query.text, _without_text(query, moment), names=moment.show_patient)


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
