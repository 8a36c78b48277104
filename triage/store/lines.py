"""Lines of the list as they are shown: read for the rows of a window only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, case, func, select

from triage.store.hl7_notes import order_notes
from triage.store.schema import instances, reports, studies, work_items
from triage.store.ups_records import ObjectReference, StepReferences
from triage.values import ImageState, OrderPriority, StudyState, WorklistEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy.engine import Connection, Row

_AT_ONCE = 500  # rows of one statement: enough, and far below what SQLite can bind
# Where a pushed item says what a study of ours has in columns (DICOM JSON model, PS3.18 F.2).
_BIRTH_DATE = "00100030"
_SEX = "00100040"
_STEP_LABEL = "00741204"


def entries_of(connection: Connection, uids: Sequence[str]) -> dict[str, WorklistEntry]:
    """Return lines by their work item UIDs; a UID that is not known is left out."""
    return {row.work_item_uid: entry for row, entry in rows_and_entries(connection, uids)}


def rows_and_entries(
    connection: Connection, uids: Sequence[str]
) -> Iterator[tuple[Row[Any], WorklistEntry]]:
    """Yield the rows of work items, each with its line; a UID that is not known is left out."""
    for start in range(0, len(uids), _AT_ONCE):
        yield from _some(connection, uids[start : start + _AT_ONCE])


def _some(connection: Connection, uids: Sequence[str]) -> Iterator[tuple[Row[Any], WorklistEntry]]:
    query = (
        select(
            work_items,
            studies.c.state,
            studies.c.order_priority,
            studies.c.patient_birth_date,
            studies.c.patient_sex,
            studies.c.study_description,
            studies.c.study_date,
        )
        .outerjoin_from(work_items, studies)
        .where(work_items.c.work_item_uid.in_(uids))
    )
    rows = connection.execute(query).all()
    own = [row.study_instance_uid for row in rows if row.study_instance_uid is not None]
    images = _images(connection, own)
    written = _reports(connection, own)
    notes = order_notes(connection, rows)
    for row in rows:
        count, thumbnail = images.get(row.study_instance_uid, (0, ""))
        reported = tuple(written.get(row.study_instance_uid, ()))
        note = notes.get(row.work_item_uid, "")
        yield row, _entry(row, count, thumbnail, reported, note)


def _images(connection: Connection, study_uids: Sequence[str]) -> Mapping[str, tuple[int, str]]:
    """Return how many images each study has, and the film that a reader recognises it by."""
    query = (
        select(
            instances.c.study_instance_uid,
            func.count(),
            # The first that has a picture.
            func.min(case((instances.c.thumbnail != "", instances.c.thumbnail))),
        )
        .where(
            instances.c.study_instance_uid.in_(study_uids),
            ~instances.c.superseded,
            instances.c.state != ImageState.HEADER_ONLY,
        )
        .group_by(instances.c.study_instance_uid)
    )
    rows = connection.execute(query)
    return {study: (int(count), thumbnail or "") for study, count, thumbnail in rows}


def references_of(connection: Connection, study_uids: Sequence[str]) -> dict[str, StepReferences]:
    """Return what the work items of studies refer to; a study that is not known is left out."""
    found: dict[str, StepReferences] = {}
    for start in range(0, len(study_uids), _AT_ONCE):
        some = study_uids[start : start + _AT_ONCE]
        images = _referenced(connection.execute(_IMAGES, {"studies": some}))
        written = _referenced(connection.execute(_REPORTS, {"studies": some}))
        for study in images | written:
            found[study] = StepReferences(images.get(study, ()), written.get(study, ()))
    return found


def _referenced(rows: Iterable[Any]) -> dict[str, tuple[ObjectReference, ...]]:
    found: dict[str, tuple[ObjectReference, ...]] = {}
    for study, series, sop_class, sop_instance in rows:
        reference = ObjectReference(series, sop_class, sop_instance)
        found[study] = (*found.get(study, ()), reference)
    return found


_IMAGES = (
    select(
        instances.c.study_instance_uid,
        instances.c.facts["series_instance_uid"].as_string(),
        instances.c.sop_class_uid,
        instances.c.sop_instance_uid,
    )
    .where(
        instances.c.study_instance_uid.in_(bindparam("studies", expanding=True)),
        ~instances.c.superseded,
        instances.c.state != ImageState.HEADER_ONLY,
    )
    .order_by(instances.c.received_at, instances.c.instance_id)
)
_REPORTS = (
    select(
        reports.c.study_instance_uid,
        reports.c.series_instance_uid,
        reports.c.sop_class_uid,
        reports.c.sop_instance_uid,
    )
    .where(reports.c.study_instance_uid.in_(bindparam("studies", expanding=True)))
    .order_by(reports.c.decision_id)
)


def _reports(connection: Connection, study_uids: Sequence[str]) -> Mapping[str, list[str]]:
    query = select(
        reports.c.decision_id, reports.c.study_instance_uid, reports.c.sop_instance_uid
    ).where(reports.c.study_instance_uid.in_(study_uids))
    found: dict[str, list[str]] = {}
    for _, study, report in sorted(tuple(row) for row in connection.execute(query)):
        found.setdefault(study, []).append(report)
    return found


def _entry(
    row: Row[Any], image_count: int, thumbnail: str, report_uids: tuple[str, ...], note: str
) -> WorklistEntry:
    pushed = row.study_instance_uid is None
    return WorklistEntry(
        work_item_uid=row.work_item_uid,
        study_instance_uid=row.named_study_uid,
        arrived_at=row.arrived_at,
        reading_class=row.reading_class,
        reasons=(note, *row.reasons) if note else tuple(row.reasons),
        outcome=row.outcome,
        # Nothing of a pushed item is awaited here.
        study_state=StudyState.DECIDED if pushed else row.state,
        order_priority=OrderPriority.UNKNOWN if pushed else row.order_priority,
        patient_name=row.patient_name,
        patient_id=row.patient_id,
        patient_birth_date=_said(row, _BIRTH_DATE) if pushed else row.patient_birth_date,
        patient_sex=_said(row, _SEX) if pushed else row.patient_sex,
        accession_number=row.accession_number,
        study_description=_said(row, _STEP_LABEL) if pushed else row.study_description,
        study_date="" if pushed else row.study_date,
        image_count=image_count,
        report_uids=report_uids,
        thumbnail=thumbnail,
        changed_at=row.changed_at,
        step_state=row.step_state,
        claimed_by=row.claimed_by,
        claimed_at=row.claimed_at,
        held_by=row.held_by,
        patient_location=row.patient_location,
        ended_at=row.ended_at,
        version=row.version,
    )


def _said(row: Row[Any], tag: str) -> str:
    """Return the first value of an attribute that a pushed item has, empty when it has none."""
    values = row.attributes.get(tag, {}).get("Value", [""])
    return str(values[0]) if values else ""
