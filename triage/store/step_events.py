"""How events reach the outbox: within the transaction of the change that they follow from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, delete, insert, literal, select

from triage.store.schema import studies, work_items
from triage.store.ups_records import StepEvent
from triage.store.ups_schema import (
    event_reports,
    step_candidates,
    step_subscriptions,
    step_watchers,
)
from triage.values import StepState, StudyState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

STATE_REPORT: Final = 1  # Event Type ID, PS3.4 Table CC.2.4-1
READY: Final = "READY"
INCOMPLETE: Final = "INCOMPLETE"
_INPUT_READINESS: Final = ("00404041", "Value", 0)  # in the DICOM JSON model
_AT_ONCE: Final = 5_000  # rows of one statement
_SUBSCRIBERS = (
    select(step_subscriptions.c.ae_title, step_watchers.c.channel)
    .join_from(
        step_subscriptions,
        step_watchers,
        step_subscriptions.c.ae_title == step_watchers.c.ae_title,
    )
    .order_by(step_subscriptions.c.ae_title)
)
_GLOBAL_WATCHERS = select(step_watchers).where(step_watchers.c.global_lock.is_not(None))


def readiness_of(state: StudyState) -> str:
    """Return the Input Readiness State (0040,4041) of the step to read a study."""
    return INCOMPLETE if state is StudyState.ARRIVING else READY


def announce(
    connection: Connection, work_item_uid: str, events: Sequence[StepEvent], now: datetime
) -> int:
    """Let every subscriber of an item be told of events.

    Returns:
        How many subscribers there are.
    """
    query = _SUBSCRIBERS.where(step_subscriptions.c.work_item_uid == work_item_uid)
    receivers = connection.execute(query).all()
    tell(connection, receivers, work_item_uid, events, now)
    return len(receivers)


def welcome(
    connection: Connection, work_item_uid: str, events: Sequence[StepEvent], now: datetime
) -> None:
    """Subscribe to a new item whoever is subscribed globally, and let them be told of it."""
    watchers = connection.execute(_GLOBAL_WATCHERS).all()
    if not watchers:
        return
    every = [watcher for watcher in watchers if watcher.matching_keys is None]
    for watcher in every:
        _subscribe(connection, work_item_uid, watcher.ae_title, deletion_lock=watcher.global_lock)
    tell(connection, every, work_item_uid, events, now)
    for watcher in watchers:
        if watcher.matching_keys is not None:
            connection.execute(
                insert(step_candidates).values(
                    work_item_uid=work_item_uid, ae_title=watcher.ae_title
                )
            )


def welcome_study(connection: Connection, work_item_uid: str, now: datetime) -> None:
    """Do as `welcome` for the item of a study of which the first image has come."""
    watched = connection.execute(_GLOBAL_WATCHERS.limit(1)).first() is not None
    if watched:
        welcome(connection, work_item_uid, [state_report(StepState.SCHEDULED, INCOMPLETE)], now)


def announce_readiness(
    connection: Connection,
    study_instance_uid: str,
    before: StudyState,
    after: StudyState,
    now: datetime,
) -> None:
    """Let the subscribers of a study's item be told that its input is ready, or no longer."""
    if readiness_of(before) == readiness_of(after):
        return
    query = select(work_items.c.work_item_uid, work_items.c.step_state).where(
        work_items.c.study_instance_uid == study_instance_uid, work_items.c.ended_at.is_(None)
    )
    item = connection.execute(query).first()
    if item is not None:
        report = state_report(item.step_state, readiness_of(after))
        announce(connection, item.work_item_uid, [report], now)


def announce_end(
    connection: Connection,
    work_item_uid: str,
    state: StepState,
    study: StudyState,
    now: datetime,
) -> None:
    """Let the subscribers of a study's item be told that its step has ended."""
    announce(connection, work_item_uid, [state_report(state, readiness_of(study))], now)


def subscribe_one(
    connection: Connection,
    work_item_uid: str,
    ae_title: str,
    *,
    deletion_lock: bool,
    events: Sequence[StepEvent],
    now: datetime,
) -> None:
    """Subscribe to one item, whatever was before, and let the subscriber be told of it."""
    for table in (step_subscriptions, step_candidates):
        named = and_(table.c.work_item_uid == work_item_uid, table.c.ae_title == ae_title)
        connection.execute(delete(table).where(named))
    _subscribe(connection, work_item_uid, ae_title, deletion_lock=deletion_lock)
    query = select(step_watchers).where(step_watchers.c.ae_title == ae_title)
    tell(connection, connection.execute(query).all(), work_item_uid, events, now)


