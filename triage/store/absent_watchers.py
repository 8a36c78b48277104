"""The verbs about subscribers who fetch nothing, and about event reports that do not arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, case, delete, func, insert, or_, select, text

from triage.store.database import Database
from triage.store.step_events import forget_subscriptions, tell
from triage.store.ups_records import DroppedWatcher, UntoldEvents
from triage.store.ups_schema import (
    DEAD,
    SENDING,
    UNTOLD,
    dropped_watchers,
    event_reports,
    step_watchers,
)

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy import Select
    from sqlalchemy.engine import Connection

    from triage.store.ups_records import StepEvent


class AbsentWatcherVerbs(Database):
    """What the clock and the operators' page say about subscribers to the store."""

    def drop_absent_watchers(
        self,
        reached: Collection[str],
        horizon: datetime,
        most_waiting: int,
        uid: str,
        farewell: StepEvent,
    ) -> tuple[DroppedWatcher, ...]:
        """Take back the subscriptions of who fetches no event reports, with what waits for them.

        Who is connected just now is left alone, however much waits.

        Args:
            reached: AE titles that the site has configured: they are told whenever they are back.
            horizon: Whoever left an event waiting since before this is dropped.
            most_waiting: Whoever has more events waiting is dropped.
            uid: The well-known UID that stands for the list.
            farewell: The one event that waits for them instead: subscribe again.

        Returns:
            Who was dropped.
        """
        now = self.clock()
        absent = _absent(reached, horizon, most_waiting)
        with self.reading() as connection:
            if connection.execute(absent.limit(1)).first() is None:
                return ()
        with self.writing() as connection:
            rows = connection.execute(absent).all()
            for row in rows:
                forget_subscriptions(connection, row.ae_title)
                connection.execute(
                    delete(step_watchers).where(step_watchers.c.ae_title == row.ae_title)
                )
                connection.execute(
                    insert(dropped_watchers).values(
                        ae_title=row.ae_title, dropped_at=now, waiting=row.waiting
                    )
                )
                tell(connection, [row], uid, [farewell], now)
        return tuple(DroppedWatcher(row.ae_title, now, row.waiting) for row in rows)

    def dropped_watchers(self, limit: int) -> tuple[DroppedWatcher, ...]:
        """Return who was dropped and has not come back, the latest first."""
        latest = (dropped_watchers.c.dropped_at.desc(), dropped_watchers.c.ae_title)
        query = select(dropped_watchers).order_by(*latest).limit(limit)
        with self.reading() as connection:
            rows = connection.execute(query)
            return tuple(DroppedWatcher(row.ae_title, row.dropped_at, row.waiting) for row in rows)

    def forget_dropped_watchers(self, horizon: datetime) -> int:
        """Forget who was dropped before a moment and never came back.

        Returns:
            How many they are.
        """
        old = select(dropped_watchers.c.ae_title).where(dropped_watchers.c.dropped_at < horizon)
        with self.reading() as connection:
            titles = list(connection.execute(old).scalars())
        if titles:
            with self.writing() as connection:
                for ae_title in titles:
                    welcome_back(connection, ae_title)
        return len(titles)

    def untold_events(self) -> tuple[UntoldEvents, ...]:
        """Return which receivers' events went wrong, given up or not, with the last reason."""
        given_up = case((event_reports.c.state == DEAD, 1), else_=0)
        query = (
            select(
                event_reports.c.ae_title,
                given_up.label("given_up"),
                func.count(),
                # SQLite takes the other columns from the row that has the maximum.
                func.max(event_reports.c.event_id),
                event_reports.c.problem,
            )
            .where(text(UNTOLD))
            .group_by(event_reports.c.ae_title, given_up)
            .order_by(event_reports.c.ae_title, given_up.desc())
        )
        with self.reading() as connection:
            rows = connection.execute(query).all()
        return tuple(
            UntoldEvents(ae_title, bool(dead), count, problem)
            for ae_title, dead, count, _, problem in rows
        )


def welcome_back(connection: Connection, ae_title: str) -> None:
    """Forget that a subscriber was dropped: it subscribes anew, or leaves."""
    named = dropped_watchers.c.ae_title == ae_title
    if connection.execute(delete(dropped_watchers).where(named)).rowcount:
        forget_subscriptions(connection, ae_title)


def _absent(reached: Collection[str], horizon: datetime, most_waiting: int) -> Select[Any]:
    """Select who is not connected and has left too much waiting, or something for too long."""
    waiting = func.count(event_reports.c.event_id)
    connected = func.sum(case((event_reports.c.state == SENDING, 1), else_=0))
    return (
        select(step_watchers.c.ae_title, step_watchers.c.channel, waiting.label("waiting"))
        .join_from(
            step_watchers, event_reports, step_watchers.c.ae_title == event_reports.c.ae_title
        )
        .where(step_watchers.c.ae_title.not_in(list(reached)))
        .group_by(step_watchers.c.ae_title, step_watchers.c.channel)
        .having(
            and_(
                connected == 0,
                or_(func.min(event_reports.c.occurred_at) < horizon, waiting > most_waiting),
            )
        )
        .order_by(step_watchers.c.ae_title)
    )
