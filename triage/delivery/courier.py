"""The courier: takes reports from the outbox to their destinations, each from its own queue.

One thread a destination: a peer that is away, slow or hostile delays nobody else. What is
claimed is leased; a courier that dies loses nothing, because the rows come back and an object
that is sent twice keeps its UID.
"""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from triage.delivery.answers import Answer, ObjectResult
from triage.delivery.backoff import next_attempt, rest_seconds
from triage.delivery.hl7_lane import ResultLane
from triage.delivery.storage import Transfer, send
from triage.hl7.values import MessageKind
from triage.log import get_logger
from triage.owners import is_predecessor, owner_name
from triage.store import Store
from triage.ups.events import event_lanes

if TYPE_CHECKING:
    from collections.abc import Callable

    from triage.delivery.association import PeerError, Trouble
    from triage.settings import Destination, Settings
    from triage.store import ClaimedDelivery, Watcher

log = get_logger("courier")

BATCH = 16  # objects of one claim, and so of one association
ALIVE_SECONDS = 1.0
IDLE_SECONDS = 1.0  # how often the queue is looked at although nothing was committed
RECOVERY_SECONDS = 5.0  # pause after an error that nobody foresaw


@dataclass(frozen=True, slots=True)
class Tools:
    """What a lane takes from the world, so that tests can hand it another one."""

    jitter: Callable[[], float] = random.random
    monotonic: Callable[[], float] = time.monotonic


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
            *(Lane(settings, place, store, stop) for place in settings.destinations),
            *event_lanes(settings, store, stop),
            *(
                ResultLane(settings, receiver, store, stop, Tools())
                for receiver in settings.hl7_receivers
                if MessageKind.ORU in receiver.messages
            ),
        ]
        threads = [threading.Thread(target=lane.run, name=lane.name) for lane in lanes]
        for thread in threads:
            thread.start()
        log.info("courier started", action="courier_started", count=len(lanes))
        ready()
        while not stop.wait(ALIVE_SECONDS):
            if not any(lane.hangs() for lane in lanes):
                alive()
        for thread in threads:
            thread.join()
    log.info("courier stopped", action="courier_stopped")


def _take_back(store: Store) -> None:
    """Free what a courier that was killed still holds: nobody has to wait for its leases."""
    deliveries = store.reap_deliveries(is_predecessor) + store.reap_results(is_predecessor)
    events = store.reap_events(is_predecessor)
    if deliveries or events:
        log.warning("leases taken back", action="reaped", deliveries=deliveries, count=events)


