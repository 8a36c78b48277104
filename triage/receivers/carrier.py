"""The receivers role: takes priorities to the systems beside us, each from its own queue.

One thread a receiver: one that is away, slow or hostile delays no other. What is claimed is
leased; a process that dies loses nothing, and what it may have written is known by what was noted
before the write.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from triage.delivery.lane import run_lanes
from triage.log import get_logger
from triage.owners import is_dead, is_predecessor
from triage.receivers.asking import AskingLane
from triage.receivers.configured import configured_receivers
from triage.receivers.lane import ReceiverLane
from triage.store import Store

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from triage.delivery.lane import Lane
    from triage.settings import Settings

log = get_logger("receivers")

REAPING_ROUNDS = 5  # of a second each


def run(
    settings: Settings,
    stop: threading.Event,
    alive: Callable[[], None],
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Run every lane until `stop` is set.

    Args:
        settings: The site's settings.
        stop: Ends the role; what is under way is finished first.
        alive: Called every second, unless a lane hangs.
        ready: Called once when every lane runs.
    """
    with Store.open(settings.state_folder) as store:
        if count := store.reap_receiver_changes(is_predecessor):
            log.warning("leases taken back", action="receivers_reaped", count=count)
        receivers = configured_receivers(settings, store)
        store.know_receivers([receiver.name for receiver in receivers])
        lanes: list[Lane] = [
            ReceiverLane(settings, receiver, store, stop) for receiver in receivers
        ]
        if settings.modality_worklists:
            lanes.append(AskingLane(settings, store, stop))
        log.info("receivers started", action="receivers_started", count=len(receivers))
        run_lanes(lanes, stop, alive, ready, _reaping(store))
    log.info("receivers stopped", action="receivers_stopped")


def _reaping(store: Store) -> Callable[[], None]:
    """Return what takes back what dead processes held, every few times that it is called."""
    rounds = count(1)

    def reap() -> None:
        if next(rounds) % REAPING_ROUNDS == 0 and (taken := store.reap_receiver_changes(is_dead)):
            log.warning("leases ran out", action="receivers_reaped", count=taken)

    return reap
