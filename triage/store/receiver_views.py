"""What people are shown of the receivers: counts, alarms, a study's history there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, or_, select, text

from triage.store.database import Database
from triage.store.queue_counts_schema import numbers_of
from triage.store.receiver_records import (
    Ground,
    ReceiverChangeRecord,
    ReceiverCounts,
    ReceiverRow,
    ReceiverStanding,
)
from triage.store.receivers_schema import (
    ALARMING,
    LIVE_STATES,
    RETRIED,
    receiver_changes,
    receiver_standings,
    receivers,
)
from triage.values import ReceiverState, Wish

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy.engine import Row
    from sqlalchemy.sql.elements import ColumnElement, TextClause

_COLUMNS = tuple(receiver_changes.c[name] for name in ReceiverChangeRecord.__dataclass_fields__)


class ReceiverViewVerbs(Database):
    """What status, metrics, pages and the brake's report ask of the store."""

    def receiver_counts(self) -> ReceiverCounts:
        """Return how many changes stand where."""
        with self.reading() as connection:
            counted = numbers_of(connection, receiver_changes)
        return ReceiverCounts(
            {(name, ReceiverState(state)): number for (name, state), number in counted.items()}
        )

    def receiver_rows(self) -> tuple[ReceiverRow, ...]:
        """Return how it goes with every receiver that there is, or was."""
        taken = (
            select(func.max(receiver_changes.c.acknowledged_at))
            .where(receiver_changes.c.receiver == receivers.c.name)
            .scalar_subquery()
        )
        query = select(receivers.c.name, receivers.c.configured, taken.label("last_taken"))
        with self.reading() as connection:
            known = connection.execute(query.order_by(receivers.c.name)).all()
        counts = self.receiver_counts()
        return tuple(
            ReceiverRow(
                name=row.name,
                configured=row.configured,
                waiting=counts.number(row.name, *LIVE_STATES),
                moved=counts.number(row.name, ReceiverState.CONFIRMED, ReceiverState.TOLD),
                left=counts.number(row.name, ReceiverState.LEFT),
                alarms=counts.alarms_of(row.name),
                last_taken=row.last_taken,
            )
            for row in known
        )

    def receiver_alarms(self, limit: int = 20) -> tuple[ReceiverChangeRecord, ...]:
        """Return the changes that need a person, oldest first."""
        return self._chosen_changes(and_(text(ALARMING)), limit=limit)

    def waiting_receiver_changes(self, limit: int) -> tuple[ReceiverChangeRecord, ...]:
        """Return the changes that went wrong and are tried again without a person, oldest first."""
        return self._chosen_changes(text(RETRIED), limit=limit)

    def receiver_changes_of(self, study_instance_uid: str) -> tuple[ReceiverChangeRecord, ...]:
        """Return every change of a study at every receiver, oldest first."""
        return self._chosen_changes(receiver_changes.c.study_instance_uid == study_instance_uid)

    def receiver_standings_of(self, study_instance_uid: str) -> tuple[ReceiverStanding, ...]:
        """Return what is known of a study at every receiver that was ever to show it."""
        query = select(receiver_standings).where(
            receiver_standings.c.study_instance_uid == study_instance_uid
        )
        with self.reading() as connection:
            rows = connection.execute(query.order_by(receiver_standings.c.receiver)).all()
        return tuple(_standing(row) for row in rows)

    def put_back_since(self, moment: datetime) -> tuple[ReceiverChangeRecord, ...]:
        """Return what became of putting priorities back: all that is not through, or is since.

        Args:
            moment: When the brake was pulled.
        """
        last = (
            select(func.max(receiver_changes.c.receiver_change_id))
            .group_by(receiver_changes.c.receiver, receiver_changes.c.study_instance_uid)
            .scalar_subquery()
        )
        unfinished = receiver_changes.c.state.in_([*LIVE_STATES, ReceiverState.DEAD])
        return self._chosen_changes(
            receiver_changes.c.receiver_change_id.in_(last),
            receiver_changes.c.wish == Wish.AS_IT_WAS,
            or_(receiver_changes.c.made_at >= moment, unfinished),
        )

    def unfinished_receiver_changes(self, names: Iterable[str]) -> int:
        """Return how many changes are still on their way to some receivers."""
        query = select(func.count()).where(
            receiver_changes.c.receiver.in_(list(names)),
            receiver_changes.c.state.in_(LIVE_STATES),
        )
        with self.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def _chosen_changes(
        self, *chosen: ColumnElement[bool] | TextClause, limit: int | None = None
    ) -> tuple[ReceiverChangeRecord, ...]:
        query = select(*_COLUMNS).where(*chosen)
        query = query.order_by(receiver_changes.c.receiver_change_id).limit(limit)
        with self.reading() as connection:
            return tuple(_change(row) for row in connection.execute(query))


def _change(row: Row[Any]) -> ReceiverChangeRecord:
    return ReceiverChangeRecord(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping


def _standing(row: Row[Any]) -> ReceiverStanding:
    return ReceiverStanding(
        receiver=row.receiver,
        study_instance_uid=row.study_instance_uid,
        wish=row.wish,
        ground=Ground(row.original, row.known, row.intended),
        left_at=row.left_at,
        left_because=row.left_because,
        found=row.found,
    )
