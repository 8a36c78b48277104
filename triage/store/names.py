"""Person names as they are looked up: each group folded, so that an index serves a query."""

from __future__ import annotations

import unicodedata

_GROUPS = 3


def name_keys(patient_name: str) -> tuple[str, str, str]:
    """Return the alphabetic, ideographic and phonetic group of a PN value (PS3.5 6.2.1), folded."""
    groups = [group.rstrip("^ ") for group in folded(patient_name).split("=")]
    alphabetic, ideographic, phonetic, *_ = groups + [""] * _GROUPS
    return alphabetic, ideographic, phonetic


def folded(name: str) -> str:
    """Return a name, or a pattern of one, as it is compared: composed and without case."""
    return unicodedata.normalize("NFC", name).strip().casefold()
