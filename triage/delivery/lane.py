"""Lanes: one queue each, and the loop that empties it. Whatever we bring to others goes so.

Take what is due, try it, record what became of it, rest while the peer is in trouble, wake when
something is committed, end when told. What is due, and what a try is, each lane says itself.
"""

from __future__ import annotations

import random
import threading
import time
from abc import ABC, abstractmethod
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING

from triage.delivery.association import PeerError, Trouble
from triage.delivery.backoff import next_attempt, rest_seconds
from triage.log import get_logger
from triage.owners import owner_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from triage.delivery.answers import Answer
    from triage.errors import TriageError
    from triage.settings import DeliverySettings
    from triage.store import Store, Watcher

log = get_logger("lane")

ALIVE_SECONDS = 1.0
IDLE_SECONDS = 1.0  # how often a queue is looked at although nothing was committed
RECOVERY_SECONDS = 5.0  # pause after an error that nobody foresaw


class Found(Enum):
    """What one look at a queue found."""

    NOTHING = "nothing"  # wait until something is committed
    WORK = "work"  # it was worked on; there may be more
    TROUBLE = "trouble"  # the peer takes nothing at present: rest a little


@dataclass(frozen=True, slots=True)
class Tools:
    """What a lane takes from the world, so that tests can hand it another one."""

    jitter: Callable[[], float] = random.random
    monotonic: Callable[[], float] = time.monotonic


class Lane(ABC):
    """One queue, and the loop that empties it.

    Args:
        name: Stands in the log, and names the thread: one word.
        store: Where the queue is; its commits wake the loop.
        stop: Ends the loop.
        patience_seconds: How long a piece of work may take, all of its honest waits together.
        trouble_seconds: How soon the queue is looked at again after trouble.
        tools: Randomness and time.
    """

    def __init__(
        self,
        name: str,
        store: Store,
        stop: threading.Event,
        *,
        patience_seconds: float,
        trouble_seconds: float,
        tools: Tools | None = None,
    ) -> None:
        self.name = name
        self._store = store
        self._stop = stop
        self._tools = tools or Tools()
        self._patience_seconds = patience_seconds
        self._trouble_seconds = trouble_seconds
        self._busy_since: float | None = None

    @abstractmethod
    def work(self) -> Found:
        """Take what is due, try it, and record what became of it."""

    def run(self) -> None:
        """Work until stopped."""
        with closing(self._store.watcher()) as watcher:
            while not self._stop.is_set():
                try:
                    self._pass(watcher)
                except Exception:  # top of the loop: what nobody foresaw must not end the lane
                    log.exception("lane failed", action="lane_failed", destination=self.name)
                    self._stop.wait(RECOVERY_SECONDS)

    def hangs(self) -> bool:
        """Whether the work at hand has lasted longer than all of its honest waits together."""
        since = self._busy_since
        return since is not None and self._tools.monotonic() - since > self._patience_seconds

    def _pass(self, watcher: Watcher) -> None:
        self._begin()
        try:
            found = self.work()
        finally:
            self._busy_since = None
        if found is Found.NOTHING:
            watcher.wait(IDLE_SECONDS, self._stop)
        elif found is Found.TROUBLE:
            # The rows rest for longer; what comes in meanwhile may ask again this soon.
            self._stop.wait(self._trouble_seconds)

    def _begin(self) -> None:
        """Note that a piece of work begins; a lane whose pass has several notes each."""
        self._busy_since = self._tools.monotonic()


class PeerLane(Lane):
    """A lane that leads to one peer, and knows how that has done lately.

    Args:
        settings: Delays and bounds.
        store: Where the queue is.
        stop: Ends the loop.
        tools: Randomness and time.
        peer: The peer, by the name that the site gave it.
        peer_role: What the peer is to us, in the log: "destination", "receiver", "subscriber".
        owner: The process that holds the leases.
        kind: What the lane carries, where the same peer may have another lane.
    """

    def __init__(
        self,
        settings: DeliverySettings,
        store: Store,
        stop: threading.Event,
        tools: Tools | None = None,
        *,
        peer: str,
        peer_role: str,
        owner: str,
        kind: str = "",
    ) -> None:
        super().__init__(
            f"{kind}-{peer}" if kind else peer,
            store,
            stop,
            patience_seconds=settings.lease_seconds + 4 * settings.timeout_seconds,
            trouble_seconds=settings.first_retry_seconds,
            tools=tools,
        )
        self._settings = settings
        self._peer_name = peer
        self._peer_role = peer_role
        self._owner = owner_name(owner)
        self._failures = 0
        self._last_trouble: Trouble | None = None

    def _note_peer(self, trouble: TriageError | None) -> None:
        """Count the times in a row that the peer was in trouble; log when that changes."""
        self._failures = 0 if trouble is None else self._failures + 1
        kind = _kind_of(trouble)
        if kind is self._last_trouble:
            return
        self._last_trouble = kind
        role = self._peer_role
        if kind is None:
            log.info("peer is back", action=f"{role}_back", destination=self._peer_name)
        else:
            log.warning(
                "peer in trouble",
                action=f"{role}_in_trouble",
                destination=self._peer_name,
                kind=kind,
                problem=trouble,
            )

    def _until_half_of_the_lease(self) -> Callable[[], bool]:
        """Return what says whether to go on; the other half of the lease covers the last answer."""
        deadline = self._tools.monotonic() + self._settings.lease_seconds / 2
        return lambda: not self._stop.is_set() and self._tools.monotonic() < deadline

    def _after_rest(self) -> datetime:
        """Return until when rows rest that were not tried, because the peer is in trouble."""
        rest = rest_seconds(self._failures, self._settings, self._tools.jitter())
        return self._store.clock() + timedelta(seconds=rest)

    def _next_attempt(self, attempts: int, answer: Answer) -> datetime | None:
        """Return when a row that was tried is tried again; None when its tries are used up."""
        return next_attempt(
            attempts, answer, self._settings, self._store.clock(), self._tools.jitter()
        )


def run_lanes(
    lanes: Sequence[Lane],
    stop: threading.Event,
    alive: Callable[[], None],
    ready: Callable[[], None],
    chores: Callable[[], None] = lambda: None,
) -> None:
    """Run lanes, each in a thread of its own, until `stop` is set and all have ended.

    Args:
        lanes: What is to run.
        stop: Ends them; what is under way is finished first.
        alive: Called every second, as long as no lane hangs; a supervisor replaces a process
            that has fallen silent.
        ready: Called once when every lane runs.
        chores: Done every second.
    """
    threads = [threading.Thread(target=lane.run, name=lane.name) for lane in lanes]
    for thread in threads:
        thread.start()
    ready()
    while not stop.wait(ALIVE_SECONDS):
        if not any(lane.hangs() for lane in lanes):
            alive()
        chores()
    for thread in threads:
        thread.join()


def _kind_of(trouble: TriageError | None) -> Trouble | None:
    if trouble is None:
        return None
    return trouble.kind if isinstance(trouble, PeerError) else Trouble.AWAY
