"""From files to films: every encoding gives the same film, every bad file an error."""

from __future__ import annotations

import io
import struct
import time
import tracemalloc
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from triage.errors import PixelError, TransientError
from triage.vision.codestream import coded_size, packed_size
from triage.vision.decode import DecodeLimits, read_film

if TYPE_CHECKING:
    from pathlib import Path

    from triage.values import HeaderFacts

# pydicom tells of oddities in malformed files; here they are what is tested.
pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning")


def test_a_film_comes_back_as_it_was_written(film_pixels, write_film) -> None:
    film = read_film(write_film(film_pixels))

    np.testing.assert_array_equal(film.pixels, film_pixels)
    assert film.pixel_spacing_mm == (0.2, 0.2)
    assert film.polarity_known


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
)
def test_every_native_encoding_gives_the_same_film(
    syntax, film_pixels, make_dataset, tmp_path
) -> None:
    pixels = film_pixels.byteswap() if syntax == ExplicitVRBigEndian else film_pixels
    dataset = make_dataset(film_pixels)
    dataset.PixelData = pixels.tobytes()
    dataset.file_meta.TransferSyntaxUID = syntax
    path = tmp_path / "film.dcm"
    dataset.save_as(
        path,
        implicit_vr=syntax == ImplicitVRLittleEndian,
        little_endian=syntax != ExplicitVRBigEndian,
        enforce_file_format=True,
    )

    np.testing.assert_array_equal(read_film(path).pixels, film_pixels)


def test_the_real_films_in_six_transfer_syntaxes_decode_to_what_they_show(test_data: Path) -> None:
    """The decoded grey values follow those of the PNG files that the films were made from."""
    names = sorted(path.stem for path in (test_data / "cspine_dx").glob("*.dcm"))
    assert len(names) == 6
    for name in names:
        film = read_film(test_data / "cspine_dx" / f"{name}.dcm")
        picture = Image.open(test_data / "csxa" / "mini" / "datasets-PNG" / f"{name}.png").convert(
            "L"
        )
        shown = np.asarray(picture.resize(film.pixels.shape[::-1]), np.float64)
        assert np.corrcoef(film.pixels.ravel(), shown.ravel())[0, 1] > 0.95, name
        assert film.polarity_known


LOSSLESS = (
    "BigEndianExplicit",
    "DeflatedExplicitVRLittleEndian",
    "JPEG2000LosslessOnly",
    "JPEGLSLossless",
    "JPEGProcess14SV1",
    "JPEGProcess14Transfer",
    "LittleEndianExplicit",
    "LittleEndianImplicit",
    "RLELossless",
)


@pytest.mark.parametrize("name", LOSSLESS)
def test_every_lossless_transfer_syntax_gives_the_same_pixels(name: str, test_data: Path) -> None:
    folder = test_data / "dicom" / "transfer_syntaxes"
    (reference,) = folder.glob("CT_LittleEndianImplicit*")
    (path,) = folder.glob(f"CT_{name}*")

    np.testing.assert_array_equal(read_film(path).pixels, read_film(reference).pixels)


def test_monochrome1_is_turned_over_so_that_bone_is_bright(film_pixels, write_film) -> None:
    film = read_film(write_film(film_pixels, PhotometricInterpretation="MONOCHROME1"))

    order = np.argsort(film_pixels.ravel(), kind="stable")
    assert (np.diff(film.pixels.ravel()[order].astype(int)) <= 0).all()
    assert film.pixels.dtype == film_pixels.dtype
    assert film.polarity_known


def test_inverse_presentation_with_monochrome1_inverts_once(film_pixels, write_film) -> None:
    once = read_film(write_film(film_pixels, PhotometricInterpretation="MONOCHROME1"))
    both = read_film(
        write_film(
            film_pixels, PhotometricInterpretation="MONOCHROME1", PresentationLUTShape="INVERSE"
        )
    )

    np.testing.assert_array_equal(once.pixels, both.pixels)
    assert both.polarity_known


@pytest.mark.parametrize(
    ("photometric", "shape"), [("MONOCHROME1", "IDENTITY"), ("MONOCHROME2", "INVERSE")]
)
def test_attributes_that_contradict_each_other_leave_the_polarity_unknown(
    photometric: str, shape: str, film_pixels, write_film
) -> None:
    film = read_film(
        write_film(film_pixels, PhotometricInterpretation=photometric, PresentationLUTShape=shape)
    )

    assert not film.polarity_known


