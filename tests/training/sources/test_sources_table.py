"""A folder of films with a table: every bad cell is named with file, line and column."""

from __future__ import annotations

import json

import numpy as np
import pydicom
import pytest
from PIL import Image

from tests.training.sources.conftest import kinds
from training.commands import phantom as phantom_command
from training.errors import DataError
from training.sources import open_set
from training.sources.landmarks import COUNT, NAMES


@pytest.fixture
def folder(tmp_path, phantom_films):
    """A folder with three films: a PNG, a JPEG, and a DICOM file without suffix."""
    rng = np.random.default_rng(3)
    for name in ("a.png", "b.jpg"):
        Image.fromarray(rng.integers(0, 255, (60, 40), np.uint8)).save(tmp_path / name)
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.SOPClassUID = pydicom.uid.DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = "1.2.3"
    dataset.PatientName, dataset.PatientID = "Doe^Jane", "MRN-4711"
    dataset.PatientSex, dataset.PatientAge = "F", "054Y"
    dataset.InstitutionName, dataset.Manufacturer = "City Hospital", "ACME"
    dataset.ViewPosition = "LL"
    dataset.Rows, dataset.Columns = 60, 40
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.PixelData = rng.integers(0, 4095, (60, 40), np.uint16).tobytes()
    dataset.save_as(tmp_path / "c", enforce_file_format=True)
    return tmp_path


@pytest.fixture
def read(folder):
    """Return a function that writes a table and reads the folder."""

    def write_and_read(*lines, encoding="utf-8", **wishes):
        (folder / "labels.csv").write_bytes("\r\n".join(lines).encode(encoding))
        return open_set(folder, **wishes)

    return write_and_read


def test_labels_are_read_in_many_spellings(read):
    data = read("file,abnormal,Lost lordosis", "a.png,1,no", "b.jpg,FALSE,", "c,Yes,0.0")
    assert [film.labels["abnormal"] for film in data.films] == [True, False, True]
    assert [film.labels["lost-lordosis"] for film in data.films] == [False, None, False]
    assert kinds(data.faults) == ["unknown-patient"]


def test_the_header_of_a_dicom_file_fills_what_the_table_leaves_out(read):
    data = read("file,abnormal,sex", "c,1,", "a.png,0,m")
    film = next(film for film in data.films if film.film == "c")
    assert (film.sex, film.age_years, film.site) == ("F", 54, "City Hospital")
    assert (film.manufacturer, film.view) == ("ACME", "lateral")
    assert film.patient.startswith("p-")


def test_no_identifier_of_a_patient_leaves_the_reader(read):
    data = read("file,patient,abnormal", "a.png,Jane Doe,1", "c,,0", "c.dcm,,0")
    text = repr(data)
    assert not any(word in text for word in ("Jane", "Doe", "4711"))


def test_a_table_that_contradicts_a_header_is_believed_and_it_is_said(read):
    data = read("file,abnormal,sex,age,view", "c,1,m,30,ap")
    assert kinds(data.faults) == [
        "age-differs",
        "sex-differs",
        "unlisted-film",
        "view-differs",
    ]
    assert (data.films[0].sex, data.films[0].age_years, data.films[0].view) == ("M", 30, "ap")


@pytest.mark.parametrize(
    ("encoding", "separator"),
    [("utf-8-sig", ","), ("utf-16", ";"), ("cp1252", "\t"), ("utf-8", ";")],
)
def test_tables_of_spreadsheets_are_read(read, encoding, separator):
    lines = ("file,abnormal,site,age", "a.png,1,Köln,", "b.jpg,0,,61")
    data = read(*(line.replace(",", separator) for line in lines), "", encoding=encoding)
    assert data.films[0].site == "Köln"
    assert data.films[1].age_years == 61
    assert ("encoding" in kinds(data.faults)) == (encoding == "cp1252")


