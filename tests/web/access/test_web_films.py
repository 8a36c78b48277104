"""The viewer's pictures: a larger view, landmarks, saliency; for readers alone."""

from __future__ import annotations

import io
import os
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from triage.store import FilmView, Landmark
from triage.values import ImageState, Outcome
from triage.web import films


@pytest.fixture
def study(morning):
    """A study with one film of which everything is kept, and its file."""
    uid = morning.study_with(Outcome.ABNORMAL)
    image = morning.store.study(uid).instances[0]
    pixels = np.zeros((1500, 1200), np.uint16)
    pixels[300:600, 600:900] = 3000
    write_film(morning.folder / image.path, image, pixels)
    overlay = Image.new("RGBA", (256, 320), (255, 190, 60, 90))
    overlay.save(morning.folder / "thumbnails" / "1.saliency.png")
    points = tuple(Landmark(600.0 + n, 300.0, 0.9) for n in range(23))
    kept = FilmView("5d" * 32, 1500, 1200, points, "spondylosis", "thumbnails/1.saliency.png")
    morning.store.keep_film_views([(1, kept)])
    return uid


def write_film(path, image, pixels):
    """Write the file of an image that the store knows."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.file_meta.MediaStorageSOPInstanceUID = image.sop_instance_uid
    dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = image.sop_instance_uid
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel, dataset.PixelRepresentation = 1, 0
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelData = pixels.tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.save_as(path, enforce_file_format=True)


def address(morning, study, what, number=0):
    """Return where a film's picture is."""
    uid = morning.store.study(study).entry.work_item_uid
    return f"/studies/{uid}/films/{number}/{what}"


def test_a_view_is_large_and_the_landmarks_lie_on_it(morning, study, serve, visit):
    visitor = visit(serve())
    answer = visitor.get(address(morning, study, "view"))
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"] == "no-store"
    told = visitor.get(address(morning, study, "landmarks.json")).json()
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert picture.size == (told["width"], told["height"]) == (819, 1024)
        first = told["points"][0]
        assert first["name"] == "C2 centroid"
        assert picture.getpixel((round(first["x"]) + 3, round(first["y"]) + 3)) > 200
        assert picture.getpixel((round(first["x"]) - 5, round(first["y"]) - 5)) < 50
    assert [point["name"] for point in told["points"]][-1] == "C7 lower posterior"
    assert told["finding"] == "spondylosis"


def test_the_saliency_lies_over_the_film(morning, study, serve, visit):
    answer = visit(serve()).get(address(morning, study, "saliency"))
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert (picture.mode, picture.size) == ("RGBA", (256, 320))


@pytest.mark.parametrize("what", ["view", "saliency", "landmarks.json"])
def test_films_are_for_who_has_logged_in(morning, study, serve, visit, add_user, what):
    add_user()
    visitor = visit(serve())
    assert visitor.get(address(morning, study, what)).status_code == 401
    visitor.log_in()
    assert visitor.get(address(morning, study, what)).status_code == 200


def test_a_view_is_made_once_and_the_oldest_are_forgotten(
    morning, study, serve, visit, monkeypatch
):
    monkeypatch.setattr(films, "MOST_VIEWS", 3)
    views = morning.folder / "views"
    views.mkdir()
    for number in range(5):
        (views / f"{number}.png").write_bytes(b"old")
        os.utime(views / f"{number}.png", (number, number))
    visitor = visit(serve())
    assert visitor.get(address(morning, study, "view")).status_code == 200
    image = morning.store.study(study).instances[0]
    assert {path.name for path in views.iterdir()} == {"3.png", "4.png", f"{image.sha256}.png"}
    (morning.folder / image.path).unlink()
    assert visitor.get(address(morning, study, "view")).status_code == 200


@pytest.mark.parametrize("what", ["view", "saliency", "landmarks.json"])
def test_what_is_not_there_is_not_found(morning, study, serve, visit, what):
    visitor = visit(serve())
    assert visitor.get(address(morning, study, what, number=7)).status_code == 404
    assert visitor.get(f"/studies/9.9.9/films/0/{what}").status_code == 404
    morning.receive(study, state=ImageState.HEADER_ONLY)
    assert visitor.get(address(morning, study, what, number=1)).status_code == 404


def test_a_film_that_is_damaged_is_a_sentence(morning, study, serve, visit):
    image = morning.store.study(study).instances[0]
    (morning.folder / image.path).write_bytes(b"nothing")
    answer = visit(serve()).get(address(morning, study, "view"))
    assert answer.status_code == 404
    assert "cannot be shown" in answer.text


def test_no_file_from_elsewhere_is_served_as_saliency(morning, study, serve, visit):
    kept = morning.store.study_film_views(study)[
        morning.store.study(study).instances[0].sop_instance_uid, 1
    ]
    morning.store.keep_film_views([(1, replace(kept, saliency="thumbnails/../triage.db"))])
    assert visit(serve()).get(address(morning, study, "saliency")).status_code == 404
