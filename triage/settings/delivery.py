"""Where reports and events go, and with how much patience."""

from __future__ import annotations

from dataclasses import dataclass, field

from triage.settings import rules
from triage.settings.keys import DAY_SECONDS, key
from triage.settings.peers import DicomPeer


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
class Destination(DicomPeer):
    """A PACS or archive that reports are stored to."""


@dataclass(frozen=True, slots=True)
class Peer(DicomPeer):
    """Another system that may subscribe to the events of the reading worklist (UPS Watch).

    Its AE title is the Receiving AE that it subscribes with; events go to its address and port.
    """
