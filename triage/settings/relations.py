"""What must hold between settings, beyond the rule of each key."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from triage.hl7.values import MessageKind
from triage.settings.rules import is_ip_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from collections.abc import Set as AbstractSet

    from triage.settings.delivery import Destination
    from triage.settings.hl7 import Hl7Receiver, Hl7Settings
    from triage.settings.listener import ListenerSettings
    from triage.settings.sections import Settings
    from triage.settings.web import WebSettings

_TLS_FILES = ("tls_certificate", "tls_private_key", "tls_authorities")
_PORT_KEYS = frozenset(
    f"listener.{name}" for name in ("address", "port", "tls_port", "accept_without_tls")
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: the dotted key that it is about, and fault and remedy."""

    key: str
    text: str


def faults_between(settings: Settings, known_faults: AbstractSet[str]) -> Iterator[Fault]:
    """Find settings that contradict each other.

    Args:
        settings: Settings of which each value is allowed.
        known_faults: Dotted keys that are at fault already and hold their default here; what
            depends on them is not judged.

    Yields:
        A fault for each contradiction.
    """
    for judge, keys in _JUDGES:
        if not any(key.startswith(keys) for key in known_faults):
            yield from judge(settings)


def _retry_faults(settings: Settings) -> Iterator[Fault]:
    first, longest = settings.delivery.first_retry_seconds, settings.delivery.maximum_retry_seconds
    if first > longest:
        yield Fault(
            "delivery.first_retry_seconds",
            f"{first:g} is more than maximum_retry_seconds, {longest:g}; lower one or raise the "
            "other",
        )


def _tls_faults(listener: ListenerSettings) -> Iterator[Fault]:
    if not listener.tls_port:
        yield from _idle_tls_faults(listener)
        return
    needed = _TLS_FILES if listener.tls_client_certificates else _TLS_FILES[:2]
    for name in needed:
        if getattr(listener, name) is None:
            yield Fault(f"listener.{name}", "is needed with tls_port; name the PEM file")
    if listener.accept_without_tls and listener.tls_port == listener.port:
        yield Fault(
            "listener.tls_port", f"{listener.port} is the port without TLS; choose another one"
        )


def _idle_tls_faults(listener: ListenerSettings) -> Iterator[Fault]:
    if not listener.accept_without_tls:
        yield Fault(
            "listener.accept_without_tls",
            "false without tls_port leaves no port at all; set tls_port",
        )
        return
    for name in _TLS_FILES:
        if getattr(listener, name) is not None:
            yield Fault(
                f"listener.{name}",
                "is for TLS, and there is none without tls_port; set that, or remove this",
            )


def _port_faults(settings: Settings) -> Iterator[Fault]:
    address, web = settings.listener.address, settings.web
    if not (_reaches(address, web.address) or _reaches(web.address, address)):
        return
    for key, port in _open_ports(settings.listener):
        if port == web.port:
            yield Fault("web.port", f"{port} is the listener's {key} too; choose another")


def _hl7_port_faults(settings: Settings) -> Iterator[Fault]:
    ours = settings.hl7
    taken = [(f"listener.{key}", port) for key, port in _open_ports(settings.listener)]
    for key, port, address in (
        *((key, port, settings.listener.address) for key, port in taken),
        ("web.port", settings.web.port, settings.web.address),
    ):
        meet = _reaches(ours.address, address) or _reaches(address, ours.address)
        if ours.port and ours.port == port and meet:
            yield Fault("hl7.port", f"{port} is {key} too; choose another")


def _page_faults(web: WebSettings) -> Iterator[Fault]:
    if (web.tls_certificate is None) != (web.tls_private_key is None):
        missing = "tls_certificate" if web.tls_certificate is None else "tls_private_key"
        yield Fault(f"web.{missing}", "certificate and key go together; name both PEM files")
    if web.proxy_user_header and not web.trusted_proxies:
        yield Fault(
            "web.proxy_user_header",
            "anybody could send it: name the proxies that may in trusted_proxies",
        )
    if web.proxy_roles_header and not web.proxy_user_header:
        yield Fault("web.proxy_roles_header", "says nothing without proxy_user_header; set both")


def _hl7_faults(settings: Settings) -> Iterator[Fault]:
    yield from _hl7_port_faults(settings)
    yield from _hl7_tls_faults("hl7", settings.hl7, needed=_hl7_server_files(settings.hl7))
    ours = {
        one.name.lower(): f"destinations[{number}]"
        for number, one in enumerate(settings.destinations, start=1)
    }
    for number, receiver in enumerate(settings.hl7_receivers, start=1):
        where = f"hl7_receivers[{number}]"
        first = ours.setdefault(receiver.name.lower(), where)
        if first != where:
            yield Fault(
                f"{where}.name",
                f'"{receiver.name}" is the name of {first} too; `triage retry` needs a name for'
                " each",
            )
        if {MessageKind.ORM, MessageKind.OMI} <= set(receiver.messages):
            yield Fault(
                f"{where}.messages",
                "orm and omi say the same in two forms; leave out the one that the receiver"
                " does not read",
            )
        if bool(receiver.tls_certificate) != bool(receiver.tls_private_key):
            yield Fault(f"{where}.tls_private_key", "goes with tls_certificate; name both or none")
        yield from _hl7_tls_faults(where, receiver, needed=("tls_authorities",))
        if receiver.port == settings.hl7.port and _reaches(settings.hl7.address, receiver.address):
            yield Fault(
                f"{where}.port",
                f"{receiver.address} port {receiver.port} is this system's own HL7 server; give"
                " the port of the receiver",
            )


