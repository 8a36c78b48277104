"""What the clock tells the ledger about the waiting cap, and when it tells nothing."""

from __future__ import annotations

import pytest

from tests.factories import record
from triage.clock import _note_overdue
from triage.settings import DecisionSettings, Settings, WorklistSettings
from triage.values import Mode

CAP_MINUTES = 60


@pytest.fixture(autouse=True)
def waiting_study(store, clock):
    """Let the store have a study that has waited for the cap."""
    record(store)
    clock.advance(60 * CAP_MINUTES)


def movers(store, mode):
    """Let the clock look under a mode; return who has moved the study so far."""
    settings = Settings(
        state_folder=store.state_folder,
        decision=DecisionSettings(mode=mode),
        worklist=WorklistSettings(waiting_cap_minutes=CAP_MINUTES),
    )
    _note_overdue(store, settings)
    return [change.by for change in store.changes_since(0)]


@pytest.mark.parametrize("mode", [Mode.PROMOTE, Mode.DEMOTE])
def test_a_study_that_reaches_the_cap_is_told_once(store, mode):
    assert movers(store, mode) == ["order", "cap"]
    assert movers(store, mode) == ["order", "cap"]


def test_in_shadow_mode_nothing_is_raised(store):
    assert movers(store, Mode.SHADOW) == ["order"]


def test_under_the_brake_nothing_is_raised(store):
    store.pause("stop")
    assert movers(store, Mode.DEMOTE) == ["order"]
