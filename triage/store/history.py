"""The verbs of history: a study's whole history, the ledger, what stands where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, literal_column, select, text, union_all

from triage.store.database import Database
from triage.store.kept import agree, make_anew
from triage.store.lines import entries_of
from triage.store.list_records import StepStateChange
from triage.store.queue_counts_schema import queue_counts
from triage.store.records import (
    DecisionRecord,
    DeliveryRecord,
    InstanceRecord,
    PriorityChange,
    QueueCounts,
    StudyRecord,
    analysis_from_json,
    facts_from_json,
)
from triage.store.schema import (
    WAITING,
    decisions,
    deliveries,
    instances,
    priority_changes,
    reports,
    step_changes,
    studies,
    work_items,
)
from triage.store.studies import report_record
from triage.uids import next_work_item_uid
from triage.values import Decision, DeliveryState, ImageState, StudyState

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Row
    from sqlalchemy.sql.elements import ColumnElement

    from triage.values import WorklistEntry


# Of the urgent and of the others the first, as their index has them.
_OLDEST_WAITING = union_all(
    *(
        select(func.min(instances.c.received_at)).where(
            text(WAITING), instances.c.urgent == literal_column(urgent)
        )
        for urgent in ("0", "1")
    )
)


class HistoryVerbs(Database):
    """What the views of a study and of the service say to the store."""

    def study(self, study_instance_uid: str) -> StudyRecord | None:
        """Return a study's whole history, None when the study is not known."""
        with self.reading() as connection:
            entry = _entry_of_study(connection, study_instance_uid)
            if entry is None:
                return None
            steps = _steps(connection, study_instance_uid, entry.work_item_uid)
            return StudyRecord(
                entry=entry,
                instances=_instances(connection, study_instance_uid),
                decisions=_decisions(connection, study_instance_uid),
                deliveries=_deliveries(connection, study_instance_uid),
                priority_changes=_priority_changes(
                    connection, priority_changes.c.work_item_uid.in_(steps)
                ),
                step_changes=_step_changes(connection, *steps),
            )

    def changes_since(self, change_id: int, limit: int = 1_000) -> tuple[PriorityChange, ...]:
        """Return the lines of the ledger behind one, oldest first; 0 begins at the beginning."""
        with self.reading() as connection:
            return _priority_changes(connection, priority_changes.c.change_id > change_id, limit)

    def step_changes(self, work_item_uid: str) -> tuple[StepStateChange, ...]:
        """Return the history of a work item's states, oldest first."""
        with self.reading() as connection:
            return _step_changes(connection, work_item_uid)

    def dead_letters(self) -> tuple[DeliveryRecord, ...]:
        """Return the deliveries that have been given up."""
        with self.reading() as connection:
            rows = connection.execute(
                select(deliveries)
                .where(deliveries.c.state == DeliveryState.DEAD)
                .order_by(deliveries.c.delivery_id)
            )
            return tuple(_delivery(row) for row in rows)

    def counts(self) -> QueueCounts:
        """Return how much stands where."""
        with self.reading() as connection:
            counted = connection.execute(select(queue_counts)).all()
            oldest = min(filter(None, connection.execute(_OLDEST_WAITING).scalars()), default=None)
        waited = 0.0 if oldest is None else (self.clock() - oldest).total_seconds()
        found = {(row.kind, row.name, row.state): row.number for row in counted}
        return QueueCounts(
            images={one: found.get((instances.name, "", one.value), 0) for one in ImageState},
            studies={one: found.get((studies.name, "", one.value), 0) for one in StudyState},
            deliveries={
                (name, DeliveryState(state)): number
                for (kind, name, state), number in found.items()
                if kind == deliveries.name
            },
            oldest_queued_seconds=max(0.0, waited),
        )

    def kept_tables_agree(self) -> bool:
        """Whether what is kept beside other tables is what those say; reads all of them."""
        with self.reading() as connection:
            return agree(connection)

    def make_kept_tables_anew(self) -> None:
        """Make what is kept beside other tables anew from those."""
        with self.writing() as connection:
            make_anew(connection)


