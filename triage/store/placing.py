"""How a work item gets its place, with a line in the ledger for every change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from triage.store.schema import priority_changes, work_items
from triage.uids import work_item_uid

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from triage.store.records import Placement
    from triage.values import OrderPriority, ReadingClass


def create_work_item(
    connection: Connection, study_instance_uid: str, order: OrderPriority, now: datetime
) -> None:
    """Put a new study on the list, where its order alone puts it."""
    reason = "urgent order" if order.urgent else "not yet assessed"
    connection.execute(
        insert(work_items).values(
            work_item_uid=work_item_uid(study_instance_uid),
            study_instance_uid=study_instance_uid,
            reading_class=order.reading_class,
            reasons=[reason],
            changed_at=now,
        )
    )
    _ledger(connection, study_instance_uid, None, order.reading_class, "arrived", now)


def place_work_item(
    connection: Connection,
    study_instance_uid: str,
    placement: Placement,
    now: datetime,
    bundle_digest: str = "",
) -> None:
    """Give a study its place on the list; a ledger line is written when its class changes."""
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
        reason = "; ".join(placement.reasons)
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
