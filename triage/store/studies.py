"""The verbs of concluding: look at a study, place it, decide it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select, update

from triage.store.database import Database
from triage.store.order_questions import order_known
from triage.store.placing import BY_AI, Cause, place_work_item
from triage.store.records import (
    Placement,
    ReportRecord,
    StudySnapshot,
    analysis_from_json,
    facts_from_json,
)
from triage.store.schema import (
    decisions,
    deliveries,
    instances,
    reports,
    studies,
)
from triage.store.standing import is_paused
from triage.store.states import StudyEvent, after
from triage.values import (
    DeliveryState,
    ImageEvidence,
    ImageState,
    StudyEvidence,
    StudyState,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.engine import Connection, Row

    from triage.values import Decision, Mode

WAITING_FOR_A_WORKER = (ImageState.QUEUED, ImageState.CLAIMED)


class StudyVerbs(Database):
    """What the concluding of studies says to the store."""

    def studies_to_examine(
        self, limit: int = 20, order_wait_seconds: float = 0.0
    ) -> tuple[str, ...]:
        """Return studies about which something changed since they were last examined.

        Those that still arrive come first: to look whether one must be raised takes no time,
        while each complete study takes the writing of its report.

        Args:
            limit: How many at most.
            order_wait_seconds: A complete study whose order nobody has told of yet waits for it
                until this long after its first image; 0 where nobody is asked.
        """
        due = studies.c.changes > studies.c.examined
        if order_wait_seconds > 0:
            due &= order_known(self.clock(), order_wait_seconds)
        with self.reading() as connection:
            found = connection.execute(
                select(studies.c.study_instance_uid)
                .where(due)
                .order_by(studies.c.state == StudyState.COMPLETE, studies.c.first_arrival)
                .limit(limit)
            ).scalars()
            return tuple(found)

    def snapshot(self, study_instance_uid: str) -> StudySnapshot:
        """Return a study as it stands now, with all that a decision needs."""
        with self.reading() as connection:
            study = connection.execute(
                select(studies).where(studies.c.study_instance_uid == study_instance_uid)
            ).one()
            images = connection.execute(
                select(instances)
                .where(
                    instances.c.study_instance_uid == study_instance_uid,
                    ~instances.c.superseded,
                )
                .order_by(instances.c.received_at, instances.c.instance_id)
            ).all()
            decided = connection.execute(
                select(func.count()).where(decisions.c.study_instance_uid == study_instance_uid)
            ).scalar_one()
            report = last_report(connection, study_instance_uid)
            paused = is_paused(connection)
        return _snapshot(study, images, decided, report, paused=paused)

    def record_examined(
        self,
        snapshot: StudySnapshot,
        placement: Placement | None,
        bundle_digest: str = "",
        threshold: str = "",
    ) -> None:
        """Note that a study was looked at without being decided, and place it where asked.

        `threshold` says what its scores were held against, for the ledger.
        """
        now = self.clock()
        uid = snapshot.evidence.study_instance_uid
        with self.writing() as connection:
            if not _examined(connection, snapshot):
                return
            if placement is not None:
                cause = Cause(BY_AI, bundle_digest=bundle_digest, threshold=threshold)
                place_work_item(connection, uid, placement, now, cause)

    def record_decision(
        self,
        snapshot: StudySnapshot,
        decision: Decision,
        placement: Placement,
        report: ReportRecord | None,
        *,
        mode: Mode,
        spared: bool,
        bundle_digest: str,
        destinations: Iterable[str],
        threshold: str = "",
    ) -> bool:
        """Write a decision, its place on the list, its report and the report's deliveries.

        All of it is one transaction, and none of it happens when the study has changed since
        the snapshot was taken. `threshold` says what its scores were held against, for the
        ledger.

        Returns:
            False when the study has changed: the caller looks again.
        """
        now = self.clock()
        uid = snapshot.evidence.study_instance_uid
        with self.writing() as connection:
            if not _examined(connection, snapshot):
                return False
            decision_id = connection.execute(
                insert(decisions)
                .values(
                    study_instance_uid=uid,
                    number=snapshot.decisions + 1,
                    outcome=decision.outcome,
                    reading_class=decision.reading_class,
                    reasons=list(decision.reasons),
                    flagged=list(decision.flagged),
                    mode=mode,
                    spared=spared,
                    bundle_digest=bundle_digest,
                    decided_at=now,
                )
                .returning(decisions.c.decision_id)
            ).scalar_one()
            if report is not None:
                _enqueue_report(connection, uid, decision_id, report, destinations)
            connection.execute(
                update(studies)
                .where(studies.c.study_instance_uid == uid)
                .values(state=after(snapshot.state, StudyEvent.CONCLUDED))
            )
            cause = Cause(BY_AI, bundle_digest=bundle_digest, threshold=threshold)
            place_work_item(connection, uid, placement, now, cause)
        return True


def last_report(connection: Connection, study_instance_uid: str) -> ReportRecord | None:
    """Return the report of a study's last decision that had one."""
    row = connection.execute(
        select(reports)
        .where(reports.c.study_instance_uid == study_instance_uid)
        .order_by(reports.c.decision_id.desc())
        .limit(1)
    ).first()
    return None if row is None else report_record(row)


