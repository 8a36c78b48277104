"""Whether a case has a finding, asked by the name that a bundle or a table uses."""

from __future__ import annotations

from typing import Final

from training.errors import DataError
from training.phantom.values import DISCS, VERTEBRAE, PhantomCase

# Kinds as the phantom draws them, and those at which a level can be named, with the levels.
_KINDS: Final = (
    "spondylosis",
    "listhesis",
    "kyphosis",
    "lost-lordosis",
    "canal-narrowing",
    "swelling",
)
_LEVELS: Final = {"spondylosis": DISCS, "listhesis": DISCS, "canal-narrowing": VERTEBRAE}

# Findings that stand for several kinds.
_GROUPS: Final = {"malalignment": ("listhesis", "kyphosis")}


def has_finding(case: PhantomCase, finding: str) -> bool:
    """Whether a case has a finding.

    Args:
        case: What was drawn.
        finding: ``"abnormal"``, a kind (``"spondylosis"``), a group of kinds
            (``"malalignment"``), or a kind at a level (``"spondylosis:C5/C6"``).

    Raises:
        DataError: The phantom knows no such finding.
    """
    kind, colon, level = finding.partition(":")
    if finding == "abnormal":
        return case.abnormal
    if finding in _GROUPS:
        return any(has_finding(case, part) for part in _GROUPS[finding])
    if kind not in _KINDS or (colon and level not in _LEVELS.get(kind, ())):
        raise DataError(
            f"The phantom knows no finding {finding!r}; it knows abnormal, "
            f"{', '.join([*_GROUPS, *_KINDS])}, and levels such as spondylosis:C5/C6: give a "
            "data set that has the finding with --data."
        )
    if colon:
        return finding in case.findings
    return any(found.partition(":")[0] == kind for found in case.findings)
