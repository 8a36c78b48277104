"""A database of an earlier release opens with every row in its place."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.factories import DIGEST, Clock, make_facts, record
from triage.errors import StoreError
from triage.store import Days, Selection, Store
from triage.store.schema import SCHEMA_VERSION
from triage.uids import work_item_uid
from triage.values import Outcome, ReadingClass, ReceiverState, StepState

SCHEMA_1 = Path(__file__).with_name("schema_1.sql").read_text(encoding="utf-8")
SCHEMA_2 = Path(__file__).with_name("schema_2.sql").read_text(encoding="utf-8")
ADDED_TO_2 = (
    *("hl7_messages", "hl7_orders", "hl7_results", "hl7_feeds"),
    *("receiver_changes", "receiver_standings", "receivers", "order_questions"),
    *("event_reports", "step_candidates", "step_subscriptions", "step_watchers"),
    *("feedback", "film_views", "web_sessions", "web_secrets", "users"),
)
ADDED_TO_4 = (
    *("work_items_told_of", "work_items_by_said_start", "work_items_by_said_birth_date"),
    *("work_items_by_change", "work_items_by_arrival", "work_items_by_patient_name"),
    *("studies_by_birth_date", "images_given_up", "images_looked_at"),
    *("deliveries_failing", "deliveries_stored", "hl7_results_given_up"),
    *("receiver_changes_taken", "receiver_changes_alarming"),
)
ADDED_TO_5 = {
    "TABLE": ("hl7_doubts", "dropped_watchers"),
    "INDEX": ("event_reports_untold",),
}
ARRIVED = 1_772_000_000.25
STUDIES = {
    "1.2.1": ("Doe^Jane", "P1", "A1", 2, '["raised"]', "abnormal"),
    "1.2.2": ("Yamada^Tarou=山田^太郎=やまだ^たろう", "P2", "A2", 2, '["not yet assessed"]', None),
    "1.2.3": ("", "", "", 3, '["ruled out"]', "likely-normal"),
}
LEDGER = [
    ("1.2.1", None, 2, "arrived", "", "order"),
    ("1.2.1", 2, 1, "raised", DIGEST, "ai"),
    ("1.2.1", 1, 2, "effect paused by an operator", "", "brake"),
    ("1.2.3", 2, 3, "ruled out", DIGEST, "ai"),
    ("1.2.3", 3, 2, "another image arrived", "", "arrival"),
    ("1.2.3", 2, 3, "mode demote", "", "mode"),
]


@pytest.fixture
def folder(tmp_path):
    """Return a state folder as version 1 left it."""
    folder = tmp_path / "state"
    folder.mkdir()
    with closing(sqlite3.connect(folder / "triage.db")) as database:
        database.executescript(SCHEMA_1)
        for number, (study, values) in enumerate(STUDIES.items()):
            _insert_study(database, ARRIVED + number, study, *values)
        database.executemany(
            "INSERT INTO priority_changes (study_instance_uid, changed_at, class_before,"
            " class_after, reason, bundle_digest) VALUES (?, 5, ?, ?, ?, ?)",
            [line[:5] for line in LEDGER],
        )
        database.execute("INSERT INTO controls VALUES ('paused', 'true', 7)")
        database.commit()
    return folder


def _insert_study(database, arrived, study, name, patient, accession, placed, reasons, outcome):
    database.execute(
        "INSERT INTO studies VALUES (?, 'arriving', 3, 2, ?, ?, 'UNKNOWN', ?, ?, '', '', ?, '', "
        "'')",
        (study, arrived, arrived, name, patient, accession),
    )
    database.execute(
        "INSERT INTO work_items VALUES (?, ?, ?, ?, ?, ?)",
        (work_item_uid(study), study, placed, reasons, outcome, arrived + 1),
    )


@pytest.fixture
def folder_of_2(tmp_path):
    """Return a state folder as version 2 left it, with a line that has ended among the lines."""
    folder = tmp_path / "second"
    folder.mkdir()
    with closing(sqlite3.connect(folder / "triage.db")) as database:
        database.executescript(SCHEMA_2)
        for number in range(4):
            study, ended = f"1.2.{number}", number == 3
            database.execute(
                "INSERT INTO studies VALUES (?, 'decided', 1, 1, ?, ?, 'UNKNOWN', '', '', '', '',"
                " '', '', '')",
                (study, ARRIVED + number, ARRIVED + number),
            )
            database.execute(
                "INSERT INTO work_items (work_item_uid, study_instance_uid, named_study_uid,"
                " arrived_at, reading_class, reasons, changed_at, version, step_state,"
                " transaction_uid, claimed_by, ended_at, held_by, patient_location, attributes,"
                " patient_id, patient_name, name_alphabetic, name_ideographic, name_phonetic,"
                " accession_number, label) VALUES (?, ?, ?, ?, ?, '[]', ?, 1, ?, '', '', ?, '', '',"
                " '{}', ?, 'Doe^Jane', 'doe^jane', '', '', '', '')",
                (
                    work_item_uid(study),
                    study,
                    study,
                    ARRIVED + number,
                    number,
                    ARRIVED,
                    "COMPLETED" if ended else "SCHEDULED",
                    ARRIVED if ended else None,
                    f"P{number}",
                ),
            )
        database.commit()
    return folder


@pytest.fixture
def folder_of_first_2(folder_of_2):
    """Return a state folder as the first build of version 2 left it: tables came since then."""
    with closing(sqlite3.connect(folder_of_2 / "triage.db")) as database:
        for table in ADDED_TO_2:
            database.execute(f"DROP TABLE {table}")
        database.commit()
    return folder_of_2


@pytest.fixture
def folder_of_3(tmp_path):
    """Return a state folder as version 3 left it: with less indexes, and less that is counted."""
    folder = tmp_path / "third"
    with Store.open(folder, Clock()) as store:
        for number in range(3):
            record(store, make_facts(f"1.2.{number}", patient_birth_date=f"195{number}0101"))
        with store.writing() as connection:
            connection.exec_driver_sql(
                "INSERT INTO receiver_changes (receiver, study_instance_uid, wish, reason,"
                " bundle_digest, threshold, made_at, state, attempts, next_attempt_at,"
                " lease_owner, before, after, acknowledgement, problem)"
                " VALUES ('ris', '1.2.0', 'raised', '', '', '', 5, 'pending', 0, 5,"
                " '', '', '', '', '')"
            )
    with closing(sqlite3.connect(folder / "triage.db")) as database:
        _take_away(database, ADDED_TO_5)
        for index in ADDED_TO_4:
            database.execute(f"DROP INDEX {index}")
        for table in ("receiver_changes", "hl7_results"):
            for when in ("new", "gone", "changed"):
                database.execute(f"DROP TRIGGER queue_counts_of_{table}_{when}")
            database.execute("DELETE FROM queue_counts WHERE kind = ?", (table,))
        database.execute("PRAGMA user_version = 3")
        database.commit()
    return folder


@pytest.fixture
def folder_of_4(tmp_path):
    """Return a state folder as version 4 left it."""
    folder = tmp_path / "fourth"
    with Store.open(folder, Clock()) as store:
        record(store, make_facts("1.2.0"))
    with closing(sqlite3.connect(folder / "triage.db")) as database:
        _take_away(database, ADDED_TO_5)
        database.execute("PRAGMA user_version = 4")
        database.commit()
    return folder


FOLDERS = ["folder", "folder_of_2", "folder_of_first_2", "folder_of_3", "folder_of_4"]


def _take_away(database, added):
    for kind, names in added.items():
        for name in names:
            database.execute(f"DROP {kind} {name}")


def shape(path):
    """Return the tables and indexes of a database, as they were defined."""
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute(
            "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
        ).fetchall()
    # A table that was renamed stands quoted in its own definition.
    return {
        (kind, name): " ".join((sql or "").replace('"', "").split()) for kind, name, sql in rows
    }


def test_every_row_of_version_1_is_kept(folder):
    with Store.open(folder) as store:
        entries = {one.study_instance_uid: one for one in store.worklist_entries()}
        assert list(entries) == list(STUDIES)
        raised = entries["1.2.1"]
        assert raised.work_item_uid == work_item_uid("1.2.1")
        assert (raised.patient_name, raised.patient_id, raised.accession_number) == STUDIES[
            "1.2.1"
        ][:3]
        assert (raised.reading_class, raised.outcome) == (ReadingClass.ROUTINE, Outcome.ABNORMAL)
        assert raised.reasons == ("raised",)
        assert raised.arrived_at.timestamp() == ARRIVED
        assert raised.changed_at.timestamp() == ARRIVED + 1
        assert (raised.step_state, raised.version, raised.opened) == (StepState.SCHEDULED, 1, False)
        assert store.paused()


def test_the_ledger_of_version_1_tells_who_moved_what(folder):
    with Store.open(folder) as store:
        changes = store.changes_since(0)
    assert [
        (
            one.study_instance_uid,
            one.class_before,
            one.class_after,
            one.reason,
            one.bundle_digest,
            one.by,
        )
        for one in changes
    ] == LEDGER
    assert [one.change_id for one in changes] == [1, 2, 3, 4, 5, 6]
    assert {one.work_item_uid for one in changes} == {
        work_item_uid("1.2.1"),
        work_item_uid("1.2.3"),
    }


def test_studies_of_version_1_are_found_by_each_group_of_a_name(folder):
    with Store.open(folder) as store:
        for pattern in ("yamada*", "山田^太郎", "やまだ*"):
            found = store.search(Selection(patient_names=(pattern,)), store.clock(), 3600, limit=9)
            assert [one.entry.study_instance_uid for one in found] == ["1.2.2"]


@pytest.mark.parametrize("version", FOLDERS)
def test_a_migrated_database_has_the_shape_of_a_new_one(version, request, tmp_path):
    folder = request.getfixturevalue(version)
    Store.open(folder).close()
    Store.open(tmp_path / "new").close()
    assert shape(folder / "triage.db") == shape(tmp_path / "new" / "triage.db")
    with closing(sqlite3.connect(folder / "triage.db")) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_the_open_lines_of_version_2_are_counted_and_found(folder_of_2):
    with Store.open(folder_of_2, Clock()) as store:
        assert store.kept_tables_agree()
        window = store.reading_window(store.clock(), 1e8, limit=9)
        assert (window.total, [one.position for one in window.entries]) == (3, [1, 2, 3])
        found = store.search(Selection(patient_names=("*^jane",)), store.clock(), 1e8, limit=9)
        assert [one.entry.patient_id for one in found] == ["P0", "P1", "P2", "P3"]


def test_what_version_3_left_is_counted_and_found_by_dates(folder_of_3):
    with Store.open(folder_of_3, Clock()) as store:
        assert store.kept_tables_agree()
        assert store.receiver_counts().changes == {("ris", ReceiverState.PENDING): 1}
        born = Selection(birth_dates=(Days("19510101", "19511231"),))
        (found,) = store.search(born, store.clock(), 1e8, limit=9)
        assert found.entry.study_instance_uid == "1.2.1"


def test_what_version_1_left_is_counted(folder):
    with Store.open(folder) as store:
        assert store.kept_tables_agree()
        assert store.reading_window(store.clock(), 3600, limit=9).total == len(STUDIES)


def test_a_migrated_database_goes_on_as_any_other(folder):
    with Store.open(folder, Clock()) as store:
        record(store, make_facts("1.2.1", patient_id="P1"))
        record(store, make_facts("1.2.9"))
        assert len(store.worklist_entries()) == 4
    with Store.open(folder) as store:
        assert len(store.worklist_entries()) == 4


def test_a_migration_that_fails_leaves_the_database_as_it_was(folder):
    before = shape(folder / "triage.db")
    with closing(sqlite3.connect(folder / "triage.db")) as database:
        database.execute("CREATE TABLE step_changes (something)")
        database.commit()
    with pytest.raises(StoreError):
        Store.open(folder)
    with closing(sqlite3.connect(folder / "triage.db")) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (1,)
        database.execute("DROP TABLE step_changes")
        database.commit()
    assert shape(folder / "triage.db") == before
    with Store.open(folder) as store:
        assert len(store.worklist_entries()) == 3


def test_a_database_of_a_later_release_is_left_alone(folder):
    with closing(sqlite3.connect(folder / "triage.db")) as database:
        database.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(StoreError, match="run the release of the program that made it"):
        Store.open(folder)
