"""What every page of the site needs: the store, the settings, the time, and the bundle's name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from triage.web.view import row_view
from triage.worklist.order import rank
from triage.worklist.words import cap_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from starlette.requests import HTTPConnection

    from triage.settings import Settings
    from triage.store import Store, StudyRecord
    from triage.values import BundleIdentity, Mode, RankedEntry
    from triage.web.algorithm import Algorithm
    from triage.web.events import ChangeFeed
    from triage.web.view import Row


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What stands at the head of every page."""

    label: str
    mode: Mode
    paused: bool
    now: datetime
    cap: str
    identity: BundleIdentity | None


@dataclass(frozen=True, slots=True)
class Site:
    """What the handlers work with.

    Attributes:
        store: Where everything is read from; the web never writes.
        settings: The site's configuration.
        clock: Returns the present time, aware and in UTC.
        feed: Tells that something has changed.
        algorithm: The bundle in use, None when it cannot be read.
        silent_roles: Names the processes that should run and give no sign of life.
    """

    store: Store
    settings: Settings
    clock: Callable[[], datetime]
    feed: ChangeFeed
    algorithm: Algorithm | None
    silent_roles: Callable[[], Sequence[str]]

    @property
    def show_patient(self) -> bool:
        """Whether pages may tell who a patient is."""
        return self.settings.web.show_patient

    def ranked(self) -> tuple[RankedEntry, ...]:
        """Return the whole list in reading order, as of now."""
        cap_seconds = self.settings.worklist.waiting_cap_minutes * 60
        return rank(self.store.worklist_entries(), self.clock(), cap_seconds)

    def page_facts(self) -> PageFacts:
        """Return what stands at the head of a page."""
        algorithm = self.algorithm
        return PageFacts(
            label=self.settings.worklist.label,
            mode=self.settings.decision.mode,
            paused=self.store.paused(),
            now=self.clock(),
            cap=cap_words(self.settings.worklist.waiting_cap_minutes * 60),
            identity=algorithm.identity if algorithm else None,
        )

    def place(self, work_item_uid: str) -> Place | None:
        """Find a study on the list, with its neighbours; None when it is not there."""
        ranked = self.ranked()
        uids = [item.entry.work_item_uid for item in ranked]
        if work_item_uid not in uids:
            return None
        at = uids.index(work_item_uid)
        return Place(
            row=row_view(ranked[at], show_patient=self.show_patient),
            previous=uids[at - 1] if at else "",
            next=uids[at + 1] if at + 1 < len(uids) else "",
            total=len(uids),
        )

    def record(self, work_item_uid: str) -> StudyRecord | None:
        """Return the history of the study behind a work item."""
        entry = self.store.worklist_entry(work_item_uid)
        return None if entry is None else self.store.study(entry.study_instance_uid)


@dataclass(frozen=True, slots=True)
class Place:
    """A study among its neighbours: their work item UIDs, empty at the ends."""

    row: Row
    previous: str
    next: str
    total: int


def site_of(connection: HTTPConnection) -> Site:
    """Return the site that a request or a WebSocket belongs to."""
    site: Site = connection.app.state.site
    return site
