"""What the value of a key may be: each rule reads one TOML value, or refuses it.

A rule says in `allowed` what it takes, in words that complete "allowed is ...". Its `read`
returns the value as the settings hold it and raises ValueError for everything else: a
RefusedError with a text where there is more to say about that particular value.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable
    from enum import Enum

_HOST_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?")
_LONGEST_HOST_NAME = 253  # RFC 1035 2.3.4, without the closing dot
_LONGEST_AE_TITLE = 16  # PS3.5 6.2, VR AE
_LONGEST_LO = 64  # PS3.5 6.2, VR LO


class RefusedError(ValueError):
    """A value is refused; the text, where there is one, says what to write instead."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What one key takes.

    Attributes:
        allowed: What is allowed, in words.
        read: Returns the value as the settings hold it; raises ValueError for a wrong one.
    """

    allowed: str
    read: Callable[[object], object]


def flag() -> Rule:
    """Return the rule for true or false."""

    def read(value: object) -> bool:
        if not isinstance(value, bool):
            raise RefusedError
        return value

    return Rule("true or false, without quotes", read)


def whole(minimum: int, maximum: int, note: str = "") -> Rule:
    """Return the rule for a whole number between two bounds, both included."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
            raise RefusedError
        return value

    return Rule(f"a whole number from {minimum} to {maximum}{note}", read)


def pdu_length() -> Rule:
    """Return the rule for the longest PDU, 0 being no limit (PS3.8 D.1)."""
    least, most = 4096, 1_048_576

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise RefusedError
        if value != 0 and not least <= value <= most:
            raise RefusedError
        return value

    return Rule(f"a whole number from {least} to {most}, or 0 for no limit", read)


def number(minimum: float, maximum: float, note: str = "") -> Rule:
    """Return the rule for a number between two bounds, both included."""

    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise RefusedError
        if not math.isfinite(value) or not minimum <= value <= maximum:
            raise RefusedError
        return float(value)

    return Rule(f"a number from {minimum:g} to {maximum:g}{note}", read)


def choice(options: type[Enum]) -> Rule:
    """Return the rule for one of the values of an enum."""

    def read(value: object) -> Enum:
        return options(value)

    return Rule("one of " + ", ".join(f'"{option.value}"' for option in options), read)


def ae_title(*, optional: bool = False) -> Rule:
    """Return the rule for an AE title (PS3.5 6.2, VR AE); spaces around it are not significant."""

    def read(value: object) -> str:
        title = _text(value).strip(" ")
        if len(title) > _LONGEST_AE_TITLE or not (title or optional):
            raise RefusedError
        if not all(" " <= character <= "~" and character != "\\" for character in title):
            raise RefusedError
        return title

    note = ', or "" for the listener\'s' if optional else ""
    return Rule(f"an AE title of 1 to 16 plain ASCII characters without backslash{note}", read)


def long_string() -> Rule:
    """Return the rule for text that becomes a DICOM LO value (PS3.5 6.2)."""

    def read(value: object) -> str:
        text = _text(value).strip(" ")
        if not 1 <= len(text) <= _LONGEST_LO or not text.isprintable() or "\\" in text:
            raise RefusedError
        return text

    return Rule("1 to 64 characters without backslash or control characters", read)


def name() -> Rule:
    """Return the rule for a name that is typed in commands and stands in metrics."""

    def read(value: object) -> str:
        return _matching(value, re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}"))

    return Rule("1 to 32 letters, digits, dots, dashes or underscores; no sign in front", read)


def finding() -> Rule:
    """Return the rule for the name of a finding, as bundles write it."""

    def read(value: object) -> str:
        return _matching(value, re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}"))

    return Rule("the name of a finding: small letters, digits, dots, dashes, underscores", read)


def device() -> Rule:
    """Return the rule for the device that inference runs on."""

    def read(value: object) -> str:
        return _matching(value, re.compile(r"auto|cpu|cuda(:\d{1,2})?"))

    return Rule('"auto", "cpu", "cuda", or one of several as "cuda:1"', read)


def code(*, optional: bool = False) -> Rule:
    """Return the rule for text that becomes an HL7 field: it needs no escape in any message."""

    def read(value: object) -> str:
        text = _text(value)
        if not text and optional:
            return text
        return _matching(text, re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.:/-]{0,63}"))

    note = ', or "" for none' if optional else ""
    return Rule(f"1 to 64 letters, digits, spaces and _ . : / -{note}", read)


