"""Studies on disk: what other people's tools say of the files, and what comes back from them."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pydicom
import pytest

from training.phantom import Degradation, View, draw_case, render
from training.phantom.people import MEN, WOMEN, draw_patient
from training.phantom.studies import Syntax, image_dataset, write_study


@pytest.fixture(scope="session")
def faults():
    """Return a function that lists the errors that dciodvfy finds in a file."""
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is not installed")

    def find(path) -> list[str]:
        checked = subprocess.run(
            ["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False
        )
        return [line for line in checked.stderr.splitlines() if "Error" in line]

    return find


@pytest.mark.parametrize("modality", ["DX", "CR"])
@pytest.mark.parametrize("view", list(View))
def test_files_are_clean_under_dciodvfy(tmp_path, faults, study_plan, modality, view):
    case = draw_case(21, view=view)
    wishes = {"modality": modality, "order_priority": "STAT", "pixel_spacing_mm": 1.0}
    (path,) = write_study(tmp_path, (case,), study=study_plan(case, **wishes))
    assert faults(path) == []


@pytest.mark.parametrize("syntax", list(Syntax))
@pytest.mark.parametrize("monochrome1", [False, True])
def test_pixels_come_back_as_they_were_drawn(tmp_path, faults, study_plan, syntax, monochrome1):
    case = draw_case(5, facing="right")
    plan = study_plan(case, syntax=syntax, monochrome1=monochrome1, pixel_spacing_mm=0.5)
    (path,) = write_study(tmp_path, (case,), study=plan)
    dataset = pydicom.dcmread(path)
    assert dataset.file_meta.TransferSyntaxUID == syntax.value
    assert dataset.PhotometricInterpretation == ("MONOCHROME1" if monochrome1 else "MONOCHROME2")
    stored = dataset.pixel_array
    bright = 4095 - stored if monochrome1 else stored
    assert np.array_equal(bright, render(case).pixels)
    assert faults(path) == []


def test_a_cr_says_less_than_a_dx(study_plan):
    case = draw_case(5)
    film = render(case)
    dx = image_dataset(film, study_plan(case))
    cr = image_dataset(film, study_plan(case, modality="CR"))
    for keyword in ("AnatomicRegionSequence", "ViewCodeSequence", "ProcedureCodeSequence"):
        assert keyword in dx
        assert keyword not in cr
    assert (dx.ViewPosition, dx.BodyPartExamined) == ("LL", "CSPINE")
    assert dx.PatientOrientation == ["P", "F"]
    assert dx.ImagerPixelSpacing == [0.5, 0.5]


def test_a_chest_says_that_it_is_one(study_plan):
    case = draw_case(5, view=View.CHEST)
    dataset = image_dataset(render(case, 1.0), study_plan(case))
    assert dataset.BodyPartExamined == "CHEST"
    assert dataset.AnatomicRegionSequence[0].CodeValue == "816094009"


def test_each_view_is_named_by_codes_of_the_standard(study_plan):
    named = {}
    for view in View:
        case = draw_case(5, view=view, facing="right")
        dataset = image_dataset(render(case, 2.0), study_plan(case))
        named[view] = (dataset.ViewPosition, dataset.ViewCodeSequence[0].CodeMeaning)
    assert named[View.LATERAL] == ("RL", "right lateral")
    assert named[View.OBLIQUE] == ("RLO", "right oblique")
    assert named[View.SWIMMERS] == ("RL", "lateral")
    assert named[View.HAND] == ("PA", "postero-anterior")


def test_only_a_hand_has_a_side(study_plan):
    for view, modality, side in (
        (View.HAND, "DX", "R"), (View.LATERAL, "DX", "U"), (View.HAND, "CR", "R"),
    ):  # fmt: skip
        case = draw_case(5, view=view, facing="right")
        dataset = image_dataset(render(case, 2.0), study_plan(case, modality=modality))
        assert dataset.get("ImageLaterality", dataset.get("Laterality")) == side


def test_pixel_spacing_in_the_patient_is_smaller_by_the_magnification(study_plan):
    seen = set()
    for seed in range(12):
        case = draw_case(seed)
        dataset = image_dataset(render(case, 2.0), study_plan(case))
        ratio = float(dataset.DistanceSourceToDetector) / float(dataset.DistanceSourceToPatient)
        assert 1500 <= dataset.DistanceSourceToDetector <= 1800
        assert ratio == pytest.approx(1.17, abs=0.002)
        assert float(dataset.EstimatedRadiographicMagnificationFactor) == pytest.approx(
            ratio, rel=1e-4
        )
        seen.add("PixelSpacing" in dataset)
        if "PixelSpacing" in dataset:
            assert dataset.PixelSpacingCalibrationType == "GEOMETRY"
            quotient = dataset.ImagerPixelSpacing[0] / dataset.PixelSpacing[0]
            assert quotient == pytest.approx(1.17, abs=0.001)
    assert seen == {True, False}


def test_a_film_with_text_burned_in_says_so(study_plan):
    for degradations, answer in (((), "NO"), ((Degradation.BURNED_IN,), "YES")):
        case = draw_case(5, degradations=degradations)
        dataset = image_dataset(render(case, 1.0), study_plan(case))
        assert dataset.BurnedInAnnotation == answer


def test_the_order_priority_is_there_only_when_asked_for(study_plan):
    case = draw_case(5)
    film = render(case)
    assert "RequestedProcedurePriority" not in image_dataset(film, study_plan(case))
    stat = image_dataset(film, study_plan(case, order_priority="STAT"))
    assert stat.RequestedProcedurePriority == "STAT"


def test_uids_follow_from_the_seed_and_differ_between_films(study_plan, tmp_path):
    case = draw_case(5)
    plan = study_plan(case, pixel_spacing_mm=1.0)
    files = write_study(tmp_path, (case, replace(case, seed=6)), study=plan)
    first, second = (pydicom.dcmread(path, stop_before_pixels=True) for path in files)
    assert first.StudyInstanceUID == second.StudyInstanceUID
    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert first.SOPInstanceUID.startswith("2.25.")
    assert len(first.SOPInstanceUID) <= 64
    again = image_dataset(render(case, 1.0), plan)
    assert again.SOPInstanceUID == first.SOPInstanceUID
    other = image_dataset(render(case, 1.0), replace(plan, seed=99))
    assert other.StudyInstanceUID != first.StudyInstanceUID


def test_names_in_other_scripts_come_back_whole(tmp_path, study_plan):
    case = draw_case(5)
    for name in (*WOMEN, *MEN):
        plan = study_plan(case, pixel_spacing_mm=2.0)
        plan = replace(plan, patient=replace(plan.patient, name=name))
        (path,) = write_study(tmp_path, (case,), study=plan)
        dataset = pydicom.dcmread(path, stop_before_pixels=True)
        assert str(dataset.PatientName) == name
        assert ("SpecificCharacterSet" in dataset) == (not name.isascii())


def test_the_age_of_the_patient_is_that_of_the_case(study_plan):
    for seed in range(20):
        case = draw_case(seed)
        plan = study_plan(case)
        today = plan.taken_at.date()
        patient = draw_patient(1, seed, case, today)
        years = (today - patient.birth_date).days / 365.25
        assert int(case.age_years) <= years < int(case.age_years) + 1
        assert patient.sex == case.sex
        assert (patient.name in WOMEN) == (case.sex == "F")


def test_a_truncated_file_parses_but_does_not_decode(tmp_path, study_plan):
    case = draw_case(5)
    plan = study_plan(case, truncated=True, pixel_spacing_mm=0.5)
    (path,) = write_study(tmp_path, (case,), study=plan)
    dataset = pydicom.dcmread(path)
    assert len(dataset.PixelData) < dataset.Rows * dataset.Columns * 2 * 0.6
    assert len(dataset.PixelData) % 2 == 0
    with pytest.raises(ValueError, match="pixel data"):
        _ = dataset.pixel_array
