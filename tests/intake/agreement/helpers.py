"""What the tests of spool and index share."""

from __future__ import annotations

import hashlib
import os

from pydicom.uid import DigitalXRayImageStorageForPresentation

from triage.intake.agreement import differences, mend
from triage.settings import EligibilitySettings

DX = DigitalXRayImageStorageForPresentation
HOUR = "20261121T14"
RULES = EligibilitySettings()


def found(store, **options):
    """Return the differences as pairs of kind and path."""
    return [(one.kind, one.path) for one in differences(store, **options)]


def mend_all(store):
    """Mend every difference and return the lines."""
    return [mend(store, RULES, one).line for one in differences(store)]


def images(store, film):
    """Return what is recorded of the study of a film."""
    study = store.study(film.StudyInstanceUID)
    return () if study is None else study.instances


def digest(store, path):
    """Return the digest of a file of the spool."""
    return hashlib.sha256((store.state_folder / path).read_bytes()).hexdigest()


def damage(path, harm):
    """Do to a file what disks and people do to files."""
    if harm == "gone":
        path.unlink()
    elif harm == "shorter":
        os.truncate(path, path.stat().st_size - 100)
    else:
        with path.open("r+b") as file:
            file.seek(-10, os.SEEK_END)
            file.write(b"otherbytes")
