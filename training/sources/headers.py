"""What the header of a film says, without its pixels.

Identifiers of patients become short digests here and go no further.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from pydicom import dcmread

from training.errors import DataError
from training.sources.images import image_size
from training.sources.pixels import is_dicom

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom import Dataset

_TAGS: Final = (
    "StudyDate",
    "Manufacturer",
    "InstitutionName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientAge",
    "ViewPosition",
    "SOPInstanceUID",
    "Rows",
    "Columns",
    "NumberOfFrames",
)
_DIGEST_LENGTH: Final = 10
_AGE: Final = re.compile(r"(\d{1,3})([DWMY])")  # PS3.5 6.2, VR AS
_IN_YEAR: Final = {"D": 365.25, "W": 52.18, "M": 12.0, "Y": 1.0}
_DATE: Final = re.compile(r"(\d{4})(\d{2})(\d{2})")
_SEXES: Final = ("M", "F")
VIEWS: Final = {  # View Position (0018,5101), and what tables call it
    **dict.fromkeys(("ll", "rl", "lat", "lateral", "lateral left", "lateral right"), "lateral"),
    **dict.fromkeys(("ap", "pa", "frontal", "anteroposterior", "antero-posterior"), "ap"),
    **dict.fromkeys(
        ("oblique", "llo", "rlo", "lpo", "rpo", "lao", "rao", "left oblique", "right oblique"),
        "oblique",
    ),
    **dict.fromkeys(("odontoid", "open mouth", "dens"), "odontoid"),
    **dict.fromkeys(("swimmers", "swimmer", "swimmer's"), "swimmers"),
    "chest": "chest",
    "lumbar": "lumbar",
    "skull": "skull",
    "hand": "hand",
}


@dataclass(frozen=True, slots=True)
class FilmHeader:
    """What a file says of its film.

    Attributes:
        size: Columns and rows of the decoded film.
        patient: Digest of Patient ID and its issuer; empty when there is none.
        sex: ``"M"``, ``"F"`` or empty.
        age_years: At the examination, or None.
        site: Institution Name (0008,0080).
        manufacturer: Manufacturer (0008,0070).
        view: As `training.phantom.View` names it; empty when it is not stated.
    """

    size: tuple[int, int]
    patient: str = ""
    sex: str = ""
    age_years: float | None = None
    site: str = ""
    manufacturer: str = ""
    view: str = ""


def patient_digest(identifier: str) -> str:
    """A short name for a patient that does not give the identifier away."""
    return "p-" + hashlib.sha256(f"patient {identifier}".encode()).hexdigest()[:_DIGEST_LENGTH]


def read_header(path: Path) -> FilmHeader:
    """Read the header of a DICOM or image file.

    Raises:
        DataError: The file is neither, or its header is damaged; the message names it.
    """
    if not is_dicom(path):
        return FilmHeader(image_size(path))
    try:
        dataset = dcmread(path, stop_before_pixels=True, specific_tags=list(_TAGS))
        size = int(dataset.Columns), int(dataset.Rows)
        # Values are converted when they are asked for: a damaged one shows only here.
        return _facts(dataset, size)
    except (AttributeError, TypeError) as error:
        raise DataError(
            f"{path} holds no image (it lacks Rows or Columns): leave it out."
        ) from error
    except (OSError, ValueError, KeyError, EOFError, NotImplementedError) as error:
        raise DataError(
            f"{path}: its DICOM header is damaged ({type(error).__name__}): fetch it again."
        ) from error


def _facts(dataset: Dataset, size: tuple[int, int]) -> FilmHeader:
    def text(keyword: str) -> str:
        return " ".join(str(dataset.get(keyword) or "").split())

    identifier = text("PatientID")
    sex = text("PatientSex").upper()
    return FilmHeader(
        size=size,
        patient=patient_digest(f"{text('IssuerOfPatientID')} {identifier}") if identifier else "",
        sex=sex if sex in _SEXES else "",
        age_years=_age(text("PatientAge"), text("PatientBirthDate"), text("StudyDate")),
        site=text("InstitutionName"),
        manufacturer=text("Manufacturer"),
        view=VIEWS.get(text("ViewPosition").lower(), ""),
    )


def _age(stated: str, birth: str, study: str) -> float | None:
    """Patient's Age, or the years between two dates."""
    match = _AGE.fullmatch(stated)
    if match:
        return round(int(match[1]) / _IN_YEAR[match[2]], 1)
    born, taken = _day(birth), _day(study)
    return round((taken - born).days / 365.25, 1) if born and taken and born <= taken else None


def _day(text: str) -> date | None:
    match: Any = _DATE.fullmatch(text)
    try:
        return date(*map(int, match.groups())) if match else None
    except ValueError:
        return None
