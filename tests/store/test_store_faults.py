"""A state folder that cannot be used is one sentence that says what to do."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap

import pytest

from tests.factories import make_facts, record
from triage.errors import StoreError
from triage.store import Store


def test_a_file_in_place_of_the_folder_is_named(tmp_path):
    place = tmp_path / "state"
    place.write_text("in the way")
    with pytest.raises(StoreError, match="state_folder"):
        Store.open(place)


def test_a_damaged_database_is_told_and_nothing_is_overwritten(tmp_path):
    with Store.open(tmp_path) as store:
        record(store)
    database = tmp_path / "triage.db"
    damaged = b"no database at all".ljust(database.stat().st_size, b"x")
    database.write_bytes(damaged)
    with pytest.raises(StoreError, match="damaged"):
        Store.open(tmp_path)
    assert database.read_bytes() == damaged


def test_damage_within_the_pages_is_found_by_the_integrity_check(tmp_path):
    with Store.open(tmp_path) as store:
        for number in range(200):
            record(store, make_facts(f"1.2.{number}"))
    database = tmp_path / "triage.db"
    content = bytearray(database.read_bytes())
    content[8192:12288] = b"\x55" * 4096
    database.write_bytes(content)
    with Store.open(tmp_path) as store:
        try:
            problems = store.integrity_problems()
        except StoreError as error:
            problems = [str(error)]
    assert problems


def test_a_database_of_another_version_is_refused(tmp_path):
    Store.open(tmp_path).close()
    with sqlite3.connect(tmp_path / "triage.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="schema version 99"):
        Store.open(tmp_path)


def test_the_database_is_written_through_to_the_disk(tmp_path):
    with Store.open(tmp_path) as store, store.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2


def test_what_was_recorded_before_a_kill_is_there_afterwards(tmp_path, root):
    program = textwrap.dedent("""
        import os, signal, sys
        from pathlib import Path
        from tests.factories import make_facts, record
        from triage.store import Store
        store = Store.open(Path(sys.argv[1]))
        for number in range(20):
            record(store, make_facts(f"1.2.{number}"))
            print(number, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=root,
        capture_output=True,
        check=False,
        text=True,
    )
    acknowledged = len(done.stdout.split())
    with Store.open(tmp_path) as store:
        assert len(store.worklist_entries()) == acknowledged == 20
