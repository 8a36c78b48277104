"""Event reports to their subscribers: N-EVENT-REPORT over associations that we open.

One lane for each peer of `[[peers]]`, as threads of the courier: one that is away delays nobody
else. What is claimed is leased, and forgotten only when its receiver has acknowledged it; an
event whose acknowledgement was lost is sent once more.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from pynetdicom import build_context, build_role
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import time
    UnifiedProcedureStepEvent,
)

from triage.delivery.answers import Answer
from triage.delivery.association import Line, PeerError, Trouble, opened
from triage.delivery.backoff import next_attempt, rest_seconds
from triage.log import get_logger
from triage.owners import owner_name
from triage.store import Channel
from triage.ups.items import from_json
from triage.ups.reports import EventType
from triage.ups.service import StepService
from triage.ups.statuses import INVALID_ATTRIBUTE_VALUE
from triage.worklist.ups import UPS_PUSH

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from pynetdicom.association import Association
    from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation

    from triage.settings import Peer, Settings
    from triage.store import ClaimedEvent, Store, Watcher

_BATCH: Final = 64  # events of one claim, and so of one association
_IDLE_SECONDS: Final = 1.0  # how often the queue is looked at although nothing was committed
_RECOVERY_SECONDS: Final = 5.0  # pause after an error that nobody foresaw
# Answers that a receiver may give while it is busy: trying again may help (PS3.7 Annex C).
_BUSY: Final = frozenset({0x0110, 0x0213})
_WARNINGS: Final = frozenset({0x0001, 0x0107, 0x0116})

log = get_logger("courier")


@dataclass(frozen=True, slots=True)
class Clocks:
    """What a lane takes from the world, so that tests can hand it another one."""

    jitter: Callable[[], float] = random.random
    monotonic: Callable[[], float] = time.monotonic


def event_lanes(
    settings: Settings, store: Store, stop: threading.Event
) -> list[EventLane | NewItems]:
    """Return the loops that tell subscribers; each wants a thread of its own.

    Who listens over a WebSocket is told by the web role; new items are judged here for all.
    """
    service = StepService(store, settings)
    told = service.tell_of_restart()
    log.info("event reports begin", action="events_begin", count=told)
    return [
        NewItems(service, store, stop),
        *(EventLane(settings, peer, store, stop) for peer in settings.peers),
    ]


class NewItems:
    """Holds new items against the filtered global subscriptions.

    Args:
        service: Does it.
        store: Tells when there may be some.
        stop: Ends the loop.
    """

    name: Final = "new-items"

    def __init__(self, service: StepService, store: Store, stop: threading.Event) -> None:
        self._service = service
        self._store = store
        self._stop = stop

    def run(self) -> None:
        """Judge new items until stopped."""
        watcher = self._store.watcher()
        while not self._stop.is_set():
            try:
                if self._service.judge_candidates() == 0:
                    watcher.wait(_IDLE_SECONDS, self._stop)
            except Exception:  # top of the loop: what nobody foresaw must not end it
                log.exception("new items not judged", action="new_items_not_judged")
                self._stop.wait(_RECOVERY_SECONDS)
        watcher.close()

    def hangs(self) -> bool:
        """Whether it waits for something that never comes; it waits for nobody."""
        return False


class EventLane:
    """One peer's queue of events, and the loop that empties it.

    Args:
        settings: The site's settings.
        peer: Who is told.
        store: The outbox.
        stop: Ends the loop.
        clocks: Randomness and time.
    """

    def __init__(
        self,
        settings: Settings,
        peer: Peer,
        store: Store,
        stop: threading.Event,
        clocks: Clocks | None = None,
    ) -> None:
        self.name = f"events-{peer.name}"
        self._settings = settings.delivery
        self._peer = peer
        calling = peer.calling_ae_title or settings.listener.ae_title
        self._line = Line(peer, calling, settings.delivery.timeout_seconds)
        self._store = store
        self._stop = stop
        self._clocks = clocks or Clocks()
        self._owner = owner_name("events")
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
                log.exception("lane failed", action="lane_failed", destination=self._peer.name)
                self._stop.wait(_RECOVERY_SECONDS)
        watcher.close()

    def hangs(self) -> bool:
        """Whether a transfer has lasted longer than all of its honest waits together."""
        since = self._busy_since
        limit = self._settings.lease_seconds + 4 * self._settings.timeout_seconds
        return since is not None and self._clocks.monotonic() - since > limit

    def deliver_due(self) -> int:
        """Claim what is due, send it, record what became of it.

        Returns:
            How many events were acknowledged; -1 when none was due.
        """
        self._busy_since = self._clocks.monotonic()
        try:
            claimed = self._store.claim_events(
                self._owner,
                self._peer.ae_title,
                Channel.DIMSE,
                _BATCH,
                self._settings.lease_seconds,
            )
            return self._deliver(claimed) if claimed else -1
        finally:
            self._busy_since = None

    def _pass(self, watcher: Watcher) -> None:
        if self.deliver_due() < 0:
            watcher.wait(_IDLE_SECONDS, self._stop)
        elif self._last_trouble is not None:
            # The rows rest for longer; an event that comes in meanwhile may ask again this soon.
            self._stop.wait(self._settings.first_retry_seconds)

    def _deliver(self, claimed: tuple[ClaimedEvent, ...]) -> int:
        waiting = list(claimed)
        try:
            with opened(self._line, [build_context(UnifiedProcedureStepEvent)], [_role()]) as line:
                if not line.is_established:
                    raise self._unwelcome()
                self._send(line, waiting)
            self._note_peer(None)
        except PeerError as error:
            self._note_peer(error)
            self._rest(waiting, error)
            return len(claimed) - len(waiting)
        self._hand_back(waiting)
        return len(claimed) - len(waiting)

    def _send(self, association: Association, waiting: list[ClaimedEvent]) -> None:
        """Send while there is time; what is done is taken off the list.

        Raises:
            PeerError: The peer hangs up, or does not answer.
        """
        # Half of the lease for sending, so that the other half covers the last answer.
        deadline = self._clocks.monotonic() + self._settings.lease_seconds / 2
        number = 0
        while waiting and not self._stop.is_set() and self._clocks.monotonic() < deadline:
            number += 1
            status = _exchange(association, waiting[0], number)
            if status is None:
                raise self._line.broken()
            event = waiting.pop(0)
            if not self._record(event, status):
                # What comes after it in the life of this item waits until it is told.
                later = [one for one in waiting if one.work_item_uid == event.work_item_uid]
                self._hand_back(later)
                waiting[:] = [one for one in waiting if one not in later]

    def _record(self, event: ClaimedEvent, status: int) -> bool:
        """Record an answer; return False when the event is to be told once more."""
        if status == 0 or status in _WARNINGS:
            self._store.event_delivered(event.event_id, self._owner)
            log.info(
                "event told",
                action="event_told",
                destination=self._peer.name,
                work_item=event.work_item_uid,
                kind=_name(event),
                attempts=event.attempts,
            )
            return True
        again = next_attempt(
            event.attempts,
            Answer.BUSY if status in _BUSY else Answer.REFUSED,
            self._settings,
            self._store.clock(),
            self._clocks.jitter(),
        )
        problem = f"the receiver answered status {status:04X}"
        self._store.event_failed(event.event_id, self._owner, problem, next_attempt_at=again)
        log.warning(
            "event not told",
            action="event_not_told",
            destination=self._peer.name,
            work_item=event.work_item_uid,
            kind=_name(event),
            attempts=event.attempts,
            status=status,
            next_attempt_at=again,
        )
        return again is None

    def _rest(self, waiting: list[ClaimedEvent], error: PeerError) -> None:
        """Let what could not be sent wait; a peer that is away costs no event a try."""
        rest = rest_seconds(self._failures, self._settings, self._clocks.jitter())
        again = self._store.clock() + timedelta(seconds=rest)
        for event in waiting:
            self._store.event_failed(
                event.event_id, self._owner, str(error), next_attempt_at=again, counts=False
            )

    def _hand_back(self, waiting: list[ClaimedEvent]) -> None:
        now = self._store.clock()
        for event in waiting:
            self._store.event_failed(
                event.event_id, self._owner, "", next_attempt_at=now, counts=False
            )

    def _note_peer(self, trouble: PeerError | None) -> None:
        """Count the times in a row that the peer was in trouble; log when that changes."""
        self._failures = 0 if trouble is None else self._failures + 1
        kind = None if trouble is None else trouble.kind
        if kind is self._last_trouble:
            return
        self._last_trouble = kind
        if trouble is None:
            log.info("subscriber is back", action="subscriber_back", destination=self._peer.name)
        else:
            log.warning(
                "subscriber in trouble",
                action="subscriber_in_trouble",
                destination=self._peer.name,
                kind=trouble.kind,
                problem=trouble,
            )

    def _unwelcome(self) -> PeerError:
        return PeerError(
            Trouble.UNWELCOME,
            f"{self._line.peer} does not take event reports (UPS Event); mend that there, or let"
            " it unsubscribe",
        )


def _name(event: ClaimedEvent) -> str:
    return EventType(event.kind).name.lower()


def _role() -> SCP_SCU_RoleSelectionNegotiation:
    return build_role(UnifiedProcedureStepEvent, scp_role=True)


def _exchange(association: Association, event: ClaimedEvent, number: int) -> int | None:
    """Send one N-EVENT-REPORT and return the status of its answer; None without an answer."""
    try:
        response, _ = association.send_n_event_report(
            from_json(event.information),
            event.kind,
            UPS_PUSH,
            event.work_item_uid,
            msg_id=number,
            meta_uid=UnifiedProcedureStepEvent,
        )
    except RuntimeError:  # the association has ended since the last answer
        return None
    except (ValueError, AttributeError):  # an event that cannot be encoded must not stop the others
        return INVALID_ATTRIBUTE_VALUE
    return int(response.Status) if "Status" in response else None
