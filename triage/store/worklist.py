"""The list's verbs: lines of the worklist, a study's history, counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import case, func, select

from triage.store.database import Database
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
    decisions,
    deliveries,
    instances,
    priority_changes,
    reports,
    studies,
    work_items,
)
from triage.store.studies import report_record
from triage.values import Decision, DeliveryState, ImageState, StudyState, WorklistEntry

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Row
    from sqlalchemy.sql.elements import ColumnElement


class WorklistVerbs(Database):
    """What the views of the list say to the store."""

    def worklist_entries(self) -> tuple[WorklistEntry, ...]:
        """Return every line of the list, in order of arrival; triage.worklist.order ranks them."""
        with self.reading() as connection:
            return _entries(connection)

    def worklist_entry(self, work_item_uid: str) -> WorklistEntry | None:
        """Return one line of the list, None when there is no such work item."""
        with self.reading() as connection:
            found = _entries(connection, work_items.c.work_item_uid == work_item_uid)
        return found[0] if found else None

    def study(self, study_instance_uid: str) -> StudyRecord | None:
        """Return a study's whole history, None when the study is not known."""
        with self.reading() as connection:
            found = _entries(connection, studies.c.study_instance_uid == study_instance_uid)
            if not found:
                return None
            return StudyRecord(
                entry=found[0],
                instances=_instances(connection, study_instance_uid),
                decisions=_decisions(connection, study_instance_uid),
                deliveries=_deliveries(connection, study_instance_uid),
                priority_changes=_priority_changes(connection, study_instance_uid),
            )

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
            images = _count_by(connection, instances.c.state)
            by_study = _count_by(connection, studies.c.state)
            sent = connection.execute(
                select(deliveries.c.destination, deliveries.c.state, func.count()).group_by(
                    deliveries.c.destination, deliveries.c.state
                )
            ).all()
            oldest = connection.execute(
                select(func.min(instances.c.received_at)).where(
                    instances.c.state.in_([ImageState.QUEUED, ImageState.CLAIMED])
                )
            ).scalar_one()
        waited = 0.0 if oldest is None else (self.clock() - oldest).total_seconds()
        return QueueCounts(
            images={state: images.get(state, 0) for state in ImageState},
            studies={state: by_study.get(state, 0) for state in StudyState},
            deliveries={(name, state): number for name, state, number in sent},
            oldest_queued_seconds=max(0.0, waited),
        )


def _count_by(connection: Connection, column: ColumnElement[Any]) -> dict[Any, int]:
    rows = connection.execute(select(column, func.count()).group_by(column))
    return {state: int(number) for state, number in rows}


def _entries(
    connection: Connection, chosen: ColumnElement[bool] | None = None
) -> tuple[WorklistEntry, ...]:
    images = (
        select(
            instances.c.study_instance_uid,
            func.count().label("image_count"),
            # The film that a reader recognises: the first that has a picture.
            func.min(case((instances.c.thumbnail != "", instances.c.thumbnail))).label("thumbnail"),
        )
        .where(~instances.c.superseded, instances.c.state != ImageState.HEADER_ONLY)
        .group_by(instances.c.study_instance_uid)
        .subquery()
    )
    query = (
        select(work_items, studies, images.c.image_count, images.c.thumbnail)
        .join_from(work_items, studies)
        .join(images, images.c.study_instance_uid == studies.c.study_instance_uid)
        .order_by(studies.c.first_arrival, studies.c.study_instance_uid)
    )
    rows = connection.execute(query if chosen is None else query.where(chosen)).all()
    sent = _reports_by_study(connection, None if len(rows) != 1 else rows[0].study_instance_uid)
    return tuple(_entry(row, sent.get(row.study_instance_uid, ())) for row in rows)


def _reports_by_study(connection: Connection, only: str | None) -> dict[str, tuple[str, ...]]:
    query = select(reports.c.study_instance_uid, reports.c.sop_instance_uid)
    if only is not None:
        query = query.where(reports.c.study_instance_uid == only)
    found: dict[str, tuple[str, ...]] = {}
    for study, report in connection.execute(query.order_by(reports.c.decision_id)):
        found[study] = (*found.get(study, ()), report)
    return found


def _entry(row: Row[Any], report_uids: tuple[str, ...]) -> WorklistEntry:
    return WorklistEntry(
        work_item_uid=row.work_item_uid,
        study_instance_uid=row.study_instance_uid,
        arrived_at=row.first_arrival,
        reading_class=row.reading_class,
        reasons=tuple(row.reasons),
        outcome=row.outcome,
        study_state=row.state,
        order_priority=row.order_priority,
        patient_name=row.patient_name,
        patient_id=row.patient_id,
        patient_birth_date=row.patient_birth_date,
        patient_sex=row.patient_sex,
        accession_number=row.accession_number,
        study_description=row.study_description,
        study_date=row.study_date,
        image_count=row.image_count,
        report_uids=report_uids,
        thumbnail=row.thumbnail or "",
        changed_at=row.changed_at,
    )


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


def _priority_changes(
    connection: Connection, study_instance_uid: str
) -> tuple[PriorityChange, ...]:
    rows = connection.execute(
        select(priority_changes)
        .where(priority_changes.c.study_instance_uid == study_instance_uid)
        .order_by(priority_changes.c.change_id)
    )
    return tuple(
        PriorityChange(
            study_instance_uid=row.study_instance_uid,
            changed_at=row.changed_at,
            class_before=row.class_before,
            class_after=row.class_after,
            reason=row.reason,
            bundle_digest=row.bundle_digest,
        )
        for row in rows
    )
