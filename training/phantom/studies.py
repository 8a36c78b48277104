"""Phantom films as DICOM studies, with headers as radiography equipment writes them.

DX follows PS3.3 A.26, CR PS3.3 A.2. Patients are invented; every UID follows from the seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

import numpy as np
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
from training.phantom.projections import PROJECTIONS, Coded, Projection
from training.phantom.sites import Origin, origin_of
from training.phantom.values import HIGHEST_PIXEL, Degradation, Film, PhantomCase, View

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from numpy.typing import NDArray

    from training.phantom.people import Patient

_NAMESPACE = UUID("3c5c7d52-6df6-5c5e-9f0e-6a39f0a4b7d1")
_STREAM = 14  # of the random numbers of a case


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
    projection, origin = PROJECTIONS[film.case.view], origin_of(film.case)
    _add_patient_and_study(dataset, study, projection)
    _add_series(dataset, study, projection, film)
    _add_equipment(dataset, study, origin)
    _add_image(dataset, study, projection, film, number)
    _add_acquisition(dataset, study, projection, film)
    if study.modality == "DX":
        _add_dx(dataset, study, projection, film)
    _add_pixels(dataset, film.pixels, study)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset


def _uid(*parts: object) -> str:
    """Derive a UID from what it names (PS3.5 B.2)."""
    return f"2.25.{uuid5(_NAMESPACE, '/'.join(map(str, parts))).int}"


def _code(coded: Coded, scheme: str = "SCT") -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator = coded.value, scheme
    item.CodeMeaning = coded.meaning
    return item


def _add_patient_and_study(dataset: Dataset, study: StudyPlan, projection: Projection) -> None:
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


def _facing_right(film: Film) -> int:
    """Return 1 for a patient who faces right, the place of what a header then says."""
    return int(film.case.facing == "right")


def _side(film: Film) -> str:
    """Return the side of a part that people have two of; empty for the others."""
    return ("L", "R")[_facing_right(film)] if film.case.view is View.HAND else ""


def _add_series(dataset: Dataset, study: StudyPlan, projection: Projection, film: Film) -> None:
    dataset.Modality = study.modality
    dataset.SeriesInstanceUID = _uid("series", study.seed, film.case.view.value)
    dataset.SeriesNumber = list(View).index(film.case.view) + 1
    dataset.SeriesDescription = projection.series_description
    dataset.BodyPartExamined = projection.body_part
    dataset.ViewPosition = projection.view_positions[_facing_right(film)]


def _add_equipment(dataset: Dataset, study: StudyPlan, origin: Origin) -> None:
    """Name the machine; a maker whose machine is of the other kind has one of this kind too."""
    machine = origin.machine
    model = machine.model
    if machine.modality != study.modality:
        model = f"{machine.model.split()[0]} {study.modality}"
    dataset.Manufacturer = machine.manufacturer
    dataset.ManufacturerModelName = model
    dataset.InstitutionName = origin.site.name
    dataset.StationName = f"{study.modality}{len(origin.site.name) % 7 + 1}"
    dataset.SoftwareVersions = machine.software
    dataset.DeviceSerialNumber = f"{1000 + sum(map(ord, origin.site.name + model)) % 9000}"


def _add_image(
    dataset: Dataset, study: StudyPlan, projection: Projection, film: Film, number: int
) -> None:
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
    dataset.PatientOrientation = list(projection.orientations[_facing_right(film)])
    written_over = Degradation.BURNED_IN in film.case.degradations
    dataset.BurnedInAnnotation = "YES" if written_over else "NO"
    dataset.WindowCenter, dataset.WindowWidth = "2048", "4096"
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "0", "1", "US"
    dataset.ImageComments = "Phantom image, not of a person"


def _add_acquisition(
    dataset: Dataset, study: StudyPlan, projection: Projection, film: Film
) -> None:
    """Add how the film was exposed; the figures follow from the seed of the case.

    Imager Pixel Spacing is that of the detector. Machines that know the magnification give
    Pixel Spacing in the patient too (PS3.3 10.7.1).
    """
    origin = origin_of(film.case)
    rng = np.random.default_rng((film.case.seed, _STREAM))
    distance = projection.distance_mm or origin.site.distance_mm
    exposure = projection.milliampere_seconds * rng.lognormal(0, 0.2)
    dataset.KVP = str(projection.kilovolts + int(rng.integers(-3, 4)))
    dataset.XRayTubeCurrent = origin.machine.tube
    dataset.ExposureTime = max(1, round(exposure / origin.machine.tube * 1000))
    dataset.Exposure = max(1, round(exposure))
    dataset.DistanceSourceToDetector = str(distance)
    to_patient = round(distance / projection.magnification)
    dataset.DistanceSourceToPatient = str(to_patient)
    dataset.ImagerPixelSpacing = [f"{film.pixel_spacing_mm:.4g}"] * 2
    if study.modality == "CR":
        if side := _side(film):
            dataset.Laterality = side
        dataset.PlateID = f"P{rng.integers(1, 40)}"
        dataset.CassetteSize = "24CMX30CM"
        dataset.RelativeXRayExposure = int(rng.integers(180, 420))
        return
    dataset.EstimatedRadiographicMagnificationFactor = f"{distance / to_patient:.6g}"
    dataset.Grid = projection.grid
    if origin.machine.calibrated:
        spacing = film.pixel_spacing_mm / projection.magnification
        dataset.PixelSpacing = [f"{spacing:.4g}"] * 2
        dataset.PixelSpacingCalibrationType = "GEOMETRY"
        dataset.PixelSpacingCalibrationDescription = "Magnification of the middle of the part"


def _add_dx(dataset: Dataset, study: StudyPlan, projection: Projection, film: Film) -> None:
    """Add what the DX modules ask for (PS3.3 C.8.11)."""
    machine = origin_of(film.case).machine
    code, meaning = projection.procedure
    years = int((study.taken_at.date() - study.patient.birth_date).days / 365.25)
    dataset.ProcedureCodeSequence = [_code(Coded(code, meaning), "99PHANTOM")]
    dataset.PatientAge = f"{years:03d}Y"
    dataset.PresentationIntentType = "FOR PRESENTATION"
    dataset.AnatomicRegionSequence = [_code(projection.region)]
    dataset.ViewCodeSequence = [_code(projection.views[_facing_right(film)])]
    dataset.SeriesDate, dataset.SeriesTime = dataset.StudyDate, dataset.StudyTime
    dataset.PositionerType = "NONE"
    dataset.DetectorType = machine.detector or "STORAGE"
    dataset.FieldOfViewShape = "RECTANGLE"
    dataset.ImageLaterality = _side(film) or "U"
    dataset.PixelIntensityRelationship = "LOG"
    dataset.PixelIntensityRelationshipSign = 1
    dataset.LossyImageCompression = "00"
    dataset.AcquisitionContextSequence = []
    dataset.PresentationLUTShape = "INVERSE" if study.monochrome1 else "IDENTITY"


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
