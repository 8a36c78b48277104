"""The lists that open pages know, so that they are told only what has changed since."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_KEPT = 256  # lists in memory, some 100 KB each at 1,000 studies; the longest unused goes first


class KnownLists:
    """Remembers the marks of the lists that were told lately; used on one thread.

    It is a cache: a page whose list is forgotten, as after a restart, is told the whole.
    """

    def __init__(self, most_kept: int = MOST_KEPT) -> None:
        self._most_kept = most_kept
        self._run = secrets.token_hex(4)  # marks of another run of the program say nothing here
        self._lists: OrderedDict[str, Mapping[str, int]] = OrderedDict()

    def remember(self, marks: Mapping[str, int]) -> str:
        """Keep a list, and return its name: the same list has the same name."""
        name = f"{self._run}-{hash(tuple(marks.items())) & 0xFFFFFFFFFFFFFFFF:016x}"
        self._lists[name] = marks
        self._lists.move_to_end(name)
        while len(self._lists) > self._most_kept:
            self._lists.popitem(last=False)
        return name

    def recall(self, name: object) -> Mapping[str, int] | None:
        """Return the list of a name, None when it is not known (any more)."""
        if not isinstance(name, str) or name not in self._lists:
            return None
        self._lists.move_to_end(name)
        return self._lists[name]
