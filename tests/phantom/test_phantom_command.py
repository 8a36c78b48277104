"""The sub-command `training phantom`."""

from __future__ import annotations

import argparse
import csv
import os

import numpy as np
import pydicom
import pytest
from PIL import Image

from training.commands import phantom as command
from training.phantom import draw_case, render
from triage.errors import PermanentError


@pytest.fixture
def phantom():
    """Return a function that runs the sub-command with arguments."""
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())

    def run(*arguments: object) -> int:
        args = parser.parse_args(["phantom", *map(str, arguments)])
        return args.run(args)

    return run


def truth(folder) -> list[dict]:
    with (folder / "truth.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_png_films_come_with_their_truth(phantom, tmp_path):
    folder = tmp_path / "films"
    assert phantom("--out", folder, "--count", 6, "--seed", 4, "--abnormal-share", 0.5) == 0
    rows = truth(folder)
    assert len(rows) == 6
    assert sum(int(row["abnormal"]) for row in rows) == 3
    assert {path.name for path in folder.glob("*.png")} == {row["file"] for row in rows}
    row = rows[0]
    film = render(draw_case(int(row["seed"]), abnormal=row["abnormal"] == "1"))
    read = np.asarray(Image.open(folder / row["file"]))
    assert np.array_equal(read // 16, film.pixels)
    assert float(row["x22"]) == pytest.approx(film.keypoints[22, 0], abs=0.01)
    assert tuple(row["findings"].split()) == film.case.findings


def test_dicom_films_are_studies_of_their_own(phantom, tmp_path):
    assert phantom("--out", tmp_path, "--count", 2, "--format", "dicom", "--view", "ap") == 0
    datasets = [pydicom.dcmread(path) for path in sorted(tmp_path.glob("*.dcm"))]
    assert len({dataset.StudyInstanceUID for dataset in datasets}) == 2
    assert {dataset.ViewPosition for dataset in datasets} == {"AP"}
    assert [row["view"] for row in truth(tmp_path)] == ["ap", "ap"]


def test_a_morning_can_be_asked_for(phantom, tmp_path):
    assert phantom("--out", tmp_path, "--count", 12, "--morning") == 0
    assert (tmp_path / "morning.json").exists()


def test_a_folder_that_holds_something_is_refused(phantom, tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(PermanentError, match=r"is not empty: give a new one with --out"):
        phantom("--out", tmp_path, "--count", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_folder_that_cannot_be_made_is_refused(phantom, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PermanentError, match=r"cannot be made or read"):
        phantom("--out", tmp_path / "file" / "below", "--count", 1)


def test_a_disk_that_fails_is_reported_in_a_sentence(phantom, tmp_path, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(PermanentError, match=r"No space left on device"):
        phantom("--out", tmp_path, "--count", 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--count", 0), "--count must be at least 1"),
        (("--count", 5, "--morning"), "--count must be at least 12"),
        (("--seed", -1), "--seed must be 0 or more"),
        (("--abnormal-share", 1.5), "--abnormal-share must be between 0 and 1"),
    ],
)
def test_numbers_out_of_range_are_refused_by_name(phantom, tmp_path, arguments, message):
    with pytest.raises(PermanentError, match=message):
        phantom("--out", tmp_path / "none", *arguments)
    assert not (tmp_path / "none").exists()
