"""Lossless compression: what comes out is what went in, and a damaged codestream is refused."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import imagecodecs
import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels import pixel_array
from pydicom.uid import (
    UID,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from triage.errors import PixelError
from triage.vision.codecs import plugins_for
from triage.vision.decode import read_film

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

# DCMTK's tools and the transfer syntax they write: two predictors of lossless JPEG.
ENCODERS = {
    "lossless JPEG, first predictor": ("dcmcjpeg", "+e1"),
    "lossless JPEG, sixth predictor": ("dcmcjpeg", "+el", "+sv", "6"),
    "JPEG-LS": ("dcmcjpls", "+el"),
    "RLE": ("dcmcrle",),
}
LOSSLESS = {JPEGLosslessSV1, JPEGLSLossless, JPEGLSNearLossless, JPEG2000Lossless, RLELossless}
DEPTHS = [(np.uint8, 8, 0), (np.uint16, 12, 0), (np.uint16, 16, 0), (np.int16, 16, 1)]


def noise(kind: type[np.integer], bits: int) -> NDArray[np.integer]:
    """Every value that so many bits can hold, and no order in them."""
    signed = np.issubdtype(kind, np.signedinteger)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if signed else (0, 2**bits)
    return np.random.default_rng(3).integers(low, high, (75, 61), kind)


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize(("kind", "bits", "representation"), DEPTHS)
def test_what_dcmtk_has_compressed_comes_back_to_the_bit(
    encoder: str, kind, bits: int, representation: int, write_film, require_program, tmp_path: Path
) -> None:
    tool, *options = ENCODERS[encoder]
    pixels = noise(kind, bits)
    plain = write_film(
        pixels, BitsStored=bits, HighBit=bits - 1, PixelRepresentation=representation
    )
    packed = tmp_path / "packed.dcm"
    subprocess.run([require_program(tool), *options, str(plain), str(packed)], check=True)

    np.testing.assert_array_equal(read_film(packed).pixels, pixels)


@pytest.mark.parametrize(("kind", "bits", "representation"), DEPTHS)
def test_jpeg_2000_comes_back_to_the_bit(
    kind, bits: int, representation: int, make_dataset, tmp_path: Path
) -> None:
    pixels = noise(kind, bits)
    dataset = make_dataset(
        pixels, BitsStored=bits, HighBit=bits - 1, PixelRepresentation=representation
    )
    dataset.compress(JPEG2000Lossless)
    dataset.save_as(tmp_path / "packed.dcm", enforce_file_format=True)

    np.testing.assert_array_equal(read_film(tmp_path / "packed.dcm").pixels, pixels)


def test_real_files_give_what_the_plug_ins_of_pydicom_give(test_data: Path) -> None:
    compared = set()
    for path in sorted(test_data.rglob("*.dcm")):
        try:
            dataset = dcmread(path, stop_before_pixels=True)
            film = read_film(path)
        except Exception:  # noqa: BLE001, S112 - damaged on purpose, or no image
            continue
        syntax = dataset.file_meta.TransferSyntaxUID
        plain = "ModalityLUTSequence" not in dataset and dataset.get("RescaleSlope", 1) == 1
        grey = dataset.get("PhotometricInterpretation") == "MONOCHROME2"
        if not (syntax in LOSSLESS and plain and grey):
            continue
        theirs = "pydicom" if syntax == RLELossless else "pylibjpeg"
        values = pixel_array(path, index=0, decoding_plugin=theirs)
        np.testing.assert_array_equal(film.pixels, values, str(path))
        compared.add(syntax)
    assert compared == LOSSLESS


def test_extended_jpeg_of_twelve_bits_is_read(test_data: Path) -> None:
    folder = next(test_data.rglob("RG3_JPLY.dcm")).parent
    shown = read_film(folder / "RG3_JPLY.dcm").pixels
    whole = read_film(folder / "RG3_JPLL.dcm").pixels

    assert np.abs(shown.astype(int) - whole).mean() < 4  # of 1024 grey values


def test_only_lossless_compression_of_grey_values_goes_the_fast_way() -> None:
    assert plugins_for(JPEGLosslessSV1, 1)[0] == "imagecodecs"
    assert plugins_for(JPEGLSLossless, 1) == ("imagecodecs",)
    assert "imagecodecs" not in plugins_for(JPEGBaseline8Bit, 1)
    assert "imagecodecs" not in plugins_for(JPEGLosslessSV1, 3)


def test_a_film_that_the_fast_way_cannot_read_goes_the_other_one(
    write_film, require_program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_codestream: bytes) -> None:
        raise RuntimeError("Unsupported marker type")

    pixels = noise(np.uint16, 12)
    packed = tmp_path / "packed.dcm"
    encode = [require_program("dcmcjpeg"), "+e1", str(write_film(pixels)), str(packed)]
    subprocess.run(encode, check=True)
    monkeypatch.setattr(imagecodecs, "jpeg8_decode", refuse)

    np.testing.assert_array_equal(read_film(packed).pixels, pixels)


def in_the_middle(codestream: bytes) -> bytes:
    """Overwrite a stretch in the middle."""
    half = len(codestream) // 2
    return codestream[:half] + bytes(200) + codestream[half + 200 :]


def at_the_end(codestream: bytes) -> bytes:
    """Leave out the last third."""
    return codestream[: len(codestream) * 2 // 3]


def before_the_end(codestream: bytes) -> bytes:
    """Leave out the last third, but for the marker of the end."""
    return at_the_end(codestream) + b"\xff\xd9"


@pytest.mark.parametrize(
    ("syntax", "damage", "message"),
    [
        (JPEGLSLossless, in_the_middle, "cannot be decoded"),
        (JPEGLSLossless, before_the_end, "cannot be decoded"),
        (JPEGLSLossless, at_the_end, "ends too early"),
        (JPEG2000Lossless, before_the_end, "cannot be decoded"),
        (JPEG2000Lossless, at_the_end, "ends too early"),
        (JPEGLosslessSV1, at_the_end, "ends too early"),
    ],
)
def test_no_rows_are_made_up_for_a_codestream_that_lacks_them(
    syntax: UID, damage: Callable[[bytes], bytes], message: str, film_pixels, make_dataset, tmp_path
) -> None:
    dataset = make_dataset(film_pixels)
    dataset.PixelData = encapsulate([damage(codestream_of(dataset, film_pixels, syntax))])
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = syntax
    path = tmp_path / "damaged.dcm"
    dataset.save_as(path, enforce_file_format=True)

    with pytest.raises(PixelError, match=message):
        read_film(path)


def codestream_of(dataset: Dataset, pixels: NDArray[np.uint16], syntax: UID) -> bytes:
    """Compress a film."""
    if syntax == JPEGLosslessSV1:
        return bytes(imagecodecs.jpeg_encode(pixels, lossless=True, bitspersample=12))
    dataset.compress(syntax, generate_instance_uid=False)
    return get_frame(dataset.PixelData, 0, number_of_frames=1)
