"""What was read of the list lately, shared by the pages that ask the same."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool

from triage.values import ReadingClass
from triage.web.listing.known import KnownLists
from triage.web.listing.markup import LineTexts
from triage.web.listing.window import Moment, read_window
from triage.web.render import make_templates

if TYPE_CHECKING:
    from triage.store import ShownWindow
    from triage.web.listing.asking import ListQuery
    from triage.web.site import Site

_SHARED_SECONDS = 1.0  # for so long many readers share one reading of an unchanged list
_MOST_SHARED = 64


@dataclass(frozen=True, slots=True)
class Reading:
    """A window of the list, and the places where its patients are."""

    shown: ShownWindow
    locations: tuple[str, ...]

    def head(self) -> dict[str, Any]:
        """Return what a page tells of the list as a whole, fit for JSON."""
        window = self.shown.window
        return {
            "total": window.total,
            "overdue": window.overdue,
            "counts": [(one.value, window.counts.get(one, 0)) for one in ReadingClass],
            "shown": len(window.entries),
            "outside": len(self.shown.outside),
            "more": self.shown.more,
            "locations": self.locations,
        }


class ListReadings:
    """Twenty open pages cost one reading of the list per change.

    Attributes:
        known: The lists that pages know.
        texts: The texts of their lines.
    """

    def __init__(self, site: Site) -> None:
        self.known = KnownLists()
        self.texts = LineTexts(make_templates(), show_patient=site.show_patient)
        self._site = site
        self._lock = asyncio.Lock()
        self._held: dict[tuple[ListQuery, str], tuple[int, float, Reading]] = {}

    async def read(self, query: ListQuery, reader: str) -> Reading:
        """Return what a query finds as of the newest change that the feed knows."""
        key = (query, reader if query.mine else "")
        async with self._lock:
            revision = self._site.feed.revision
            known_revision, until, reading = self._held.pop(key, (-1, 0.0, None))
            if reading is None or known_revision != revision or time.monotonic() >= until:
                reading = await run_in_threadpool(_read, self._site, query, reader)
                until = time.monotonic() + _SHARED_SECONDS
            self._held[key] = (revision, until, reading)
            while len(self._held) > _MOST_SHARED:
                self._held.pop(next(iter(self._held)))
            return reading


def _read(site: Site, query: ListQuery, reader: str) -> Reading:
    moment = Moment(site.clock(), site.cap_seconds, reader, site.show_patient)
    return Reading(read_window(site.store, query, moment), site.store.patient_locations())
