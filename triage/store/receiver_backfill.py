"""What a receiver is told first that is new, or configured again: how the open studies stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, or_, select, text

from triage.store.placing import BY_ORDER, CAPPED_HERE
from triage.store.receiver_queue import enqueue
from triage.store.receivers_schema import receiver_changes, receiver_standings
from triage.store.schema import OPEN, priority_changes, work_items
from triage.values import ReadingClass, ReceiverState, Wish

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection

_MOVED = [one for one in ReadingClass if Wish.of(one) is not Wish.AS_IT_WAS]


def enqueue_present(connection: Connection, receiver: str, now: datetime) -> None:
    """Have a receiver told how the open studies stand that were moved before it came.

    Each row names the line of the ledger by which its study stands where it stands. What a
    reader has opened is left alone, as is what only arrived.

    Args:
        connection: The transaction.
        receiver: The receiver.
        now: The present time.
    """
    told = _column(connection, receiver, receiver_changes.c.change_id)
    known = _column(connection, receiver, receiver_standings.c.study_instance_uid)
    rows = [
        {
            "change_id": None if line.change_id in told else line.change_id,
            "study_instance_uid": line.study_instance_uid,
            "wish": Wish.of(line.class_after),
            "reason": line.reason,
            "bundle_digest": line.bundle_digest,
            "threshold": line.threshold,
            "made_at": now,
            "next_attempt_at": now,
        }
        for line in connection.execute(_standing_lines()).all()
    ]
    for row in rows:
        if row["study_instance_uid"] in known:
            enqueue(connection, receiver, row)
    _enqueue_new(connection, receiver, [r for r in rows if r["study_instance_uid"] not in known])


def _standing_lines() -> Any:  # noqa: ANN401 - a statement of many columns
    """Select the lines of the ledger by which open studies stand above or below routine."""
    last = (
        select(func.max(priority_changes.c.change_id))
        .group_by(priority_changes.c.work_item_uid)
        .scalar_subquery()
    )
    return (
        select(priority_changes)
        .join(work_items, work_items.c.work_item_uid == priority_changes.c.work_item_uid)
        .where(
            priority_changes.c.change_id.in_(last),
            priority_changes.c.class_after.in_(_MOVED),
            priority_changes.c.reason != CAPPED_HERE,
            # The first line of a study is its arrival, unless it goes on under another step.
            or_(priority_changes.c.class_before.is_not(None), priority_changes.c.by != BY_ORDER),
            text(OPEN),
            work_items.c.claimed_at.is_(None),
            work_items.c.study_instance_uid.is_not(None),
        )
        .order_by(priority_changes.c.change_id)
    )


def _column(connection: Connection, receiver: str, column: Any) -> set[Any]:  # noqa: ANN401 - SQLAlchemy's column
    return set(
        connection.execute(select(column).where(column.table.c.receiver == receiver)).scalars()
    )


def _enqueue_new(connection: Connection, receiver: str, rows: list[dict[str, Any]]) -> None:
    """Write the rows of studies that the receiver was never told of: there may be very many."""
    if not rows:
        return
    named = ({key: row[key] for key in ("study_instance_uid", "wish")} for row in rows)
    connection.execute(insert(receiver_standings), [{"receiver": receiver, **row} for row in named])
    pending = {"receiver": receiver, "state": ReceiverState.PENDING}
    connection.execute(insert(receiver_changes), [{**row, **pending} for row in rows])
