"""What every page of the site needs: the store, the settings, the time, and the bundle's name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from triage.store import Selection, StudyRecord
from triage.web.access.who import access_facts
from triage.web.history import Past
from triage.web.view import row_view
from triage.worklist.words import cap_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from starlette.requests import HTTPConnection, Request

    from triage.settings import Settings
    from triage.store import Store
    from triage.values import BundleIdentity, Mode, RankedEntry, WorklistEntry
    from triage.web.access.who import AccessFacts
    from triage.web.algorithm import Algorithm
    from triage.web.events import ChangeFeed
    from triage.web.view import Row

_MOST_PRIORS = 50


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What stands at the head of every page; `exceptions` from the mode hold somewhere."""

    label: str
    mode: Mode
    exceptions: bool
    paused: bool
    now: datetime
    cap: str
    identity: BundleIdentity | None
    access: AccessFacts


@dataclass(frozen=True, slots=True)
class Site:
    """What the handlers work with.

    Attributes:
        store: Where everything is read from, and what readers and operators do is written to.
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

    @property
    def cap_seconds(self) -> float:
        """The waiting cap."""
        return self.settings.worklist.waiting_cap_minutes * 60

    def page_facts(self, request: Request) -> PageFacts:
        """Return what stands at the head of a page."""
        algorithm = self.algorithm
        return PageFacts(
            label=self.settings.worklist.label,
            mode=self.settings.decision.mode,
            exceptions=bool(self.settings.decision.sites or self.settings.decision.findings),
            paused=self.store.paused(),
            now=self.clock(),
            cap=cap_words(self.cap_seconds),
            identity=algorithm.identity if algorithm else None,
            access=access_facts(request),
        )

    def row(self, work_item_uid: str, feedback: str = "") -> Row | None:
        """Return a study's line, with position 0 when it has been read; None when unknown."""
        ranked = self.store.ranked_entry(work_item_uid, self.clock(), self.cap_seconds)
        if ranked is None:
            return None
        return row_view(ranked, show_patient=self.show_patient, feedback=feedback)

    def place(self, row: Row) -> Place:
        """Return a line's neighbours on the open list."""
        now = self.clock()
        total = self.store.reading_window(now, self.cap_seconds, limit=0).total
        if row.ranked.position == 0:
            return Place("", "", total)
        before, behind = self.store.neighbours(row.ranked, now, self.cap_seconds)
        return Place(before, behind, total)

    def record(self, entry: WorklistEntry) -> StudyRecord:
        """Return the history of the study behind a line; that of the step, where no image came."""
        known = self.store.study(entry.study_instance_uid)
        if known is not None:
            return known
        return StudyRecord(entry, (), (), (), (), self.store.step_changes(entry.work_item_uid))

    def past(self, entry: WorklistEntry) -> Past:
        """Return all that is recorded of the study behind a line."""
        uid = entry.study_instance_uid
        return Past(
            self.record(entry),
            self.store.study_feedback(uid),
            self.store.receiver_changes_of(uid),
            self.store.results_of(uid),
        )

    def _placed(self, item: RankedEntry) -> RankedEntry:
        """Return a study at its place on the open list, which a search does not count."""
        if item.entry.ended_at is not None:
            return item
        uid = item.entry.work_item_uid
        return self.store.ranked_entry(uid, self.clock(), self.cap_seconds) or item

    def priors(self, entry: WorklistEntry) -> tuple[Row, ...]:
        """Return the other studies under the same Patient ID, the latest first."""
        if not entry.patient_id:
            return ()
        chosen = Selection(patient_ids=(entry.patient_id,))
        found = self.store.search(chosen, self.clock(), self.cap_seconds, limit=_MOST_PRIORS)
        others = [
            item
            for item in found
            # A Patient ID may hold what is a wildcard to the search.
            if item.entry.patient_id == entry.patient_id
            and item.entry.work_item_uid != entry.work_item_uid
        ]
        others = [self._placed(item) for item in others]
        others.sort(key=lambda item: (item.entry.study_date, item.entry.arrived_at), reverse=True)
        return tuple(row_view(item, show_patient=self.show_patient) for item in others)


@dataclass(frozen=True, slots=True)
class Place:
    """A study among its neighbours: their work item UIDs, empty at the ends."""

    previous: str
    next: str
    total: int


def site_of(connection: HTTPConnection) -> Site:
    """Return the site that a request or a WebSocket belongs to."""
    site: Site = connection.app.state.site
    return site
