"""How a DICOM system around us is reached: the same keys whatever it is to us."""

from __future__ import annotations

from dataclasses import dataclass, field

from triage.settings import rules
from triage.settings.keys import key


@dataclass(frozen=True, slots=True)
class DicomPeer:
    """A DICOM system that we call."""

    name: str = field(
        metadata=key(rules.name(), "Name in commands, logs and metrics."),
    )
    ae_title: str = field(
        metadata=key(rules.ae_title(), "AE title of the system."),
    )
    address: str = field(
        metadata=key(rules.host(), "Host name or IP address of the system."),
    )
    port: int = field(
        metadata=key(rules.whole(1, 65535), "DICOM port of the system."),
    )
    calling_ae_title: str = field(
        default="",
        metadata=key(rules.ae_title(optional=True), "AE title that we call with."),
    )
