"""What the list says beside studies because of their orders."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from triage.store.hl7_schema import hl7_orders

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Executable
    from sqlalchemy.engine import Connection, Row

CANCELLED: Final = "the order was cancelled"

_BY_STUDY: Final = text("""
    SELECT study_instance_uid, patient_ids FROM json_each(:keys) AS each
    JOIN hl7_orders ON study_instance_uid = each.value WHERE cancelled
""").columns(hl7_orders.c.study_instance_uid, hl7_orders.c.patient_ids)
_BY_NUMBER: Final = text("""
    SELECT accession_number, patient_ids FROM json_each(:keys) AS each
    JOIN hl7_orders ON accession_number = each.value AND accession_number <> '' WHERE cancelled
""").columns(hl7_orders.c.accession_number, hl7_orders.c.patient_ids)


def is_same_patient(patient_ids: Sequence[str], patient_id: str) -> bool:
    """Whether nothing speaks against an order and a study being of one patient.

    Accession numbers are used twice, by two sites or after some years, and reports are written
    under the wrong patient: where both sides name patients, and none is the same, the order, or
    the report, is another one's.

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
    named = _patients(connection, _BY_STUDY, studies)
    numbered = _patients(connection, _BY_NUMBER, numbers)
    return {
        item.work_item_uid: CANCELLED
        for item in items
        if any(
            is_same_patient(patient_ids, item.patient_id)
            for patient_ids in (
                *named.get(item.study_instance_uid, ()),
                *numbered.get(item.accession_number, ()),
            )
        )
    }


def _patients(
    connection: Connection, query: Executable, keys: Sequence[str]
) -> dict[str, list[list[str]]]:
    """Return the patients that each cancelled order of a key names."""
    found: dict[str, list[list[str]]] = {}
    for key, patient_ids in connection.execute(query, {"keys": json.dumps(keys)}).all():
        found.setdefault(key, []).append(patient_ids)
    return found
