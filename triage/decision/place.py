"""Where a study belongs on the reading list, as far as the site's mode lets results move it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from triage.values import Mode, Outcome, ReadingClass

if TYPE_CHECKING:
    from triage.values import OrderPriority

_CLASS_OF_OUTCOME = {
    Outcome.ABNORMAL: ReadingClass.SUSPECTED_ABNORMAL,
    Outcome.LIKELY_NORMAL: ReadingClass.LIKELY_NORMAL,
    Outcome.INDETERMINATE: ReadingClass.ROUTINE,
    Outcome.NOT_ASSESSABLE: ReadingClass.ROUTINE,
}

# What each step of the ladder lets happen; each step includes the one before.
_MOVES = {
    Mode.SHADOW: frozenset({ReadingClass.ROUTINE}),
    Mode.PROMOTE: frozenset({ReadingClass.ROUTINE, ReadingClass.SUSPECTED_ABNORMAL}),
    Mode.DEMOTE: frozenset(
        {ReadingClass.ROUTINE, ReadingClass.SUSPECTED_ABNORMAL, ReadingClass.LIKELY_NORMAL}
    ),
}


def place(
    outcome: Outcome, order: OrderPriority, mode: Mode, *, spared: bool = False
) -> ReadingClass:
    """Return the class of a study.

    An urgent order outranks every result. A result moves the study only where the mode lets
    it; otherwise the study stands where it would have stood without us.

    Args:
        outcome: What was found out about the study.
        order: What the people who ordered the examination said.
        mode: How far the site lets results move its list.
        spared: The study belongs to the audit share that stays in place though likely normal.
    """
    if order.urgent:
        return order.reading_class
    wanted = _CLASS_OF_OUTCOME[outcome]
    if spared and wanted is ReadingClass.LIKELY_NORMAL:
        return order.reading_class
    return wanted if wanted in _MOVES[mode] else order.reading_class


def is_spared(study_instance_uid: str, share: float) -> bool:
    """Whether a study belongs to the random share of likely-normal studies that stay in place.

    The share is drawn by a hash of the Study Instance UID: the same study always gets the
    same answer, and nobody can foresee it from the film.

    Args:
        study_instance_uid: The study.
        share: Size of the share, 0 to 1.
    """
    digest = hashlib.sha256(f"audit share {study_instance_uid}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64 < share
