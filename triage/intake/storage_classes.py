"""What may be stored here: tables of SOP classes (PS3.4 B.5) and transfer syntaxes (PS3.5 A)."""

from __future__ import annotations

from pydicom.uid import UID
from pynetdicom import ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts

from triage.intake.elements import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, Encoding
from triage.settings import UnknownSopClasses

COMPUTED_RADIOGRAPHY = "1.2.840.10008.5.1.4.1.1.1"
DIGITAL_XRAY_FOR_PRESENTATION = "1.2.840.10008.5.1.4.1.1.1.1"
DIGITAL_XRAY_FOR_PROCESSING = "1.2.840.10008.5.1.4.1.1.1.1.1"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"

# Classes whose images the models can look at; everything else that is kept is kept as a header.
RADIOGRAPH_CLASSES = frozenset(
    (
        COMPUTED_RADIOGRAPHY,
        DIGITAL_XRAY_FOR_PRESENTATION,
        DIGITAL_XRAY_FOR_PROCESSING,
        SECONDARY_CAPTURE,
    )
)

_IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2"
_EXPLICIT_BIG_ENDIAN = "1.2.840.10008.1.2.2"

# Retired JPEG processes 3 to 29 (PS3.5-2001 A.4.1) are still found in archives.
_RETIRED_JPEG = frozenset(
    f"1.2.840.10008.1.2.4.{number}" for number in (*range(52, 57), *range(58, 67))
)
_ENCAPSULATED_UNCOMPRESSED = "1.2.840.10008.1.2.1.98"

TRANSFER_SYNTAXES = (
    frozenset(str(uid) for uid in ALL_TRANSFER_SYNTAXES)
    | _RETIRED_JPEG
    | {_ENCAPSULATED_UNCOMPRESSED}
)

# The whole data set is deflated (PS3.5 A.5); a deflated frame alone is not among them.
_DEFLATED = frozenset(
    (
        "1.2.840.10008.1.2.1.99",
        "1.2.840.10008.1.2.4.95",  # JPIP Referenced Deflate
        "1.2.840.10008.1.2.4.205",  # JPIP HTJ2K Referenced Deflate
    )
)

STORAGE_CLASSES = frozenset(
    str(context.abstract_syntax) for context in AllStoragePresentationContexts
)


def encoding_of(transfer_syntax_uid: str) -> Encoding:
    """Return how the elements are encoded under a transfer syntax; unknown ones as explicit."""
    if transfer_syntax_uid == _IMPLICIT_LITTLE_ENDIAN:
        return IMPLICIT_LITTLE
    return EXPLICIT_BIG if transfer_syntax_uid == _EXPLICIT_BIG_ENDIAN else EXPLICIT_LITTLE


def is_deflated(transfer_syntax_uid: str) -> bool:
    """Whether the whole data set is deflated under a transfer syntax."""
    return transfer_syntax_uid in _DEFLATED


def is_image_class(sop_class_uid: str) -> bool:
    """Whether instances of a public SOP class are images, by the name that PS3.6 gives it."""
    return "Image Storage" in UID(sop_class_uid).name


def may_be_stored(sop_class_uid: str, unknown: UnknownSopClasses) -> bool:
    """Whether the listener takes instances of a SOP class.

    Args:
        sop_class_uid: The abstract syntax that is proposed.
        unknown: What the site wants done with classes that no table knows.
    """
    if sop_class_uid in STORAGE_CLASSES:
        return True
    if unknown is UnknownSopClasses.REFUSE:
        return False
    uid = UID(sop_class_uid)
    if not uid.type:
        # A private class, or one of a newer edition of the standard than our dictionary.
        return True
    return uid.type == "SOP Class" and "Storage" in uid.name and "Commitment" not in uid.name
