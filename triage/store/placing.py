"""How a work item gets its place, with a line in the ledger for every change.

What a person has opened, or whose priority a person has set, no result and no brake moves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import bindparam, insert, select, update

from triage.store.names import name_keys
from triage.store.receiver_queue import enqueue_change, known_receivers
from triage.store.records import Placement
from triage.store.schema import priority_changes, step_changes, work_items
from triage.uids import derived_uid, work_item_uid
from triage.values import ReadingClass, StepState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from triage.values import HeaderFacts, OrderPriority

# Who moves a study, as the ledger names them.
BY_AI: Final = "ai"
BY_ORDER: Final = "order"
BY_CAP: Final = "cap"
BY_BRAKE: Final = "brake"
BY_MODE: Final = "mode"  # another mode of the site's ladder came into force
BY_ARRIVAL: Final = "arrival"  # another image came in


# Why the cap raises a study; the second is said where its site is in shadow mode: the reading list
# is read as ever, and no receiver is told.
CAPPED: Final = "waited for the cap"
CAPPED_HERE: Final = "waited for the cap; raised on this list alone, as its site is in shadow mode"


def by_person(name: str) -> str:
    """Return how the ledger names a person (or another system) who sets a priority."""
    return f"person:{name}"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a study is moved, as the ledger tells it.

    Attributes:
        by: Who moves it: "ai", "order", "cap", "brake", "mode", "arrival", "person:NAME".
        reason: A clause for a person; the placement's own reasons when empty.
        bundle_digest: The bundle whose result moves it, if one does.
        threshold: What the raw scores were held against, "spondylosis=1.25".
    """

    by: str
    reason: str = ""
    bundle_digest: str = ""
    threshold: str = ""


# Statements that are made for every study are built once: SQLAlchemy takes longer to build one
# than SQLite to carry it out.
_INSERT_ITEM = insert(work_items)
_INSERT_CHANGE = insert(priority_changes)
_IS_OF_STUDY = select(work_items.c.work_item_uid).where(
    work_items.c.work_item_uid == bindparam("work_item_uid"),
    work_items.c.study_instance_uid == bindparam("study_instance_uid"),
)
_INSERT_STEP_CHANGE = insert(step_changes)
_IS_TAKEN = select(work_items.c.work_item_uid).where(
    work_items.c.work_item_uid == bindparam("item")
)
# What a placement depends on.
STANDS = (
    work_items.c.work_item_uid,
    work_items.c.study_instance_uid,
    work_items.c.reading_class,
    work_items.c.reasons,
    work_items.c.outcome,
    work_items.c.held_by,
    work_items.c.claimed_at,
    work_items.c.ended_at,
    work_items.c.capped_at,
)
_STANDS = select(*STANDS).where(work_items.c.study_instance_uid == bindparam("study"))
_PLACE = (
    update(work_items)
    .where(work_items.c.work_item_uid == bindparam("item"))
    .values(
        reading_class=bindparam("new_class"),
        reasons=bindparam("new_reasons"),
        outcome=bindparam("new_outcome"),
        held_by=bindparam("new_held_by"),
        changed_at=bindparam("now"),
        version=work_items.c.version + 1,
    )
)


def create_work_item(connection: Connection, facts: HeaderFacts, now: datetime) -> str:
    """Put a new study on the list, where its order alone puts it.

    Returns:
        The UID of its work item.
    """
    placement = unassessed(facts.order_priority)
    uid = _free_uid(connection, facts.study_instance_uid, now)
    connection.execute(
        _INSERT_ITEM,
        {
            "work_item_uid": uid,
            "study_instance_uid": facts.study_instance_uid,
            "named_study_uid": facts.study_instance_uid,
            "arrived_at": now,
            "reading_class": placement.reading_class,
            "reasons": list(placement.reasons),
            "changed_at": now,
            "step_state": StepState.SCHEDULED,
            "attributes": {},
            "patient_id": facts.patient_id,
            "accession_number": facts.accession_number,
            **name_columns(facts.patient_name),
        },
    )
    record_created(
        connection, uid, facts.study_instance_uid, placement, Cause(BY_ORDER, "arrived"), now
    )
    return uid


