"""The states of a work item and what may be done in each: one literal table, pure.

It is PS3.4 Table CC.1.1-2, with N-SET (CC.2.6.3) beside it. Two cells are read as a reader
needs them: whoever claims brings a new Transaction UID, which can be neither right nor wrong,
so that a claim is judged by the state alone (C302 while another reader has the step, C300 once
it is over), where the table's own second row would answer C301.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from triage.ups.statuses import (
    ALREADY_CANCELED,
    ALREADY_COMPLETED,
    ALREADY_IN_PROGRESS,
    COMPLETED_ALREADY,
    DUPLICATE_SOP_INSTANCE,
    NO_LONGER_UPDATED,
    NOT_IN_PROGRESS,
    ONLY_CREATED_SCHEDULED,
    SUCCESS,
    UNKNOWN_WORK_ITEM,
    WRONG_TRANSACTION_UID,
)
from triage.values import StepState

if TYPE_CHECKING:
    from collections.abc import Mapping


class Action(Enum):
    """What somebody may ask to be done with a work item.

    "With its UID" means: a Transaction UID was given, and it is the one that the claim recorded.
    Before there is a claim, any will do.
    """

    CREATE = "create it"
    CLAIM = "change its state to IN PROGRESS, with a Transaction UID"
    CLAIM_WITHOUT_UID = "change its state to IN PROGRESS, without one"
    RESCHEDULE = "change its state to SCHEDULED"
    COMPLETE = "change its state to COMPLETED, with its UID"
    COMPLETE_WITHOUT_UID = "change its state to COMPLETED, without its UID"
    CANCEL = "change its state to CANCELED, with its UID"
    CANCEL_WITHOUT_UID = "change its state to CANCELED, without its UID"
    REQUEST_CANCEL = "ask whoever performs it to cancel it"
    UPDATE = "set attributes, with its UID"
    UPDATE_WITHOUT_UID = "set attributes, without its UID"


@dataclass(frozen=True, slots=True)
class Transition:
    """What follows from an action in a state.

    Attributes:
        status: The answer, where nothing else is in the way.
        states: The states that the step goes through, the last of which it keeps; none when
            its state stays as it is.
    """

    status: int
    states: tuple[StepState, ...] = ()

    @property
    def state(self) -> StepState | None:
        """The state that the step keeps, None when it stays as it is."""
        return self.states[-1] if self.states else None


def _to(*states: StepState) -> Transition:
    return Transition(SUCCESS, states)


def _no(status: int) -> Transition:
    return Transition(status)


_STAYS = Transition(SUCCESS)
_S, _I, _C, _X = (
    StepState.SCHEDULED,
    StepState.IN_PROGRESS,
    StepState.COMPLETED,
    StepState.CANCELED,
)

# fmt: off
_COLUMNS = (None, _S, _I, _C, _X)  # None: there is no such work item
_ROWS: Final = {
    Action.CREATE: (
        _to(_S), _no(DUPLICATE_SOP_INSTANCE), _no(DUPLICATE_SOP_INSTANCE),
        _no(DUPLICATE_SOP_INSTANCE), _no(DUPLICATE_SOP_INSTANCE),
    ),
    Action.CLAIM: (
        _no(UNKNOWN_WORK_ITEM), _to(_I), _no(ALREADY_IN_PROGRESS),
        _no(NO_LONGER_UPDATED), _no(NO_LONGER_UPDATED),
    ),
    Action.CLAIM_WITHOUT_UID: (
        _no(UNKNOWN_WORK_ITEM), _no(WRONG_TRANSACTION_UID), _no(WRONG_TRANSACTION_UID),
        _no(WRONG_TRANSACTION_UID), _no(WRONG_TRANSACTION_UID),
    ),
    Action.RESCHEDULE: (
        _no(UNKNOWN_WORK_ITEM), _no(ONLY_CREATED_SCHEDULED), _no(ONLY_CREATED_SCHEDULED),
        _no(ONLY_CREATED_SCHEDULED), _no(ONLY_CREATED_SCHEDULED),
    ),
    Action.COMPLETE: (
        _no(UNKNOWN_WORK_ITEM), _no(NOT_IN_PROGRESS), _to(_C),
        _no(ALREADY_COMPLETED), _no(NO_LONGER_UPDATED),
    ),
    Action.COMPLETE_WITHOUT_UID: (
        _no(UNKNOWN_WORK_ITEM), _no(WRONG_TRANSACTION_UID), _no(WRONG_TRANSACTION_UID),
        _no(WRONG_TRANSACTION_UID), _no(WRONG_TRANSACTION_UID),
    ),
    Action.CANCEL: (
        _no(UNKNOWN_WORK_ITEM), _no(NOT_IN_PROGRESS), _to(_X),
        _no(NO_LONGER_UPDATED), _no(ALREADY_CANCELED),
    ),
    Action.CANCEL_WITHOUT_UID: (
        _no(UNKNOWN_WORK_ITEM), _no(WRONG_TRANSACTION_UID), _no(WRONG_TRANSACTION_UID),
        _no(WRONG_TRANSACTION_UID), _no(WRONG_TRANSACTION_UID),
    ),
    Action.REQUEST_CANCEL: (
        _no(UNKNOWN_WORK_ITEM), _to(_I, _X), _STAYS,
        _no(COMPLETED_ALREADY), _no(ALREADY_CANCELED),
    ),
    Action.UPDATE: (
        _no(UNKNOWN_WORK_ITEM), _no(NOT_IN_PROGRESS), _STAYS,
        _no(NO_LONGER_UPDATED), _no(NO_LONGER_UPDATED),
    ),
    Action.UPDATE_WITHOUT_UID: (
        _no(UNKNOWN_WORK_ITEM), _STAYS, _no(WRONG_TRANSACTION_UID),
        _no(NO_LONGER_UPDATED), _no(NO_LONGER_UPDATED),
    ),
}
# fmt: on

TABLE: Final[Mapping[tuple[Action, StepState | None], Transition]] = {
    (action, state): transition
    for action, row in _ROWS.items()
    for state, transition in zip(_COLUMNS, row, strict=True)
}

_CHANGES = {
    (StepState.IN_PROGRESS, True): Action.CLAIM,
    (StepState.IN_PROGRESS, False): Action.CLAIM_WITHOUT_UID,
    (StepState.COMPLETED, True): Action.COMPLETE,
    (StepState.COMPLETED, False): Action.COMPLETE_WITHOUT_UID,
    (StepState.CANCELED, True): Action.CANCEL,
    (StepState.CANCELED, False): Action.CANCEL_WITHOUT_UID,
    (StepState.SCHEDULED, True): Action.RESCHEDULE,
    (StepState.SCHEDULED, False): Action.RESCHEDULE,
}


def after(state: StepState | None, action: Action) -> Transition:
    """Return what follows from an action.

    Args:
        state: The state of the work item, None when there is none.
        action: What is asked for.
    """
    return TABLE[action, state]


def change_of_state(target: StepState, given_uid: str, recorded_uid: str) -> Action:
    """Return the action that a request to change the state is.

    Args:
        target: The state that is asked for.
        given_uid: The Transaction UID of the request, empty for none.
        recorded_uid: The one that the claim recorded, empty before there is one.
    """
    if target is StepState.IN_PROGRESS:
        return _CHANGES[target, bool(given_uid)]
    return _CHANGES[target, _is_right(given_uid, recorded_uid)]


def change_of_attributes(given_uid: str, recorded_uid: str) -> Action:
    """Return the action that a request to set attributes is; as for `change_of_state`."""
    right = _is_right(given_uid, recorded_uid)
    return Action.UPDATE if right else Action.UPDATE_WITHOUT_UID


def _is_right(given_uid: str, recorded_uid: str) -> bool:
    return given_uid != "" and given_uid == (recorded_uid or given_uid)