def _instances(connection: Connection, study_instance_uid: str) -> tuple[InstanceRecord, ...]:
    rows = connection.execute(
        select(instances)
        .where(instances.c.study_instance_uid == study_instance_uid)
        .order_by(instances.c.received_at, instances.c.instance_id)
    )
    return tuple(
        InstanceRecord(
            sop_instance_uid=row.sop_instance_uid,
            version=row.version,
            superseded=row.superseded,
            sop_class_uid=row.sop_class_uid,
            path=row.path,
            size_bytes=row.size_bytes,
            sha256=row.sha256,
            calling_ae_title=row.calling_ae_title,
            received_at=row.received_at,
            facts=facts_from_json(row.facts),
            state=row.state,
            problem=row.problem,
            attempts=row.attempts,
            analysis=None if row.analysis is None else analysis_from_json(row.analysis),
            analysed_at=row.analysed_at,
            thumbnail=row.thumbnail,
        )
        for row in rows
    )


def _decisions(connection: Connection, study_instance_uid: str) -> tuple[DecisionRecord, ...]:
    rows = connection.execute(
        select(decisions)
        .where(decisions.c.study_instance_uid == study_instance_uid)
        .order_by(decisions.c.number)
    ).all()
    written = connection.execute(
        select(reports).where(reports.c.study_instance_uid == study_instance_uid)
    )
    by_decision = {row.decision_id: report_record(row) for row in written}
    return tuple(
        DecisionRecord(
            number=row.number,
            decision=Decision(
                outcome=row.outcome,
                reading_class=row.reading_class,
                reasons=tuple(row.reasons),
                flagged=tuple(row.flagged),
            ),
            mode=row.mode,
            spared=row.spared,
            bundle_digest=row.bundle_digest,
            decided_at=row.decided_at,
            report=by_decision.get(row.decision_id),
        )
        for row in rows
    )


def _deliveries(connection: Connection, study_instance_uid: str) -> tuple[DeliveryRecord, ...]:
    rows = connection.execute(
        select(deliveries)
        .join_from(deliveries, reports)
        .where(reports.c.study_instance_uid == study_instance_uid)
        .order_by(deliveries.c.delivery_id)
    )
    return tuple(_delivery(row) for row in rows)


def _delivery(row: Row[Any]) -> DeliveryRecord:
    return DeliveryRecord(
        delivery_id=row.delivery_id,
        destination=row.destination,
        sop_instance_uid=row.sop_instance_uid,
        state=row.state,
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at,
        status=row.status,
        stored_as=row.stored_as,
        stored_at=row.stored_at,
        problem=row.problem,
    )


def _entry_of_study(connection: Connection, study_instance_uid: str) -> WorklistEntry | None:
    query = select(work_items.c.work_item_uid).where(
        work_items.c.study_instance_uid == study_instance_uid
    )
    uid = connection.execute(query).scalar_one_or_none()
    return None if uid is None else entries_of(connection, [uid])[uid]


def _priority_changes(
    connection: Connection, holds: ColumnElement[bool], limit: int | None = None
) -> tuple[PriorityChange, ...]:
    query = select(priority_changes).where(holds).order_by(priority_changes.c.change_id)
    rows = connection.execute(query.limit(limit))
    return tuple(PriorityChange(**row._mapping) for row in rows)  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping


def _steps(connection: Connection, study_instance_uid: str, last: str) -> list[str]:
    """Return the step to read a study, and those before it that were cancelled unread."""
    query = select(work_items.c.work_item_uid).where(
        work_items.c.named_study_uid == study_instance_uid
    )
    before = {next_work_item_uid(uid): uid for uid in connection.execute(query).scalars()}
    steps = [last]
    while steps[-1] in before:
        steps.append(before[steps[-1]])
    return steps


def _step_changes(connection: Connection, *work_item_uids: str) -> tuple[StepStateChange, ...]:
    query = (
        select(step_changes)
        .where(step_changes.c.work_item_uid.in_(work_item_uids))
        .order_by(step_changes.c.change_id)
    )
    return tuple(StepStateChange(**row._mapping) for row in connection.execute(query))  # noqa: SLF001 - likewise