def test_columns_that_are_called_otherwise_can_be_named(read):
    columns = {"file": "Dateiname", "abnormal": "Befund"}
    data = read("Dateiname,Befund,age", "a.png,1,40", columns=columns)
    assert data.films[0].labels == {"abnormal": True}
    with pytest.raises(DataError, match=r"labels\.csv has no column 'Bfund'.*Dateiname, Befund"):
        read("Dateiname,Befund", "a.png,1", columns={"file": "Dateiname", "abnormal": "Bfund"})


def test_a_finding_that_the_list_does_not_have_can_be_named(read):
    data = read("file,finding:cervical rib", "a.png,1")
    assert data.films[0].labels == {"cervical rib": True}


def test_a_column_that_nobody_reads_is_named_with_a_guess(read):
    data = read("file,abnormal,kyphossis", "a.png,1,1")
    (fault,) = [fault for fault in data.faults if fault.kind == "unused-column"]
    assert "'kyphossis'" in fault.what
    assert "is it 'kyphosis'?" in fault.what


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("file,abnormal", "a.png,nan"), r"line 2, column 'abnormal': 'nan' is not 0, 1, yes"),
        (("file,abnormal", "a.png,2"), r"line 2, column 'abnormal': '2' is not"),
        (("file,abnormal,age", "a.png,1,old"), r"line 2, column 'age': 'old' is not a number"),
        (("file,abnormal,age", "a.png,1,400"), r"column 'age': '400' is not an age of 0 to 120"),
        (("file,abnormal,sex", "a.png,1,x"), r"column 'sex': 'x' is not one of F, M"),
        (("file,abnormal,split", "a.png,1,trian"), r"column 'split': 'trian' is not one of"),
        (("file,abnormal", ",1"), r"line 2, column 'file': '' is not the name of a file"),
        (("name,abnormal", "a.png,1"), r"no column names the files; there are: name, abnormal"),
        (("file,label", "a.png,1"), r"no column is a finding; there are: file, label"),
        (("file,abnormal,ABNORMAL", "a.png,1,1"), r"two columns are called 'abnormal'"),
        (("file,path,abnormal", "a.png,a.png,1"), r"'file' and 'path' are both 'file'"),
        (("file,abnormal", "a.png,1,1"), r"line 2: 3 cells under 2 columns"),
        (("file,abnormal", 'a.png,"1'), r"line 2: .*check its quotes"),
        (("file,abnormal",), r"names no film"),
        (("",), r"is empty"),
        (("file,abnormal", "z.png,1"), r"none of its 1 lines.*1 missing-film.*no file .*z\.png"),
        (("file,abnormal,x0", "a.png,1,3"), r"none called 'y0'"),
        (("file,abnormal", "a.png,1", "./a.png,0"), r"lines 2 and 3 .* say different things"),
        (
            ("file,patient,abnormal,split", "a.png,p,1,train", "b.jpg,p,0,test"),
            r"a\.png \(line 2\) is in 'train' and b\.jpg \(line 3\) in 'test'.*of the patient p-",
        ),
    ],
)
def test_what_cannot_be_understood_is_named(read, lines, message):
    with pytest.raises(DataError, match=message):
        read(*lines)


def test_many_errors_are_named_at_once(read):
    lines = [f"a.png,{number}" for number in range(2, 20)]
    with pytest.raises(DataError, match=r"line 2,.*\n.*line 3,(.*\n)*and 8 more"):
        read("file,abnormal", *lines)


def test_a_workbook_is_no_table_of_text(folder):
    (folder / "labels.csv").write_bytes(b"PK\x03\x04\x00\x00")
    with pytest.raises(DataError, match="save it as CSV"):
        open_set(folder)
    with pytest.raises(DataError, match=r"none\.csv cannot be read"):
        open_set(folder, table=folder / "none.csv")


