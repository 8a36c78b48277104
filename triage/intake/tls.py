"""TLS for DICOM and MLLP: the BCP 195 RFC 8996, 9325 profile of PS3.15 B.12, by default mutual.

TLS 1.3 where the peer has it, else 1.2 with the four suites of RFC 9325 4.2. Nothing is resumed
(RFC 9325 3.4): associations are long, handshakes few, and a ticket key that lives as long as the
process would undo the forward secrecy of every session that it sealed.
"""

from __future__ import annotations

import ssl
import stat
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from triage.errors import SettingsError
from triage.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import NoReturn

    from triage.settings import Hl7Receiver, Hl7Settings, ListenerSettings

# Level 2: RSA keys of 2048 bits or elliptic ones of 224, no SHA-1, in any certificate of a chain.
_TLS_1_2_SUITES = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:@SECLEVEL=2"
)
_FORBIDDEN = ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
_LONGEST_NAME = 64  # characters; no common name is longer (ub-common-name, RFC 5280 A.1)
_MOST_FLIGHTS = 3  # of each side in a handshake (RFC 5246 7.3, RFC 8446 2)
_RENEWAL_DAYS = 30
_SECONDS_A_DAY = 86_400

_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "HTTP_REQUEST": "the peer speaks HTTP, not TLS",
        "NO_SHARED_CIPHER": "the peer offers no cipher suite of the BCP 195 profile",
        "PEER_DID_NOT_RETURN_A_CERTIFICATE": "the peer shows no certificate",
        "UNEXPECTED_EOF_WHILE_READING": "the peer left in the middle of the handshake",
        "UNSUPPORTED_PROTOCOL": "the peer offers nothing newer than TLS 1.1",
        "WRONG_VERSION_NUMBER": "the peer does not speak TLS; DICOM without TLS has another port",
    }
)

# The last one: they are of different kinds, RSA and elliptic.
_MISMATCHES = ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED")

_log = get_logger("listener")


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """What a strict peer makes of our certificate.

    Attributes:
        name: Its common name, else its first DNS name; empty when a peer refuses it.
        days_left: Whole days until it expires; 0 when a peer refuses it.
        problem: Why a peer refuses it, or what else somebody should mend; empty when all is well.
    """

    name: str
    days_left: int
    problem: str


def _now() -> datetime:
    return datetime.now(UTC)


def server_context(
    settings: ListenerSettings | Hl7Settings,
    clock: Callable[[], datetime] = _now,
    table: str = "listener",
) -> ssl.SSLContext:
    """Return how the port with TLS speaks.

    A certificate that has expired does not keep the listener from starting: its peers will
    refuse it, and the port without TLS may serve others. The log says so.

    Args:
        settings: They name the PEM files.
        clock: Tells the time.
        table: Where the settings stand, for messages.

    Raises:
        SettingsError: A file cannot be used; the message says which, why, and what to do.
    """
    context = _with_identity(settings, table)
    if settings.tls_client_certificates:
        _require_certificates(context, settings.tls_authorities, f"{table}.tls_authorities")
    problem = describe_certificate(settings, clock, table).problem
    if problem:
        _log.warning("certificate to be mended", action="certificate_problem", problem=problem)
    return context


def client_context(settings: Hl7Receiver) -> ssl.SSLContext:
    """Return how we speak to a receiver that answers with TLS.

    Args:
        settings: They name the authorities that vouch for the receiver, and what we show.

    Raises:
        SettingsError: A file cannot be used; the message says which, why, and what to do.
    """
    table = f"hl7_receivers.{settings.name}"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _restrict(context)
    if settings.tls_certificate is not None:
        _show_identity(context, settings, table)
    _require_certificates(context, settings.tls_authorities, f"{table}.tls_authorities")
    return context