class Lane:
    """One destination's queue, and the loop that empties it.

    Args:
        settings: The site's settings.
        destination: Where this lane leads.
        store: The outbox.
        stop: Ends the loop.
        tools: Randomness and time.
    """

    def __init__(
        self,
        settings: Settings,
        destination: Destination,
        store: Store,
        stop: threading.Event,
        tools: Tools | None = None,
    ) -> None:
        self.name = destination.name
        self._settings = settings.delivery
        self._destination = destination
        self._calling = destination.calling_ae_title or settings.listener.ae_title
        self._store = store
        self._stop = stop
        self._tools = tools or Tools()
        self._owner = owner_name("courier")
        self._batch = BATCH
        self._failures = 0
        self._last_trouble: Trouble | None = None
        self._busy_since: float | None = None

    def run(self) -> None:
        """Deliver until stopped."""
        watcher = self._store.watcher()
        while not self._stop.is_set():
            try:
                self._pass(watcher)
            except Exception:  # top of the loop: what nobody foresaw must not end the lane
                log.exception("lane failed", action="lane_failed", destination=self.name)
                self._stop.wait(RECOVERY_SECONDS)
        watcher.close()

    def hangs(self) -> bool:
        """Whether a transfer has lasted longer than all of its honest waits together."""
        since = self._busy_since
        limit = self._settings.lease_seconds + 4 * self._settings.timeout_seconds
        return since is not None and self._tools.monotonic() - since > limit

    def deliver_due(self) -> Transfer | None:
        """Claim what is due, send it, record what became of it.

        Returns:
            What became of it; None when nothing was due.
        """
        self._busy_since = self._tools.monotonic()
        try:
            claimed = self._store.claim_deliveries(
                self._owner, self.name, self._batch, self._settings.lease_seconds
            )
            if not claimed:
                return None
            transfer = self._send_guarded(claimed)
            self._note_peer(transfer.trouble)
            for delivery, result in zip(claimed, transfer.results, strict=True):
                self._record(delivery, result, transfer.trouble)
            return transfer
        finally:
            self._busy_since = None

    def _pass(self, watcher: Watcher) -> None:
        transfer = self.deliver_due()
        if transfer is None:
            watcher.wait(IDLE_SECONDS, self._stop)
        elif transfer.trouble is not None:
            # The rows rest for longer; a report that comes in meanwhile may ask again this soon.
            self._stop.wait(self._settings.first_retry_seconds)

    def _send_guarded(self, claimed: tuple[ClaimedDelivery, ...]) -> Transfer:
        """Send; an error that nobody foresaw counts as a try, and the next claims are single.

        So an object that breaks this program is found, and set aside, without its neighbours.
        """
        try:
            transfer = self._send(claimed)
        except Exception as error:  # top of the loop
            log.exception("transfer failed", action="transfer_failed", destination=self.name)
            self._batch = 1
            problem = f"an error in this program ({type(error).__name__}); see its log"
            results = [ObjectResult(Path(d.path), Answer.BUSY, problem=problem) for d in claimed]
            return Transfer(tuple(results), None)
        self._batch = BATCH
        return transfer

    def _send(self, claimed: tuple[ClaimedDelivery, ...]) -> Transfer:
        # Half of the lease for sending, so that the other half covers the last answer.
        deadline = self._tools.monotonic() + self._settings.lease_seconds / 2
        return send(
            self._destination,
            self._calling,
            [self._store.state_folder / delivery.path for delivery in claimed],
            self._settings.timeout_seconds,
            lambda: not self._stop.is_set() and self._tools.monotonic() < deadline,
        )

    def _note_peer(self, trouble: PeerError | None) -> None:
        """Count the times in a row that the peer was in trouble; log when that changes."""
        self._failures = 0 if trouble is None else self._failures + 1
        kind = None if trouble is None else trouble.kind
        if kind is self._last_trouble:
            return
        self._last_trouble = kind
        if trouble is None:
            log.info("destination is back", action="destination_back", destination=self.name)
        else:
            log.warning(
                "destination in trouble",
                action="destination_in_trouble",
                destination=self.name,
                kind=trouble.kind,
                problem=trouble,
            )

    def _record(
        self, delivery: ClaimedDelivery, result: ObjectResult, trouble: PeerError | None
    ) -> None:
        if result.answer is Answer.STORED:
            self._record_stored(delivery, result)
        elif result.answer is Answer.UNSENT:
            self._hand_back(delivery, result, resting=trouble is not None)
        else:
            self._record_failed(delivery, result)

    def _record_stored(self, delivery: ClaimedDelivery, result: ObjectResult) -> None:
        self._store.delivery_stored(
            delivery.delivery_id,
            self._owner,
            result.status or 0,
            sop_instance_uid=result.sop_instance_uid,
        )
        log.info(
            "report stored",
            action="report_stored",
            destination=self.name,
            report=result.sop_instance_uid,
            attempts=delivery.attempts,
            status=result.status,
        )

    def _hand_back(self, delivery: ClaimedDelivery, result: ObjectResult, *, resting: bool) -> None:
        rest = 0.0
        if resting:
            rest = rest_seconds(self._failures, self._settings, self._tools.jitter())
        self._store.delivery_failed(
            delivery.delivery_id,
            self._owner,
            result.problem,
            next_attempt_at=self._store.clock() + timedelta(seconds=rest),
            counts=False,
        )

    def _record_failed(self, delivery: ClaimedDelivery, result: ObjectResult) -> None:
        again = next_attempt(
            delivery.attempts,
            result.answer,
            self._settings,
            self._store.clock(),
            self._tools.jitter(),
        )
        self._store.delivery_failed(
            delivery.delivery_id,
            self._owner,
            result.problem,
            next_attempt_at=again,
            status=result.status,
        )
        say = log.warning if again is not None else log.error
        say(
            "report not stored" if again is not None else "report given up until `triage retry`",
            action="report_not_stored" if again is not None else "report_dead",
            destination=self.name,
            report=delivery.sop_instance_uid,
            attempts=delivery.attempts,
            status=result.status,
            problem=result.problem,
            next_attempt_at=again,
        )
