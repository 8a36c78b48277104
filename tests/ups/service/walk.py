"""What the tests of the UPS service share beside fixtures: states to come to, events heard."""

from __future__ import annotations

import itertools

from tests.ups.steps import make_cancellation, make_results
from triage.store import Channel
from triage.values import StepState

WATCHER = "WATCHER"
MINE, THEIRS = "1.2.3.4", "1.2.3.5"
NUMBERS = itertools.count(1)


def bring_to(service, uid, state):
    """Bring a new work item into a state, with `MINE` as its Transaction UID."""
    if state is StepState.SCHEDULED:
        return
    assert service.change_state(uid, "IN PROGRESS", MINE, "READER").status == 0
    if state is StepState.IN_PROGRESS:
        return
    results = make_results() if state is StepState.COMPLETED else make_cancellation()
    assert service.update(uid, results, MINE, "READER").status == 0
    assert service.change_state(uid, state.value, MINE, "READER").status == 0


def events_of(store, uid):
    """Return the states that events of an item tell, oldest first, and forget them."""
    claimed = store.claim_events("test", WATCHER, Channel.DIMSE, 10_000, 60)
    for event in claimed:
        store.event_delivered(event.event_id, "test")
    found = [one for one in claimed if one.work_item_uid == uid and one.kind == 1]
    return [one.information["00741000"]["Value"][0] for one in found]