def subscribe_open(
    connection: Connection,
    ae_title: str,
    channel: str,
    *,
    deletion_lock: bool,
    now: datetime,
    only: Sequence[str] | None = None,
) -> None:
    """Subscribe to every open item that is not subscribed to, or to some of them.

    With lock, a state report of each goes out (PS3.4 Table CC.2.3-2). Items that have ended
    have no more events, and none is ever deleted: they are left out.

    Args:
        connection: The transaction.
        ae_title: Who subscribes.
        channel: How it is told.
        deletion_lock: Whether with lock.
        now: The present time.
        only: Of these items only.
    """
    known = select(step_subscriptions.c.work_item_uid).where(
        step_subscriptions.c.ae_title == ae_title
    )
    query = select(work_items.c.work_item_uid).where(
        work_items.c.ended_at.is_(None), work_items.c.work_item_uid.not_in(known)
    )
    if only is not None:
        query = query.where(work_items.c.work_item_uid.in_(only))
    if not deletion_lock:
        chosen = query.add_columns(literal(ae_title), literal(value=False))
        columns = ["work_item_uid", "ae_title", "deletion_lock"]
        connection.execute(insert(step_subscriptions).from_select(columns, chosen))
        return
    said = work_items.c.attributes[_INPUT_READINESS].as_string()
    query = query.add_columns(work_items.c.step_state, said, studies.c.state)
    rows = connection.execute(query.outerjoin_from(work_items, studies)).all()
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        connection.execute(
            insert(step_subscriptions),
            [_subscription(row[0], ae_title, deletion_lock=True) for row in some],
        )
        connection.execute(
            insert(event_reports),
            [
                _event(ae_title, channel, uid, state_report(state, _readiness(said, study)), now)
                for uid, state, said, study in some
            ],
        )


def forget_subscriptions(
    connection: Connection, ae_title: str, work_item_uid: str | None = None
) -> None:
    """Take back subscriptions and what still waits to be told because of them.

    Args:
        connection: The transaction.
        ae_title: Whose.
        work_item_uid: To this item only; to all when None.
    """
    for table in (step_subscriptions, step_candidates, event_reports):
        holds = table.c.ae_title == ae_title
        if work_item_uid is not None:
            holds = and_(holds, table.c.work_item_uid == work_item_uid)
        connection.execute(delete(table).where(holds))


def _subscribe(
    connection: Connection, work_item_uid: str, ae_title: str, *, deletion_lock: bool
) -> None:
    row = _subscription(work_item_uid, ae_title, deletion_lock=deletion_lock)
    connection.execute(insert(step_subscriptions), row)


def _subscription(work_item_uid: str, ae_title: str, *, deletion_lock: bool) -> dict[str, Any]:
    return {
        "work_item_uid": work_item_uid,
        "ae_title": ae_title,
        "deletion_lock": deletion_lock,
    }


def tell(
    connection: Connection,
    receivers: Iterable[Any],
    work_item_uid: str,
    events: Sequence[StepEvent],
    now: datetime,
) -> None:
    """Put events into the outbox.

    Args:
        connection: The transaction.
        receivers: Rows that have the AE title and the channel of each receiver.
        work_item_uid: The item.
        events: What each of them is told.
        now: The present time.
    """
    rows = [
        _event(receiver.ae_title, receiver.channel, work_item_uid, event, now)
        for receiver in receivers
        for event in events
    ]
    if rows:
        connection.execute(insert(event_reports), rows)


def _event(
    ae_title: str, channel: str, work_item_uid: str, event: StepEvent, now: datetime
) -> dict[str, Any]:
    return {
        "ae_title": ae_title,
        "channel": channel,
        "work_item_uid": work_item_uid,
        "event_type": event.kind,
        "information": dict(event.information),
        "occurred_at": now,
        "next_attempt_at": now,
    }


def state_report(state: StepState, readiness: str) -> StepEvent:
    """Return the report that a step is in a state, its input ready or not."""
    return StepEvent(
        STATE_REPORT,
        {
            "00404041": {"vr": "CS", "Value": [readiness]},
            "00741000": {"vr": "CS", "Value": [state.value]},
        },
    )


def _readiness(said: str | None, study: StudyState | None) -> str:
    """Return the readiness of an item: a study of ours tells it, or whoever pushed the item."""
    return readiness_of(study) if study is not None else said or READY
