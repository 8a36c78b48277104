"""Lines of the list as they are shown: read for the rows of a window only."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Integer, String, bindparam, column, select, text

from triage.store.hl7_notes import order_notes
from triage.store.schema import instances, reports, studies, work_items
from triage.store.ups_records import ObjectReference, StepReferences
from triage.values import ImageState, OrderPriority, StudyState, WorklistEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy.engine import Connection, Row

_AT_ONCE = 500  # studies of one statement: enough, and far below what SQLite can bind
_ITEM: Final = tuple(
    work_items.c[name]
    for name in (
        "work_item_uid",
        "study_instance_uid",
        "arrived_at",
        "reading_class",
        "reasons",
        "outcome",
        "changed_at",
        "version",
        "step_state",
        "transaction_uid",
        "claimed_by",
        "claimed_at",
        "ended_at",
        "held_by",
        "patient_location",
        "attributes",
        "named_study_uid",
        "patient_id",
        "patient_name",
        "accession_number",
        "label",
    )
)
_STUDY: Final = tuple(
    studies.c[name]
    for name in (
        "state",
        "order_priority",
        "patient_birth_date",
        "patient_sex",
        "study_description",
        "study_date",
    )
)
# Where a pushed item says what a study of ours has in columns (DICOM JSON model, PS3.18 F.2).
_BIRTH_DATE = "00100030"
_SEX = "00100040"
_STEP_LABEL = "00741204"
# One statement for all that a line shows: each of several would cost as much as the rows.
_OF_STUDY = "study_instance_uid = work_items.study_instance_uid"
_SHOWN_IMAGES = f"{_OF_STUDY} AND NOT superseded AND state <> '{ImageState.HEADER_ONLY.value}'"
_LINES: Final = text(f"""
    SELECT
        {", ".join(f"work_items.{one.name}" for one in _ITEM)},
        {", ".join(f"studies.{one.name}" for one in _STUDY)},
        (SELECT count(*) FROM instances WHERE {_SHOWN_IMAGES}),
        -- The film that a reader recognises the study by: the first that has a picture.
        (SELECT min(thumbnail) FROM instances WHERE {_SHOWN_IMAGES} AND thumbnail <> ''),
        (
            SELECT json_group_array(sop_instance_uid)
            FROM (SELECT sop_instance_uid FROM reports WHERE {_OF_STUDY} ORDER BY decision_id)
        )
    FROM json_each(:uids) AS each
    CROSS JOIN work_items ON work_items.work_item_uid = each.value
    LEFT JOIN studies ON studies.study_instance_uid = work_items.study_instance_uid
""").columns(
    *_ITEM,
    *_STUDY,
    column("image_count", Integer),
    column("thumbnail", String),
    column("report_uids", String),
)


def entries_of(connection: Connection, uids: Sequence[str]) -> dict[str, WorklistEntry]:
    """Return lines by their work item UIDs; a UID that is not known is left out."""
    return {entry.work_item_uid: entry for _, entry in rows_and_entries(connection, uids)}


def rows_and_entries(
    connection: Connection, uids: Sequence[str]
) -> Iterator[tuple[Row[Any], WorklistEntry]]:
    """Yield the rows of work items, each with its line; a UID that is not known is left out."""
    if not uids:
        return
    rows = connection.execute(_LINES, {"uids": json.dumps(list(uids))}).all()
    notes = order_notes(connection, rows)
    for row in rows:
        yield row, _entry(row, notes.get(row.work_item_uid, "") if notes else "")


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


def _entry(row: Row[Any], note: str) -> WorklistEntry:
    # In the order of _LINES: to ask a row for each column by its name takes three times as long.
    (
        work_item_uid,
        study_instance_uid,
        arrived_at,
        reading_class,
        own_reasons,
        outcome,
        changed_at,
        version,
        step_state,
        _,
        claimed_by,
        claimed_at,
        ended_at,
        held_by,
        patient_location,
        attributes,
        named_study_uid,
        patient_id,
        patient_name,
        accession_number,
        _,
        study_state,
        order_priority,
        patient_birth_date,
        patient_sex,
        study_description,
        study_date,
        image_count,
        thumbnail,
        report_uids,
    ) = tuple(row)
    pushed = study_instance_uid is None
    reasons = tuple(own_reasons)
    return WorklistEntry(
        work_item_uid=work_item_uid,
        study_instance_uid=named_study_uid,
        arrived_at=arrived_at,
        reading_class=reading_class,
        reasons=(note, *reasons) if note else reasons,
        outcome=outcome,
        # Nothing of a pushed item is awaited here.
        study_state=StudyState.DECIDED if pushed else study_state,
        order_priority=OrderPriority.UNKNOWN if pushed else order_priority,
        patient_name=patient_name,
        patient_id=patient_id,
        patient_birth_date=_said(attributes, _BIRTH_DATE) if pushed else patient_birth_date,
        patient_sex=_said(attributes, _SEX) if pushed else patient_sex,
        accession_number=accession_number,
        study_description=_said(attributes, _STEP_LABEL) if pushed else study_description,
        study_date="" if pushed else study_date,
        image_count=image_count,
        report_uids=() if report_uids == "[]" else tuple(json.loads(report_uids)),
        thumbnail=thumbnail or "",
        changed_at=changed_at,
        step_state=step_state,
        claimed_by=claimed_by,
        claimed_at=claimed_at,
        held_by=held_by,
        patient_location=patient_location,
        ended_at=ended_at,
        version=version,
    )


def _said(attributes: Mapping[str, Any], tag: str) -> str:
    """Return the first value of an attribute that a pushed item has, empty when it has none."""
    values = attributes.get(tag, {}).get("Value", [""])
    return str(values[0]) if values else ""
