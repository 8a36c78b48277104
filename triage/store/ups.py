"""The verbs of the UPS service: changes of work items with the events that follow from them.

A change and its events are one transaction: a restart loses neither, and tells nothing twice
that was acknowledged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, or_, select, update

from triage.store.absent_watchers import welcome_back
from triage.store.database import Database
from triage.store.lines import references_of, rows_and_entries
from triage.store.step_events import (
    announce,
    forget_subscriptions,
    subscribe_one,
    subscribe_open,
    tell,
    welcome,
)
from triage.store.ups_records import Candidate, Channel, StepLine, StepWatcher
from triage.store.ups_schema import (
    DEAD,
    dropped_watchers,
    event_reports,
    step_candidates,
    step_subscriptions,
    step_watchers,
)
from triage.store.work_items import step_of, write_new_step, write_step
from triage.values import RankedEntry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from triage.store.list_records import NewStep, StepChange
    from triage.store.ups_records import StepEvent, StepReferences


class StepVerbs(Database):
    """What the UPS service says to the store."""

    def step_lines(
        self, work_item_uids: Sequence[str], now: datetime, cap_seconds: float
    ) -> tuple[StepLine, ...]:
        """Return work items as queries show them, in the order asked for.

        A UID that is not known is left out. Positions are not counted: they are 0.
        """
        with self.reading() as connection:
            found = {
                row.work_item_uid: StepLine(
                    RankedEntry.at(0, entry, now, cap_seconds), step_of(row)
                )
                for row, entry in rows_and_entries(connection, work_item_uids)
            }
        return tuple(found[uid] for uid in work_item_uids if uid in found)

    def step_references(self, study_instance_uids: Sequence[str]) -> dict[str, StepReferences]:
        """Return the images and reports of studies; a study that has none is left out."""
        with self.reading() as connection:
            return references_of(connection, study_instance_uids)

    def change_step_telling(
        self,
        work_item_uid: str,
        expected_version: int,
        change: StepChange,
        events: Sequence[StepEvent],
    ) -> bool:
        """Change a work item and let its subscribers be told.

        Returns:
            False when the item is not known, or has changed since that version: nothing was
            changed, and nobody is told.
        """
        now = self.clock()
        with self.writing() as connection:
            done = write_step(connection, work_item_uid, expected_version, change, now)
            if done:
                announce(connection, work_item_uid, events, now)
        return done

    def create_step_telling(self, new: NewStep, events: Sequence[StepEvent]) -> bool:
        """Put a pushed work item on the list and let global subscribers be told.

        Returns:
            False when there is one of this UID already: nothing has been changed.
        """
        now = self.clock()
        with self.writing() as connection:
            done = write_new_step(connection, new, now)
            if done:
                welcome(connection, new.work_item_uid, events, now)
        return done

    def tell_subscribers(self, work_item_uid: str, events: Sequence[StepEvent]) -> int:
        """Let the subscribers of a work item be told of something that changes nothing.

        Returns:
            How many there are.
        """
        with self.writing() as connection:
            return announce(connection, work_item_uid, events, self.clock())

    def tell_every_watcher(self, uid: str, event: StepEvent) -> int:
        """Let everybody who has subscribed to anything be told of an event of the whole list.

        What waits of the same kind is replaced: only the last of them says anything.

        Args:
            uid: The well-known UID that stands for the list.
            event: The event.

        Returns:
            How many are told.
        """
        now = self.clock()
        with self.writing() as connection:
            connection.execute(
                delete(event_reports).where(
                    event_reports.c.work_item_uid == uid,
                    event_reports.c.lease_owner == "",
                    # What waits for them there has to be told.
                    event_reports.c.ae_title.not_in(select(dropped_watchers.c.ae_title)),
                )
            )
            receivers = connection.execute(_active_watchers()).all()
            tell(connection, receivers, uid, [event], now)
        return len(receivers)

    def subscribe_step(
        self,
        work_item_uid: str,
        ae_title: str,
        channel: Channel,
        *,
        deletion_lock: bool,
        events: Sequence[StepEvent],
    ) -> None:
        """Subscribe an application entity to one item, and let it be told how that stands."""
        with self.writing() as connection:
            _know(connection, ae_title, channel)
            subscribe_one(
                connection,
                work_item_uid,
                ae_title,
                deletion_lock=deletion_lock,
                events=events,
                now=self.clock(),
            )

    def subscribe_all(
        self,
        ae_title: str,
        channel: Channel,
        *,
        deletion_lock: bool,
        matching_keys: Mapping[str, Any] | None = None,
    ) -> None:
        """Subscribe an application entity globally: to what there is and to what will come.

        With matching keys only to what will come; whoever asks finds those that match now, and
        adds them with `subscribe_matching`.
        """
        with self.writing() as connection:
            values = {"global_lock": deletion_lock, "matching_keys": matching_keys}
            _know(connection, ae_title, channel, values)
            if matching_keys is None:
                subscribe_open(
                    connection,
                    ae_title,
                    channel.value,
                    deletion_lock=deletion_lock,
                    now=self.clock(),
                )

    def subscribe_matching(
        self, ae_title: str, channel: Channel, work_item_uids: Sequence[str], *, deletion_lock: bool
    ) -> None:
        """Add those open items that a filtered global subscription matches."""
        with self.writing() as connection:
            subscribe_open(
                connection,
                ae_title,
                channel.value,
                deletion_lock=deletion_lock,
                now=self.clock(),
                only=work_item_uids,
            )

    def unsubscribe_step(self, work_item_uid: str, ae_title: str) -> None:
        """Take back a subscription to one item."""
        with self.writing() as connection:
            forget_subscriptions(connection, ae_title, work_item_uid)

    def unsubscribe_all(self, ae_title: str) -> bool:
        """Take back every subscription of an application entity, global and to single items.

        Returns:
            Whether it was known.
        """
        with self.writing() as connection:
            welcome_back(connection, ae_title)
            forget_subscriptions(connection, ae_title)
            known = delete(step_watchers).where(step_watchers.c.ae_title == ae_title)
            return connection.execute(known).rowcount > 0

    def suspend_global(self, ae_title: str) -> None:
        """Take back a global subscription; those to the items that there are stay."""
        with self.writing() as connection:
            connection.execute(
                update(step_watchers)
                .where(step_watchers.c.ae_title == ae_title)
                .values(global_lock=None, matching_keys=None)
            )

    def watchers(self) -> tuple[StepWatcher, ...]:
        """Return every application entity that has subscribed to anything, by AE title."""
        with self.reading() as connection:
            rows = connection.execute(
                select(step_watchers).order_by(step_watchers.c.ae_title)
            ).all()
            held = _counts(connection, step_subscriptions.c.ae_title)
            waiting = _counts(connection, event_reports.c.ae_title, event_reports.c.state != DEAD)
            dead = _counts(connection, event_reports.c.ae_title, event_reports.c.state == DEAD)
        return tuple(
            StepWatcher(
                ae_title=row.ae_title,
                channel=Channel(row.channel),
                global_lock=row.global_lock,
                matching_keys=row.matching_keys,
                subscriptions=held.get(row.ae_title, 0),
                waiting=waiting.get(row.ae_title, 0),
                dead=dead.get(row.ae_title, 0),
            )
            for row in rows
        )

    def subscription_of(self, work_item_uid: str, ae_title: str) -> bool | None:
        """Return whether a subscription is with lock; None when there is none."""
        query = select(step_subscriptions.c.deletion_lock).where(
            step_subscriptions.c.work_item_uid == work_item_uid,
            step_subscriptions.c.ae_title == ae_title,
        )
        with self.reading() as connection:
            return connection.execute(query).scalar_one_or_none()

    def candidates(self, limit: int) -> tuple[Candidate, ...]:
        """Return new items that a filtered global subscription has not judged yet."""
        query = (
            select(step_candidates, step_watchers.c.matching_keys)
            .join_from(
                step_candidates,
                step_watchers,
                step_candidates.c.ae_title == step_watchers.c.ae_title,
            )
            .limit(limit)
        )
        with self.reading() as connection:
            return tuple(
                Candidate(row.work_item_uid, row.ae_title, row.matching_keys or {})
                for row in connection.execute(query)
            )

    def judge_candidate(self, candidate: Candidate, events: Sequence[StepEvent]) -> None:
        """Write down what a filtered global subscription says of a new item.

        Args:
            candidate: The item and the subscriber.
            events: What the subscriber is told; none when the item does not match.
        """
        with self.writing() as connection:
            known = select(step_watchers.c.global_lock).where(
                step_watchers.c.ae_title == candidate.ae_title
            )
            lock = connection.execute(known).scalar_one_or_none()
            gone = connection.execute(_candidate(candidate)).rowcount == 0
            if events and lock is not None and not gone:
                subscribe_one(
                    connection,
                    candidate.work_item_uid,
                    candidate.ae_title,
                    deletion_lock=lock,
                    events=events,
                    now=self.clock(),
                )


def _know(
    connection: Connection,
    ae_title: str,
    channel: Channel,
    values: Mapping[str, Any] | None = None,
) -> None:
    """Write down an application entity, how it is told, and what else is known of it."""
    welcome_back(connection, ae_title)
    told = {"channel": channel.value, **(values or {})}
    known = update(step_watchers).where(step_watchers.c.ae_title == ae_title).values(**told)
    if connection.execute(known).rowcount == 0:
        connection.execute(insert(step_watchers).values(ae_title=ae_title, **told))


def _active_watchers() -> Any:  # noqa: ANN401 - a statement of two columns
    subscribed = select(step_subscriptions.c.ae_title)
    return select(step_watchers.c.ae_title, step_watchers.c.channel).where(
        or_(
            step_watchers.c.global_lock.is_not(None),
            step_watchers.c.ae_title.in_(subscribed),
        )
    )


def _candidate(candidate: Candidate) -> Any:  # noqa: ANN401 - a statement
    return delete(step_candidates).where(
        step_candidates.c.work_item_uid == candidate.work_item_uid,
        step_candidates.c.ae_title == candidate.ae_title,
    )


def _counts(connection: Connection, column: Any, *holds: Any) -> dict[str, int]:  # noqa: ANN401 - SQLAlchemy's expressions
    query = select(column, func.count()).where(*holds).group_by(column)
    return {ae_title: int(number) for ae_title, number in connection.execute(query)}