def _hl7_server_files(hl7: Hl7Settings) -> tuple[str, ...]:
    return _TLS_FILES if hl7.tls_client_certificates else _TLS_FILES[:2]


def _hl7_tls_faults(
    where: str, table: Hl7Settings | Hl7Receiver, *, needed: tuple[str, ...]
) -> Iterator[Fault]:
    for name in _TLS_FILES:
        given = getattr(table, name) is not None
        if table.tls and name in needed and not given:
            yield Fault(f"{where}.{name}", "is needed with tls; name the PEM file")
        if given and not table.tls:
            yield Fault(f"{where}.{name}", "is for TLS; set tls = true, or remove this")


def _twin_faults(settings: Settings) -> Iterator[Fault]:
    names: dict[str, int] = {}
    peers: dict[tuple[str, str, int], int] = {}
    for number, destination in enumerate(settings.destinations, start=1):
        first = names.setdefault(destination.name.lower(), number)
        if first != number:
            yield Fault(
                f"destinations[{number}].name",
                f'"{destination.name}" is the name of destinations[{first}] too; every '
                "destination needs a name of its own",
            )
        first = peers.setdefault(_peer(destination), number)
        if first != number:
            yield Fault(
                f"destinations[{number}].address",
                f"is the same PACS as destinations[{first}] (AE title, address and port); it "
                "would be sent every report twice, remove one",
            )


def _twin_peer_faults(settings: Settings) -> Iterator[Fault]:
    for what in ("name", "ae_title"):
        seen: dict[str, int] = {}
        for number, peer in enumerate(settings.peers, start=1):
            value: str = getattr(peer, what)
            first = seen.setdefault(value.lower() if what == "name" else value, number)
            if first != number:
                yield Fault(
                    f"peers[{number}].{what}",
                    f'"{value}" is that of peers[{first}] too; every peer needs one of its own',
                )


def _mode_faults(settings: Settings) -> Iterator[Fault]:
    names = [site.name for site in settings.decision.sites]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Fault(
            "decision.sites",
            f'"{name}" stands there twice (capitals and spaces do not count); remove one',
        )


def _receiver_faults(settings: Settings) -> Iterator[Fault]:
    seen: dict[str, str] = {}
    for where, name in receiver_names(settings):
        first = seen.setdefault(name.lower(), where)
        if first != where:
            yield Fault(
                f"{where}.name",
                f'"{name}" is the name of {first} too; every receiver needs a name of its own',
            )
    ports = [port for _, port in _open_ports(settings.listener)]
    for number, manager in enumerate(settings.ups_receivers, start=1):
        if manager.port in ports and _reaches(settings.listener.address, manager.address):
            yield Fault(
                f"ups_receivers[{number}].port",
                f"{manager.address} port {manager.port} is this system's own listener, which "
                "shows our priorities already: give the port of the other manager",
            )


def receiver_names(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield where each receiver of priorities is configured, and its name."""
    for kind in ("orthanc_receivers", "ups_receivers"):
        for number, receiver in enumerate(getattr(settings, kind), start=1):
            yield f"{kind}[{number}]", receiver.name
    for number, system in enumerate(settings.hl7_receivers, start=1):
        if set(system.messages) & {MessageKind.ORM, MessageKind.OMI}:
            yield f"hl7_receivers[{number}]", system.name


def _loop_faults(settings: Settings) -> Iterator[Fault]:
    ports = [port for _, port in _open_ports(settings.listener)]
    for number, destination in enumerate(settings.destinations, start=1):
        if destination.port in ports and _reaches(settings.listener.address, destination.address):
            yield Fault(
                f"destinations[{number}].port",
                f"{destination.address} port {destination.port} is this system's own listener; "
                "reports would come back to it: give the port of the PACS",
            )


def _open_ports(listener: ListenerSettings) -> Iterator[tuple[str, int]]:
    """Yield key and number of the ports that the listener has for certain: 0 is any free one."""
    if listener.accept_without_tls and listener.port:
        yield "port", listener.port
    if listener.tls_port:
        yield "tls_port", listener.tls_port


def _peer(destination: Destination) -> tuple[str, str, int]:
    return destination.ae_title, destination.address.lower(), destination.port


def _reaches(listening: str, called: str) -> bool:
    """Return whether a call to one address arrives at a socket that listens on another.

    Names other than localhost are not resolved: settings are judged without the network.
    """
    listening, called = (_without_name(address) for address in (listening, called))
    if listening == called:
        return True
    if not (is_ip_address(listening) and is_ip_address(called)):
        return False
    address = ip_address(called)
    return ip_address(listening).is_unspecified and (address.is_loopback or address.is_unspecified)


def _without_name(address: str) -> str:
    return "127.0.0.1" if address.lower() == "localhost" else address.lower()


# Each judge, with the beginnings of the keys that it needs to be sound.
_JUDGES: tuple[tuple[Callable[[Settings], Iterator[Fault]], tuple[str, ...]], ...] = (
    (_retry_faults, ("delivery.first_retry_seconds", "delivery.maximum_retry_seconds")),
    (lambda settings: _tls_faults(settings.listener), ("listener.",)),
    (_port_faults, (*_PORT_KEYS, "web.address", "web.port")),
    (lambda settings: _page_faults(settings.web), ("web.",)),
    (_hl7_faults, ("hl7",)),
    (_mode_faults, ("decision.",)),
    (_receiver_faults, ("orthanc_receivers", "ups_receivers", "hl7_receivers")),
    (_twin_faults, ("destinations",)),
    (_loop_faults, ("destinations", *_PORT_KEYS)),
    (_twin_peer_faults, ("peers",)),
)
