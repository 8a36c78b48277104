"""UIDs that follow from what they name, so that a retry never makes a second object.

Every UID is ``2.25.`` and the integer of a UUID (PS3.5 B.2); the UUID is of version 5, so
the same parts give the same UID in every process and on every machine.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4, uuid5

from triage import __version__

if TYPE_CHECKING:
    from datetime import datetime

_NAMESPACE: Final = UUID("5ad0ad0e-5c0e-4f0f-9f0b-7a1d6c5e2b91")  # chosen once; never change it
_UID: Final = re.compile(r"\d+(\.\d+)*", re.ASCII)
_LONGEST_UID: Final = 64  # PS3.5 9.1


def is_uid(text: str) -> bool:
    """Whether a text can be a UID; components with leading zeros are seen, and let pass."""
    return len(text) <= _LONGEST_UID and _UID.fullmatch(text) is not None


def new_uid() -> str:
    """A UID that nothing else has."""
    return f"2.25.{uuid4().int}"


def derived_uid(*parts: str) -> str:
    """The UID that belongs to ``parts``.

    Args:
        parts: What the UID names, from the general to the particular. The first says what
            kind of thing it is, so that two kinds never share a UID.

    Returns:
        A UID of at most 44 characters.
    """
    name = "".join(f"{len(part)}:{part}" for part in parts)  # ("ab", "c") is not ("a", "bc")
    return f"2.25.{uuid5(_NAMESPACE, name).int}"


def report_uid(study_instance_uid: str, revision: int, created_at: datetime) -> str:
    """SOP Instance UID of one report of a study.

    Args:
        study_instance_uid: Study Instance UID of the study reported on.
        revision: 1 for the first report, one more for each that replaces it.
        created_at: When the decision was made, as recorded with it. It keeps a program that
            was installed afresh from giving an old UID to a new report.
    """
    return derived_uid("report", study_instance_uid, str(revision), created_at.isoformat())


def comprehensive_report_uid(sop_instance_uid: str) -> str:
    """SOP Instance UID of the Comprehensive SR that stands in for a Comprehensive 3D SR."""
    return derived_uid("comprehensive-report", sop_instance_uid)


def report_series_uid(study_instance_uid: str) -> str:
    """Series Instance UID of all the reports of a study."""
    return derived_uid("report-series", study_instance_uid)


def work_item_uid(study_instance_uid: str) -> str:
    """SOP Instance UID of the work item (UPS) to read a study."""
    return derived_uid("work-item", study_instance_uid)


def next_work_item_uid(cancelled: str) -> str:
    """SOP Instance UID of the work item that takes the place of one that was cancelled unread."""
    return derived_uid("work-item-after", cancelled)


def device_uid(bundle_digest: str) -> str:
    """Device UID (0018,1002) of an algorithm: another bundle, another UID (IHE AIR)."""
    return derived_uid("device", bundle_digest)


def tracking_uid(study_instance_uid: str, subject: str) -> str:
    """Tracking Unique Identifier (112040, DCM) of one subject in all reports of a study."""
    return derived_uid("tracking", study_instance_uid, subject)


IMPLEMENTATION_CLASS_UID: Final = derived_uid("implementation")  # (0002,0012), PS3.7 D.3.3.2
IMPLEMENTATION_VERSION_NAME: Final = f"CSPTRIAGE {__version__}"[:16]  # (0002,0013) is an SH
