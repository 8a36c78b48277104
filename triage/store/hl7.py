"""The verbs of orders and reports that come over HL7: each message is one transaction.

What a message says reaches the studies that are here, and is kept for those that are still to
come: `apply_waiting_orders` tells them when they arrive. What names a study and another patient
than it has is not heard.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, delete, insert, or_, select, update

from triage.errors import MessageError
from triage.hl7.values import Order, OrderNotice, order_priority
from triage.store.database import Database
from triage.store.hl7_doubts import (
    contradicted_study,
    forget_doubts,
    note_doubt,
    studies_of_others,
)
from triage.store.hl7_matching import orders_of, orders_of_others, studies_of, study_of
from triage.store.hl7_records import DoubtKind
from triage.store.hl7_schema import hl7_messages, hl7_orders
from triage.store.list_records import OrderedStudies, OrderWord, StepChange
from triage.store.schema import studies, work_items
from triage.store.standing import as_ordered
from triage.store.step_events import announce_end
from triage.store.work_items import hear_order, ordered_items, write_step
from triage.values import OrderPriority, StepState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row

    from triage.hl7.values import MessageIdentity, Notice
    from triage.store.records import Placement, StandingDecision

_URGENCY: Final = {priority: place for place, priority in enumerate(OrderPriority)}
_BY: Final = "hl7"  # who ended a step, where a final report did


class Hl7Verbs(Database):
    """What the HL7 server says to the store."""

    def receive_notices(
        self,
        identity: MessageIdentity,
        notices: Sequence[Notice],
        placing: Callable[[StandingDecision], Placement],
    ) -> int | None:
        """Take over what a message says, once.

        Args:
            identity: Which message it is.
            notices: What it says of each study that it is about.
            placing: Says where a decided study belongs whose order is not urgent.

        Returns:
            How many studies that are here it is about; None for a message that was taken
            before: then nothing has been done.

        Raises:
            MessageError: It names a study by its UID, and another patient than that study has:
                nothing has been done, but that the operators are told.
        """
        now = self.clock()
        with self.writing() as connection:
            if _is_known(connection, identity):
                return None
            if not _doubted(connection, notices, now):
                _write_down(connection, identity, now)
                return sum(_take(connection, notice, placing, now) for notice in notices)
        # What was refused is not remembered: once the patient is right, it may come again.
        raise MessageError(
            "PID-3 names another patient than the study has: nothing was changed; correct the"
            " patient, or have the study completed on the reading list",
            code="204",
            at="PID^1^3",
        )

    def hl7_order(self, study_instance_uid: str) -> Order | None:
        """Return the last order of a study; None when no message came for it."""
        with self.reading() as connection:
            study = study_of(connection, study_instance_uid)
            rows = [] if study is None else orders_of(connection, study)
        # An order is more than a report: without its message it cannot be repeated.
        rows.sort(key=lambda row: (row.message != "", row.changed_at))
        return _order(rows[-1], study_instance_uid) if rows else None

    def note_priority_told(self, study_instance_uid: str, code: str, *, taken: bool) -> None:
        """Note what an order system is told of a study's priority, before it is, and when taken.

        Most of them tell everybody what has changed, and so us: what comes back with this
        code is no word of the people who ordered.
        """
        shown = {"shown_code": code} if taken else {}
        with self.writing() as connection:
            study = study_of(connection, study_instance_uid)
            uids = [] if study is None else [row.order_id for row in orders_of(connection, study)]
            connection.execute(
                update(hl7_orders)
                .where(hl7_orders.c.order_id.in_(uids))
                .values(told_code=code, told_taken=taken, **shown)
            )

    def forget_messages(self, keep_days: float) -> int:
        """Forget the numbers of old messages, and old orders whose images never came.

        Returns:
            How many rows are gone.
        """
        horizon = self.clock() - timedelta(days=keep_days)
        here = or_(
            hl7_orders.c.study_instance_uid.in_(select(studies.c.study_instance_uid)),
            and_(
                hl7_orders.c.accession_number != "",
                hl7_orders.c.accession_number.in_(select(work_items.c.accession_number)),
            ),
        )
        with self.writing() as connection:
            messages = connection.execute(
                delete(hl7_messages).where(hl7_messages.c.received_at < horizon)
            )
            orders = connection.execute(
                delete(hl7_orders).where(hl7_orders.c.changed_at < horizon, ~here)
            )
            forget_doubts(connection, horizon)
        return messages.rowcount + orders.rowcount


def apply_waiting_orders(connection: Connection, study_instance_uid: str, now: datetime) -> None:
    """Let a study that has just come, or is just known by its accession number, hear its orders."""
    study = study_of(connection, study_instance_uid)
    if study is None:
        return
    for order in orders_of(connection, study):
        _tell_study(connection, study_instance_uid, order, as_ordered, now, may_lower=False)
    for order in orders_of_others(connection, study):
        kind = DoubtKind.REPORT if order.read else DoubtKind.ORDER
        note_doubt(connection, study_instance_uid, kind, now)


def _is_known(connection: Connection, identity: MessageIdentity) -> bool:
    """Whether a message was taken before."""
    known = select(hl7_messages.c.message_id).where(
        hl7_messages.c.application == identity.application,
        hl7_messages.c.facility == identity.facility,
        hl7_messages.c.control_id == identity.control_id,
        hl7_messages.c.digest == identity.digest,
    )
    return connection.execute(known).first() is not None


def _write_down(connection: Connection, identity: MessageIdentity, now: datetime) -> None:
    """Remember a message, to know it when it is repeated."""
    connection.execute(
        insert(hl7_messages).values(
            application=identity.application,
            facility=identity.facility,
            control_id=identity.control_id,
            digest=identity.digest,
            received_at=now,
        )
    )


def _doubted(connection: Connection, notices: Sequence[Notice], now: datetime) -> bool:
    """Whether a message names a study and another patient; if so, let the operators be told."""
    doubted = False
    for notice in notices:
        study = contradicted_study(connection, notice, _named(connection, notice))
        if study is not None:
            doubted = True
            note_doubt(connection, study, _kind(notice), now)
    return doubted


def _kind(notice: Notice) -> DoubtKind:
    return DoubtKind.ORDER if isinstance(notice, OrderNotice) else DoubtKind.REPORT


def _take(
    connection: Connection,
    notice: Notice,
    placing: Callable[[StandingDecision], Placement],
    now: datetime,
) -> int:
    """Keep what a message says of one study, and let the studies hear it that are here."""
    before = _named(connection, notice)
    order = _kept(connection, notice, before, now)
    # An order takes back only what it had said itself: a header may know better than a message
    # that repeats an old priority beside something else.
    may_lower = before is not None and before.priority_code not in ("", order.priority_code)
    found = studies_of(connection, order)
    for study in found:
        _tell_study(connection, study, order, placing, now, may_lower=may_lower)
    if not found:
        # Perhaps it is about a study to come; perhaps its patient is wrong.
        for study in studies_of_others(connection, order.accession_number, order.patient_ids):
            note_doubt(connection, study, _kind(notice), now)
    return len(found)


def _named(connection: Connection, notice: Notice) -> Row[Any] | None:
    """Return the row of the order that a message is about."""
    return connection.execute(
        select(hl7_orders).where(
            hl7_orders.c.study_instance_uid == notice.study_instance_uid,
            hl7_orders.c.accession_number == notice.accession_number,
        )
    ).first()


def _kept(
    connection: Connection, notice: Notice, before: Row[Any] | None, now: datetime
) -> Row[Any]:
    """Write what a message says into the row of its order, and return that row."""
    said = {"changed_at": now, **_said(notice, before)}
    if before is not None:
        same = hl7_orders.c.order_id == before.order_id
        changed = update(hl7_orders).where(same).values(**said)
        return connection.execute(changed.returning(hl7_orders)).one()
    new = insert(hl7_orders).values(
        study_instance_uid=notice.study_instance_uid,
        accession_number=notice.accession_number,
        **{"patient_ids": [], **said},
    )
    return connection.execute(new.returning(hl7_orders)).one()


def _said(notice: Notice, before: Row[Any] | None) -> dict[str, Any]:
    """Return the columns that a message changes: what it does not say, stays."""
    patient = {"patient_ids": list(notice.patient_ids)} if notice.patient_ids else {}
    if not isinstance(notice, OrderNotice):
        return {**patient, "read": True}
    location = {"location": notice.location} if notice.location else {}
    return {
        **patient,
        **location,
        **_priority_said(notice.priority_code, before),
        "cancelled": notice.cancelled,
        "message": notice.message,
        "character_set": notice.character_set,
    }


def _priority_said(code: str, before: Row[Any] | None) -> dict[str, Any]:
    """Return what an order's priority becomes.

    What we told order systems comes back with the next message about the order: that is nobody's
    wish. Anything else that comes once it was taken is a person's, and ends what we had told.
    """
    if not code:
        return {}
    shown = {"shown_code": code}
    if before is not None and code == before.told_code:
        return shown
    told = (
        {"told_code": "", "told_taken": False} if before is not None and before.told_taken else {}
    )
    return {**shown, **told, "priority_code": code}


def _tell_study(
    connection: Connection,
    study_instance_uid: str,
    order: Row[Any],
    placing: Callable[[StandingDecision], Placement],
    now: datetime,
    *,
    may_lower: bool,
) -> None:
    """Let one study hear what its order says; a cancelled order takes nothing away."""
    (item,) = ordered_items(connection, OrderedStudies(study_instance_uid=study_instance_uid))
    priority = order_priority(order.priority_code)
    heard = may_lower or _URGENCY[priority] < _URGENCY[item.order_priority]
    word = OrderWord(
        priority=priority if heard and priority is not OrderPriority.UNKNOWN else None,
        patient_location=order.location or None,
    )
    hear_order(connection, item, word, placing, now)
    if order.read and item.ended_at is None:
        _end(connection, item, now)


def _end(connection: Connection, item: Row[Any], now: datetime) -> None:
    """End a step of which the final report has come, and let its subscribers be told."""
    uid, ended = item.work_item_uid, StepState.COMPLETED
    query = select(work_items.c.version).where(work_items.c.work_item_uid == uid)
    version = connection.execute(query).scalar_one()
    change = StepChange(by=_BY, state=ended, reason="the final report came")
    write_step(connection, uid, version, change, now)
    announce_end(connection, uid, ended, item.study_state, now)


def _order(row: Row[Any], study_instance_uid: str) -> Order:
    return Order(
        study_instance_uid=study_instance_uid,
        accession_number=row.accession_number,
        priority_code=row.priority_code,
        shown_code=row.shown_code,
        location=row.location,
        cancelled=row.cancelled,
        read=row.read,
        message=row.message,
        character_set=row.character_set,
        changed_at=row.changed_at,
    )
