"""The reading order: class, then arrival, with a cap on waiting. Pure.

Every view of the list (UPS, page, JSON, terminal) shows this one order.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from triage.values import RankedEntry

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from triage.values import ReadingClass, WorklistEntry


def rank(
    entries: Iterable[WorklistEntry], now: datetime, waiting_cap_seconds: float
) -> tuple[RankedEntry, ...]:
    """Put the studies into reading order.

    A study that has waited for the cap stands, from then on, among the suspected abnormal by
    its arrival. Of all that is not an urgent order only earlier arrivals are then before it, so
    that it waits at most the cap longer than it would have waited first come, first served.

    Args:
        entries: The open lines of the list, in any order.
        now: The time at which the list is read, aware.
        waiting_cap_seconds: The cap.

    Returns:
        Every entry, once, at its place; ties of arrival stand by the work item's UID.
    """
    seen = [RankedEntry.at(0, entry, now, waiting_cap_seconds) for entry in entries]
    ordered = sorted(seen, key=_place)
    return tuple(replace(one, position=place) for place, one in enumerate(ordered, start=1))


def _place(ranked: RankedEntry) -> tuple[ReadingClass, datetime, str]:
    return ranked.effective_class, ranked.entry.arrived_at, ranked.entry.work_item_uid
