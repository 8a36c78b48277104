"""One pixel path: the same file gives the same tensor in training and in the daemon."""

from __future__ import annotations

import struct
import zlib
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.errors import DataError
from training.phantom import draw_case, render
from training.phantom.people import draw_patient
from training.phantom.studies import StudyPlan, write_study
from training.sources.images import image_size
from training.sources.pixels import read_grey, read_prepared
from triage.errors import PixelError
from triage.vision.decode import read_film
from triage.vision.path import PixelPath
from triage.vision.pixels import prepare

PATH = PixelPath(side=256)


@pytest.fixture
def record(film):
    """Return a factory of records of a file."""

    def make(path, **values):
        return film(Path(path).name, **values).__class__(
            film=Path(path).name,
            path=Path(path),
            patient="p",
            group="p",
            labels={},
            **values,
        )

    return make


@pytest.mark.parametrize("monochrome1", [False, True])
def test_a_phantom_in_dicom_gives_the_tensor_of_the_daemon(record, tmp_path, monochrome1):
    case = draw_case(4)
    taken_at = datetime(2026, 3, 2, 8, 15)  # noqa: DTZ001 - DICOM times are local
    patient = draw_patient(1, 4, case, taken_at.date())
    plan = StudyPlan(4, patient, taken_at, "PX4", monochrome1=monochrome1, pixel_spacing_mm=0.5)
    (path,) = write_study(tmp_path, (case,), study=plan)
    mine = read_prepared(record(path), PATH)
    theirs = prepare(read_film(path).pixels, PATH)
    np.testing.assert_array_equal(mine.image, theirs.image)
    assert mine.statistics == theirs.statistics
    assert mine.placement == theirs.placement


def test_a_phantom_in_png_gives_the_tensor_of_its_pixels(record, tmp_path):
    pixels = render(draw_case(4)).pixels
    Image.fromarray(pixels * np.uint16(16)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_grey(record(tmp_path / "a.png")), pixels * 16)
    mine = read_prepared(record(tmp_path / "a.png"), PATH)
    np.testing.assert_allclose(mine.image, prepare(pixels, PATH).image, atol=1e-5)


def test_every_real_file_that_the_daemon_decodes_gives_its_tensor(record, test_data):
    compared = refused = 0
    files = [*(test_data / "dicom").rglob("*.dcm")]
    for path in [file for file in sorted(files) if file.stat().st_size < 1_000_000]:
        try:
            theirs = read_film(path)
        except PixelError:
            with pytest.raises(DataError, match=path.name):
                read_grey(record(path))
            refused += 1
            continue
        mine = read_grey(record(path))
        np.testing.assert_array_equal(mine, theirs.pixels)
        if mine.size < 2_000_000:
            expected = prepare(theirs.pixels, PATH).image
            np.testing.assert_array_equal(read_prepared(record(path), PATH).image, expected)
        compared += 1
    assert compared >= 25
    assert refused >= 1


def grey():
    return np.random.default_rng(2).integers(0, 256, (40, 30), np.uint8)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "I;16"])
def test_every_spelling_of_grey_gives_the_same_values(record, tmp_path, mode):
    values = grey()
    picture = Image.fromarray(values)
    if mode == "I;16":
        picture = Image.fromarray(values.astype(np.uint16))
    elif mode == "P":
        picture = Image.fromarray(values)
        picture.putpalette([value for value in range(256) for _ in range(3)])
    elif mode != "L":
        picture = picture.convert(mode)
    picture.save(tmp_path / "a.png")
    read = read_grey(record(tmp_path / "a.png"))
    np.testing.assert_array_equal(read, values)
    assert read.dtype == np.uint16


def test_one_bit_and_floating_point_are_read(record, tmp_path):
    Image.fromarray(grey() > 128).save(tmp_path / "bits.png")
    assert set(np.unique(read_grey(record(tmp_path / "bits.png")))) == {0, 255}
    Image.fromarray(grey().astype(np.float32) / 7).save(tmp_path / "float.tif")
    np.testing.assert_allclose(read_grey(record(tmp_path / "float.tif")), grey() / 7, rtol=1e-6)
    broken = grey().astype(np.float32)
    broken[0, 0] = np.nan
    Image.fromarray(broken).save(tmp_path / "nan.tif")
    with pytest.raises(DataError, match=r"nan\.tif holds values that are not numbers"):
        read_grey(record(tmp_path / "nan.tif"))


def test_colours_become_their_mean_as_in_dicom(record, tmp_path):
    colours = np.random.default_rng(2).integers(0, 256, (9, 8, 3), np.uint8)
    Image.fromarray(colours).save(tmp_path / "a.png")
    read = read_grey(record(tmp_path / "a.png"))
    np.testing.assert_array_equal(read, colours.mean(axis=2, dtype=np.float32))


def test_a_picture_that_lies_on_its_side_is_turned(record, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(grey()).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_grey(record(tmp_path / "a.png")), np.rot90(grey(), -1))
    assert image_size(tmp_path / "a.png") == (40, 30)


@pytest.mark.parametrize("mode", ["CMYK", "LAB"])
def test_colours_that_no_film_has_are_refused_by_name(record, tmp_path, mode):
    name = "a.jpg" if mode == "CMYK" else "a.tif"
    Image.new(mode, (20, 20)).save(tmp_path / name)
    with pytest.raises(DataError, match=rf"{name} is in {mode} colours"):
        read_grey(record(tmp_path / name))


def test_several_pages_are_refused(record, tmp_path):
    pages = [Image.fromarray(grey()) for _ in range(3)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(DataError, match=r"a\.tif holds 3 pages"):
        read_grey(record(tmp_path / "a.tif"))


def test_a_film_that_ends_too_early_is_named(record, tmp_path):
    Image.fromarray(grey()).save(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"a\.png is damaged or ends too early"):
        read_grey(record(tmp_path / "a.png"))
    with pytest.raises(DataError, match=r"none\.png cannot be read"):
        read_grey(record(tmp_path / "none.png"))


@pytest.mark.parametrize("side", [9_000, 12_000, 60_000])
def test_a_picture_larger_than_any_film_is_refused_unread(record, tmp_path, side):
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    content = struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    content += struct.pack(">I", 10) + b"IDAT" + bytes(14)
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    with pytest.raises(DataError, match=r"a\.png has more than 64 megapixels"):
        read_grey(record(tmp_path / "a.png"))


def test_masked_parts_take_the_grey_around_them_and_the_frame_is_cut(record, tmp_path):
    values = np.full((40, 30), 90, np.uint8)
    values[10:20, 5:15] = 255
    Image.fromarray(values).save(tmp_path / "a.png")
    made = record(tmp_path / "a.png", masked=((5, 10, 15, 20),), frame=(2, 3, 28, 39))
    read = read_grey(made)
    assert read.shape == (36, 26)
    assert (read == 90).all()
    np.testing.assert_array_equal(read_grey(made, as_received=True), values)
