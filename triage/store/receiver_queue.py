"""How a change of place becomes rows for the receivers, in the transaction that makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from triage.store.receivers_schema import (
    LIVE_STATES,
    receiver_changes,
    receiver_standings,
    receivers,
)
from triage.store.schema import work_items
from triage.values import ReceiverState, Wish

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row

    from triage.store.placing import ClassChange

_KNOWN = select(receivers.c.name, receivers.c.configured).order_by(receivers.c.name)
# What a newer change makes pointless; what was given up among it.
_UNFINISHED = (*LIVE_STATES, ReceiverState.DEAD)


def known_receivers(connection: Connection) -> tuple[tuple[str, bool], ...]:
    """Return the receivers that are known, or were: name, and whether configured."""
    return tuple((row.name, row.configured) for row in connection.execute(_KNOWN))


def enqueue_change(
    connection: Connection,
    known: Iterable[tuple[str, bool]],
    change_id: int,
    change: ClassChange,
    now: datetime,
) -> None:
    """Write a row for every receiver whose view of a study a line of the ledger changes.

    An arrival changes nothing: receivers show their own priority of a study until a result, the
    cap, a person or the brake moves it here.

    Args:
        connection: The transaction that moves the study.
        known: The receivers, as `known_receivers` tells them.
        change_id: The line of the ledger.
        change: What it says.
        now: The present time.
    """
    before, after, cause = change.before, change.after, change.cause
    if before is None or Wish.of(before) is Wish.of(after):
        return
    values = {
        "change_id": change_id,
        "study_instance_uid": change.study_instance_uid,
        "wish": Wish.of(after),
        "reason": cause.reason,
        "bundle_digest": cause.bundle_digest,
        "threshold": cause.threshold,
        "made_at": now,
        "next_attempt_at": now,
    }
    for name, configured in known:
        # What is no longer configured gets no new priorities, but is still owed the old ones.
        if configured or values["wish"] is Wish.AS_IT_WAS:
            enqueue(connection, name, values)


def enqueue_put_back(connection: Connection, reason: str, now: datetime) -> None:
    """Have every receiver put back what the list itself no longer moves.

    A study that a reader has opened stays where it is on the list; what we had a receiver show
    for it is put back all the same. What a person has set stays.
    """
    owed = connection.execute(
        select(receiver_standings.c.receiver, receiver_standings.c.study_instance_uid)
        .join(
            work_items,
            work_items.c.study_instance_uid == receiver_standings.c.study_instance_uid,
        )
        .where(receiver_standings.c.wish != Wish.AS_IT_WAS, work_items.c.held_by == "")
    ).all()
    for receiver, study in owed:
        values = {
            "study_instance_uid": study,
            "wish": Wish.AS_IT_WAS,
            "reason": reason,
            "made_at": now,
            "next_attempt_at": now,
        }
        enqueue(connection, receiver, values)


def enqueue(connection: Connection, receiver: str, values: dict[str, Any]) -> None:
    """Write a row for one receiver, unless it is to show that already.

    Args:
        connection: The transaction.
        receiver: The receiver.
        values: Columns of receiver_changes; the study and the wish among them.
    """
    study, wish = values["study_instance_uid"], values["wish"]
    standing = _standing(connection, receiver, study)
    if standing is None and wish is Wish.AS_IT_WAS:
        return
    if standing is not None and standing.wish is wish:
        return
    _wish(connection, receiver, study, wish, known=standing is not None)
    _supersede(connection, receiver, study)
    left = standing if standing is not None and standing.left_at is not None else None
    connection.execute(
        insert(receiver_changes).values(
            **values,
            receiver=receiver,
            state=ReceiverState.PENDING if left is None else ReceiverState.LEFT,
            before="" if left is None else left.found,
            problem="" if left is None else left.left_because,
        )
    )


def _standing(connection: Connection, receiver: str, study: str) -> Row[Any] | None:
    held = (receiver_standings.c.receiver == receiver) & (
        receiver_standings.c.study_instance_uid == study
    )
    return connection.execute(select(receiver_standings).where(held)).first()


def _wish(connection: Connection, receiver: str, study: str, wish: Wish, *, known: bool) -> None:
    if known:
        held = (receiver_standings.c.receiver == receiver) & (
            receiver_standings.c.study_instance_uid == study
        )
        connection.execute(update(receiver_standings).where(held).values(wish=wish))
        return
    row = {"receiver": receiver, "study_instance_uid": study, "wish": wish}
    connection.execute(insert(receiver_standings), row)


def _supersede(connection: Connection, receiver: str, study: str) -> None:
    """Take back what is still on its way; a lane that is at work on it finds out by itself."""
    connection.execute(
        update(receiver_changes)
        .where(
            receiver_changes.c.receiver == receiver,
            receiver_changes.c.study_instance_uid == study,
            receiver_changes.c.state.in_(_UNFINISHED),
        )
        .values(state=ReceiverState.SUPERSEDED)
    )