def _free_uid(connection: Connection, study_instance_uid: str, now: datetime) -> str:
    """Return the UID of a new work item, another where somebody has pushed one under it.

    Whoever pushes items chooses their UIDs; that must never keep a study from being stored.
    """
    uid = work_item_uid(study_instance_uid)
    if connection.execute(_IS_TAKEN, {"item": uid}).first() is None:
        return uid
    return derived_uid("work-item", study_instance_uid, now.isoformat())


def record_created(
    connection: Connection,
    item: str,
    study_instance_uid: str,
    placement: Placement,
    cause: Cause,
    now: datetime,
) -> None:
    """Write the first lines of a new work item's two histories."""
    record_class(connection, item, study_instance_uid, None, placement.reading_class, cause, now)
    record_step(connection, item, None, StepState.SCHEDULED, cause.by, cause.reason, now)


def name_columns(patient_name: str) -> dict[str, str]:
    """Return the columns in which a name is kept."""
    alphabetic, ideographic, phonetic = name_keys(patient_name)
    return {
        "patient_name": patient_name,
        "name_alphabetic": alphabetic,
        "name_ideographic": ideographic,
        "name_phonetic": phonetic,
    }


def unassessed(order: OrderPriority) -> Placement:
    """Return where a study stands of which nothing is known but its order."""
    reason = "urgent order" if order.urgent else "not yet assessed"
    return Placement(order.reading_class, (reason,), outcome=None)


def place_work_item(
    connection: Connection,
    study_instance_uid: str,
    placement: Placement,
    now: datetime,
    cause: Cause,
) -> bool:
    """Give a study its place on the list; a ledger line is written when its class changes.

    Of a study that a person has opened or whose priority a person has set, what was found out
    is told and the class stays. Only an order that has become urgent still moves one that is
    held but not opened: it is the later word of a person, and it only raises.

    Args:
        connection: The transaction.
        study_instance_uid: The study.
        placement: Its place.
        now: The present time.
        cause: What moves it.

    Returns:
        Whether its class changed.
    """
    stands = connection.execute(_STANDS, {"study": study_instance_uid}).one()
    return place_all(connection, [(stands, placement)], now, cause) == 1


def place_all(
    connection: Connection,
    wanted: Iterable[tuple[Any, Placement]],
    now: datetime,
    cause: Cause,
) -> int:
    """Give studies their places, writing only what changes; see place_work_item.

    Args:
        connection: The transaction.
        wanted: Rows with the columns of STANDS, each with its place.
        now: The present time.
        cause: What moves them.

    Returns:
        How many studies changed their class.
    """
    moves = [move for row, placement in wanted if (move := _move(row, placement, cause, now))]
    if moves:
        connection.execute(_PLACE, [move.values for move in moves])
    told = [
        ClassChange(
            move.values["item"], move.study_instance_uid, move.before, move.after, move.cause
        )
        for move in moves
        if move.before is not move.after
    ]
    record_classes(connection, told, now)
    return sum(move.to_another_class for move in moves)


@dataclass(frozen=True, slots=True)
class _Move:
    """What a placement changes.

    Attributes:
        values: For the row of the work item.
        before: The class that the ledger told last.
        after: The class that it is to tell.
        cause: With the reason that stands in the ledger.
        to_another_class: Whether the class before the cap changes.
    """

    study_instance_uid: str
    values: dict[str, Any]
    before: ReadingClass
    after: ReadingClass
    cause: Cause
    to_another_class: bool


