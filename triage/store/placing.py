"""How a work item gets its place, with a line in the ledger for every change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from triage.store.records import Placement
from triage.store.schema import priority_changes, work_items
from triage.uids import work_item_uid

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from triage.values import OrderPriority, ReadingClass


def create_work_item(
    connection: Connection, study_instance_uid: str, order: OrderPriority, now: datetime
) -> None:
    """Put a new study on the list, where its order alone puts it."""
    placement = unassessed(order)
    connection.execute(
        insert(work_items).values(
            work_item_uid=work_item_uid(study_instance_uid),
            study_instance_uid=study_instance_uid,
            reading_class=placement.reading_class,
            reasons=list(placement.reasons),
            changed_at=now,
        )
    )
    _ledger(connection, study_instance_uid, None, order.reading_class, "arrived", now)


def unassessed(order: OrderPriority) -> Placement:
    """Return where a study stands of which nothing is known but its order."""
    reason = "urgent order" if order.urgent else "not yet assessed"
    return Placement(order.reading_class, (reason,), outcome=None)


def place_work_item(
    connection: Connection,
    study_instance_uid: str,
    placement: Placement,
    now: datetime,
    bundle_digest: str = "",
    cause: str = "",
) -> None:
    """Give a study its place on the list; a ledger line is written when its class changes.

    Args:
        connection: The transaction.
        study_instance_uid: The study.
        placement: Its place.
        now: The present time.
        bundle_digest: The bundle whose result moves it, if one does.
        cause: What stands in the ledger; the placement's own reasons when empty.
    """
    held = work_items.c.study_instance_uid == study_instance_uid
    before = connection.execute(select(work_items.c.reading_class).where(held)).scalar_one()
    connection.execute(
        update(work_items)
        .where(held)
        .values(
            reading_class=placement.reading_class,
            reasons=list(placement.reasons),
            outcome=placement.outcome,
            changed_at=now,
        )
    )
    if before is not placement.reading_class:
        reason = cause or "; ".join(placement.reasons)
        after = placement.reading_class
        _ledger(connection, study_instance_uid, before, after, reason, now, bundle_digest)


def _ledger(
    connection: Connection,
    study_instance_uid: str,
    before: ReadingClass | None,
    after: ReadingClass,
    reason: str,
    now: datetime,
    bundle_digest: str = "",
) -> None:
    connection.execute(
        insert(priority_changes).values(
            study_instance_uid=study_instance_uid,
            changed_at=now,
            class_before=before,
            class_after=after,
            reason=reason,
            bundle_digest=bundle_digest,
        )
    )
