"""The sub-command `training phantom`."""

from __future__ import annotations

import argparse
import csv
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from training.commands import phantom as command
from training.errors import DataError, DiskError
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
    assert {path.name for path in folder.glob("0*.png")} == {row["file"] for row in rows}
    row = rows[0]
    film = render(draw_case(int(row["seed"]), abnormal=row["abnormal"] == "1"))
    read = np.asarray(Image.open(folder / row["file"]))
    assert np.array_equal(read // 16, film.pixels)
    assert float(row["x22"]) == pytest.approx(film.keypoints[22, 0], abs=0.01)
    assert tuple(row["findings"].split()) == film.case.findings


def test_dicom_films_are_studies_of_their_own(phantom, tmp_path):
    assert (
        phantom(
            "--out",
            tmp_path,
            "--count",
            2,
            "--format",
            "dicom",
            "--view",
            "ap",
            "--pixel-spacing",
            1,
        )
        == 0
    )
    datasets = [pydicom.dcmread(path) for path in sorted(tmp_path.glob("*.dcm"))]
    assert len({dataset.StudyInstanceUID for dataset in datasets}) == 2
    assert {dataset.ViewPosition for dataset in datasets} == {"AP"}
    rows = truth(tmp_path)
    assert [row["view"] for row in rows] == ["ap", "ap"]
    for row, dataset in zip(rows, datasets, strict=True):
        assert row["file"].startswith(dataset.AccessionNumber)
        assert (row["patient"], row["site"]) == (dataset.PatientID, dataset.InstitutionName)
        assert row["manufacturer"] == dataset.Manufacturer
        assert float(row["pixel_spacing_mm"]) == dataset.ImagerPixelSpacing[0]


def test_dicom_films_have_their_keypoints_in_the_truth(phantom, tmp_path):
    options = ("--format", "dicom", "--pixel-spacing", 0.5, "--abnormal-share", 0)
    assert phantom("--out", tmp_path, "--count", 1, *options) == 0
    (row,) = truth(tmp_path)
    film = render(draw_case(int(row["seed"]), abnormal=False), 0.5)
    assert float(row["x22"]) == pytest.approx(film.keypoints[22, 0], abs=0.01)


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

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DiskError, match=r"No space left on device"):
        phantom("--out", tmp_path, "--count", 1)
    assert list(tmp_path.iterdir()) == []


def test_a_natural_mixture_has_other_views_origins_and_what_spoils_it(phantom, tmp_path):
    assert (
        phantom("--out", tmp_path, "--count", 50, "--mix", "--pixel-spacing", 2, "--seed", 2) == 0
    )
    rows = truth(tmp_path)
    views = Counter(row["view"] for row in rows)
    assert views["lateral"] > 25
    assert len(views) >= 3
    assert len({row["site"] for row in rows}) == 3
    assert len({row["manufacturer"] for row in rows}) == 4
    assert {row["split"] for row in rows} == {""}
    assert len({row["patient"] for row in rows}) == 50
    assert {row["facing"] for row in rows} == {"left", "right"}
    spoilt = [row for row in rows if row["degradations"]]
    assert spoilt
    assert all(0 <= float(row["severity"] or 0) <= 1 for row in spoilt)
    assert all(row["x0"] == "nan" for row in rows if row["view"] != "lateral")
    with Image.open(tmp_path / "contact-sheet.png") as sheet:
        assert sheet.size == (8 * 172, 4 * 220)


def test_chosen_films_are_what_was_asked_for(phantom, tmp_path):
    wishes = ("--findings", "spondylosis:C5/C6,swelling", "--age", "4-12", "--sites", 1)
    wishes += ("--degradation", "blur", "--degradation", "noise", "--severity", 0.25, "--hardware")
    assert phantom("--out", tmp_path, "--count", 6, "--pixel-spacing", 1, *wishes) == 0
    for row in truth(tmp_path):
        assert row["findings"] == "spondylosis:C5/C6 swelling"
        assert row["levels"] == "C5/C6"
        assert 4 <= float(row["age_years"]) <= 12
        assert row["site"] == "Fjordview Hospital"
        assert row["degradations"] == "blur noise"
        assert (row["severity"], row["hardware"], row["pixel_spacing_mm"]) == ("0.250", "1", "1")


def test_several_processes_write_the_same_bytes_as_one(phantom, tmp_path):
    for name, processes in (("one", 1), ("two", 2)):
        options = ("--count", 5, "--pixel-spacing", 2, "--processes", processes)
        assert phantom("--out", tmp_path / name, *options) == 0
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert len(files) == 7
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--severity", 2, "--degradation", "blur"), "--severity must be between 0 and 1"),
        (("--severity", 0.5), "--severity needs a --degradation"),
        (("--mix", "--view", "ap"), "--mix decides on --view itself"),
        (("--morning", "--mix"), "--morning decides on every film itself"),
        (("--findings", "fracture"), "does not know 'fracture': it knows spondylosis"),
        (("--findings", "listhesis"), "listhesis needs a level, one of C2/C3"),
        (("--findings", "kyphosis:C3"), "kyphosis has no level"),
        (("--age", "old"), "neither an age nor a range"),
        (("--age", "12-4"), "the younger age first"),
        (("--sites", 4), "--sites must be between 1 and 3"),
        (("--processes", 0), "--processes must be at least 1"),
        (("--pixel-spacing", 5), "--pixel-spacing must be between 0.1 and 2 mm"),
    ],
)
def test_choices_that_cannot_be_met_are_refused_before_anything_is_made(
    phantom, tmp_path, arguments, message
):
    with pytest.raises(DataError, match=message):
        phantom("--out", tmp_path / "none", *arguments)
    assert not (tmp_path / "none").exists()


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


def test_the_help_says_what_severity_amounts_to(phantom, capsys):
    with pytest.raises(SystemExit):
        phantom("--help")
    (row,) = [
        line for line in capsys.readouterr().out.splitlines() if line.startswith("  rotation")
    ]
    assert row.split() == ["rotation", "4", "14", "24", "45", "degrees"]
