"""Factories for films, files and bundles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

from tests.vision.bundles import bundle_parts
from training.bundle.export import BundleParts, write_bundle
from triage.values import HeaderFacts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from triage.vision.bundle import Bundle


@pytest.fixture
def film_pixels() -> NDArray[np.uint16]:
    """A film of 12 bits with bright and dark parts, smooth and rough ones."""
    chance = np.random.default_rng(7)
    rows, columns = np.mgrid[0:300, 0:240]
    smooth = 1500 + 900 * np.sin(rows / 30) * np.cos(columns / 25)
    pixels: NDArray[np.uint16] = np.clip(
        smooth + chance.normal(0, 40, smooth.shape), 0, 4095
    ).astype(np.uint16)
    return pixels


@pytest.fixture
def make_dataset() -> Callable[..., Dataset]:
    """Return a factory of DX data sets; keyword arguments set or, with None, remove attributes."""

    def make(pixels: NDArray[Any], **attributes: Any) -> Dataset:
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
        dataset.SOPInstanceUID = generate_uid()
        dataset.StudyInstanceUID = generate_uid()
        dataset.SeriesInstanceUID = generate_uid()
        dataset.Modality = "DX"
        dataset.Rows, dataset.Columns = pixels.shape[-2:] if pixels.ndim == 2 else pixels.shape[:2]
        dataset.SamplesPerPixel = 1
        dataset.PhotometricInterpretation = "MONOCHROME2"
        dataset.BitsAllocated = pixels.dtype.itemsize * 8
        dataset.BitsStored = 12 if pixels.dtype.itemsize == 2 else pixels.dtype.itemsize * 8
        dataset.HighBit = dataset.BitsStored - 1
        dataset.PixelRepresentation = 0
        dataset.ImagerPixelSpacing = [0.2, 0.2]
        dataset.PixelData = pixels.tobytes()
        dataset["PixelData"].VR = "OW"
        for keyword, value in attributes.items():
            if value is None:
                delattr(dataset, keyword)
            else:
                setattr(dataset, keyword, value)
        dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        return dataset

    return make


@pytest.fixture
def write_film(tmp_path: Path, make_dataset: Callable[..., Dataset]) -> Callable[..., Path]:
    """Return a factory of DICOM files."""

    def write(pixels: NDArray[Any], *, name: str = "film.dcm", **attributes: Any) -> Path:
        path = tmp_path / name
        make_dataset(pixels, **attributes).save_as(path, enforce_file_format=True)
        return path

    return write


@pytest.fixture
def lateral_facts() -> HeaderFacts:
    """Header facts of a film that passes every header gate."""
    return HeaderFacts(
        sop_class_uid=DigitalXRayImageStorageForPresentation,
        sop_instance_uid="1.2.3",
        study_instance_uid="1.2.4",
        series_instance_uid="1.2.5",
        transfer_syntax_uid=ExplicitVRLittleEndian,
        modality="DX",
        body_part_examined="CSPINE",
        view_position="LL",
        presentation_intent_type="FOR PRESENTATION",
        photometric_interpretation="MONOCHROME2",
        patient_age_years=50.0,
        has_pixel_data=True,
    )


@pytest.fixture
def make_bundle(tmp_path: Path) -> Callable[..., Bundle]:
    """Return a factory of small bundles on disk; keyword arguments as for `bundle_parts`."""

    def make(parts: BundleParts | None = None, **changes: Any) -> Bundle:
        return write_bundle(tmp_path / "bundle", parts or bundle_parts(**changes))

    return make
