"""Event reports to their subscribers: N-EVENT-REPORT over associations that we open.

One lane for each peer of `[[peers]]`, as threads of the courier: one that is away delays nobody
else. What is claimed is leased, and forgotten only when its receiver has acknowledged it; an
event whose acknowledgement was lost is sent once more.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from pynetdicom import build_context, build_role
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import time
    UnifiedProcedureStepEvent,
)

from triage.delivery.answers import Answer
from triage.delivery.association import Line, PeerError, Trouble, opened
from triage.delivery.lane import Found, Lane, PeerLane, Tools
from triage.log import get_logger
from triage.store import Channel
from triage.ups.items import from_json
from triage.ups.reports import EventType
from triage.ups.service import StepService
from triage.ups.statuses import INVALID_ATTRIBUTE_VALUE
from triage.worklist.ups import UPS_PUSH

if TYPE_CHECKING:
    import threading
    from datetime import datetime

    from pynetdicom.association import Association
    from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation

    from triage.settings import Peer, Settings
    from triage.store import ClaimedEvent, Store

_BATCH: Final = 64  # events of one claim, and so of one association
# Answers that a receiver may give while it is busy: trying again may help (PS3.7 Annex C).
_BUSY: Final = frozenset({0x0110, 0x0213})
_WARNINGS: Final = frozenset({0x0001, 0x0107, 0x0116})

log = get_logger("courier")


def event_lanes(settings: Settings, store: Store, stop: threading.Event) -> list[Lane]:
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


class NewItems(Lane):
    """Holds new items against the filtered global subscriptions.

    Args:
        service: Does it.
        store: Tells when there may be some.
        stop: Ends the loop.
    """

    def __init__(self, service: StepService, store: Store, stop: threading.Event) -> None:
        super().__init__("new-items", store, stop, patience_seconds=math.inf, trouble_seconds=0.0)
        self._service = service

    def work(self) -> Found:
        """Judge the items that came in."""
        return Found.WORK if self._service.judge_candidates() else Found.NOTHING


class EventLane(PeerLane):
    """One peer's queue of events.

    Args:
        settings: The site's settings.
        peer: Who is told.
        store: The outbox.
        stop: Ends the loop.
        tools: Randomness and time.
    """

    def __init__(
        self,
        settings: Settings,
        peer: Peer,
        store: Store,
        stop: threading.Event,
        tools: Tools | None = None,
    ) -> None:
        super().__init__(
            settings.delivery,
            store,
            stop,
            tools,
            peer=peer.name,
            peer_role="subscriber",
            owner="events",
            kind="events",
        )
        self._peer = peer
        calling = peer.calling_ae_title or settings.listener.ae_title
        self._line = Line(peer, calling, settings.delivery.timeout_seconds)

    def work(self) -> Found:
        """Send what is due; rest when the subscriber is in trouble."""
        if self.deliver_due() < 0:
            return Found.NOTHING
        return Found.WORK if self._last_trouble is None else Found.TROUBLE

    def deliver_due(self) -> int:
        """Claim what is due, send it, record what became of it.

        Returns:
            How many events were acknowledged; -1 when none was due.
        """
        claimed = self._store.claim_events(
            self._owner,
            self._peer.ae_title,
            Channel.DIMSE,
            _BATCH,
            self._settings.lease_seconds,
        )
        return self._deliver(claimed) if claimed else -1

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
            # A peer that is away costs no event a try.
            self._hand_back(waiting, str(error), self._after_rest())
            return len(claimed) - len(waiting)
        self._hand_back(waiting, "", self._store.clock())
        return len(claimed) - len(waiting)

    def _send(self, association: Association, waiting: list[ClaimedEvent]) -> None:
        """Send while there is time; what is done is taken off the list.

        Raises:
            PeerError: The peer hangs up, or does not answer.
        """
        goes_on = self._until_half_of_the_lease()
        number = 0
        while waiting and goes_on():
            number += 1
            status = _exchange(association, waiting[0], number)
            if status is None:
                raise self._line.broken()
            event = waiting.pop(0)
            if not self._record(event, status):
                # What comes after it in the life of this item waits until it is told.
                later = [one for one in waiting if one.work_item_uid == event.work_item_uid]
                self._hand_back(later, "", self._store.clock())
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
        answer = Answer.BUSY if status in _BUSY else Answer.REFUSED
        again = self._next_attempt(event.attempts, answer)
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

    def _hand_back(self, waiting: list[ClaimedEvent], why: str, again: datetime) -> None:
        for event in waiting:
            self._store.event_failed(
                event.event_id, self._owner, why, next_attempt_at=again, counts=False
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
        log.exception(
            "event not encoded", action="event_not_encoded", work_item=event.work_item_uid
        )
        return INVALID_ATTRIBUTE_VALUE
    return int(response.Status) if "Status" in response else None
