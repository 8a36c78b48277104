"""The page: where it listens, and whom it lets in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from triage.settings import rules
from triage.settings.keys import ANY_PORT, key

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Worklist page, JSON, health and metrics."""

    address: str = field(
        default="127.0.0.1",
        metadata=key(
            rules.host(),
            "Address to listen on. On any but this machine's own, every page asks for a log-in: "
            "add users with `triage user add`, or name a proxy that knows them.",
        ),
    )
    port: int = field(
        default=8080,
        metadata=key(rules.whole(0, 65535, ANY_PORT), "Port of the page."),
    )
    show_patient: bool = field(
        default=True,
        metadata=key(rules.flag(), "Show the patient's name, ID and birth date on the page."),
    )
    host_names: tuple[str, ...] = field(
        default=(),
        metadata=key(
            rules.several(rules.host()),
            "Names under which browsers reach the page; requests under any other name are "
            "refused. Addresses in digits and localhost are always right.",
        ),
    )
    tls_certificate: Path | None = field(
        default=None,
        metadata=key(
            rules.absolute_path(optional="a page without TLS"),
            "PEM file of the page's certificate, with its chain; the page then speaks https only.",
        ),
    )
    tls_private_key: Path | None = field(
        default=None,
        metadata=key(
            rules.absolute_path(optional="a page without TLS"),
            "PEM file of its private key, without a passphrase; readable for this user alone.",
        ),
    )
    session_idle_minutes: float = field(
        default=240.0,
        metadata=key(
            rules.number(1, 10_080),
            "A log-in ends when nobody did anything with it for this long; a page that only "
            "stays open does nothing.",
        ),
    )
    session_hours: float = field(
        default=12.0,
        metadata=key(rules.number(0.1, 720), "A log-in ends after this in any case."),
    )
    open_metrics: bool = field(
        default=False,
        metadata=key(
            rules.flag(),
            "Answer /health and /metrics without log-in to any address; without this, to this "
            "machine only. They hold no patient data.",
        ),
    )
    subscriber_days: float = field(
        default=7.0,
        metadata=key(
            rules.number(0.01, 365),
            "A subscriber over UPS-RS that has left event reports waiting for this long is "
            "unsubscribed, and what waits for it is forgotten; the operators' page tells.",
        ),
    )
    subscriber_events: int = field(
        default=100_000,
        metadata=key(
            rules.whole(1, 10_000_000),
            "The same where more event reports than this wait for a subscriber that is away.",
        ),
    )
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = field(
        default=(),
        metadata=key(
            rules.several(rules.network()),
            "Networks of reverse proxies whose headers count: the address that they were asked "
            "from, https, and proxy_user_header. From anybody else these headers are ignored.",
        ),
    )
    proxy_user_header: str = field(
        default="",
        metadata=key(
            rules.header_name(),
            "Header in which a trusted proxy names the user that it has logged in.",
        ),
    )
    proxy_roles_header: str = field(
        default="",
        metadata=key(
            rules.header_name(),
            "Header in which a trusted proxy names the user's roles, reader and operator, "
            "separated by commas. Without it a user has the roles of `triage user`, else reader.",
        ),
    )
