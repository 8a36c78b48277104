"""Where a request comes from and what it believes to talk to: pure, from its headers."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ipaddress import IPv4Network, IPv6Network

    from starlette.datastructures import Headers

    from triage.settings import WebSettings

# Whoever passes a request on says so in one of these.
FORWARDING: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
_SAME_SITE: Final = ("same-origin", "none")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is at the other end of a connection.

    Attributes:
        address: The address that the request was first made from, as far as it can be believed.
        proxied: A proxy that the site trusts has passed it on.
        local: Made on this machine and by nobody else's order.
        secure: The browser spoke https.
    """

    address: str
    proxied: bool
    local: bool
    secure: bool


def caller_of(peer: str, scheme: str, headers: Headers, web: WebSettings) -> Caller:
    """Say who made a request.

    Args:
        peer: The address at the other end of the connection.
        scheme: "https" or "wss" when this connection is encrypted.
        headers: Of the request; those of a proxy count only when the site trusts it.
        web: The site's settings.
    """
    secure = scheme in ("https", "wss")
    if is_within(peer, web.trusted_proxies):
        address = _first_untrusted(headers.getlist("x-forwarded-for"), peer, web.trusted_proxies)
        said = headers.get("x-forwarded-proto", "").strip().lower()
        return Caller(address, proxied=True, local=False, secure=secure or said == "https")
    local = is_loopback(peer) and not any(name in headers for name in FORWARDING)
    return Caller(peer, proxied=False, local=local, secure=secure)


def is_right_host(host: str, web: WebSettings) -> bool:
    """Whether a Host header names this site.

    A page elsewhere that has its own name resolve to our address (DNS rebinding) sends that
    name. An address in digits cannot be rebound, and stands for itself.
    """
    name = _host_name(host)
    known = {each.lower() for each in (*web.host_names, web.address)}
    return bool(name) and (_is_address(name) or name == "localhost" or name in known)


def is_own_origin(headers: Headers, web: WebSettings) -> bool:
    """Whether a request that changes something was made by one of our own pages.

    Browsers say where a page came from; programs say nothing, and are let through here.
    """
    if headers.get("sec-fetch-site", "none") not in _SAME_SITE:
        return False
    origins = headers.getlist("origin")
    if not origins:
        return True
    if len(origins) > 1:
        return False
    parts = urlsplit(origins[0])
    if parts.scheme not in ("http", "https"):
        return False  # "null" among others
    own = headers.get("host", "").lower()
    named = _host_name(parts.netloc) in {each.lower() for each in web.host_names}
    return named or _plain_netloc(parts.netloc) == _plain_netloc(own)


def is_loopback(address: str) -> bool:
    """Whether an address is this machine's own."""
    if address.lower() == "localhost":
        return True
    try:
        known = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(known, "ipv4_mapped", None)
    return bool((mapped or known).is_loopback)


def is_within(address: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    """Whether an address lies in one of some networks."""
    try:
        known = ip_address(address)
    except ValueError:
        return False
    known = getattr(known, "ipv4_mapped", None) or known
    return any(known in network for network in networks)


def _first_untrusted(
    lists: Sequence[str], peer: str, trusted: Sequence[IPv4Network | IPv6Network]
) -> str:
    """Return the last address of X-Forwarded-For that is no proxy of ours.

    What stands before it was written by whoever asked, and can be anything.
    """
    hops = [hop.strip().strip("[]") for each in lists for hop in each.split(",")]
    for hop in reversed(hops):
        if not _is_address(hop):
            break
        if not is_within(hop, trusted):
            return hop
    return peer


def _host_name(host: str) -> str:
    """Return the name in a Host header or an origin, without port, in lower case."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _plain_netloc(netloc: str) -> str:
    """Return host and port as browsers write them: without the port that goes without saying."""
    plain = netloc.lower()
    return plain.removesuffix(":80").removesuffix(":443")


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