def test_a_negative_rescale_slope_turns_the_grey_scale_over(film_pixels, write_film) -> None:
    film = read_film(write_film(film_pixels, RescaleSlope="-1", RescaleIntercept="4095"))

    np.testing.assert_allclose(film.pixels, 4095 - film_pixels.astype(np.float32))


def test_overlay_bits_above_bits_stored_are_cleared(film_pixels, write_film) -> None:
    film = read_film(write_film(film_pixels | np.uint16(0x8000)))

    np.testing.assert_array_equal(film.pixels, film_pixels)


def test_of_several_frames_the_first_is_taken(film_pixels, write_film) -> None:
    frames = np.stack([film_pixels, film_pixels[::-1]])
    path = write_film(film_pixels, NumberOfFrames=2, PixelData=frames.tobytes())

    np.testing.assert_array_equal(read_film(path).pixels, film_pixels)


def test_colour_becomes_grey_without_a_known_polarity(write_film) -> None:
    colour = np.zeros((40, 50, 3), np.uint8)
    colour[..., 1] = 90
    path = write_film(
        colour, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0
    )

    film = read_film(path)

    assert film.pixels.shape == (40, 50)
    assert film.pixels[0, 0] == pytest.approx(30)
    assert not film.polarity_known


def test_another_image_than_the_recorded_one_is_refused(
    film_pixels, write_film, lateral_facts: HeaderFacts
) -> None:
    with pytest.raises(PixelError, match="another image"):
        read_film(write_film(film_pixels), lateral_facts)


def test_a_missing_file_may_come_back(tmp_path: Path) -> None:
    with pytest.raises(TransientError, match="spool"):
        read_film(tmp_path / "gone.dcm")


@pytest.mark.parametrize(
    "attributes",
    [
        {"Rows": 0},
        {"Rows": None},
        {"Columns": None},
        {"PixelData": None},
        {"PixelData": b"\0" * 10},
        {"SamplesPerPixel": 4},
        {"BitsAllocated": 12},
        {"PixelRepresentation": None},
        {"RescaleSlope": "NaN"},
        {"PhotometricInterpretation": "PALETTE COLOR"},
    ],
    ids=str,
)
def test_a_wrong_header_is_a_permanent_error(
    attributes: dict[str, Any], film_pixels, write_film
) -> None:
    with pytest.raises(PixelError):
        read_film(write_film(film_pixels, **attributes))


def test_too_many_pixels_are_refused_before_memory_is_taken(film_pixels, write_film) -> None:
    path = write_film(film_pixels, Rows=65535, Columns=65535)
    tracemalloc.start()
    try:
        with pytest.raises(PixelError, match="megapixels"):
            read_film(path)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_a_file_beyond_the_limit_is_refused(film_pixels, write_film) -> None:
    with pytest.raises(PixelError, match="larger than"):
        read_film(write_film(film_pixels), limits=DecodeLimits(file_megabytes=0.01))


def test_a_header_beyond_the_limit_is_refused(film_pixels, make_dataset, tmp_path: Path) -> None:
    dataset: Dataset = make_dataset(film_pixels)
    dataset.DerivationCodeSequence = [Dataset() for _ in range(40_000)]
    dataset["DerivationCodeSequence"].is_undefined_length = True  # cannot be skipped by length
    path = tmp_path / "film.dcm"
    dataset.save_as(path, enforce_file_format=True)

    with pytest.raises(PixelError, match=r"ends too early|header is longer"):
        read_film(path, limits=DecodeLimits(header_megabytes=0.1))


