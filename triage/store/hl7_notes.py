"""What the list says beside studies because of their orders."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import String, column, text

from triage.store.hl7_schema import hl7_orders

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection, Row

CANCELLED: Final = "the order was cancelled"

# Cancelled orders, by the one of the two by which they name a study, and whom they are about.
_CANCELLED: Final = text("""
    SELECT 'study' AS kind, study_instance_uid AS named, patient_ids
    FROM json_each(:studies) AS each JOIN hl7_orders ON study_instance_uid = each.value
    WHERE cancelled
    UNION ALL
    SELECT 'number', accession_number, patient_ids
    FROM json_each(:numbers) AS each JOIN hl7_orders ON accession_number = each.value
    WHERE cancelled AND accession_number <> ''
""").columns(column("kind", String), column("named", String), hl7_orders.c.patient_ids)


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
    cancelled = _cancelled(connection, studies, numbers)
    if not cancelled:
        return {}
    return {
        item.work_item_uid: CANCELLED
        for item in items
        if any(
            is_same_patient(patient_ids, item.patient_id)
            for patient_ids in (
                *cancelled.get(("study", item.study_instance_uid), ()),
                *cancelled.get(("number", item.accession_number), ()),
            )
        )
    }


def _cancelled(
    connection: Connection, studies: Sequence[str], numbers: Sequence[str]
) -> dict[tuple[str, str], list[list[str]]]:
    """Return the patients that each cancelled order names, by what names the order."""
    found: dict[tuple[str, str], list[list[str]]] = {}
    asked = {"studies": json.dumps(studies), "numbers": json.dumps(numbers)}
    for kind, named, patient_ids in connection.execute(_CANCELLED, asked):
        found.setdefault((kind, named), []).append(patient_ids)
    return found
