"""The reading order: class, then arrival, with a cap on waiting. Pure.

Every view of the list (UPS, page, JSON, terminal) shows this one order; the database reads the
same one by ranges of its indexes (triage.store.reading_order), and a test holds the two together.

The order, first key first:

1. the class that stands after the cap: urgent orders (STAT, HIGH), suspected abnormal, routine,
   likely normal;
2. the arrival, earlier first;
3. the UID of the work item, so that ties stay as they are.

A study that has waited for the cap stands among the suspected abnormal. One that a reader has
opened stays where it stood when it was opened, and one whose priority a person has set stays
where that person put it: neither a result nor the cap nor the brake moves them.

What the cap promises. Compare this list with the list as it would be without any result: urgent
orders first, all others first come, first served; the same arrivals, the same orders, and the
same moments at which some reader is free and takes the first line. Urgent orders are then read at
the same moments on both lists. Of the turns that they leave, for any other study,

- once it has waited for the cap, no study that arrived after it is taken before it;
- so it is overtaken at most by what readers take up from its arrival until its cap: if its turn
  is the n-th without results, it is at the latest the (n + k)-th, where k is how many studies
  that are no urgent orders readers take up in that time;
- where readers take up studies at a steady pace, it is therefore read at the latest one cap later
  than without results, and later than that only by the turns which urgent orders take meanwhile.

Whatever results say, and whenever they change, this holds. What "first come, first served plus
the cap" cannot mean: urgent orders come first with us and without us, and no cap on results
bounds how many of them there are; readers who pause delay what was overtaken before the pause
until after it; and a study that a person has put below stays there.
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
