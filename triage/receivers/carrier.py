"""The receivers role: takes priorities to the systems beside us, each from its own queue.

One thread a receiver: one that is away, slow or hostile delays no other. What is claimed is
leased; a process that dies loses nothing, and what it may have written is known by what was noted
before the write.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from triage.log import get_logger
from triage.owners import is_dead, is_predecessor
from triage.receivers.asking import AskingLane
from triage.receivers.configured import configured_receivers
from triage.receivers.lane import ReceiverLane
from triage.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from triage.settings import Settings

log = get_logger("receivers")

ALIVE_SECONDS = 1.0
REAPING_ROUNDS = 5  # of ALIVE_SECONDS each


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
        lanes: list[ReceiverLane | AskingLane] = [
            ReceiverLane(settings, receiver, store, stop) for receiver in receivers
        ]
        if settings.modality_worklists:
            lanes.append(AskingLane(settings, store, stop))
        threads = [threading.Thread(target=lane.run, name=lane.name) for lane in lanes]
        for thread in threads:
            thread.start()
        log.info("receivers started", action="receivers_started", count=len(receivers))
        ready()
        _watch(store, lanes, stop, alive)
        for thread in threads:
            thread.join()
    log.info("receivers stopped", action="receivers_stopped")


def _watch(
    store: Store,
    lanes: list[ReceiverLane | AskingLane],
    stop: threading.Event,
    alive: Callable[[], None],
) -> None:
    """Give signs of life while no lane hangs, and take back what dead processes held."""
    rounds = 0
    while not stop.wait(ALIVE_SECONDS):
        if not any(lane.hangs() for lane in lanes):
            alive()
        rounds += 1
        if rounds % REAPING_ROUNDS == 0 and (count := store.reap_receiver_changes(is_dead)):
            log.warning("leases ran out", action="receivers_reaped", count=count)
