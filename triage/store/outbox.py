"""The courier's verbs: rows per destination, with leases and bounded tries."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, select, update

from triage.store.database import Database
from triage.store.records import ClaimedDelivery
from triage.store.schema import deliveries, reports
from triage.values import DeliveryState

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy.engine import Connection


UNHELD: dict[str, Any] = {"lease_owner": "", "lease_until": None}


class OutboxVerbs(Database):
    """What the courier says to the store."""

    def claim_deliveries(
        self, owner: str, destination: str, limit: int, lease_seconds: float
    ) -> tuple[ClaimedDelivery, ...]:
        """Claim what is due at one destination, oldest report first.

        The owner must record each as stored or failed before the lease runs out; after that
        another courier may send the same object, under the same UID.
        """
        now = self.clock()
        until = now + timedelta(seconds=lease_seconds)
        with self.writing() as connection:
            rows = connection.execute(
                select(deliveries, reports.c.path)
                .join_from(deliveries, reports)
                .where(deliveries.c.destination == destination, _due(now))
                .order_by(deliveries.c.delivery_id)
                .limit(limit)
            ).all()
            connection.execute(
                update(deliveries)
                .where(deliveries.c.delivery_id.in_([row.delivery_id for row in rows]))
                .values(
                    state=DeliveryState.SENDING,
                    lease_owner=owner,
                    lease_until=until,
                    attempts=deliveries.c.attempts + 1,
                )
            )
        return tuple(
            ClaimedDelivery(
                delivery_id=row.delivery_id,
                destination=row.destination,
                sop_instance_uid=row.sop_instance_uid,
                path=row.path,
                attempts=row.attempts + 1,
            )
            for row in rows
        )

    def delivery_stored(
        self, delivery_id: int, owner: str, status: int, *, sop_instance_uid: str
    ) -> bool:
        """Record that the destination stored the object, and under which UID.

        Returns:
            False when the lease was lost and nothing was recorded.
        """
        values = {
            "state": DeliveryState.STORED,
            "status": status,
            "stored_as": sop_instance_uid,
            "stored_at": self.clock(),
            "problem": "",
        }
        with self.writing() as connection:
            return _let_go(connection, delivery_id, owner, values)

    def delivery_failed(
        self,
        delivery_id: int,
        owner: str,
        problem: str,
        *,
        next_attempt_at: datetime | None,
        status: int | None = None,
        counts: bool = True,
    ) -> bool:
        """Record a failed try: due again at `next_attempt_at`, or a dead letter when None.

        Args:
            delivery_id: The outbox row.
            owner: Who holds the lease.
            problem: What went wrong, without patient data.
            next_attempt_at: When to try again; None for never by itself.
            status: The DIMSE status that was answered, if any.
            counts: Whether the try counts against the object; a peer that is away does not.

        Returns:
            False when the lease was lost and nothing was recorded.
        """
        values: dict[str, Any] = {"problem": problem, "status": status}
        if next_attempt_at is None:
            values |= {"state": DeliveryState.DEAD}
        else:
            values |= {"state": DeliveryState.PENDING, "next_attempt_at": next_attempt_at}
        if not counts:
            values |= {"attempts": deliveries.c.attempts - 1}
        with self.writing() as connection:
            return _let_go(connection, delivery_id, owner, values)

    def revive_deliveries(self, destination: str | None = None) -> int:
        """Give dead letters a new start, and make what waits for its next try due now.

        Returns:
            How many rows are due again.
        """
        waiting = deliveries.c.state.in_([DeliveryState.DEAD, DeliveryState.PENDING])
        chosen = (
            waiting if destination is None else waiting & (deliveries.c.destination == destination)
        )
        with self.writing() as connection:
            done = connection.execute(
                update(deliveries)
                .where(chosen)
                .values(state=DeliveryState.PENDING, attempts=0, next_attempt_at=self.clock())
            )
        return done.rowcount

    def reap_deliveries(self, is_dead: Callable[[str], bool] = lambda _owner: False) -> int:
        """Take rows back whose lease has run out, or whose owner is known to be dead."""
        now = self.clock()
        with self.writing() as connection:
            sending = connection.execute(
                select(deliveries).where(deliveries.c.state == DeliveryState.SENDING)
            ).all()
            lost = [row for row in sending if row.lease_until < now or is_dead(row.lease_owner)]
            for row in lost:
                values = {"state": DeliveryState.PENDING, "next_attempt_at": now}
                _let_go(connection, row.delivery_id, row.lease_owner, values)
        return len(lost)


def _due(now: datetime) -> Any:  # noqa: ANN401 - SQLAlchemy's expression
    return and_(deliveries.c.state == DeliveryState.PENDING, deliveries.c.next_attempt_at <= now)


def _let_go(connection: Connection, delivery_id: int, owner: str, values: dict[str, Any]) -> bool:
    done = connection.execute(
        update(deliveries)
        .where(
            deliveries.c.delivery_id == delivery_id,
            deliveries.c.state == DeliveryState.SENDING,
            deliveries.c.lease_owner == owner,
        )
        .values(**values, **UNHELD)
    )
    return done.rowcount == 1
