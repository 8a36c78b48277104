"""From the tables of an earlier version to the present ones; every row is kept.

A migration is part of the transaction in which the database is opened: one that is cut off has
changed nothing, and the release before can still open what it left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from triage.store.hl7_schema import hl7_results
from triage.store.kept import make_anew, renew_triggers
from triage.store.list_counts_schema import name_words, place_counts
from triage.store.names import name_keys
from triage.store.queue_counts_schema import queue_counts
from triage.store.receivers_schema import receiver_changes
from triage.store.schema import (
    SCHEMA_VERSION,
    deliveries,
    instances,
    priority_changes,
    step_changes,
    studies,
    work_items,
)
from triage.store.ups_schema import event_reports

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Table
    from sqlalchemy.engine import Connection

_ITEMS_OF_1: Final = text("""
    INSERT INTO work_items (
        work_item_uid, study_instance_uid, named_study_uid, arrived_at, reading_class, reasons,
        outcome, changed_at, version, step_state, transaction_uid, claimed_by, held_by,
        patient_location, attributes, patient_id, patient_name, name_alphabetic,
        name_ideographic, name_phonetic, accession_number, label
    )
    SELECT
        earlier.work_item_uid, earlier.study_instance_uid, earlier.study_instance_uid,
        studies.first_arrival, earlier.reading_class, earlier.reasons,
        earlier.outcome, earlier.changed_at, 1, 'SCHEDULED', '', '', '',
        '', '{}', studies.patient_id, studies.patient_name, '',
        '', '', studies.accession_number, ''
    FROM earlier_work_items AS earlier
    JOIN studies ON studies.study_instance_uid = earlier.study_instance_uid
""")
_LEDGER_OF_1: Final = text("""
    INSERT INTO priority_changes (
        change_id, work_item_uid, study_instance_uid, changed_at, class_before, class_after,
        "by", reason, bundle_digest, threshold
    )
    SELECT
        earlier.change_id, coalesce(work_items.work_item_uid, ''), earlier.study_instance_uid,
        earlier.changed_at, earlier.class_before, earlier.class_after,
        CASE
            WHEN earlier.bundle_digest <> '' THEN 'ai'
            WHEN earlier.reason IN ('arrived', 'the order is urgent') THEN 'order'
            WHEN earlier.reason = 'another image arrived' THEN 'arrival'
            WHEN earlier.reason LIKE 'mode %' THEN 'mode'
            ELSE 'brake'
        END,
        earlier.reason, earlier.bundle_digest, ''
    FROM earlier_priority_changes AS earlier
    LEFT JOIN work_items ON work_items.study_instance_uid = earlier.study_instance_uid
""")
_FOLD: Final = text("""
    UPDATE work_items
    SET name_alphabetic = :alphabetic, name_ideographic = :ideographic, name_phonetic = :phonetic
    WHERE work_item_uid = :uid
""")
_FIRST_STEPS: Final = text("""
    INSERT INTO step_changes (work_item_uid, changed_at, state_after, "by", reason)
    SELECT work_item_uid, arrived_at, 'SCHEDULED', 'order', 'arrived'
    FROM work_items ORDER BY arrived_at, work_item_uid
""")


def migrate(connection: Connection, version: int) -> None:
    """Bring the tables of an earlier version to the present one.

    Args:
        connection: The transaction; tables that are new altogether are made by the caller.
        version: The version that the database has; smaller than the present one.
    """
    for step in range(version, SCHEMA_VERSION):
        _FROM[step](connection)


def _from_1(connection: Connection) -> None:
    """Version 2 gives work items states, holders and search columns, the ledger its movers."""
    for name in ("work_items", "priority_changes"):
        connection.exec_driver_sql(f"ALTER TABLE {name} RENAME TO earlier_{name}")
    connection.exec_driver_sql("DROP INDEX ix_priority_changes_study_instance_uid")
    for table in (work_items, priority_changes, step_changes):
        table.create(connection)
    for statement in (_ITEMS_OF_1, _LEDGER_OF_1, _FIRST_STEPS):
        connection.execute(statement)
    _fold_names(connection)
    for name in ("work_items", "priority_changes"):
        connection.exec_driver_sql(f"DROP TABLE earlier_{name}")


def _fold_names(connection: Connection) -> None:
    named = connection.exec_driver_sql("SELECT work_item_uid, patient_name FROM work_items").all()
    values = [
        dict(zip(("uid", "alphabetic", "ideographic", "phonetic"), row, strict=True))
        for row in ((uid, *name_keys(name)) for uid, name in named)
    ]
    if values:
        connection.execute(_FOLD, values)


def _from_2(connection: Connection) -> None:
    """Version 3 keeps counts and name words beside its tables, and finds more by indexes."""
    for name in ("study", "patient", "accession"):
        connection.exec_driver_sql(f"DROP INDEX IF EXISTS work_items_by_{name}")
    _make_indexes(connection, work_items)
    for table in (receiver_changes, hl7_results):  # the first builds of version 2 had none
        table.create(connection, checkfirst=True)
    for table in (place_counts, name_words, queue_counts):
        table.create(connection)
    make_anew(connection)


def _from_3(connection: Connection) -> None:
    """Version 4 counts what goes to receivers, and finds by dates and arrivals by indexes."""
    for table in (studies, instances, work_items, deliveries, receiver_changes, hl7_results):
        _make_indexes(connection, table)
    renew_triggers(connection, queue_counts)
    make_anew(connection)


def _make_indexes(connection: Connection, table: Table) -> None:
    """Make the indexes of a table that it has not yet."""
    there = set(connection.exec_driver_sql("SELECT name FROM sqlite_master").scalars())
    for index in sorted(table.indexes, key=lambda one: str(one.name)):
        if index.name not in there:
            index.create(connection)


def _from_4(connection: Connection) -> None:
    """Version 5 finds the events that went wrong by an index; its new tables the caller makes."""
    event_reports.create(connection, checkfirst=True)  # the first builds of version 2 had none
    _make_indexes(connection, event_reports)


_FROM: Final[Mapping[int, Callable[[Connection], None]]] = {
    1: _from_1,
    2: _from_2,
    3: _from_3,
    4: _from_4,
}
