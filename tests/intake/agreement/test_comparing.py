"""How spool and index are compared: side by side, a folder at a time."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest

from triage.intake.agreement import differences, side_by_side
from triage.store.agreement import RecordedFile
from triage.values import ImageState


def row_at(path):
    return RecordedFile(
        1, "1.2", "1.3", 1, False, path, 1, "", datetime.now(UTC), ImageState.QUEUED, "", ""
    )


def test_however_many_files_there_are_one_row_and_one_file_are_held():
    drawn = {"rows": 0, "files": 0}

    def rows():
        for number in range(0, 100_000, 2):
            drawn["rows"] = number
            yield row_at(f"spool/{number:07}")

    def files():
        for number in range(0, 100_000, 4):
            drawn["files"] = number
            yield f"spool/{number:07}"

    alone = furthest = 0
    for row, path in side_by_side(rows(), files()):
        alone += path is None
        furthest = max(furthest, abs(drawn["rows"] - drawn["files"]))
        assert row is not None
    assert alone == 25_000
    assert furthest <= 4


@pytest.mark.parametrize(
    ("rows", "files", "pairs"),
    [
        ("", "", []),
        ("ab", "", [("a", None), ("b", None)]),
        ("", "ab", [(None, "a"), (None, "b")]),
        ("acd", "bcd", [("a", None), (None, "b"), ("c", "c"), ("d", "d")]),
    ],
)
def test_rows_and_files_are_paired_by_their_paths(rows, files, pairs):
    got = [(row and row.path, path) for row, path in side_by_side(map(row_at, rows), files)]
    assert got == pairs


def test_only_one_folder_is_listed_at_a_time(store, lay, radiograph, monkeypatch):
    for folder in ("20261121T13", "20261121T14", "20261121T15"):
        lay(radiograph(), folder)
    listed = []
    scandir = os.scandir

    def note(folder):
        listed.append(os.path.basename(folder))  # noqa: PTH119 - a text or a path
        return scandir(folder)

    monkeypatch.setattr("triage.intake.agreement.os.scandir", note)
    walk = differences(store)
    next(walk)
    assert listed[-1] == "20261121T13"
    next(walk)
    assert listed[-1] == "20261121T14"
