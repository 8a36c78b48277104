"""What has to travel to a page that knows an older list: pure, from two orders to few steps."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Changes:
    """The way from one list of lines to another.

    Attributes:
        gone: Lines that are to be taken out.
        placed: Lines that are new or have moved, each with its place in the new list, from 0,
            in that order: put in one after the other, each finds its place final.
        altered: Lines, new ones among them, whose content is another one.
    """

    gone: tuple[str, ...]
    placed: tuple[tuple[str, int], ...]
    altered: tuple[str, ...]


def changes(before: Mapping[str, int], after: Mapping[str, int]) -> Changes:
    """Return the fewest steps from one list to another.

    Args:
        before: The lines that the page shows, in order, each with a mark of its content.
        after: The lines that it is to show.
    """
    stay = _longest_in_order(before, after)
    return Changes(
        gone=tuple(key for key in before if key not in after),
        placed=tuple((key, place) for place, key in enumerate(after) if key not in stay),
        altered=tuple(key for key, mark in after.items() if before.get(key) != mark),
    )


def _longest_in_order(before: Mapping[str, int], after: Mapping[str, int]) -> frozenset[str]:
    """Return a largest set of lines that need not move: they follow each other in both lists.

    A longest increasing subsequence of their old places, by patience sorting: O(n log n).
    """
    place = {key: number for number, key in enumerate(before)}
    common = [key for key in after if key in place]
    tops: list[int] = []  # the smallest old place that ends a sequence of each length
    enders: list[int] = []  # index into `common` of the line at that place
    previous: list[int] = []
    for index, key in enumerate(common):
        length = bisect_left(tops, place[key])
        previous.append(enders[length - 1] if length else -1)
        tops[length : length + 1] = [place[key]]
        enders[length : length + 1] = [index]
    return frozenset(_followed(common, previous, enders[-1] if enders else -1))


def _followed(common: Sequence[str], previous: Sequence[int], last: int) -> list[str]:
    kept = []
    while last >= 0:
        kept.append(common[last])
        last = previous[last]
    return kept