def report_record(row: Row[Any]) -> ReportRecord:
    """Return a row of the reports table as a record."""
    return ReportRecord(
        sop_instance_uid=row.sop_instance_uid,
        sop_class_uid=row.sop_class_uid,
        series_instance_uid=row.series_instance_uid,
        path=row.path,
        created_at=row.created_at,
    )


def _snapshot(
    study: Row[Any],
    images: Iterable[Row[Any]],
    decided: int,
    report: ReportRecord | None,
    *,
    paused: bool,
) -> StudySnapshot:
    images = tuple(images)
    evidence = StudyEvidence(
        study_instance_uid=study.study_instance_uid,
        complete=study.state is not StudyState.ARRIVING,
        images=tuple(_evidence(image) for image in images),
        order_priority=study.order_priority,
    )
    return StudySnapshot(
        state=study.state,
        changes=study.changes,
        settled=not any(image.state in WAITING_FOR_A_WORKER for image in images),
        paused=paused,
        evidence=evidence,
        paths={image.sop_instance_uid: image.path for image in images},
        facts={image.sop_instance_uid: facts_from_json(image.facts) for image in images},
        senders={image.sop_instance_uid: image.calling_ae_title for image in images},
        decisions=decided,
        last_report=report,
    )


def _evidence(image: Row[Any]) -> ImageEvidence:
    return ImageEvidence(
        sop_instance_uid=image.sop_instance_uid,
        state=image.state,
        analysis=None if image.analysis is None else analysis_from_json(image.analysis),
        problem=image.problem,
    )


def _examined(connection: Connection, snapshot: StudySnapshot) -> bool:
    """Compare and set: only the study that the snapshot shows counts as examined.

    Pulling the brake, or letting it go, counts as a change of every study not yet decided.
    """
    done = connection.execute(
        update(studies)
        .where(
            studies.c.study_instance_uid == snapshot.evidence.study_instance_uid,
            studies.c.changes == snapshot.changes,
            studies.c.examined < snapshot.changes,
        )
        .values(examined=snapshot.changes)
    )
    return done.rowcount == 1


def _enqueue_report(
    connection: Connection,
    study_instance_uid: str,
    decision_id: int,
    report: ReportRecord,
    destinations: Iterable[str],
) -> None:
    connection.execute(
        insert(reports).values(
            sop_instance_uid=report.sop_instance_uid,
            decision_id=decision_id,
            study_instance_uid=study_instance_uid,
            sop_class_uid=report.sop_class_uid,
            series_instance_uid=report.series_instance_uid,
            path=report.path,
            created_at=report.created_at,
        )
    )
    rows = [
        {
            "destination": destination,
            "sop_instance_uid": report.sop_instance_uid,
            "state": DeliveryState.PENDING,
            "next_attempt_at": report.created_at,
        }
        for destination in destinations
    ]
    if rows:
        connection.execute(insert(deliveries), rows)
