"""The tables of settings that speak HL7: what comes in, and who is told.

Units stand in the names, as everywhere in the settings.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from triage.hl7.values import MessageKind
from triage.settings import rules
from triage.settings.keys import DAY_SECONDS, key

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network
    from pathlib import Path


class CharacterSet(StrEnum):
    """How text is encoded, as MSH-18 says it (HL7 table 0211)."""

    UTF_8 = "UNICODE UTF-8"
    LATIN_1 = "8859/1"
    LATIN_2 = "8859/2"
    CYRILLIC = "8859/5"
    GREEK = "8859/7"
    LATIN_5 = "8859/9"
    LATIN_9 = "8859/15"


@dataclass(frozen=True, slots=True)
class Hl7Settings:
    """The MLLP server that orders and final reports are sent to."""

    port: int = field(
        default=0,
        metadata=key(
            rules.whole(0, 65535, " (0: no HL7 is received)"),
            "Port on which orders (ORM^O01, OMI^O23) and final reports (ORU^R01) are received; "
            "2575 is usual.",
        ),
    )
    address: str = field(
        default="0.0.0.0",  # noqa: S104  an interface engine has to reach it
        metadata=key(rules.host(), "Address to listen on; 0.0.0.0 is every IPv4 interface."),
    )
    calling_addresses: tuple[IPv4Network | IPv6Network, ...] = field(
        default=(),
        metadata=key(
            rules.several(rules.network()),
            "Networks that may call, in CIDR notation; an empty list takes any. MLLP itself knows "
            "no password: name the interface engine here, or use TLS.",
        ),
    )
    processing_id: str = field(
        default="P",
        metadata=key(
            rules.code(),
            "Processing ID (MSH-11) of messages that are meant: P in production, T in a test "
            "system. Others are refused with AR, so that a test order never moves a patient.",
        ),
    )
    character_set: CharacterSet = field(
        default=CharacterSet.UTF_8,
        metadata=key(
            rules.choice(CharacterSet), "How messages are encoded that do not say so in MSH-18."
        ),
    )
    maximum_connections: int = field(
        default=16,
        metadata=key(rules.whole(1, 1000), "Connections at the same time; more are closed."),
    )
    maximum_message_kilobytes: int = field(
        default=1024,
        metadata=key(
            rules.whole(1, 65_536),
            "A longer message is refused with AR, and its connection closed.",
        ),
    )
    message_timeout_seconds: float = field(
        default=30.0,
        metadata=key(
            rules.number(0.1, 3600), "A message that has begun must have arrived after this long."
        ),
    )
    idle_timeout_seconds: float = field(
        default=DAY_SECONDS,
        metadata=key(
            rules.number(0.1, 30 * DAY_SECONDS),
            "A connection on which nothing came for this long is closed.",
        ),
    )
    keep_days: int = field(
        default=120,
        metadata=key(
            rules.whole(1, 3650),
            "How long the numbers of messages are remembered, to know a repeated one, and orders "
            "whose images have not come.",
        ),
    )
    tls: bool = field(
        default=False,
        metadata=key(rules.flag(), "Speak TLS on the port, and nothing else."),
    )
    tls_certificate: Path | None = field(
        default=None,
        metadata=key(
            rules.absolute_path(optional="needed with tls"),
            "PEM file of our certificate, with its chain.",
        ),
    )
    tls_private_key: Path | None = field(
        default=None,
        metadata=key(
            rules.absolute_path(optional="needed with tls"),
            "PEM file of its private key, without a passphrase; readable for this user alone.",
        ),
    )
    tls_authorities: Path | None = field(
        default=None,
        metadata=key(
            rules.absolute_path(optional="needed with tls"),
            "PEM file of the authorities that vouch for the senders' certificates.",
        ),
    )
    tls_client_certificates: bool = field(
        default=True,
        metadata=key(rules.flag(), "Senders must show a certificate (mutual authentication)."),
    )


@dataclass(frozen=True, slots=True)
class Hl7Receiver:
    """An interface engine, RIS or PACS that is told over MLLP."""

    name: str = field(metadata=key(rules.name(), "Name in commands, logs and metrics."))
    address: str = field(
        metadata=key(rules.host(), "Host name or IP address of the receiver."),
    )
    port: int = field(metadata=key(rules.whole(1, 65535), "Its MLLP port."))
    messages: tuple[MessageKind, ...] = field(
        default=(MessageKind.ORU,),
        metadata=key(
            rules.several(rules.choice(MessageKind), at_least=1),
            "oru: what was found (ORU^R01 2.5.1); orm or omi: the order again with a higher "
            "priority (ORM^O01 2.3.1 or OMI^O23 2.5.1), for which its orders must be sent to us.",
        ),
    )
    application: str = field(
        default="",
        metadata=key(rules.code(optional=True), "Receiving Application (MSH-5)."),
    )
    facility: str = field(
        default="",
        metadata=key(rules.code(optional=True), "Receiving Facility (MSH-6)."),
    )
    sending_application: str = field(
        default="CSPINE-TRIAGE",
        metadata=key(rules.code(), "Sending Application (MSH-3)."),
    )
    sending_facility: str = field(
        default="",
        metadata=key(rules.code(optional=True), "Sending Facility (MSH-4)."),
    )
    processing_id: str = field(
        default="P",
        metadata=key(rules.code(), "Processing ID (MSH-11): P in production, T in a test."),
    )
    character_set: CharacterSet = field(
        default=CharacterSet.UTF_8,
        metadata=key(
            rules.choice(CharacterSet),
            "How messages are encoded. One that cannot be written so is not sent.",
        ),
    )
    tls: bool = field(
        default=False,
        metadata=key(rules.flag(), "Speak TLS with this receiver."),
    )
    tls_authorities: Path | None = field(
        default=None,
        metadata=key(
            rules.absolute_path(optional="needed with tls"),
            "PEM file of the authorities that vouch for the receiver's certificate.",
        ),
    )
    tls_server_name: str = field(
        default="",
        metadata=key(
            rules.host(optional="the address"), "Name that the receiver's certificate must have."
        ),
    )
    tls_certificate: Path | None = field(
        default=None,
        metadata=key(
            rules.absolute_path(optional="none"),
            "PEM file of the certificate that we show, with its chain.",
        ),
    )
    tls_private_key: Path | None = field(
        default=None,
        metadata=key(rules.absolute_path(optional="none"), "PEM file of its private key."),
    )
