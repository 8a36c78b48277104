"""What is done to a listener from inside its own process, before it starts.

A death: the process kills itself with SIGKILL at the n-th call of one kind, before it, after
it, or with half of it done. So every gap between two steps is hit, however short it is.

A breakage: a listener that is wrong on purpose, to show that the harness finds it out.
"""

from __future__ import annotations

import itertools
import os
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tests.crash.interception import intercept

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from tests.crash.interception import Connection

LATE_SECONDS = 0.2
FORGOTTEN = 5  # of so many commits, one


class Moment(StrEnum):
    """When in a call the process dies."""

    BEFORE = "before"  # nothing of it has happened
    HALF = "half"  # a write or an answer has come half way
    AFTER = "after"  # it has happened, and nobody has heard


class Breakage(StrEnum):
    """What is wrong with a listener on purpose."""

    LATE_FILES = "late-files"  # a file gets its name a moment after the answer
    FORGOTTEN_ROWS = "forgotten-rows"  # some transactions never become durable
    NO_FLUSHES = "no-flushes"  # nothing is flushed to the disk


@dataclass(frozen=True, slots=True)
class Death:
    """The call at which a process dies.

    Attributes:
        call: One of `CALLS`.
        number: Which call of this kind since the start, from 1.
    """

    call: str
    number: int
    moment: Moment


# Each kind of call, with how many of them a busy second may have.
CALLS = {
    "open": 40,
    "mkdir": 8,
    "write": 400,
    "flush": 40,
    "lock": 40,
    "rename": 20,
    "unlink": 10,
    "statement": 400,
    "commit": 40,
    "send": 60,
    "receive": 400,
}
_HALVED = frozenset({"write", "send"})  # their content is the second argument


def draw_death(chance: random.Random) -> Death:
    """Return a death at a call of any kind; the first calls of a process are the likeliest."""
    call = chance.choice(list(CALLS))
    moments = list(Moment) if call in _HALVED else [Moment.BEFORE, Moment.AFTER]
    return Death(call, round(CALLS[call] ** chance.random()), chance.choice(moments))


def arm(death: Death) -> None:
    """Have this process die as planned."""
    intercept(death.call, _Trap(death))


def break_listener(breakage: Breakage) -> None:
    """Make the listener of this process wrong."""
    if breakage is Breakage.LATE_FILES:
        intercept("rename", _rename_late)
    elif breakage is Breakage.FORGOTTEN_ROWS:
        intercept("commit", _Forgetful())
    else:
        intercept("flush", lambda _flush, _descriptor: None)


class _Trap:
    """Counts calls, and ends the process at the planned one."""

    def __init__(self, death: Death) -> None:
        self._death = death
        self._count = itertools.count(1)  # atomic

    def __call__(self, call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        if next(self._count) != self._death.number:
            return call(*arguments, **options)
        if self._death.moment is Moment.HALF:
            target, content, *rest = arguments
            call(target, content[: len(content) // 2], *rest, **options)
        elif self._death.moment is Moment.AFTER:
            with suppress(OSError):  # a call that fails has happened, too
                call(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("nobody survives this")


def _rename_late(rename: Callable[..., Any], *paths: Any, **options: Any) -> None:
    threading.Timer(LATE_SECONDS, rename, paths, options).start()


class _Forgetful:
    """Undoes some transactions that changed something, and says that they are durable."""

    def __init__(self) -> None:
        self._count = itertools.count(1)

    def __call__(self, commit: Callable[..., Any], connection: Connection) -> None:
        before, connection.changes = connection.changes, connection.total_changes
        if connection.changes > before and next(self._count) % FORGOTTEN == 0:
            connection.rollback()
        commit(connection)
