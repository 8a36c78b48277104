"""Passwords: hashed slowly with salt, compared in constant time, judged before they are taken.

scrypt (RFC 7914) comes with Python, needs memory as well as time from whoever guesses, and
brings no library to keep up to date.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import unicodedata
from dataclasses import dataclass
from typing import Final

LEAST_CHARACTERS: Final = 10
_MOST_BYTES: Final = 1024  # nobody's password; keeps a request from being expensive
_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32
_SCHEME: Final = "scrypt"
_SPARE_MEMORY: Final = 1_048_576  # OpenSSL wants a little more than the table itself


@dataclass(frozen=True, slots=True)
class Cost:
    """What one hash costs: 128 * blocks * 2 ** exponent bytes of memory, `passes` times over.

    The default takes 32 MiB, and is one of OWASP's equivalent minimum settings for scrypt.
    """

    exponent: int = 15
    blocks: int = 8
    passes: int = 3


USUAL: Final = Cost()


def hash_password(password: str, cost: Cost = USUAL) -> str:
    """Hash a password under a new salt; the result carries the salt and what it cost."""
    return _written(cost, secrets.token_bytes(_SALT_BYTES), password)


def verify_password(password: str, stored: str, usual: Cost = USUAL) -> bool:
    """Compare a password with a hash, in the same time whether they agree or not.

    Args:
        password: As typed.
        stored: What `hash_password` returned; empty where there is no such user, or the user
            has no password: then a hash is computed all the same, so that the time does not
            tell who exists.
        usual: What a hash costs that is computed for nobody.
    """
    try:
        cost, salt = _parameters(stored)
    except ValueError:
        _written(usual, bytes(_SALT_BYTES), password)
        return False
    return hmac.compare_digest(_written(cost, salt, password), stored)


def is_outdated(stored: str, cost: Cost = USUAL) -> bool:
    """Whether a hash was made when hashing cost something else."""
    return _parameters(stored)[0] != cost


def problem_with(password: str, name: str) -> str:
    """Return why a new password is refused, as a clause; empty when it is not."""
    if len(password) < LEAST_CHARACTERS:
        return f"it has fewer than {LEAST_CHARACTERS} characters"
    if len(password.encode()) > _MOST_BYTES:
        return f"it has more than {_MOST_BYTES} bytes"
    if name in password.lower():
        return "it holds the name of the user"
    if len(set(password)) < LEAST_CHARACTERS // 2:
        return "it repeats a few characters"
    return ""


def _written(cost: Cost, salt: bytes, password: str) -> str:
    hashed = hashlib.scrypt(
        _bytes(password),
        salt=salt,
        n=2**cost.exponent,
        r=cost.blocks,
        p=cost.passes,
        maxmem=128 * cost.blocks * (2**cost.exponent + cost.passes) + _SPARE_MEMORY,
        dklen=_HASH_BYTES,
    )
    numbers = f"{cost.exponent}${cost.blocks}${cost.passes}"
    return f"{_SCHEME}${numbers}${_text(salt)}${_text(hashed)}"


def _parameters(stored: str) -> tuple[Cost, bytes]:
    """Return what a hash cost, and its salt.

    Raises:
        ValueError: It is no hash of ours.
    """
    scheme, *numbers, salt, _ = stored.split("$") if stored.count("$") == 5 else ("",) * 6  # noqa: PLR2004 - the parts of a hash
    if scheme != _SCHEME:
        raise ValueError("no hash of a password")
    exponent, blocks, passes = map(int, numbers)
    return Cost(exponent, blocks, passes), base64.b64decode(salt)


def _bytes(password: str) -> bytes:
    """Return a password as bytes, the same however a keyboard composes its letters."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "replace")[:_MOST_BYTES]


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
