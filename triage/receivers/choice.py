"""What is to be done about one study at one receiver: compare and set, as pure functions.

Before anything is written the receiver is asked what stands there. When that is neither what we
know nor what we may have written ourselves, a person has edited it: their edit wins, and the
study is not ours to move there any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from triage.values import Wish

if TYPE_CHECKING:
    from triage.receivers.receiver import Standing, Words
    from triage.store import Ground

EDITED = "a person has edited it there"
OPENED = "a reader has opened it there"
FOREIGN = "it shows a priority of its own that this program does not know"
NOT_THERE = "the receiver does not have this study yet"
NO_WORD = "the receiver has no word for below routine"
NEVER_WRITTEN = "nothing had been written there"
GONE = "the receiver does not have this study: nothing stands there"
AS_WANTED = "it stood there as wanted"

_ROUTINE = 1


class Step(Enum):
    """What comes next."""

    WRITE = "write"  # ask the receiver to show `value`
    DONE = "done"  # it shows what it should
    WAIT = "wait"  # it does not have the study, or has not moved it yet
    LEAVE = "leave"  # a person's hand is on it: never touch it there again
    UNSAID = "unsaid"  # it cannot show what it should, and shows nothing wrong


@dataclass(frozen=True, slots=True)
class Choice:
    """What is to be done, and why.

    Attributes:
        step: What comes next.
        value: What the receiver is to show, where something is to be written.
        why: A clause for a person.
    """

    step: Step
    value: str = ""
    why: str = ""


def before_asking(wish: Wish, ground: Ground) -> Choice | None:
    """Return what is to be done where the receiver need not be asked, else None."""
    if wish is Wish.AS_IT_WAS and ground.intended is None and ground.original is None:
        return Choice(Step.DONE, why=NEVER_WRITTEN)
    return None


def choose(wish: Wish, ground: Ground, standing: Standing | None, words: Words) -> Choice:
    """Choose before a write.

    Args:
        wish: What we want it to show.
        ground: What we know of this study there.
        standing: What it shows now; None when it does not have the study.
        words: What it can be made to show.
    """
    if hands_off := _not_ours(ground, standing):
        return hands_off
    if standing is None:
        return (
            Choice(Step.DONE, why=GONE)
            if wish is Wish.AS_IT_WAS
            else Choice(Step.WAIT, why=NOT_THERE)
        )
    original = standing.value if ground.original is None else ground.original
    if original not in words.urgency:
        return Choice(Step.LEAVE, why=FOREIGN)
    target = _target(wish, original, words)
    if target != standing.value:
        return Choice(Step.WRITE, target)
    if wish is Wish.LOWERED and words.lowered is None:
        return Choice(Step.UNSAID, why=NO_WORD)
    return Choice(Step.DONE, target, AS_WANTED)


def confirm(ground: Ground, standing: Standing | None) -> Choice:
    """Choose after a write that the receiver has acknowledged: has it moved the study?"""
    if standing is not None and standing.value == ground.intended:
        return Choice(Step.DONE, standing.value)
    if hands_off := _not_ours(ground, standing):
        return hands_off
    return Choice(Step.WAIT)


def _not_ours(ground: Ground, standing: Standing | None) -> Choice | None:
    if standing is None:
        return None
    if standing.opened:
        return Choice(Step.LEAVE, why=OPENED)
    if ground.known is not None and standing.value not in (ground.known, ground.intended):
        return Choice(Step.LEAVE, why=EDITED)
    return None


def _target(wish: Wish, original: str, words: Words) -> str:
    """Return what the receiver is to show: what is urgent there is never lowered."""
    urgency = words.urgency[original]
    if wish is Wish.RAISED and urgency <= _ROUTINE:
        return words.raised
    if wish is Wish.LOWERED and urgency == _ROUTINE and words.lowered is not None:
        return words.lowered
    return original
