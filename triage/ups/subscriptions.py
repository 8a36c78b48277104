"""Who hears of which work item: PS3.4 Table CC.2.3-2 as one literal table, pure.

An application entity has one state towards each item, and one towards all items to come (the
Global Subscription State), which gives a new item its first one. Instructions about one item
count more than those about all; only unsubscribing globally takes back both.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

GLOBAL_SUBSCRIPTION: Final = "1.2.840.10008.5.1.4.34.5"
FILTERED_SUBSCRIPTION: Final = "1.2.840.10008.5.1.4.34.5.1"
GLOBAL_UIDS: Final = frozenset({GLOBAL_SUBSCRIPTION, FILTERED_SUBSCRIPTION})


class Subscription(Enum):
    """The UPS Subscription State of an application entity for one item."""

    NONE = "not subscribed"
    LOCKED = "subscribed with lock"  # the item is to be kept after its final state
    UNLOCKED = "subscribed without lock"


class Instruction(Enum):
    """What an application entity may ask for, or what may befall an item."""

    CREATED_WITHOUT_GLOBAL = "an item is created, without a global subscription"
    CREATED_WITH_LOCK = "an item is created, with a global subscription with lock"
    CREATED_WITHOUT_LOCK = "an item is created, with a global subscription without lock"
    ALL_WITH_LOCK = "subscribe globally with lock"
    ALL_WITHOUT_LOCK = "subscribe globally without lock"
    ONE_WITH_LOCK = "subscribe to one item with lock"
    ONE_WITHOUT_LOCK = "subscribe to one item without lock"
    LEAVE_ONE = "unsubscribe from one item"
    LEAVE_ALL = "unsubscribe globally"
    SUSPEND = "suspend the global subscription"


@dataclass(frozen=True, slots=True)
class Follow:
    """What follows for one item and one application entity.

    Attributes:
        state: The new state.
        is_told: Whether a UPS State Report with the item's present state goes out.
    """

    state: Subscription
    is_told: bool = False


_NONE, _LOCKED, _UNLOCKED = Subscription.NONE, Subscription.LOCKED, Subscription.UNLOCKED

# fmt: off
_COLUMNS = (_NONE, _LOCKED, _UNLOCKED)
_ROWS: Final = {
    Instruction.CREATED_WITHOUT_GLOBAL: (Follow(_NONE), None, None),
    Instruction.CREATED_WITH_LOCK: (Follow(_LOCKED, is_told=True), None, None),
    Instruction.CREATED_WITHOUT_LOCK: (Follow(_UNLOCKED, is_told=True), None, None),
    Instruction.ALL_WITH_LOCK: (
        Follow(_LOCKED, is_told=True), Follow(_LOCKED), Follow(_UNLOCKED),
    ),
    Instruction.ALL_WITHOUT_LOCK: (
        Follow(_UNLOCKED), Follow(_LOCKED), Follow(_UNLOCKED),
    ),
    Instruction.ONE_WITH_LOCK: (
        Follow(_LOCKED, is_told=True), Follow(_LOCKED, is_told=True), Follow(_LOCKED, is_told=True),
    ),
    Instruction.ONE_WITHOUT_LOCK: (
        Follow(_UNLOCKED, is_told=True), Follow(_UNLOCKED, is_told=True),
        Follow(_UNLOCKED, is_told=True),
    ),
    Instruction.LEAVE_ONE: (Follow(_NONE), Follow(_NONE), Follow(_NONE)),
    Instruction.LEAVE_ALL: (Follow(_NONE), Follow(_NONE), Follow(_NONE)),
    Instruction.SUSPEND: (Follow(_NONE), Follow(_LOCKED), Follow(_UNLOCKED)),
}
# fmt: on

# An item that is just created has no state before: those cells do not exist.
TABLE: Final[Mapping[tuple[Instruction, Subscription], Follow]] = {
    (instruction, state): follow
    for instruction, row in _ROWS.items()
    for state, follow in zip(_COLUMNS, row, strict=True)
    if follow is not None
}

# The Global Subscription State that an instruction leaves behind; None is none.
GLOBAL_AFTER: Final[Mapping[Instruction, Subscription]] = {
    Instruction.ALL_WITH_LOCK: _LOCKED,
    Instruction.ALL_WITHOUT_LOCK: _UNLOCKED,
    Instruction.LEAVE_ALL: _NONE,
    Instruction.SUSPEND: _NONE,
}


def instruction_to_subscribe(uid: str, *, with_lock: bool) -> Instruction:
    """Return what a request to subscribe asks for.

    Args:
        uid: A work item, or one of the well-known UIDs.
        with_lock: Whether it asks for a deletion lock.
    """
    if uid in GLOBAL_UIDS:
        return Instruction.ALL_WITH_LOCK if with_lock else Instruction.ALL_WITHOUT_LOCK
    return Instruction.ONE_WITH_LOCK if with_lock else Instruction.ONE_WITHOUT_LOCK


def instruction_to_leave(uid: str) -> Instruction:
    """Return what a request to unsubscribe asks for."""
    return Instruction.LEAVE_ALL if uid in GLOBAL_UIDS else Instruction.LEAVE_ONE
