"""Factories for work items: entries of the list, and a listener over a store that has some."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from triage.values import (
    OrderPriority,
    Outcome,
    RankedEntry,
    ReadingClass,
    StudyState,
    WorklistEntry,
)
from triage.worklist.order import rank

if TYPE_CHECKING:
    from collections.abc import Callable

NOON = datetime(2024, 5, 6, 12, 0, tzinfo=UTC)
CAP_SECONDS = 4 * 3600.0


@pytest.fixture
def make_entry() -> Callable[..., WorklistEntry]:
    """Return a function that makes a line of the list; keywords replace attributes."""

    def make(number: int = 1, **values: Any) -> WorklistEntry:
        chosen = {
            "work_item_uid": f"2.25.{number}",
            "study_instance_uid": f"1.2.3.{number}",
            "arrived_at": NOON + timedelta(minutes=number),
            "reading_class": ReadingClass.ROUTINE,
            "reasons": ("within the model's scope",),
            "outcome": Outcome.INDETERMINATE,
            "study_state": StudyState.DECIDED,
            "order_priority": OrderPriority.UNKNOWN,
            "patient_name": f"Nobody{number}^Any",
            "patient_id": f"P{number}",
            "patient_birth_date": "19600102",
            "patient_sex": "F",
            "accession_number": f"A{number}",
            "study_description": "C-SPINE 2 VIEWS",
            "study_date": "20240506",
            "image_count": 2,
            "report_uids": (),
            "thumbnail": "",
            "changed_at": NOON + timedelta(hours=1),
            **values,
        }
        return WorklistEntry(**chosen)

    return make


@pytest.fixture
def make_ranked(make_entry: Callable[..., WorklistEntry]) -> Callable[..., RankedEntry]:
    """Return a function that makes a line at its place, seen an hour after noon."""

    def make(number: int = 1, **values: Any) -> RankedEntry:
        (ranked,) = rank([make_entry(number, **values)], NOON + timedelta(hours=1), CAP_SECONDS)
        return ranked

    return make
