"""The brake on guessing: delays that grow with failures, and lock nobody out.

Failures count for a user's name together with where they come from, and for where they come
from alone. Where they come from is the address, or the browser when the user has logged in
with it before: somebody who tries a radiologist's name from anywhere else, or even from the
same address, delays only himself.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_KEPT: Final = 10_000  # counts in memory; the longest unused is forgotten first


@dataclass(frozen=True, slots=True)
class Patience:
    """How failures become delays.

    Attributes:
        free: So many failures in a row cost nothing: people mistype.
        longest_seconds: No delay is longer.
        forgotten_seconds: After so long without a try, failures are forgotten.
    """

    free: int
    longest_seconds: float
    forgotten_seconds: float


WITH_NAME: Final = Patience(free=3, longest_seconds=30.0, forgotten_seconds=3600.0)
FROM_PLACE: Final = Patience(free=20, longest_seconds=10.0, forgotten_seconds=3600.0)


@dataclass(slots=True)
class _Count:
    failures: int
    next_at: float
    tried_at: float


class Tries:
    """Counts failed log-ins; used on one thread, the event loop's.

    Args:
        monotonic: Seconds of a clock that never goes back.
        most_kept: Counts that are kept.
    """

    def __init__(self, monotonic: Callable[[], float], most_kept: int = MOST_KEPT) -> None:
        self._monotonic = monotonic
        self._most_kept = most_kept
        self._counts: OrderedDict[tuple[str, str], _Count] = OrderedDict()

    def admit(self, name: str, place: str) -> float:
        """Ask for a try; it counts as failed until `succeeded` says otherwise.

        Counting beforehand is what keeps many tries at the same moment from slipping through.

        Returns:
            0 when the password may be looked at, else the seconds to wait, and nothing counted.
        """
        now = self._monotonic()
        keys = _keys(name, place)
        wait = max(self._count(key, patience, now).next_at - now for key, patience in keys)
        if wait > 0:
            return wait
        for key, patience in keys:
            count = self._count(key, patience, now)
            count.failures += 1
            count.tried_at = now
            count.next_at = now + delay_after(count.failures, patience)
            self._counts[key] = count
            self._counts.move_to_end(key)
        while len(self._counts) > self._most_kept:
            self._counts.popitem(last=False)
        return 0.0

    def succeeded(self, name: str, place: str) -> None:
        """Forget the failures of this user from this place, and the try just counted."""
        (with_name, _), (from_place, patience) = _keys(name, place)
        self._counts.pop(with_name, None)
        count = self._counts.get(from_place)
        if count is not None:
            count.failures -= 1
            count.next_at = count.tried_at + delay_after(count.failures, patience)

    def _count(self, key: tuple[str, str], patience: Patience, now: float) -> _Count:
        count = self._counts.get(key)
        if count is None or now - count.tried_at > patience.forgotten_seconds:
            return _Count(0, now, now)
        return count


def delay_after(failures: int, patience: Patience) -> float:
    """Return the seconds before the next try: 1 after the free ones, then doubled each time."""
    beyond = failures - patience.free - 1
    if beyond < 0:
        return 0.0
    return min(patience.longest_seconds, 2.0 ** min(beyond, 30))


def place_of(address: str) -> str:
    """Return what counts as one place: an IPv4 address, or the /64 network of an IPv6 one."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    if isinstance(known, IPv6Address):
        known = known.ipv4_mapped or known
    if isinstance(known, IPv6Address):
        return str(ip_network(f"{known}/64", strict=False))
    return str(known)


def _keys(name: str, place: str) -> tuple[tuple[tuple[str, str], Patience], ...]:
    return ((name, place), WITH_NAME), (("", place), FROM_PLACE)
