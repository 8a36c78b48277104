"""The page's own certificate, for sites that put no proxy in front of it."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from triage.errors import SettingsError

if TYPE_CHECKING:
    from triage.settings import WebSettings


def page_context(web: WebSettings) -> ssl.SSLContext | None:
    """Return how the page speaks TLS: 1.2 at least (BCP 195); None for a page without.

    Raises:
        SettingsError: The files cannot be used; the message names the key.
    """
    if web.tls_certificate is None or web.tls_private_key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    for key, path in (
        ("tls_certificate", web.tls_certificate),
        ("tls_private_key", web.tls_private_key),
    ):
        try:
            path.read_bytes()
        except OSError as error:
            raise SettingsError(
                f"web.{key}: {path} cannot be read ({error.strerror}). Name a PEM file that this"
                " user may read."
            ) from error
    try:
        context.load_cert_chain(web.tls_certificate, web.tls_private_key, password=_no_passphrase)
    except (ssl.SSLError, ValueError) as error:
        raise SettingsError(
            f"web.tls_certificate: {web.tls_certificate} and {web.tls_private_key} are no"
            " certificate with its key, or the key has a passphrase. Name a pair of PEM files."
        ) from error
    return context


def _no_passphrase() -> str:
    """Refuse to be asked: nobody sits at a daemon."""
    raise ValueError