def _move(
    stands: Any,  # noqa: ANN401 - a row with the columns of STANDS
    placement: Placement,
    cause: Cause,
    now: datetime,
) -> _Move | None:
    """Return what a placement changes, None when it changes nothing."""
    target, held_by = _target(stands, placement.reading_class, cause)
    if (
        target is stands.reading_class
        and held_by == stands.held_by
        and tuple(stands.reasons) == placement.reasons
        and stands.outcome is placement.outcome
    ):
        return None
    values = {
        "item": stands.work_item_uid,
        "new_class": target,
        "new_reasons": list(placement.reasons),
        "new_outcome": placement.outcome,
        "new_held_by": held_by,
        "now": now,
    }
    return _Move(
        study_instance_uid=stands.study_instance_uid,
        values=values,
        before=shown_class(stands.reading_class, stands.capped_at, stands.held_by),
        after=shown_class(target, stands.capped_at, held_by),
        cause=cause if cause.reason else replace(cause, reason="; ".join(placement.reasons)),
        to_another_class=target is not stands.reading_class,
    )


@dataclass(frozen=True, slots=True)
class ClassChange:
    """A line of the ledger.

    Attributes:
        item: The work item.
        study_instance_uid: Its study.
        before: Its class before; None for a new one.
        after: Its class from now on.
        cause: Who moves it, and why.
    """

    item: str
    study_instance_uid: str
    before: ReadingClass | None
    after: ReadingClass
    cause: Cause


def record_class(
    connection: Connection,
    item: str,
    study_instance_uid: str,
    before: ReadingClass | None,
    after: ReadingClass,
    cause: Cause,
    now: datetime,
) -> None:
    """Write a line of the ledger, and what it asks of the receivers of priorities."""
    change = ClassChange(item, study_instance_uid, before, after, cause)
    record_classes(connection, [change], now)


def record_classes(connection: Connection, changes: Sequence[ClassChange], now: datetime) -> None:
    """Write lines of the ledger, and what they ask of the receivers of priorities."""
    lines = [_line(change, now) for change in changes]
    receivers = known_receivers(connection) if lines else ()
    if lines and not receivers:  # as at most sites
        connection.execute(_INSERT_CHANGE, lines)
        return
    for line, change in zip(lines, changes, strict=True):
        inserted = connection.execute(_INSERT_CHANGE, line)
        if change.cause.reason == CAPPED_HERE:
            continue
        # What another system pushed is not ours to tell.
        if connection.execute(_IS_OF_STUDY, line).first() is not None:
            (change_id,) = cast("tuple[int]", inserted.inserted_primary_key)
            enqueue_change(connection, receivers, change_id, change, now)


def _line(change: ClassChange, now: datetime) -> dict[str, Any]:
    return {
        "work_item_uid": change.item,
        "study_instance_uid": change.study_instance_uid,
        "changed_at": now,
        "class_before": change.before,
        "class_after": change.after,
        "by": change.cause.by,
        "reason": change.cause.reason,
        "bundle_digest": change.cause.bundle_digest,
        "threshold": change.cause.threshold,
    }


def record_step(
    connection: Connection,
    item: str,
    before: StepState | None,
    after: StepState,
    by: str,
    reason: str,
    now: datetime,
) -> None:
    """Write a line of a work item's history of states."""
    connection.execute(
        _INSERT_STEP_CHANGE,
        {
            "work_item_uid": item,
            "changed_at": now,
            "state_before": before,
            "state_after": after,
            "by": by,
            "reason": reason,
        },
    )


def shown_class(
    reading_class: ReadingClass, capped_at: datetime | None, held_by: str
) -> ReadingClass:
    """Return a class as the ledger tells it: raised, once the cap has raised the item."""
    if held_by or capped_at is None:
        return reading_class
    return min(reading_class, ReadingClass.SUSPECTED_ABNORMAL)


def _target(
    stands: Any,  # noqa: ANN401 - a row with the columns of STANDS
    wanted: ReadingClass,
    cause: Cause,
) -> tuple[ReadingClass, str]:
    """Return the class that a study gets, and who then holds it there."""
    if stands.claimed_at is not None or stands.ended_at is not None:
        return stands.reading_class, stands.held_by
    if not stands.held_by:
        return wanted, ""
    ordered = cause.by == BY_ORDER and wanted is ReadingClass.URGENT_ORDER
    return (wanted, "") if ordered else (stands.reading_class, stands.held_by)
