"""The outbox of event reports: rows per application entity, with leases and bounded tries."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, or_, select, true, update

from triage.store.database import Database
from triage.store.ups_records import ClaimedEvent
from triage.store.ups_schema import DEAD, PENDING, SENDING, event_reports

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy.sql.elements import ColumnElement

    from triage.store.ups_records import Channel

_UNHELD: dict[str, Any] = {"lease_owner": "", "lease_until": None}


class EventVerbs(Database):
    """What those who deliver event reports say to the store."""

    def claim_events(
        self, owner: str, ae_title: str, channel: Channel, limit: int, lease_seconds: float
    ) -> tuple[ClaimedEvent, ...]:
        """Claim what an application entity is to be told next, oldest first.

        The events of one work item are told in order: none is claimed while an earlier one
        waits for another try, or lies with another owner. One that was given up holds up none.
        The owner must say of each what became of it before the lease runs out; after that
        another may send the same event.
        """
        now = self.clock()
        due = and_(
            event_reports.c.ae_title == ae_title,
            event_reports.c.channel == channel.value,
            event_reports.c.state == PENDING,
            event_reports.c.next_attempt_at <= now,
            ~_is_behind(owner, now),
        )
        with self.reading() as connection:
            waits = connection.execute(select(event_reports.c.event_id).where(due).limit(1)).first()
        if waits is None:
            return ()
        with self.writing() as connection:
            rows = connection.execute(
                select(event_reports).where(due).order_by(event_reports.c.event_id).limit(limit)
            ).all()
            connection.execute(
                update(event_reports)
                .where(event_reports.c.event_id.in_([row.event_id for row in rows]))
                .values(
                    state=SENDING,
                    lease_owner=owner,
                    lease_until=now + timedelta(seconds=lease_seconds),
                    attempts=event_reports.c.attempts + 1,
                )
            )
        return tuple(
            ClaimedEvent(
                event_id=row.event_id,
                ae_title=row.ae_title,
                work_item_uid=row.work_item_uid,
                kind=row.event_type,
                information=row.information,
                occurred_at=row.occurred_at,
                attempts=row.attempts + 1,
            )
            for row in rows
        )

    def event_delivered(self, event_id: int, owner: str) -> bool:
        """Forget an event that its receiver has acknowledged.

        Returns:
            False when the lease was lost: somebody else may tell it once more.
        """
        held = and_(event_reports.c.event_id == event_id, event_reports.c.lease_owner == owner)
        with self.writing() as connection:
            return connection.execute(delete(event_reports).where(held)).rowcount == 1

    def events_delivered(self, event_ids: Sequence[int], owner: str) -> None:
        """Forget several events that their receiver has acknowledged, but for lost leases."""
        held = and_(event_reports.c.event_id.in_(event_ids), event_reports.c.lease_owner == owner)
        with self.writing() as connection:
            connection.execute(delete(event_reports).where(held))

    def events_released(self, event_ids: Sequence[int], owner: str) -> None:
        """Hand back events that were not told to the end: due again at once, no try counted."""
        held = and_(event_reports.c.event_id.in_(event_ids), event_reports.c.lease_owner == owner)
        values: dict[str, Any] = {"state": PENDING, "next_attempt_at": self.clock(), **_UNHELD}
        values |= {"attempts": event_reports.c.attempts - 1}
        with self.writing() as connection:
            connection.execute(update(event_reports).where(held).values(**values))

    def event_failed(
        self,
        event_id: int,
        owner: str,
        problem: str,
        *,
        next_attempt_at: datetime | None,
        counts: bool = True,
    ) -> bool:
        """Record a failed try: due again at `next_attempt_at`, or given up when None.

        Args:
            event_id: The event.
            owner: Who holds the lease.
            problem: What went wrong, without patient data.
            next_attempt_at: When to try again; None for never.
            counts: Whether the try counts against the event; a receiver that is away does not.

        Returns:
            False when the lease was lost and nothing was recorded.
        """
        values: dict[str, Any] = {"problem": problem, "state": DEAD, **_UNHELD}
        if next_attempt_at is not None:
            values |= {"state": PENDING, "next_attempt_at": next_attempt_at}
        if not counts:
            values |= {"attempts": event_reports.c.attempts - 1}
        held = and_(event_reports.c.event_id == event_id, event_reports.c.lease_owner == owner)
        with self.writing() as connection:
            done = connection.execute(update(event_reports).where(held).values(**values))
        return done.rowcount == 1

    def revive_events(self, ae_title: str | None = None) -> int:
        """Give events that were given up a new start, and make what waits due now.

        Returns:
            How many are due again.
        """
        waiting: list[ColumnElement[bool]] = [event_reports.c.state.in_([DEAD, PENDING])]
        if ae_title is not None:
            waiting.append(event_reports.c.ae_title == ae_title)
        with self.writing() as connection:
            done = connection.execute(
                update(event_reports)
                .where(*waiting)
                .values(state=PENDING, attempts=0, next_attempt_at=self.clock())
            )
        return done.rowcount

    def reap_events(self, is_dead: Callable[[str], bool] = lambda _owner: False) -> int:
        """Take events back whose lease has run out, or whose owner is known to be dead."""
        now = self.clock()
        sending = event_reports.c.state == SENDING
        with self.reading() as connection:
            held = connection.execute(select(event_reports).where(sending)).all()
        lost = [row for row in held if row.lease_until < now or is_dead(row.lease_owner)]
        if not lost:
            return 0
        with self.writing() as connection:
            for row in lost:
                same = and_(
                    event_reports.c.event_id == row.event_id,
                    event_reports.c.lease_owner == row.lease_owner,
                )
                values = {"state": PENDING, "next_attempt_at": now, **_UNHELD}
                connection.execute(update(event_reports).where(same).values(**values))
        return len(lost)


def _is_behind(owner: str, now: datetime) -> ColumnElement[bool]:
    """Whether an earlier event of the same item is still to be told to the same receiver."""
    earlier = event_reports.alias("earlier")
    held = and_(earlier.c.state == SENDING, earlier.c.lease_owner != owner)
    resting = and_(earlier.c.state == PENDING, earlier.c.next_attempt_at > now)
    return (
        select(true())
        .where(
            earlier.c.work_item_uid == event_reports.c.work_item_uid,
            earlier.c.ae_title == event_reports.c.ae_title,
            earlier.c.channel == event_reports.c.channel,
            earlier.c.event_id < event_reports.c.event_id,
            or_(held, resting),
        )
        .exists()
    )
