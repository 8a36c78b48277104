"""What the list says beside studies because of their orders."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from triage.store.hl7_schema import hl7_orders

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection, Row

CANCELLED: Final = "the order was cancelled"

_BY_STUDY: Final = text("""
    SELECT study_instance_uid FROM json_each(:keys) AS each
    JOIN hl7_orders ON study_instance_uid = each.value WHERE cancelled
""")
_BY_NUMBER: Final = text("""
    SELECT accession_number, patient_ids FROM json_each(:keys) AS each
    JOIN hl7_orders ON accession_number = each.value AND accession_number <> '' WHERE cancelled
""").columns(hl7_orders.c.accession_number, hl7_orders.c.patient_ids)


def is_same_patient(patient_ids: Sequence[str], patient_id: str) -> bool:
    """Whether nothing speaks against an order and a study being of one patient.

    Accession numbers are used twice, by two sites or after some years: where both sides name
    patients, and none is the same, the order is another one's.

    Args:
        patient_ids: Those that the order names.
        patient_id: That of the study.
    """
    return not patient_ids or not patient_id or patient_id in patient_ids


def order_notes(connection: Connection, items: Sequence[Row[Any]]) -> dict[str, str]:
    """Return the notes about some work items, by their UIDs.

    A cancelled order takes nothing off the list: whoever reads it sees the note, and decides.
    """
    studies = [item.study_instance_uid for item in items if item.study_instance_uid]
    numbers = [item.accession_number for item in items if item.accession_number]
    named = set(connection.execute(_BY_STUDY, {"keys": json.dumps(studies)}).scalars())
    numbered = {
        row.accession_number: row.patient_ids
        for row in connection.execute(_BY_NUMBER, {"keys": json.dumps(numbers)})
    }
    return {
        item.work_item_uid: CANCELLED
        for item in items
        if item.study_instance_uid in named
        or (
            item.accession_number in numbered
            and is_same_patient(numbered[item.accession_number], item.patient_id)
        )
    }
