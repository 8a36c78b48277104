"""Which order belongs to which study: by UID or accession number, and of the same patient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, select

from triage.store.hl7_notes import is_same_patient
from triage.store.hl7_schema import hl7_orders
from triage.store.list_records import OrderedStudies
from triage.store.schema import studies
from triage.store.work_items import ordered_items

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Row
    from sqlalchemy.sql.elements import ColumnElement


def studies_of(connection: Connection, order: Row[Any]) -> list[str]:
    """Return the studies that an order is about, of those that are here."""
    found = []
    if order.study_instance_uid:
        named = OrderedStudies(study_instance_uid=order.study_instance_uid)
        found += ordered_items(connection, named)
    if order.accession_number:
        numbered = OrderedStudies(accession_number=order.accession_number)
        found += ordered_items(connection, numbered)
    uids = (
        item.study_instance_uid
        for item in found
        if is_same_patient(order.patient_ids, item.patient_id)
    )
    return list(dict.fromkeys(uids))


def orders_of(connection: Connection, study: Row[Any]) -> list[Row[Any]]:
    """Return the orders that a study fulfils, oldest first."""
    by_uid = hl7_orders.c.study_instance_uid == study.study_instance_uid
    by_number = and_(
        hl7_orders.c.accession_number == study.accession_number,
        hl7_orders.c.accession_number != "",
    )
    rows = {
        row.order_id: row
        for holds in (by_uid, by_number)
        for row in _rows(connection, holds)
        if is_same_patient(row.patient_ids, study.patient_id)
    }
    return sorted(rows.values(), key=lambda row: (row.changed_at, row.order_id))


def orders_of_others(connection: Connection, study: Row[Any]) -> list[Row[Any]]:
    """Return the orders that name a study by its UID, and another patient than it has."""
    named = hl7_orders.c.study_instance_uid == study.study_instance_uid
    return [
        row
        for row in _rows(connection, named)
        if not is_same_patient(row.patient_ids, study.patient_id)
    ]


def study_of(connection: Connection, study_instance_uid: str) -> Any:  # noqa: ANN401 - a row of three columns, or None
    """Return what orders are held against of a study; None when it is not here."""
    return connection.execute(
        select(
            studies.c.study_instance_uid, studies.c.accession_number, studies.c.patient_id
        ).where(studies.c.study_instance_uid == study_instance_uid)
    ).first()


def _rows(connection: Connection, holds: ColumnElement[bool]) -> list[Row[Any]]:
    return list(connection.execute(select(hl7_orders).where(holds)))
