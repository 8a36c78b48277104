"""Text of a data set, decoded by Specific Character Set (0008,0005), never failing.

What does not decode is replaced: a name with a question mark in it is better than no list. Code
extensions (ISO 2022, PS3.5 6.1.2.5) are followed escape sequence by escape sequence.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Defined terms of PS3.3 C.12.1.1.2, without their prefix, and the codec for each.
_CODECS = {
    "": "latin_1",
    "6": "latin_1",
    "13": "shift_jis",
    "58": "gb2312",
    "87": "iso2022_jp",
    "100": "latin_1",
    "101": "iso8859_2",
    "109": "iso8859_3",
    "110": "iso8859_4",
    "126": "iso8859_7",
    "127": "iso8859_6",
    "138": "iso8859_8",
    "144": "iso8859_5",
    "148": "iso8859_9",
    "149": "euc_kr",
    "159": "iso2022_jp_2",
    "166": "tis_620",
    "192": "utf_8",
    "203": "iso8859_15",
    "GB18030": "gb18030",
    "GBK": "gbk",
}
# Escape sequences of PS3.3 Tables C.12-3 and C.12-4; the codecs of the second group want to
# see the sequence themselves.
_DESIGNATED = {
    b"\x1b(B": "latin_1",
    b"\x1b-A": "latin_1",
    b"\x1b-B": "iso8859_2",
    b"\x1b-C": "iso8859_3",
    b"\x1b-D": "iso8859_4",
    b"\x1b-F": "iso8859_7",
    b"\x1b-G": "iso8859_6",
    b"\x1b-H": "iso8859_8",
    b"\x1b-L": "iso8859_5",
    b"\x1b-M": "iso8859_9",
    b"\x1b-T": "tis_620",
    b"\x1b-b": "iso8859_15",
    b"\x1b)I": "shift_jis",
    b"\x1b(J": "shift_jis",
    b"\x1b$)C": "euc_kr",
    b"\x1b$)A": "gb2312",
}
_ESCAPED_BY_CODEC = {b"\x1b$B": "iso2022_jp", b"\x1b$(D": "iso2022_jp_2"}

_TERM = re.compile(r"(?:ISO[_ -]?(?:IR|2022[_ -]?IR|2022)[_ -]?)?(\w*)")
_ESCAPE = re.compile(rb"(\x1b\$?[()-]?[A-Za-z])")
# After these the initial character set is in force again (PS3.5 6.1.2.5.3).
_RESETTING = re.compile(rb"([\\^=\r\n\f\t])")


def codecs_of(specific_character_set: str) -> tuple[str, ...]:
    """Return the codecs of a Specific Character Set value; unknown terms count as none.

    Returns:
        At least one codec, the first of which is the initial one; empty when nothing is said.
    """
    terms = specific_character_set.upper().split("\\") if specific_character_set else []
    return tuple(_codec(term.strip()) for term in terms)


def _codec(term: str) -> str:
    matched = _TERM.fullmatch(term)
    return _CODECS.get(matched.group(1) if matched else "", "latin_1")


def decode_text(raw: bytes, codecs: Sequence[str]) -> str:
    """Decode one value, or several with their separators.

    Args:
        raw: The bytes as encoded.
        codecs: From `codecs_of`; when empty, UTF-8 is tried before ISO 8859-1, because senders
            that say nothing often mean it.

    Returns:
        The text in composed form, with control characters taken out.
    """
    if b"\x1b" in raw:
        text = "".join(_escaped_parts(raw, codecs[0] if codecs else "latin_1"))
    elif codecs:
        text = raw.decode(codecs[0], "replace")
    else:
        text = _undeclared(raw)
    return "".join(mark for mark in unicodedata.normalize("NFC", text) if _is_kept(mark))


def _undeclared(raw: bytes) -> str:
    try:
        return raw.decode("utf_8")
    except UnicodeDecodeError:
        return raw.decode("latin_1")


def _is_kept(mark: str) -> bool:
    return unicodedata.category(mark) not in ("Cc", "Cs") or mark in "\r\n\t"


def _escaped_parts(raw: bytes, initial: str) -> Iterator[str]:
    head, *rest = _ESCAPE.split(raw)
    yield head.decode(initial, "replace")
    for escape, body in zip(rest[::2], rest[1::2], strict=True):
        if escape in _ESCAPED_BY_CODEC:
            yield (escape + body).decode(_ESCAPED_BY_CODEC[escape], "replace")
            continue
        designated, *others = _RESETTING.split(body, maxsplit=1)
        yield designated.decode(_DESIGNATED.get(escape, initial), "replace")
        yield b"".join(others).decode(initial, "replace")
