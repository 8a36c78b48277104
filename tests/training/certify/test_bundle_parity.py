"""The same film gives the same scores where a bundle is trained and where it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from training.certify.chain import judged
from training.phantom import draw_case, render
from training.sources import open_set
from training.sources.pixels import read_grey, read_prepared
from training.values import FilmRecord
from triage.values import HeaderFacts
from triage.vision.bundle import Bundle, default_bundle_folder
from triage.vision.inference import Analyst, examine

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from triage.vision.inference import Examined

SAME = 1e-5


@pytest.fixture(scope="module")
def analyst() -> Analyst:
    """The bundle that comes along."""
    return Analyst(Bundle.load(default_bundle_folder()), "cpu")


def write_dicom(place: Path, pixels: NDArray[np.uint16], bits: int, *, inverse: bool) -> None:
    """Wrap grey values as a DX image, bone bright or, saying so, bone dark."""
    highest = 2**bits - 1
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = "1.2.3"
    dataset.Modality = "DX"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME1" if inverse else "MONOCHROME2"
    dataset.PresentationLUTShape = "INVERSE" if inverse else "IDENTITY"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, bits, bits - 1
    dataset.PixelRepresentation = 0
    dataset.PixelData = (highest - pixels if inverse else pixels).astype("<u2").tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.save_as(place, enforce_file_format=True)


def examined(place: Path, analyst: Analyst) -> Examined:
    """What `triage` finds in a file."""
    facts = HeaderFacts(
        sop_class_uid=DigitalXRayImageStorageForPresentation,
        sop_instance_uid="1.2.3",
        study_instance_uid="1.2.4",
        series_instance_uid="1.2.5",
        transfer_syntax_uid=ExplicitVRLittleEndian,
        modality="DX",
        body_part_examined="CSPINE",
        view_position="LL",
        photometric_interpretation="MONOCHROME2",
        patient_age_years=50.0,
        has_pixel_data=True,
    )
    return examine(place, facts, analyst)


def assert_same(record: FilmRecord, seen: Examined, analyst: Analyst) -> None:
    """Scores and the gates of the pixels are those that training's own path gives."""
    prepared = read_prepared(record, analyst.bundle.manifest.path)
    trained = judged(analyst, prepared, 50.0)
    scores = {(score.member, score.finding): score.raw for score in seen.analysis.scores}
    found = [
        [scores[member, finding.name] for finding in analyst.bundle.findings]
        for member in analyst.bundle.members
    ]
    np.testing.assert_allclose(trained.raw, found, rtol=0, atol=SAME)
    of_pixels = [gate.gate for gate in seen.analysis.failed_gates if gate.gate[:7] != "header."]
    assert [name for name in trained.failed if name[:7] != "header."] == [
        name for name in of_pixels if name != "pixels.polarity"
    ]


def a_record(place: Path) -> FilmRecord:
    """A film of which nothing but the file is known."""
    return FilmRecord(place.stem, place, place.stem, place.stem, {})


@pytest.mark.parametrize("inverse", [False, True], ids=["MONOCHROME2", "MONOCHROME1"])
def test_a_phantom_film_scores_alike_as_dicom_in_both(analyst, tmp_path, inverse: bool) -> None:
    for seed in (71, 72):
        place = tmp_path / f"{seed}.dcm"
        write_dicom(place, render(draw_case(seed)).pixels, 12, inverse=inverse)

        assert_same(a_record(place), examined(place, analyst), analyst)


def test_a_phantom_film_scores_alike_as_png_and_as_dicom(analyst, tmp_path) -> None:
    """A 16-bit PNG for training, the same grey values as DICOM for the daemon."""
    for seed in (73, 74):
        pixels = render(draw_case(seed)).pixels
        Image.fromarray(pixels).save(tmp_path / f"{seed}.png")
        write_dicom(tmp_path / f"{seed}.dcm", pixels, 12, inverse=False)

        seen = examined(tmp_path / f"{seed}.dcm", analyst)

        assert_same(a_record(tmp_path / f"{seed}.png"), seen, analyst)


def test_the_real_films_score_alike_in_both(analyst, test_data: Path, tmp_path) -> None:
    """Six films of the atlas wrapped as DICOM; two of them have whole grey values as they are."""
    films = open_set(test_data / "csxa" / "mini").films
    unchanged = 0

    assert len(films) == 6
    for film in films:
        place, grey = tmp_path / f"{film.film}.dcm", read_grey(film)
        whole = np.rint(grey).astype(np.uint16)
        write_dicom(place, whole, 8, inverse=False)

        seen = examined(place, analyst)

        assert_same(a_record(place), seen, analyst)
        if np.array_equal(whole, grey):
            assert_same(film, seen, analyst)
            unchanged += 1
    assert unchanged == 2