def test_films_that_are_missing_or_unreadable_are_left_out_with_their_line(read, folder):
    (folder / "d.png").write_bytes(b"no image")
    (folder / "e.dcm").write_bytes(bytes(128) + b"DICM" + b"\0" * 20)
    data = read("file,abnormal", "a.png,1", "d.png,1", "e,0", "f.png,1", "a.png,1")
    assert [film.film for film in data.films] == ["a.png"]
    assert {fault.film: fault.kind for fault in data.faults if fault.film} == {
        "d.png": "unreadable-film",
        "e": "unreadable-film",
        "f.png": "missing-film",
        "a.png": "double-row",
    }
    assert any("labels.csv, line 3: " in fault.what for fault in data.faults)


def test_a_name_that_two_files_could_mean_is_refused(read, folder):
    (folder / "a.jpg").write_bytes((folder / "b.jpg").read_bytes())
    with pytest.raises(DataError, match=r"'a' is not one file: there are a\.png and a\.jpg"):
        read("file,abnormal", "a,1")


def test_validation_and_other_names_of_splits_are_known(read):
    data = read("file,abnormal,split", "a.png,1,val", "b.jpg,0,Training", "c,0,")
    assert [film.split for film in data.films] == ["tuning", "train", ""]


def test_landmarks_come_as_columns_or_as_labelme_beside_the_film(read, folder, phantom_films):
    points = phantom_films[0].keypoints * (40 / 210)
    names = [f"{axis}{index}" for index in range(COUNT) for axis in "xy"]
    shapes = [
        {"label": name, "points": [[float(x), float(y)]]}
        for name, (x, y) in zip(NAMES, points, strict=True)
    ]
    (folder / "b.json").write_text(json.dumps({"shapes": shapes}))
    row = ",".join(f"{value:.3f}" for value in points.ravel())
    data = read(",".join(["file", "abnormal", *names]), f"a.png,1,{row}", "b.jpg,0" + "," * 46)
    for film in data.films:
        np.testing.assert_allclose(film.landmarks, points, atol=1e-2)


def test_a_phantom_folder_is_read_with_its_truth(tmp_path):
    import argparse  # noqa: PLC0415 - only here

    parser = argparse.ArgumentParser()
    phantom_command.add_parser(parser.add_subparsers())
    args = parser.parse_args(["phantom", "--out", str(tmp_path / "p"), "--count", "3"])
    args.run(args)
    data = open_set(tmp_path / "p")
    assert len(data.films) == 3
    film = next(film for film in data.films if film.labels["abnormal"])
    assert film.landmarks.shape == (23, 2)
    assert any(film.labels[name] for name in film.labels if name != "abnormal")
    assert {"spondylosis", "spondylosis:C5/C6", "canal-narrowing:C4"} <= set(film.labels)


def test_a_phantom_folder_of_an_older_version_is_read(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "truth.csv").write_text(
        "file,abnormal,findings,patient,degradations\n"
        "a.png,1,listhesis:C4/C5 novelty,7,inversion\nb.png,0,,8,\n"
    )
    data = open_set(tmp_path)
    (film,) = data.films
    assert film.labels["listhesis"]
    assert film.labels["listhesis:C4/C5"]
    assert film.labels["novelty"]
    assert film.labels["spondylosis"] is False
    assert film.inverted
    assert film.group == "7"
    assert kinds(data.faults) == ["missing-film"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,abnormal\na,1\n", "lacks the column 'findings'"),
        ("file,abnormal,findings\n", "names no film"),
        ("file,abnormal,findings\na,2,\n", r"line 2, column 'abnormal': '2' is not 0 or 1"),
        ("file,abnormal,findings,x0\na,1,,q\n", r"line 2, column 'x0': 'q' is not a number"),
        ("file,abnormal,findings\n,1,\n", r"column 'file': '' is not the name"),
    ],
)
def test_a_damaged_truth_is_named(tmp_path, text, message):
    (tmp_path / "truth.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        open_set(tmp_path)
