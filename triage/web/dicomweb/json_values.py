"""Values of the DICOM JSON model by VR (PS3.18 section F.2.3): pure.

A value comes out in the one form that pydicom's reader takes without a guess and without a
warning; what has no such form is refused.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LONGEST_TEXT = 100_000  # characters: a long comment, and no film

_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_INTEGER = re.compile(r"[+-]?\d{1,20}")
# Of the control characters, text may have these (PS3.5 6.1.3), and only where lines may end.
_LINES = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_ONE_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\\]")  # "\" would divide it in two
_PARAGRAPHS = frozenset({"ST", "LT", "UT"})
_INTEGERS: Mapping[str, tuple[int, int]] = {
    "IS": (-(2**31), 2**31 - 1),
    "SL": (-(2**31), 2**31 - 1),
    "SS": (-(2**15), 2**15 - 1),
    "SV": (-(2**63), 2**63 - 1),
    "UL": (0, 2**32 - 1),
    "US": (0, 2**16 - 1),
    "UV": (0, 2**64 - 1),
}
_DECIMALS = frozenset({"DS", "FD", "FL"})
_TEXTS = frozenset(
    {"AE", "AS", "CS", "DA", "DT", "LO", "LT", "SH", "ST", "TM", "UC", "UI", "UR", "UT"}
)
_LONGEST_DECIMAL = 16


def check_value(vr: str, value: object) -> object:
    """Return one value of an attribute as pydicom reads it.

    Args:
        vr: The value representation; SQ is not for here.
        value: What JSON had; None stands for an empty value.

    Raises:
        ValueError: No value of this VR is written so.
    """
    if value is None:
        return {"Alphabetic": ""} if vr == "PN" else "" if vr in _TEXTS else None
    return _reader_of(vr)(vr, value)


def _reader_of(vr: str) -> Callable[[str, object], object]:
    if vr in _TEXTS:
        return _text
    if vr in _INTEGERS:
        return _integer
    if vr in _DECIMALS:
        return _decimal
    if vr == "PN":
        return _person_name
    if vr == "AT":
        return _attribute_tag
    raise ValueError(vr)  # binary, or ambiguous: a work item has none


def _text(vr: str, value: object) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise ValueError(vr)
    forbidden = _LINES if vr in _PARAGRAPHS else _ONE_LINE
    if forbidden.search(value):
        raise ValueError(vr)
    return value


def _integer(vr: str, value: object) -> int:
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        value = int(value)
    low, high = _INTEGERS[vr]
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(vr)
    return value


def _decimal(vr: str, value: object) -> float | int | str:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(vr)  # noqa: TRY004 - one error for all that a VR does not allow
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(vr)
    if vr == "DS" and len(str(value)) > _LONGEST_DECIMAL:
        raise ValueError(vr)
    return number


def _person_name(vr: str, value: object) -> dict[str, str]:
    """Check the component groups of a name, and put them in order."""
    if not isinstance(value, dict) or not value.keys() <= set(_GROUPS):
        raise ValueError(vr)
    groups = {name: _text(vr, value.get(name) or "") for name in _GROUPS}
    if any("=" in group for group in groups.values()):
        raise ValueError(vr)
    return groups


def _attribute_tag(vr: str, value: object) -> str:
    if not isinstance(value, str) or not _TAG.fullmatch(value):
        raise ValueError(vr)
    return value