def describe_certificate(
    settings: ListenerSettings | Hl7Settings,
    clock: Callable[[], datetime] = _now,
    table: str = "listener",
) -> OwnCertificate:
    """Shake hands with ourselves, as a peer would that trusts nothing but our certificate.

    Args:
        settings: They name the PEM files.
        clock: Tells how many days are left; whether it is valid now, the system's clock says.
        table: Where the settings stand, for messages.

    Raises:
        SettingsError: A file cannot be used; the message says which, why, and what to do.
    """
    where = f"{table}.tls_certificate: {settings.tls_certificate}"
    try:
        certificate = _shown_to_a_peer(_with_identity(settings, table), settings)
    except ssl.SSLCertVerificationError as error:
        why = f"is refused by peers: {error.verify_message}"
        return OwnCertificate("", 0, f"{where} {why}; get a new one, or set the clock right")
    seconds = ssl.cert_time_to_seconds(certificate["notAfter"]) - clock().timestamp()
    days = max(0, int(seconds // _SECONDS_A_DAY))
    problem = ""
    if days < _RENEWAL_DAYS:
        problem = f"{where} expires in {days} days; renew it"
    elif settings.tls_private_key and settings.tls_private_key.stat().st_mode & stat.S_IROTH:
        problem = (
            f"{table}.tls_private_key: {settings.tls_private_key} may be read by every user of"
            " this machine; chmod 640"
        )
    return OwnCertificate(_name_in(certificate), days, problem)


def peer_name(connection: ssl.SSLSocket) -> str:
    """Return the common name or the first DNS name of the peer's certificate, for the log.

    Args:
        connection: One whose handshake is done.

    Returns:
        At most 64 printable characters; nothing when the peer was asked for no certificate.
    """
    return _name_in(connection.getpeercert() or {})


def handshake_problem(error: ssl.SSLError) -> str:
    """Return why a handshake failed, in words for the log."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the peer's certificate is refused: {error.verify_message}"
    reason = error.reason or ""
    return _REASONS.get(reason) or reason.replace("_", " ").lower() or "the handshake failed"


def _with_identity(settings: ListenerSettings | Hl7Settings, table: str) -> ssl.SSLContext:
    """Return a context of the profile that shows our certificate and asks for none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _restrict(context)
    context.num_tickets = 0
    _show_identity(context, settings, table)
    return context


def _restrict(context: ssl.SSLContext) -> None:
    """Hold a context to the profile."""
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_TLS_1_2_SUITES)
    context.options |= _FORBIDDEN


def _show_identity(
    context: ssl.SSLContext, settings: ListenerSettings | Hl7Settings | Hl7Receiver, table: str
) -> None:
    certificate = _readable(f"{table}.tls_certificate", settings.tls_certificate)
    key = _readable(f"{table}.tls_private_key", settings.tls_private_key)
    # Loading both at once does not tell which of them is no PEM.
    probe = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _load_certificates(probe, f"{table}.tls_certificate", certificate)
    try:
        context.load_cert_chain(certificate, key, partial(_refuse_passphrase, table, key))
    except ssl.SSLError as error:
        raise _pair_error(error, table, certificate, key) from error


def _require_certificates(context: ssl.SSLContext, listed: Path | None, key: str) -> None:
    """Talk to peers alone whose certificate, or one that it descends from, is listed."""
    authorities = _readable(key, listed)
    _load_certificates(context, key, authorities)
    context.verify_mode = ssl.CERT_REQUIRED
    # Whatever the site lists is trusted: a root, one below it, or a peer's own certificate.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if context.cert_store_stats()["crl"]:
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF


def _readable(key: str, path: Path | None) -> Path:
    """Return the path of a file that can be opened."""
    if path is None:
        needed = "tls_port" if key.startswith("listener.") else "tls = true"
        raise SettingsError(f"{key} is needed with {needed}; name the PEM file")
    try:
        path.open("rb").close()
    except FileNotFoundError as error:
        raise SettingsError(
            f"{key}: {path} does not exist; put the PEM file there or name another"
        ) from error
    except PermissionError as error:
        raise SettingsError(
            f"{key}: {path} may not be read by this user; give the group of the service"
            " read access (chgrp cspine-triage, chmod 640), to its folder too"
        ) from error
    except OSError as error:
        raise SettingsError(
            f"{key}: {path} cannot be read: {error.strerror}; name the PEM file"
        ) from error
    return path


def _load_certificates(context: ssl.SSLContext, key: str, path: Path) -> None:
    """Make a context trust the certificates of a file, of which there must be at least one."""
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise _no_certificate(key, path) from error
    if not context.cert_store_stats()["x509"]:
        raise _no_certificate(key, path)


def _no_certificate(key: str, path: Path) -> SettingsError:
    return SettingsError(
        f"{key}: {path} holds no certificate in PEM form, or a damaged one; such a block"
        " begins with -----BEGIN CERTIFICATE-----, and openssl x509 -inform DER -in FILE makes"
        " one of a DER file"
    )


def _refuse_passphrase(table: str, key: Path) -> NoReturn:
    """Stand in for the question that would wait for ever at a terminal that nobody watches."""
    raise SettingsError(
        f"{table}.tls_private_key: {key} is locked with a passphrase, and a service cannot be"
        " asked for it; write it without one (openssl pkey -in FILE -out NEW), readable for the"
        " service alone"
    )


def _pair_error(error: ssl.SSLError, table: str, certificate: Path, key: Path) -> SettingsError:
    if error.reason in _MISMATCHES:
        return SettingsError(
            f"{table}.tls_private_key: {key} does not belong to the first certificate in"
            f" {certificate}; name the key that it was requested with, and put our own"
            " certificate before its chain"
        )
    if error.reason is None:
        return SettingsError(
            f"{table}.tls_private_key: {key} holds no private key in PEM form, or a damaged one;"
            " openssl pkey -inform DER -in FILE makes one of a DER file"
        )
    return SettingsError(
        f"{table}.tls_certificate: {certificate} cannot be used"
        f" ({error.reason.replace('_', ' ').lower()}); the BCP 195 profile asks for an RSA key of"
        " 2048 bits or more, or an elliptic one of 256, signed with SHA-256"
    )


def _shown_to_a_peer(
    context: ssl.SSLContext, settings: ListenerSettings | Hl7Settings
) -> dict[str, Any]:
    """Return our certificate as the standard library reads it: that of a peer, once verified.

    Raises:
        ssl.SSLCertVerificationError: A peer refuses it.
    """
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    trusting.load_verify_locations(settings.tls_certificate)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    peer = trusting.wrap_bio(back, there)
    ours = context.wrap_bio(there, back, server_side=True)
    for _ in range(_MOST_FLIGHTS):
        for side in (peer, ours):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
    return peer.getpeercert() or {}


def _name_in(certificate: Mapping[str, Any]) -> str:
    """Return the common name or else the first DNS name of a decoded certificate, cleaned."""
    names = [
        value
        for relative_name in certificate.get("subject", ())
        for kind, value in relative_name
        if kind == "commonName"
    ]
    names += [value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"]
    shown = "".join(character for character in next(iter(names), "") if character.isprintable())
    return shown[:_LONGEST_NAME]
