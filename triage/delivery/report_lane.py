"""Reports to one destination, from its own queue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from triage.delivery.answers import Answer, ObjectResult
from triage.delivery.lane import Found, PeerLane, Tools
from triage.delivery.storage import Transfer, send
from triage.log import get_logger

if TYPE_CHECKING:
    import threading

    from triage.delivery.association import PeerError
    from triage.settings import Destination, Settings
    from triage.store import ClaimedDelivery, Store

log = get_logger("courier")

BATCH = 16  # objects of one claim, and so of one association


class ReportLane(PeerLane):
    """One destination's queue of reports.

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
        super().__init__(
            settings.delivery,
            store,
            stop,
            tools,
            peer=destination.name,
            peer_role="destination",
            owner="courier",
        )
        self._destination = destination
        self._calling = destination.calling_ae_title or settings.listener.ae_title
        self._batch = BATCH

    def work(self) -> Found:
        """Send what is due; rest when the destination is in trouble."""
        transfer = self.deliver_due()
        if transfer is None:
            return Found.NOTHING
        return Found.WORK if transfer.trouble is None else Found.TROUBLE

    def deliver_due(self) -> Transfer | None:
        """Claim what is due, send it, record what became of it.

        Returns:
            What became of it; None when nothing was due.
        """
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
        return send(
            self._destination,
            self._calling,
            [self._store.state_folder / delivery.path for delivery in claimed],
            self._settings.timeout_seconds,
            self._until_half_of_the_lease(),
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
        self._store.delivery_failed(
            delivery.delivery_id,
            self._owner,
            result.problem,
            next_attempt_at=self._after_rest() if resting else self._store.clock(),
            counts=False,
        )

    def _record_failed(self, delivery: ClaimedDelivery, result: ObjectResult) -> None:
        again = self._next_attempt(delivery.attempts, result.answer)
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
