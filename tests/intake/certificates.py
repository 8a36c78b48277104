"""Certificates for tests: authorities, what they issue, and what they revoke."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
    from cryptography.x509 import ObjectIdentifier

SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
KEYS = {
    "elliptic": lambda: ec.generate_private_key(ec.SECP256R1()),
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "weak": lambda: rsa.generate_private_key(65537, 1024),  # noqa: S505  the test refuses it
}


def _usage(*named: str) -> x509.KeyUsage:
    """Return what a key may be used for (RFC 5280 4.2.1.3)."""
    return x509.KeyUsage(**{name: name in named for name in _USAGES})


_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)
_OF_AUTHORITIES = _usage("key_cert_sign", "crl_sign")
_OF_OTHERS = _usage("digital_signature", "key_encipherment")


@dataclass(frozen=True)
class Identity:
    """Who can show a certificate: PEM files of it, with its chain, and of its private key."""

    certificate: Path
    key: Path
    serial_number: int

    def lock(self, passphrase: bytes, encoding: serialization.PrivateFormat) -> None:
        """Encrypt the key's file."""
        key = serialization.load_pem_private_key(self.key.read_bytes(), None)
        locked = serialization.BestAvailableEncryption(passphrase)
        self.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, encoding, locked))


class Authority:
    """Issues certificates; `file` is what those who trust it list."""

    def __init__(self, folder: Path, name: str = "hospital", parent: Authority | None = None):
        self._folder, self._name, self._parent = folder, name, parent
        self._key = KEYS["elliptic"]()
        self.file = folder / f"{name}.pem"
        builder = _builder(_named(name), self._key, (-1, 365), _OF_AUTHORITIES).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self._certificate = (parent or self)._sign(builder)
        self.file.write_bytes(_pem(self._certificate))

    def issue(
        self,
        name: str,
        *,
        dns_names: Sequence[str] = (),
        key: str = "elliptic",
        days: tuple[float, float] = (-1, 365),
        usages: Sequence[ObjectIdentifier] = (SERVER, CLIENT),
    ) -> Identity:
        """Issue a certificate.

        Args:
            name: Common name; may be empty.
            dns_names: What else it is called.
            key: One of `KEYS`.
            days: From when until when it is valid, counted from now.
            usages: What it may be used for.
        """
        secret = KEYS[key]()
        builder = _builder(_named(name), secret, days, _OF_OTHERS).add_extension(
            x509.ExtendedKeyUsage(usages), critical=False
        )
        if dns_names:
            names = x509.SubjectAlternativeName([x509.DNSName(one) for one in dns_names])
            builder = builder.add_extension(names, critical=False)
        certificate = self._sign(builder)
        stem = f"{self._name}-{certificate.serial_number:x}"
        identity = Identity(
            self._folder / f"{stem}.pem", self._folder / f"{stem}.key", certificate.serial_number
        )
        chain = _pem(self._certificate) if self._parent else b""
        identity.certificate.write_bytes(_pem(certificate) + chain)
        identity.key.write_bytes(
            secret.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        identity.key.chmod(0o640)
        return identity

    def revoked(self, *identities: Identity) -> bytes:
        """Return a revocation list."""
        now = datetime.now(UTC)
        builder = x509.CertificateRevocationListBuilder(
            self._certificate.subject, now - timedelta(days=1), now + timedelta(days=30)
        )
        for identity in identities:
            entry = x509.RevokedCertificateBuilder(identity.serial_number, now).build()
            builder = builder.add_revoked_certificate(entry)
        return _pem(builder.sign(self._key, hashes.SHA256()))

    def _sign(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        ours = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(ours, critical=False).issuer_name(_named(self._name))
        return builder.sign(self._key, hashes.SHA256())


def _builder(
    subject: x509.Name,
    key: CertificateIssuerPrivateKeyTypes,
    days: tuple[float, float],
    usage: x509.KeyUsage,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now + timedelta(days=days[0]),
        not_valid_after=now + timedelta(days=days[1]),
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return builder.add_extension(identifier, critical=False).add_extension(usage, critical=True)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])


def _pem(thing: x509.Certificate | x509.CertificateRevocationList) -> bytes:
    return thing.public_bytes(serialization.Encoding.PEM)
