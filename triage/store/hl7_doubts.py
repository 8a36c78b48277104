"""Messages that name a study, and another patient than the study has: what is told of them.

Such a message changes nothing about the study. It may be a mix-up in the order system, and then
the study must stay as it is; or the patient has been given another number since, and then
somebody has to say so. What is known of it stands on the operators' page until the study's
reading has ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select

from triage.hl7.values import ReportNotice
from triage.store.database import Database
from triage.store.hl7_notes import is_same_patient
from triage.store.hl7_records import DoubtKind, PatientDoubt
from triage.store.hl7_schema import hl7_doubts
from triage.store.list_records import OrderedStudies
from triage.store.schema import work_items
from triage.store.work_items import ordered_items

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row

    from triage.hl7.values import Notice


class Hl7DoubtVerbs(Database):
    """What the operators' page asks of messages about another patient."""

    def patient_doubts(self, limit: int) -> tuple[PatientDoubt, ...]:
        """Return the studies still to be read that a message names with another patient.

        The latest first.
        """
        query = (
            select(work_items.c.work_item_uid, hl7_doubts.c.kind, hl7_doubts.c.last_at)
            .join_from(
                hl7_doubts,
                work_items,
                work_items.c.study_instance_uid == hl7_doubts.c.study_instance_uid,
            )
            .where(work_items.c.ended_at.is_(None))
            .order_by(hl7_doubts.c.last_at.desc(), work_items.c.work_item_uid)
            .limit(limit)
        )
        with self.reading() as connection:
            return tuple(PatientDoubt(*row) for row in connection.execute(query))


def contradicted_study(
    connection: Connection, notice: Notice, before: Row[Any] | None
) -> str | None:
    """Return the study that a message names by its UID, with another patient than the study has.

    Args:
        connection: The transaction.
        notice: What the message says of one study.
        before: The order that the message is about, where one came. A report about another
            patient than the order has is doubted before the images come, too; a new order may
            give the patient another number.

    Returns:
        Its Study Instance UID; None when nothing speaks against the message.
    """
    uid = notice.study_instance_uid
    if not uid:
        return None
    patients = [
        item.patient_id
        for item in ordered_items(connection, OrderedStudies(study_instance_uid=uid))
    ]
    if any(not is_same_patient(notice.patient_ids, patient) for patient in patients):
        return uid
    if patients or before is None or not isinstance(notice, ReportNotice):
        return None
    ordered = set(before.patient_ids)
    apart = ordered and notice.patient_ids and ordered.isdisjoint(notice.patient_ids)
    return uid if apart else None


def studies_of_others(connection: Connection, accession_number: str, patient_ids: Any) -> list[str]:  # noqa: ANN401 - a column of JSON
    """Return the studies with an accession number that are of another patient."""
    if not accession_number:
        return []
    named = OrderedStudies(accession_number=accession_number)
    return [
        item.study_instance_uid
        for item in ordered_items(connection, named)
        if not is_same_patient(patient_ids, item.patient_id)
    ]


def note_doubt(
    connection: Connection, study_instance_uid: str, kind: DoubtKind, now: datetime
) -> None:
    """Let the operators' page tell that a message named a study with another patient."""
    values = {"study_instance_uid": study_instance_uid, "kind": kind}
    same = [hl7_doubts.c[name] == value for name, value in values.items()]
    connection.execute(delete(hl7_doubts).where(*same))
    connection.execute(insert(hl7_doubts).values(**values, last_at=now))


def forget_doubts(connection: Connection, horizon: datetime) -> None:
    """Forget old doubts, but for those about studies that are still to be read."""
    unread = select(work_items.c.study_instance_uid).where(
        work_items.c.ended_at.is_(None), work_items.c.study_instance_uid.is_not(None)
    )
    connection.execute(
        delete(hl7_doubts).where(
            hl7_doubts.c.last_at < horizon, hl7_doubts.c.study_instance_uid.not_in(unread)
        )
    )
