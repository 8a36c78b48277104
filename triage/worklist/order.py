"""The reading order: class, then arrival, with a cap on waiting. Pure.

Every view of the list (UPS, page, JSON, terminal) shows this one order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from triage.values import RankedEntry, ReadingClass

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from triage.values import WorklistEntry


def rank(
    entries: Iterable[WorklistEntry], now: datetime, waiting_cap_seconds: float
) -> tuple[RankedEntry, ...]:
    """Put the studies into reading order.

    A study that has waited for the cap stands, from then on, among the suspected abnormal by
    its arrival. Of all that is not an urgent order only earlier arrivals are then before it, so
    that it waits at most the cap longer than it would have waited first come, first served.

    Args:
        entries: The lines of the list, in any order.
        now: The time at which the list is read, aware.
        waiting_cap_seconds: The cap.

    Returns:
        Every entry, once, at its place; ties of arrival stand by Study Instance UID.
    """
    seen = [(_effective_class(entry, now, waiting_cap_seconds), entry) for entry in entries]
    ordered = sorted(seen, key=lambda one: (one[0], one[1].arrived_at, one[1].study_instance_uid))
    return tuple(
        RankedEntry(
            entry=entry,
            position=position,
            effective_class=effective,
            waited_seconds=_waited(entry, now),
            cap_seconds=waiting_cap_seconds,
            overdue=effective is not entry.reading_class,
        )
        for position, (effective, entry) in enumerate(ordered, start=1)
    )


def _effective_class(
    entry: WorklistEntry, now: datetime, waiting_cap_seconds: float
) -> ReadingClass:
    if _waited(entry, now) < waiting_cap_seconds:
        return entry.reading_class
    return min(entry.reading_class, ReadingClass.SUSPECTED_ABNORMAL)


def _waited(entry: WorklistEntry, now: datetime) -> float:
    # A clock that was set back must not make a study look as if it came from the future.
    return max(0.0, (now - entry.arrived_at).total_seconds())
