"""The rows of the receivers' outbox: what is due, what is held, what is known of a study there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, func, select, true, update

from triage.store.receiver_records import ClaimedChange, Ground, ReceiverStudy
from triage.store.receivers_schema import LIVE_STATES, receiver_changes, receiver_standings
from triage.store.schema import studies, work_items

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row
    from sqlalchemy.sql.elements import ColumnElement

UNHELD: Final[dict[str, Any]] = {"lease_owner": "", "lease_until": None}

_OF_STUDY = (
    "accession_number",
    "patient_id",
    "patient_name",
    "patient_birth_date",
    "patient_sex",
    "study_description",
    "order_priority",
    "first_arrival",
)


def due_changes(receiver: str, now: datetime) -> Any:  # noqa: ANN401 - a statement of many columns
    """Select what is due at a receiver, of no study that somebody is at work on there."""
    other = receiver_changes.alias("other")
    at_work = (
        select(true())
        .where(
            other.c.receiver == receiver_changes.c.receiver,
            other.c.study_instance_uid == receiver_changes.c.study_instance_uid,
            other.c.lease_owner != "",
        )
        .exists()
    )
    return (
        select(
            receiver_changes,
            receiver_standings.c.original,
            receiver_standings.c.known,
            receiver_standings.c.intended,
            work_items.c.work_item_uid,
            *(studies.c[name] for name in _OF_STUDY),
        )
        .join(receiver_standings, _same_study(receiver_standings))
        .join(studies, studies.c.study_instance_uid == receiver_changes.c.study_instance_uid)
        .join(work_items, work_items.c.study_instance_uid == studies.c.study_instance_uid)
        .where(
            receiver_changes.c.receiver == receiver,
            receiver_changes.c.state.in_(LIVE_STATES),
            receiver_changes.c.next_attempt_at <= now,
            ~at_work,
        )
        .order_by(receiver_changes.c.receiver_change_id)
    )


def _same_study(table: Any) -> ColumnElement[bool]:  # noqa: ANN401 - SQLAlchemy's table
    return and_(
        table.c.receiver == receiver_changes.c.receiver,
        table.c.study_instance_uid == receiver_changes.c.study_instance_uid,
    )


def claimed_change(row: Row[Any]) -> ClaimedChange:
    """Return a row as whoever holds its lease is given it."""
    return ClaimedChange(
        receiver_change_id=row.receiver_change_id,
        receiver=row.receiver,
        study=ReceiverStudy(
            study_instance_uid=row.study_instance_uid,
            work_item_uid=row.work_item_uid,
            **{name: getattr(row, name) for name in _OF_STUDY},
        ),
        wish=row.wish,
        state=row.state,
        reason=row.reason,
        made_at=row.made_at,
        attempts=row.attempts,
        after=row.after,
        acknowledged_at=row.acknowledged_at,
        ground=Ground(row.original, row.known, row.intended),
    )


def one_of(rows: Sequence[Any]) -> ColumnElement[bool]:
    """Select some changes."""
    return receiver_changes.c.receiver_change_id.in_([row.receiver_change_id for row in rows])


def held_by(change: ClaimedChange, owner: str) -> ColumnElement[bool]:
    """Select a change, if this owner still holds its lease."""
    return and_(
        receiver_changes.c.receiver_change_id == change.receiver_change_id,
        receiver_changes.c.lease_owner == owner,
    )


def standing_of(change: ClaimedChange) -> ColumnElement[bool]:
    """Select what is known of the study of a change at its receiver."""
    return and_(
        receiver_standings.c.receiver == change.receiver,
        receiver_standings.c.study_instance_uid == change.study.study_instance_uid,
    )


def let_go(
    connection: Connection,
    change: ClaimedChange,
    owner: str,
    told: dict[str, Any],
    **values: Any,  # noqa: ANN401 - columns of any type
) -> bool:
    """End a lease: `told` is recorded in any case, `values` unless a newer change has come."""
    done = connection.execute(
        update(receiver_changes).where(held_by(change, owner)).values(**told, **UNHELD)
    )
    if done.rowcount != 1:
        return False
    still = receiver_changes.c.receiver_change_id == change.receiver_change_id
    live = receiver_changes.c.state.in_(LIVE_STATES)
    connection.execute(update(receiver_changes).where(still, live).values(**values))
    return True


def know(
    connection: Connection, change: ClaimedChange, *, known: str, intended: str | None
) -> None:
    """Note what stands at a receiver; what stood there first stays noted as the original."""
    original = func.coalesce(receiver_standings.c.original, known)
    connection.execute(
        update(receiver_standings)
        .where(standing_of(change))
        .values(original=original, known=known, intended=intended)
    )


def forget(connection: Connection, change: ClaimedChange) -> None:
    """Note that nothing of ours stands at a receiver: the next change begins from what it shows."""
    nothing = {"original": None, "known": None, "intended": None}
    connection.execute(update(receiver_standings).where(standing_of(change)).values(**nothing))
