"""The courier: takes out what waits, each destination from a queue of its own.

One thread a lane: a peer that is away, slow or hostile delays nobody else. What is claimed is
leased; a courier that dies loses nothing, because the rows come back and an object that is sent
twice keeps its UID.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from triage.delivery.lane import run_lanes
from triage.delivery.report_lane import ReportLane
from triage.delivery.result_lane import ResultLane
from triage.hl7.values import MessageKind
from triage.log import get_logger
from triage.owners import is_predecessor
from triage.store import Store
from triage.ups.events import event_lanes

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from triage.settings import Settings

log = get_logger("courier")


def run(
    settings: Settings,
    stop: threading.Event,
    alive: Callable[[], None],
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Deliver until `stop` is set; then finish the object under way and hand back the rest.

    Args:
        settings: The site's settings.
        stop: Set by the supervisor, or by a signal.
        alive: Called every second, as long as no lane hangs; a supervisor replaces a courier
            that has fallen silent.
        ready: Called once when every lane runs.
    """
    with Store.open(settings.state_folder) as store:
        _take_back(store)
        lanes = [
            *(ReportLane(settings, place, store, stop) for place in settings.destinations),
            *event_lanes(settings, store, stop),
            *(
                ResultLane(settings, receiver, store, stop)
                for receiver in settings.hl7_receivers
                if MessageKind.ORU in receiver.messages
            ),
        ]
        log.info("courier started", action="courier_started", count=len(lanes))
        run_lanes(lanes, stop, alive, ready)
    log.info("courier stopped", action="courier_stopped")


def _take_back(store: Store) -> None:
    """Free what a courier that was killed still holds: nobody has to wait for its leases."""
    deliveries = store.reap_deliveries(is_predecessor) + store.reap_results(is_predecessor)
    events = store.reap_events(is_predecessor)
    if deliveries or events:
        log.warning("leases taken back", action="reaped", deliveries=deliveries, count=events)
