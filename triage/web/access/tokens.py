"""Random tokens, and what is derived from them: only hashes of tokens are ever stored."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

_TOKEN_BYTES: Final = 32


def new_token() -> str:
    """Return a token of 256 random bits, fit for a cookie and for a header."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def token_hash(token: str) -> str:
    """Return what is stored of a token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def csrf_of(secret: str | bytes) -> str:
    """Return the token that a form must carry, for whoever holds a secret.

    The secret is a session's token, or for users of a proxy the site's secret with the user's
    name: both stay out of pages, and neither follows from this.
    """
    key = secret.encode("utf-8", "replace") if isinstance(secret, str) else secret
    return hmac.new(key, b"form", hashlib.sha256).hexdigest()


def same(one: str, other: str) -> bool:
    """Compare two texts in constant time."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def device_mark(site_secret: bytes, name: str) -> str:
    """Return a new mark for a browser that a user has logged in with."""
    return _signed(site_secret, name, secrets.token_hex(8))


def device_of(site_secret: bytes, name: str, mark: str) -> str:
    """Return the device that a mark stands for, empty when the mark is not of this user."""
    device = mark.partition(".")[0]
    return device if mark and same(mark, _signed(site_secret, name, device)) else ""


def _signed(site_secret: bytes, name: str, device: str) -> str:
    signature = hmac.new(site_secret, f"device {device} {name}".encode(), hashlib.sha256)
    return f"{device}.{signature.hexdigest()}"
