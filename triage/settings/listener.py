"""What the listener is told: who may call, how, and what is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from triage.settings import rules
from triage.settings.keys import ANY_PORT, DAY_SECONDS, key

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network
    from pathlib import Path


class UnknownSopClasses(StrEnum):
    """What the listener proposes for SOP classes that nothing here can use."""

    KEEP = "keep"  # take them, keep the header, answer success: the PACS queue never blocks
    REFUSE = "refuse"  # reject the presentation context: for sites whose router copes with that


@dataclass(frozen=True, slots=True)
class ListenerSettings:
    """The C-STORE SCP that modalities, routers and the PACS send to."""

    ae_title: str = field(
        default="TRIAGE",
        metadata=key(rules.ae_title(), "AE title of this system."),
    )
    address: str = field(
        default="0.0.0.0",  # noqa: S104  a storage SCP is there to be reached
        metadata=key(rules.host(), "Address to listen on; 0.0.0.0 is every IPv4 interface."),
    )
    port: int = field(
        default=11112,
        metadata=key(rules.whole(0, 65535, ANY_PORT), "Port of the DICOM listener."),
    )
    check_called_ae_title: bool = field(
        default=True,
        metadata=key(rules.flag(), "Reject associations that call another AE title."),
    )
    calling_ae_titles: tuple[str, ...] = field(
        default=(),
        metadata=key(
            rules.several(rules.ae_title()), "AE titles that may call; an empty list takes any."
        ),
    )
    calling_addresses: tuple[IPv4Network | IPv6Network, ...] = field(
        default=(),
        metadata=key(
            rules.several(rules.network()),
            "Networks that may call, in CIDR notation; an empty list takes any.",
        ),
    )
    listeners: int = field(
        default=1,
        metadata=key(rules.whole(1, 64), "Processes that share the port."),
    )
    maximum_associations: int = field(
        default=32,
        metadata=key(
            rules.whole(1, 1000),
            "Associations at the same time, over all processes; more are rejected for the moment.",
        ),
    )
    maximum_associations_per_peer: int = field(
        default=16,
        metadata=key(
            rules.whole(1, 1000),
            "Of these, as many from one address, so that no peer keeps the others out.",
        ),
    )
    maximum_pdu_bytes: int = field(
        default=131_072,
        metadata=key(rules.pdu_length(), "Largest PDU that peers may send; 128 KB is the fastest."),
    )
    idle_timeout_seconds: float = field(
        default=600.0,
        metadata=key(
            rules.number(0.1, DAY_SECONDS),
            "An association on which nothing was asked for this long.",
        ),
    )
    network_timeout_seconds: float = field(
        default=60.0,
        metadata=key(
            rules.number(0.1, DAY_SECONDS),
            "Within a request, a link that is silent for this long counts as dead.",
        ),
    )
    minimum_bytes_per_second: int = field(
        default=1024,
        metadata=key(
            rules.whole(0, 1_000_000_000),
            "Within a request, a sender that is slower than this over network_timeout_seconds is "
            "aborted; a slow link is left alone.",
        ),
    )
    minimum_free_megabytes: int = field(
        default=1024,
        metadata=key(
            rules.whole(1, 1_000_000_000),
            "With less space free in the state folder, C-STORE answers A700 (out of resources).",
        ),
    )
    maximum_object_megabytes: int = field(
        default=2048,
        metadata=key(rules.whole(1, 65_536), "A larger object is refused with A700."),
    )
    unknown_sop_classes: UnknownSopClasses = field(
        default=UnknownSopClasses.KEEP,
        metadata=key(
            rules.choice(UnknownSopClasses),
            "SOP classes that nothing here uses: keep their header and answer success, so that "
            "the sender's queue never blocks, or refuse them at association.",
        ),
    )
    accept_without_tls: bool = field(
        default=True,
        metadata=key(rules.flag(), "Listen on `port`; false where every peer speaks TLS."),
    )
    tls_port: int = field(
        default=0,
        metadata=key(
            rules.whole(0, 65535, " (0: no TLS)"),
            "Port of the same listener with TLS; 2762 is usual.",
        ),
    )
    tls_certificate: Path | None = field(
        default=None,
        metadata=key(
            rules.absolute_path(optional="needed with tls_port"),
            "PEM file of our certificate, with its chain.",
        ),
    )
    tls_private_key: Path | None = field(
        default=None,
        metadata=key(
            rules.absolute_path(optional="needed with tls_port"),
            "PEM file of its private key, without a passphrase; readable for this user alone.",
        ),
    )
    tls_authorities: Path | None = field(
        default=None,
        metadata=key(
            rules.absolute_path(optional="needed with tls_port"),
            "PEM file of the authorities that vouch for the peers' certificates.",
        ),
    )
    tls_client_certificates: bool = field(
        default=True,
        metadata=key(rules.flag(), "Peers must show a certificate (mutual authentication)."),
    )