def test_a_deflate_bomb_is_stopped(film_pixels, make_dataset, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    dataset = make_dataset(film_pixels)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.save_as(buffer, enforce_file_format=True)
    content = buffer.getvalue()
    head = content[: 144 + int.from_bytes(content[140:144], "little")]
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    path = tmp_path / "bomb.dcm"
    path.write_bytes(head + deflater.compress(bytes(60_000_000)) + deflater.flush())

    tracemalloc.start()
    try:
        with pytest.raises(PixelError, match="deflated"):
            read_film(path, limits=DecodeLimits(megapixels=1, header_megabytes=1))
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_a_codestream_of_another_size_is_refused_before_it_is_decoded(
    film_pixels, write_film, make_dataset
) -> None:
    dataset = make_dataset(film_pixels)
    dataset.compress(JPEG2000Lossless)
    head = bytearray(dataset.PixelData)
    place = head.find(b"\xff\x4f\xff\x51") + 8
    head[place : place + 8] = struct.pack(">2I", 60_000, 60_000)
    path = write_film(film_pixels, name="other.dcm")
    dataset.PixelData = bytes(head)
    dataset.save_as(path, enforce_file_format=True)

    with pytest.raises(PixelError, match="another size"):
        read_film(path)


def test_an_rle_bomb_is_stopped(film_pixels, make_dataset, tmp_path: Path) -> None:
    dataset = make_dataset(film_pixels)
    dataset.compress(RLELossless)
    segment = b"\x81\x00" * 60_000  # 7.7 MB of zeros
    header = struct.pack("<16I", 2, 64, 64 + len(segment), *([0] * 13))
    dataset.PixelData = encapsulate([header + segment * 2])
    path = tmp_path / "bomb.dcm"
    dataset.save_as(path, enforce_file_format=True)

    with pytest.raises(PixelError, match="RLE"):
        read_film(path)


def test_compressed_film_cut_off_is_refused(film_pixels, make_dataset, tmp_path: Path) -> None:
    dataset = make_dataset(film_pixels)
    dataset.compress(RLELossless)
    path = tmp_path / "cut.dcm"
    dataset.save_as(path, enforce_file_format=True)
    path.write_bytes(path.read_bytes()[:-2000])

    with pytest.raises(PixelError, match="damaged or ends too early"):
        read_film(path)


def test_the_malformed_corpus_ends_in_films_or_permanent_errors(test_data: Path) -> None:
    begin, refused = time.monotonic(), 0
    for path in sorted((test_data / "dicom" / "malformed").iterdir()):
        try:
            read_film(path)
        except PixelError:
            refused += 1
    assert refused >= 10
    assert time.monotonic() - begin < 10


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_damage_leads_to_anything_but_a_film_or_a_known_error(
    data: st.DataObject, film_pixels, make_dataset, tmp_path: Path
) -> None:
    dataset = make_dataset(film_pixels[:40, :40])
    # Of a random length, they would give the same draws another meaning.
    dataset.SOPInstanceUID, dataset.StudyInstanceUID, dataset.SeriesInstanceUID = (
        "1.2",
        "1.3",
        "1.4",
    )
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    syntax = data.draw(st.sampled_from([None, RLELossless, JPEGLSLossless, JPEG2000Lossless]))
    if syntax:
        dataset.compress(syntax, generate_instance_uid=False)
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(128, min(len(content) - 1, 900)))] = data.draw(
            st.integers(0, 255)
        )
    path = tmp_path / "damaged.dcm"
    path.write_bytes(content[: data.draw(st.integers(140, len(content)))])

    try:
        film = read_film(path, limits=DecodeLimits(megapixels=1))
    except (PixelError, TransientError):
        return
    assert film.pixels.ndim == 2


def test_messages_hold_nothing_of_the_patient(film_pixels, write_film) -> None:
    path = write_film(film_pixels, PatientName="Secret^Person", PatientID="4711", PixelData=b"\0\0")

    with pytest.raises(PixelError) as caught:
        read_film(path)
    assert "Secret" not in str(caught.value)
    assert "4711" not in str(caught.value)


def test_the_size_in_a_jpeg_is_found_behind_other_segments() -> None:
    comment = b"\xff\xfe\x00\x06abcd"
    frame = b"\xff\xff\xc3\x00\x0b\x0c" + struct.pack(">2H", 300, 240) + b"\x01\x01\x11\x00"
    assert coded_size(b"\xff\xd8" + comment + frame) == (300, 240)
    assert coded_size(b"\xff\xd8\xff\xda\x00\x08") is None
    assert coded_size(b"no image") is None


def test_packed_bytes_are_counted_as_the_standard_says() -> None:
    assert packed_size(bytes([2, 1, 2, 3, 0xFE, 9, 128]), 1000) == 6
