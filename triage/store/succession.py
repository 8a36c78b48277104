"""A study whose step was cancelled unread: another step takes its place on the list.

CANCELED is a final state (PS3.4 Table CC.1.1-2): that step stays as it ended, and is still found.
The study itself has not been read, so it goes on standing where it stood, under a new step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from triage.store.placing import Cause, by_person, place_work_item, record_created, shown_class
from triage.store.records import Placement
from triage.store.schema import priority_changes, studies, work_items
from triage.store.standing import placement_of
from triage.store.step_events import readiness_of, state_report, welcome
from triage.uids import next_work_item_uid
from triage.values import StepState, StudyState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row

    from triage.store.records import StandingDecision

_UNREAD = "cancelled unread: the study is still to be read"
# What the place of a study consists of, and what queries ask for: the next step has it too.
_KEPT = (
    "study_instance_uid",
    "arrived_at",
    "reading_class",
    "reasons",
    "outcome",
    "held_by",
    "capped_at",
    "patient_location",
    "named_study_uid",
    "patient_id",
    "patient_name",
    "name_alphabetic",
    "name_ideographic",
    "name_phonetic",
    "accession_number",
    "label",
)


def succeed(
    connection: Connection,
    row: Row[Any],
    attributes: Mapping[str, Any],
    by: str,
    now: datetime,
) -> None:
    """Put the study of a step that was just cancelled on the list anew, where it stood.

    Args:
        connection: The transaction.
        row: The step, as it was before it was cancelled.
        attributes: What was set of the step before anybody had claimed it.
        by: Who cancelled it.
        now: The present time.
    """
    old = work_items.c.work_item_uid == row.work_item_uid
    connection.execute(update(work_items).where(old).values(study_instance_uid=None))
    uid = next_work_item_uid(row.work_item_uid)
    connection.execute(
        insert(work_items).values(
            work_item_uid=uid,
            changed_at=now,
            step_state=StepState.SCHEDULED,
            attributes=dict(attributes),
            **{name: getattr(row, name) for name in _KEPT},
        )
    )
    shown = shown_class(row.reading_class, row.capped_at, row.held_by)
    placement = Placement(shown, tuple(row.reasons), row.outcome)
    cause = _cause(connection, row.work_item_uid, by)
    record_created(connection, uid, row.study_instance_uid, placement, cause, now)
    welcome(
        connection,
        uid,
        [state_report(StepState.SCHEDULED, readiness_of(_state(connection, row)))],
        now,
    )


def place_again(
    connection: Connection,
    row: Row[Any],
    placing: Callable[[StandingDecision], Placement],
    by: str,
    now: datetime,
) -> None:
    """Let a study that nobody has open any more go where results put it meanwhile.

    One that is not decided yet is looked at again: what was raised stays raised until then.

    Args:
        connection: The transaction.
        row: Its step before it was given back or cancelled.
        placing: Says where a decided study belongs.
        by: Who gave it back.
        now: The present time.
    """
    study = row.study_instance_uid
    if _state(connection, row) is StudyState.DECIDED:
        placement = placement_of(connection, study, placing)
        cause = Cause(by_person(by), "not open for reading any more")
        place_work_item(connection, study, placement, now, cause)
        return
    held = studies.c.study_instance_uid == study
    connection.execute(update(studies).where(held).values(changes=studies.c.changes + 1))


def _cause(connection: Connection, old_uid: str, by: str) -> Cause:
    """Return why the new step stands where it stands: by what the old one had come to."""
    query = (
        select(priority_changes.c.bundle_digest, priority_changes.c.threshold)
        .where(priority_changes.c.work_item_uid == old_uid)
        .order_by(priority_changes.c.change_id.desc())
        .limit(1)
    )
    last = connection.execute(query).one()
    return Cause(by_person(by), _UNREAD, last.bundle_digest, last.threshold)


def _state(connection: Connection, row: Row[Any]) -> StudyState:
    query = select(studies.c.state).where(studies.c.study_instance_uid == row.study_instance_uid)
    state: StudyState = connection.execute(query).scalar_one()
    return state
