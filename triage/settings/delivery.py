"""Where reports and events go, and with how much patience."""

from __future__ import annotations

from dataclasses import dataclass, field

from triage.settings import rules
from triage.settings.keys import DAY_SECONDS, key


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """How reports are sent; every destination has a queue of its own."""

    first_retry_seconds: float = field(
        default=5.0,
        metadata=key(
            rules.number(0.1, DAY_SECONDS), "Wait before the second try; doubled each time."
        ),
    )
    maximum_retry_seconds: float = field(
        default=300.0,
        metadata=key(rules.number(0.1, DAY_SECONDS), "The wait between tries never exceeds this."),
    )
    maximum_attempts: int = field(
        default=50,
        metadata=key(
            rules.whole(1, 10_000), "Tries before a delivery is dead until `triage retry`."
        ),
    )
    lease_seconds: float = field(
        default=120.0,
        metadata=key(
            rules.number(0.1, DAY_SECONDS), "A delivery whose courier died is taken up after this."
        ),
    )
    timeout_seconds: float = field(
        default=30.0,
        metadata=key(rules.number(0.1, 3600), "Patience with a destination that is silent."),
    )


@dataclass(frozen=True, slots=True)
class Destination:
    """A PACS or archive that reports are stored to."""

    name: str = field(
        metadata=key(rules.name(), "Name in commands, logs and metrics."),
    )
    ae_title: str = field(
        metadata=key(rules.ae_title(), "AE title of the PACS."),
    )
    address: str = field(
        metadata=key(rules.host(), "Host name or IP address of the PACS."),
    )
    port: int = field(
        metadata=key(rules.whole(1, 65535), "DICOM port of the PACS."),
    )
    calling_ae_title: str = field(
        default="",
        metadata=key(rules.ae_title(optional=True), "AE title that we call with."),
    )


@dataclass(frozen=True, slots=True)
class Peer:
    """Another system that may subscribe to the events of the reading worklist (UPS Watch)."""

    name: str = field(
        metadata=key(rules.name(), "Name in commands and logs."),
    )
    ae_title: str = field(
        metadata=key(rules.ae_title(), "AE title that it subscribes with (Receiving AE)."),
    )
    address: str = field(
        metadata=key(rules.host(), "Host name or IP address where it listens for events."),
    )
    port: int = field(
        metadata=key(rules.whole(1, 65535), "DICOM port where it listens for events."),
    )
    calling_ae_title: str = field(
        default="",
        metadata=key(rules.ae_title(optional=True), "AE title that we call with."),
    )
