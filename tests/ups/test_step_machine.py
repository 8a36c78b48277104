"""The state machine of a work item, cell by cell: the statuses of PS3.4 Table CC.1.1-2."""

from __future__ import annotations

import pytest

from triage.ups.machine import TABLE, Action, after, change_of_attributes, change_of_state
from triage.values import StepState

S, I, C, X = (  # noqa: E741 - as the columns of the table
    StepState.SCHEDULED,
    StepState.IN_PROGRESS,
    StepState.COMPLETED,
    StepState.CANCELED,
)
STATES = (None, S, I, C, X)

# What the standard asks for, written down a second time: the status, and the states gone through.
EXPECTED = {
    Action.CREATE: [(0x0000, (S,)), 0x0111, 0x0111, 0x0111, 0x0111],
    Action.CLAIM: [0xC307, (0x0000, (I,)), 0xC302, 0xC300, 0xC300],
    Action.CLAIM_WITHOUT_UID: [0xC307, 0xC301, 0xC301, 0xC301, 0xC301],
    Action.RESCHEDULE: [0xC307, 0xC303, 0xC303, 0xC303, 0xC303],
    Action.COMPLETE: [0xC307, 0xC310, (0x0000, (C,)), 0xB306, 0xC300],
    Action.COMPLETE_WITHOUT_UID: [0xC307, 0xC301, 0xC301, 0xC301, 0xC301],
    Action.CANCEL: [0xC307, 0xC310, (0x0000, (X,)), 0xC300, 0xB304],
    Action.CANCEL_WITHOUT_UID: [0xC307, 0xC301, 0xC301, 0xC301, 0xC301],
    Action.REQUEST_CANCEL: [0xC307, (0x0000, (I, X)), 0x0000, 0xC311, 0xB304],
    Action.UPDATE: [0xC307, 0xC310, 0x0000, 0xC300, 0xC300],
    Action.UPDATE_WITHOUT_UID: [0xC307, 0x0000, 0xC301, 0xC300, 0xC300],
}
CELLS = [
    (action, state, *(cell if isinstance(cell, tuple) else (cell, ())))
    for action, row in EXPECTED.items()
    for state, cell in zip(STATES, row, strict=True)
]


@pytest.mark.parametrize(("action", "state", "status", "states"), CELLS)
def test_each_action_in_each_state_has_the_standards_answer(action, state, status, states):
    transition = after(state, action)
    assert (transition.status, transition.states) == (status, states)


def test_every_action_has_an_answer_in_every_state():
    assert set(TABLE) == {(action, state) for action in Action for state in STATES}


def test_nothing_leads_out_of_a_final_state():
    assert [cell for cell in TABLE if cell[1] in (C, X) and TABLE[cell].states] == []


def test_only_a_creation_leads_to_scheduled():
    assert [cell for cell, found in TABLE.items() if S in found.states] == [(Action.CREATE, None)]


@pytest.mark.parametrize(
    ("target", "given", "recorded", "action"),
    [
        (I, "1.2", "", Action.CLAIM),
        (I, "1.2", "1.2", Action.CLAIM),
        (I, "1.9", "1.2", Action.CLAIM),
        (I, "", "", Action.CLAIM_WITHOUT_UID),
        (I, "", "1.2", Action.CLAIM_WITHOUT_UID),
        (C, "1.2", "", Action.COMPLETE),
        (C, "1.2", "1.2", Action.COMPLETE),
        (C, "1.9", "1.2", Action.COMPLETE_WITHOUT_UID),
        (C, "", "1.2", Action.COMPLETE_WITHOUT_UID),
        (C, "", "", Action.COMPLETE_WITHOUT_UID),
        (X, "1.2", "1.2", Action.CANCEL),
        (X, "1.9", "1.2", Action.CANCEL_WITHOUT_UID),
        (X, "", "", Action.CANCEL_WITHOUT_UID),
        (S, "1.2", "1.2", Action.RESCHEDULE),
        (S, "", "", Action.RESCHEDULE),
    ],
)
def test_a_change_of_state_is_told_by_its_target_and_its_transaction_uid(
    target, given, recorded, action
):
    assert change_of_state(target, given, recorded) is action


@pytest.mark.parametrize(
    ("given", "recorded", "action"),
    [
        ("", "", Action.UPDATE_WITHOUT_UID),
        ("1.2", "", Action.UPDATE),
        ("1.2", "1.2", Action.UPDATE),
        ("1.9", "1.2", Action.UPDATE_WITHOUT_UID),
        ("", "1.2", Action.UPDATE_WITHOUT_UID),
    ],
)
def test_an_update_is_told_by_its_transaction_uid(given, recorded, action):
    assert change_of_attributes(given, recorded) is action
