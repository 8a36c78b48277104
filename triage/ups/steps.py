"""A work item as it stands, and what every operation on it needs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from triage.conclude import place_standing
from triage.store import StepChange, StepEvent, StepReferences
from triage.ups.items import is_own, present, to_json

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from pydicom.dataset import Dataset

    from triage.settings import Settings
    from triage.store import StepLine, StepRecord, Store
    from triage.ups.reports import EventReport

# How often a change is looked at anew because another one came between.
TRIES: Final = 20
LINES_AT_ONCE: Final = 100


class Steps:
    """Looks at work items, and changes one together with the events that follow from it.

    Args:
        store: The site's store.
        settings: The site's settings.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._label = settings.worklist.label
        self._cap_seconds = settings.worklist.waiting_cap_minutes * 60
        self._peers = frozenset(peer.ae_title for peer in settings.peers)
        self._placing = partial(place_standing, settings)

    def _line(self, work_item_uid: str) -> StepLine | None:
        found = self._store.step_lines([work_item_uid], self._store.clock(), self._cap_seconds)
        return found[0] if found else None

    def _plain(self, line: StepLine) -> Dataset:
        return present(line, self._label)

    def _whole(self, line: StepLine) -> Dataset:
        """Return an item with the images and reports of its study."""
        references = self._references([line]).get(line.step.study_instance_uid)
        return present(line, self._label, references)

    def _references(self, lines: Collection[StepLine]) -> Mapping[str, StepReferences]:
        """Return images and reports of the studies of ours among some lines."""
        studies = [line.step.study_instance_uid for line in lines if is_own(line.step)]
        found = self._store.step_references(studies)
        return {study: found.get(study, StepReferences()) for study in studies}

    def _change(self, step: StepRecord, change: StepChange, reports: Iterable[EventReport]) -> bool:
        return self._store.change_step_telling(
            step.work_item_uid, step.version, change, events_of(reports)
        )


def events_of(reports: Iterable[EventReport]) -> tuple[StepEvent, ...]:
    """Return reports as the events that the store keeps until they are told."""
    return tuple(StepEvent(int(report.kind), to_json(report.information)) for report in reports)
