"""Phantom films as DICOM studies, with headers as radiography equipment writes them.

DX follows PS3.3 A.26, CR PS3.3 A.2. Patients are invented; every UID follows from the seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
)

from training.phantom.films import render
from training.phantom.values import HIGHEST_PIXEL, Film, PhantomCase, View

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from training.phantom.people import Patient

_NAMESPACE = UUID("3c5c7d52-6df6-5c5e-9f0e-6a39f0a4b7d1")


class Syntax(Enum):
    """How the pixel data are encoded."""

    EXPLICIT = ExplicitVRLittleEndian  # not compressed
    RLE = RLELossless  # PS3.5 annex G
    JPEG_LS = JPEGLSLossless  # ISO/IEC 14495-1


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """Everything about a study but its films.

    Attributes:
        seed: UIDs follow from it.
        patient: Who.
        taken_at: When the first film was taken, local time of the hospital.
        accession_number: Accession Number (0008,0050).
        modality: ``"DX"``, or ``"CR"`` with a poorer header.
        monochrome1: Whether bone is stored dark, with MONOCHROME1 saying so.
        syntax: Encoding of the pixel data.
        order_priority: Requested Procedure Priority (0040,1003); empty leaves it out.
        truncated: Whether the pixel data end half way, with a length that says so.
        pixel_spacing_mm: Of the films; 0.2 gives 1280 rows.
        first_instance: Number of the first film, when a study is written in parts.
    """

    seed: int
    patient: Patient
    taken_at: datetime
    accession_number: str
    modality: str = "DX"
    monochrome1: bool = False
    syntax: Syntax = Syntax.EXPLICIT
    order_priority: str = ""
    truncated: bool = False
    pixel_spacing_mm: float = 0.2
    first_instance: int = 1


@dataclass(frozen=True, slots=True)
class _Projection:
    """What a header says of a projection."""

    body_part: str
    view_position: str
    view_code: tuple[str, str]  # SNOMED CT, CID 4010
    orientation: tuple[str, str]
    procedure: tuple[str, str]
    study_description: str
    series_description: str


_CSPINE_CODE = ("122494005", "Cervical spine")
_CHEST_CODE = ("816094009", "Chest")
_PROJECTIONS = {
    View.LATERAL: _Projection(
        "CSPINE", "LL", ("399067008", "lateral"), ("P", "F"),
        ("XCSP1", "XR cervical spine"), "XR CERVICAL SPINE", "C-SPINE LAT",
    ),
    View.AP: _Projection(
        "CSPINE", "AP", ("399348003", "antero-posterior"), ("L", "F"),
        ("XCSP1", "XR cervical spine"), "XR CERVICAL SPINE", "C-SPINE AP",
    ),
    View.ODONTOID: _Projection(
        "CSPINE", "AP", ("399348003", "antero-posterior"), ("L", "F"),
        ("XCSP1", "XR cervical spine"), "XR CERVICAL SPINE", "DENS OPEN MOUTH",
    ),
    View.CHEST: _Projection(
        "CHEST", "PA", ("272479007", "postero-anterior"), ("L", "F"),
        ("XCHE1", "XR chest"), "XR CHEST", "CHEST PA",
    ),
}  # fmt: skip


def study_uid(seed: int) -> str:
    """Return the Study Instance UID of the study with that seed."""
    return _uid("study", seed)


def instance_uid(seed: int, number: int) -> str:
    """Return the SOP Instance UID of the film with that number in the study."""
    return _uid("instance", seed, number)


def write_study(
    folder: Path, cases: tuple[PhantomCase, ...], *, study: StudyPlan
) -> tuple[Path, ...]:
    """Draw the films of a study and write each as a DICOM file.

    Args:
        folder: Exists; takes one file for each film, ``<accession>-<number>.dcm``.
        cases: What to draw.
        study: Everything else.

    Returns:
        The files, in the order of the cases.
    """
    files = []
    for number, case in enumerate(cases, start=study.first_instance):
        film = render(case, study.pixel_spacing_mm)
        path = folder / f"{study.accession_number}-{number}.dcm"
        image_dataset(film, study, number).save_as(path, enforce_file_format=True)
        files.append(path)
    return tuple(files)


def image_dataset(film: Film, study: StudyPlan, number: int = 1) -> Dataset:
    """Return a film as a CR or DX image.

    Args:
        film: From ``render``.
        study: Header facts.
        number: Instance Number.
    """
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    projection = _PROJECTIONS[film.case.view]
    _add_patient_and_study(dataset, study, projection)
    _add_series_and_equipment(dataset, study, projection, film)
    _add_image(dataset, study, film, number)
    if study.modality == "DX":
        _add_dx(dataset, study, projection, film)
    _add_pixels(dataset, film.pixels, study)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset


def _uid(*parts: object) -> str:
    """Derive a UID from what it names (PS3.5 B.2)."""
    return f"2.25.{uuid5(_NAMESPACE, '/'.join(map(str, parts))).int}"


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _add_patient_and_study(dataset: Dataset, study: StudyPlan, projection: _Projection) -> None:
    if not study.patient.name.isascii():
        dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName = study.patient.name
    dataset.PatientID = study.patient.identifier
    dataset.PatientBirthDate = f"{study.patient.birth_date:%Y%m%d}"
    dataset.PatientSex = study.patient.sex
    dataset.StudyInstanceUID = study_uid(study.seed)
    dataset.StudyDate = f"{study.taken_at:%Y%m%d}"
    dataset.StudyTime = f"{study.taken_at:%H%M%S}"
    dataset.AccessionNumber = study.accession_number
    dataset.ReferringPhysicianName = ""
    dataset.StudyID = study.accession_number[-8:]
    dataset.StudyDescription = projection.study_description
    if study.order_priority:
        dataset.RequestedProcedurePriority = study.order_priority


def _add_series_and_equipment(
    dataset: Dataset, study: StudyPlan, projection: _Projection, film: Film
) -> None:
    dataset.Modality = study.modality
    dataset.SeriesInstanceUID = _uid("series", study.seed, film.case.view.value)
    dataset.SeriesNumber = list(View).index(film.case.view) + 1
    dataset.SeriesDescription = projection.series_description
    dataset.BodyPartExamined = projection.body_part
    dataset.ViewPosition = projection.view_position
    dataset.Manufacturer = "cspine-triage phantom"
    dataset.InstitutionName = "Phantom Hospital"
    if study.modality == "CR":
        dataset.PlateID = "P1"
        return
    dataset.ManufacturerModelName = "Phantom DX"
    dataset.DeviceSerialNumber = "1"
    dataset.SoftwareVersions = "1"
    value, meaning = projection.procedure
    dataset.ProcedureCodeSequence = [_code(value, "99PHANTOM", meaning)]
    years = int((study.taken_at.date() - study.patient.birth_date).days / 365.25)
    dataset.PatientAge = f"{years:03d}Y"


def _add_image(dataset: Dataset, study: StudyPlan, film: Film, number: int) -> None:
    dataset.SOPClassUID = (
        DigitalXRayImageStorageForPresentation
        if study.modality == "DX"
        else ComputedRadiographyImageStorage
    )
    dataset.SOPInstanceUID = instance_uid(study.seed, number)
    dataset.InstanceNumber = number
    dataset.ImageType = (
        ["ORIGINAL", "PRIMARY", ""] if study.modality == "DX" else ["ORIGINAL", "PRIMARY"]
    )
    for stem in ("Acquisition", "Content"):
        setattr(dataset, f"{stem}Date", dataset.StudyDate)
        setattr(dataset, f"{stem}Time", dataset.StudyTime)
    orientation = list(_PROJECTIONS[film.case.view].orientation)
    if film.case.facing == "right" and film.case.view is View.LATERAL:
        orientation[0] = "A"
    dataset.PatientOrientation = orientation
    dataset.BurnedInAnnotation = "NO"
    dataset.ImagerPixelSpacing = [f"{film.pixel_spacing_mm:.4g}"] * 2
    dataset.WindowCenter, dataset.WindowWidth = "2048", "4096"
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "0", "1", "US"
    dataset.ImageComments = "Phantom image, not of a person"


def _add_dx(dataset: Dataset, study: StudyPlan, projection: _Projection, film: Film) -> None:
    """Add what the DX modules ask for (PS3.3 C.8.11)."""
    region = _CHEST_CODE if film.case.view is View.CHEST else _CSPINE_CODE
    dataset.PresentationIntentType = "FOR PRESENTATION"
    dataset.AnatomicRegionSequence = [_code(region[0], "SCT", region[1])]
    dataset.ViewCodeSequence = [_code(projection.view_code[0], "SCT", projection.view_code[1])]
    dataset.SeriesDate, dataset.SeriesTime = dataset.StudyDate, dataset.StudyTime
    dataset.PositionerType = "NONE"
    dataset.DetectorType = "DIRECT"
    dataset.ImageLaterality = "U"
    dataset.PixelIntensityRelationship = "LOG"
    dataset.PixelIntensityRelationshipSign = 1
    dataset.LossyImageCompression = "00"
    dataset.AcquisitionContextSequence = []
    dataset.PresentationLUTShape = "INVERSE" if study.monochrome1 else "IDENTITY"
    dataset.KVP = "70"
    dataset.DistanceSourceToDetector = "1500"


def _add_pixels(dataset: Dataset, pixels: NDArray[np.uint16], study: StudyPlan) -> None:
    """Add the pixels, encoded as planned; a truncated file keeps half of them."""
    stored = HIGHEST_PIXEL - pixels if study.monochrome1 else pixels
    dataset.PhotometricInterpretation = "MONOCHROME1" if study.monochrome1 else "MONOCHROME2"
    dataset.SamplesPerPixel = 1
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    encoded = stored.astype("<u2").tobytes()
    if study.truncated:
        encoded = encoded[: len(encoded) // 4 * 2]
    dataset.PixelData = encoded
    dataset["PixelData"].VR = "OW"
    if study.syntax is not Syntax.EXPLICIT and not study.truncated:
        dataset.compress(UID(study.syntax.value), generate_instance_uid=False)
