"""The receivers' verbs: priorities on their way, with leases, compare-and-set and confirmation."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from triage.store.database import Database
from triage.store.receiver_backfill import enqueue_present
from triage.store.receiver_rows import (
    UNHELD,
    claimed_change,
    due_changes,
    forget,
    held_by,
    know,
    let_go,
    one_of,
    standing_of,
)
from triage.store.receivers_schema import (
    LIVE_STATES,
    receiver_changes,
    receiver_standings,
    receivers,
)
from triage.values import ReceiverState

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from sqlalchemy.sql.elements import ColumnElement

    from triage.store.receiver_records import ClaimedChange


class ReceiverVerbs(Database):
    """What the lanes to the receivers, and those who watch them, say to the store."""

    def know_receivers(self, names: Collection[str]) -> None:
        """Have changes of place written for these receivers from now on.

        A new one is told first how the open studies stand that were moved before it came. One
        that is no longer among them gets no new priorities; what it was given is still put
        back by the brake, and told of as long as it is not.
        """
        now = self.clock()
        with self.writing() as connection:
            rows = connection.execute(select(receivers.c.name, receivers.c.configured)).all()
            known = {row.name: row.configured for row in rows}
            for name in sorted(set(names) - set(known)):
                row = {"name": name, "since": now, "configured": True}
                connection.execute(insert(receivers), row)
            configured = receivers.c.name.in_(list(names))
            connection.execute(update(receivers).values(configured=configured))
            for name in sorted(set(names)):
                if not known.get(name, False):
                    enqueue_present(connection, name, now)

    def claim_receiver_changes(
        self, owner: str, receiver: str, limit: int, lease_seconds: float
    ) -> tuple[ClaimedChange, ...]:
        """Claim what is due at one receiver, oldest first; one change of a study at a time.

        The owner must finish each before its lease runs out. While it holds one, nobody is
        given another change of that study: two hands would undo each other's compare-and-set.
        """
        now = self.clock()
        with self.writing() as connection:
            rows = connection.execute(due_changes(receiver, now).limit(limit)).all()
            connection.execute(
                update(receiver_changes)
                .where(one_of(rows))
                .values(lease_owner=owner, lease_until=now + timedelta(seconds=lease_seconds))
            )
        return tuple(claimed_change(row) for row in rows)

    def receiver_intends(
        self, change: ClaimedChange, owner: str, *, before: str, after: str
    ) -> bool:
        """Note durably, before a write, what stands at a receiver and what is to stand there.

        Returns:
            False when a newer change has come meanwhile, or the lease was lost: do not write.
        """
        with self.writing() as connection:
            done = connection.execute(
                update(receiver_changes)
                .where(held_by(change, owner), receiver_changes.c.state.in_(LIVE_STATES))
                .values(before=before, after=after)
            )
            if done.rowcount != 1:
                return False
            know(connection, change, known=before, intended=after)
        return True

    def receiver_acknowledged(
        self, change: ClaimedChange, owner: str, acknowledgement: str, *, final: bool
    ) -> bool:
        """Record that a receiver took a change.

        Args:
            change: The change.
            owner: Who holds the lease.
            acknowledgement: What it answered, without patient data.
            final: The receiver cannot be asked: nothing more is to come.

        Returns:
            False when the lease was lost and nothing was recorded.
        """
        now = self.clock()
        told = {"acknowledgement": acknowledgement, "acknowledged_at": now}
        state = ReceiverState.TOLD if final else ReceiverState.CONFIRMING
        with self.writing() as connection:
            if not let_go(connection, change, owner, told, state=state, next_attempt_at=now):
                return False
            if final:
                after = receiver_changes.c.receiver_change_id == change.receiver_change_id
                shown = connection.execute(select(receiver_changes.c.after).where(after))
                know(connection, change, known=shown.scalar_one(), intended=None)
        return True

    def receiver_confirmed(
        self, change: ClaimedChange, owner: str, shown: str | None, acknowledgement: str = ""
    ) -> bool:
        """Record that a receiver shows what it should.

        Args:
            change: The change.
            owner: Who holds the lease.
            shown: What it shows; None where it was not asked, as there is nothing of ours there.
            acknowledgement: Why nothing was written, where nothing was.

        Returns:
            False when the lease was lost and nothing was recorded.
        """
        told = {"acknowledgement": acknowledgement} if acknowledgement else {}
        told["problem"] = ""
        state = {"state": ReceiverState.CONFIRMED, "confirmed_at": self.clock()}
        with self.writing() as connection:
            if not let_go(connection, change, owner, told, **state):
                return False
            if shown is None:
                forget(connection, change)
            else:
                know(connection, change, known=shown, intended=None)
        return True

    def receiver_left(self, change: ClaimedChange, owner: str, because: str, *, found: str) -> bool:
        """Record that a person's hand is on a study at a receiver: it is left alone there.

        Returns:
            False when the lease was lost and nothing was recorded.
        """
        values = {"state": ReceiverState.LEFT, "problem": because}
        with self.writing() as connection:
            if not let_go(connection, change, owner, {"before": found}, **values):
                return False
            connection.execute(
                update(receiver_standings)
                .where(standing_of(change))
                .values(left_at=self.clock(), left_because=because, found=found)
            )
            # Changes that came while this one was under way are not ours to make either.
            connection.execute(
                update(receiver_changes)
                .where(
                    receiver_changes.c.receiver == change.receiver,
                    receiver_changes.c.study_instance_uid == change.study.study_instance_uid,
                    receiver_changes.c.state.in_(LIVE_STATES),
                )
                .values(**values)
            )
        return True

    def receiver_unsaid(self, change: ClaimedChange, owner: str, because: str) -> bool:
        """Record that a receiver has no word for what it should show."""
        with self.writing() as connection:
            return let_go(
                connection,
                change,
                owner,
                {"acknowledgement": because},
                state=ReceiverState.UNSAID,
                problem="",
            )

    def receiver_waits(
        self,
        change: ClaimedChange,
        owner: str,
        problem: str,
        *,
        next_attempt_at: datetime | None,
        state: ReceiverState | None = None,
        counts: bool = True,
    ) -> bool:
        """Record that a change is not through: due again, or given up when there is no next time.

        Args:
            change: The change.
            owner: Who holds the lease.
            problem: What went wrong, without patient data.
            next_attempt_at: When to look again; None for never by itself.
            state: What it is then, when not what it was.
            counts: Whether this counts as a try; that a receiver is away does not.

        Returns:
            False when the lease was lost and nothing was recorded.
        """
        values: dict[str, Any] = {"problem": problem, "state": state or change.state}
        if next_attempt_at is None:
            values["state"] = ReceiverState.DEAD
        else:
            values["next_attempt_at"] = next_attempt_at
        attempts = {"attempts": receiver_changes.c.attempts + int(counts)}
        with self.writing() as connection:
            return let_go(connection, change, owner, attempts, **values)

    def revive_receiver_changes(self, receiver: str | None = None) -> int:
        """Give what was given up, or not moved, a new start, and make what waits due now.

        Returns:
            How many changes are due again.
        """
        again: ColumnElement[bool] = receiver_changes.c.state.in_(
            [*LIVE_STATES, ReceiverState.DEAD]
        )
        if receiver is not None:
            again &= receiver_changes.c.receiver == receiver
        with self.writing() as connection:
            done = connection.execute(
                update(receiver_changes)
                .where(again, receiver_changes.c.lease_owner == "")
                .values(state=ReceiverState.PENDING, attempts=0, next_attempt_at=self.clock())
            )
        return done.rowcount

    def reap_receiver_changes(self, is_dead: Callable[[str], bool] = lambda _owner: False) -> int:
        """Take changes back whose lease has run out, or whose owner is known to be dead."""
        now = self.clock()
        with self.writing() as connection:
            held = connection.execute(
                select(
                    receiver_changes.c.receiver_change_id,
                    receiver_changes.c.lease_owner,
                    receiver_changes.c.lease_until,
                ).where(receiver_changes.c.lease_owner != "")
            ).all()
            lost = [row for row in held if row.lease_until < now or is_dead(row.lease_owner)]
            connection.execute(update(receiver_changes).where(one_of(lost)).values(**UNHELD))
        return len(lost)