def host(*, optional: str = "") -> Rule:
    """Return the rule for an IP address or a host name (RFC 1123 2.1).

    Args:
        optional: What the empty text stands for; without it a host must be given.
    """

    def read(value: object) -> str:
        text = _text(value)
        if not text and optional:
            return text
        if not is_ip_address(text):
            labels = text.split(".")
            if len(text) > _LONGEST_HOST_NAME or labels[-1].isdigit():
                raise RefusedError
            if not all(_HOST_LABEL.fullmatch(label) for label in labels):
                raise RefusedError
        return text

    note = f', or "" for {optional}' if optional else ""
    example = 'an IP address or a host name, such as "10.0.0.5" or "pacs.hospital.example"'
    return Rule(example + note, read)


def url() -> Rule:
    """Return the rule for the address of an HTTP service, without user or password in it."""

    def read(value: object) -> str:
        text = _text(value).rstrip("/")
        try:
            parts = urlsplit(text)
            host().read(parts.hostname or "")
            whole(1, 65535).read(parts.port or 80)
        except ValueError as error:
            raise RefusedError from error
        if parts.scheme not in ("http", "https") or parts.query or parts.fragment:
            raise RefusedError
        if "@" in parts.netloc:
            raise RefusedError("write the user under user, and the password in password_file")
        if not text.isprintable() or " " in text:
            raise RefusedError
        return text

    return Rule('an address such as "http://10.0.0.5:8042"', read)


def free_text() -> Rule:
    """Return the rule for any text of one line, or none."""

    def read(value: object) -> str:
        text = _text(value)
        if len(text) > _LONGEST_LO or not text.isprintable():
            raise RefusedError
        return text

    return Rule("a text of up to 64 characters", read)


def is_ip_address(text: str) -> bool:
    """Return whether the text is an IPv4 or IPv6 address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def network() -> Rule:
    """Return the rule for an address or a network in CIDR notation."""

    def read(value: object) -> IPv4Network | IPv6Network:
        text = _text(value)
        loose = ip_network(text, strict=False)
        if "/" in text and ip_address(text.split("/")[0]) != loose.network_address:
            raise RefusedError(f'write "{loose}", or the single address without "/"')
        return loose

    return Rule('a network such as "10.1.0.0/16" or an address such as "10.1.2.3"', read)


def header_name() -> Rule:
    """Return the rule for the name of an HTTP header (RFC 9110 5.1), empty for none."""

    def read(value: object) -> str:
        return _matching(value, re.compile(r"([A-Za-z0-9][A-Za-z0-9-]{0,63})?"))

    return Rule('the name of an HTTP header, such as "X-Remote-User", or "" for none', read)


def words() -> Rule:
    """Return the rule for words that are compared without regard to case: kept in capitals."""

    def read(value: object) -> str:
        text = " ".join(_text(value).upper().split())
        if not 1 <= len(text) <= _LONGEST_LO or not text.isprintable():
            raise RefusedError
        return text

    return Rule("a text of 1 to 64 characters", read)


def several(each: Rule, *, at_least: int = 0) -> Rule:
    """Return the rule for a list of which every element follows a rule; no element twice."""

    def read(value: object) -> tuple[object, ...]:
        if not isinstance(value, list):
            raise RefusedError('write a list: ["first", "second"]')
        found = tuple(each.read(element) for element in value)
        if len(found) < at_least:
            raise RefusedError("the list must not be empty")
        if len(set(found)) < len(found):
            raise RefusedError("an element stands there twice")
        return found

    return Rule(f"a list, each {each.allowed}", read)


def absolute_path(*, optional: str = "") -> Rule:
    """Return the rule for an absolute path.

    Args:
        optional: What the empty text stands for; without it a path must be given.
    """

    def read(value: object) -> Path | None:
        text = _text(value)
        if not text and optional:
            return None
        if not text.startswith("/") or "\0" in text:
            raise RefusedError
        return Path(text)

    note = f', or "" for {optional}' if optional else ""
    return Rule(f"an absolute path, which starts with /{note}", read)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise RefusedError("write a text in quotes")
    return value


def _matching(value: object, pattern: re.Pattern[str]) -> str:
    text = _text(value)
    if not pattern.fullmatch(text):
        raise RefusedError
    return text
