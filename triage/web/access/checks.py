"""Checking a name with a password: slow by design, bounded, and with a brake on guessing."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.concurrency import run_in_threadpool

from triage.web.access.passwords import USUAL, hash_password, is_outdated, verify_password
from triage.web.access.tries import Tries

if TYPE_CHECKING:
    from collections.abc import Callable

    from triage.store import Store, UserRecord
    from triage.web.access.passwords import Cost

AT_ONCE: Final = 2  # hashes computed at the same time; each takes 32 MiB and a core
REMEMBERED_SECONDS: Final = 60.0
_MOST_REMEMBERED: Final = 256


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check came to.

    Attributes:
        user: The user, None when the password is not right.
        wait_seconds: Above 0 when the password was not even looked at.
        reason: Why it was refused, for the log alone.
        known: Whether there is a user of that name, for the log alone.
    """

    user: UserRecord | None
    wait_seconds: float = 0.0
    reason: str = ""
    known: bool = False


class PasswordChecks:
    """Checks passwords against the store.

    Args:
        store: Where the users are.
        monotonic: Seconds of a clock that never goes back.
        cost: What a hash costs.
    """

    def __init__(
        self,
        store: Store,
        monotonic: Callable[[], float] = time.monotonic,
        cost: Cost = USUAL,
    ) -> None:
        self._store = store
        self._monotonic = monotonic
        self._cost = cost
        self._tries = Tries(monotonic)
        self._hashing = asyncio.Semaphore(AT_ONCE)
        self._key = secrets.token_bytes(32)
        self._remembered: OrderedDict[bytes, tuple[str, float]] = OrderedDict()
        self._remembering = asyncio.Lock()

    async def check(self, name: str, password: str, place: str) -> Checked:
        """Check a name with a password that somebody typed.

        Args:
            name: In lower case.
            password: As typed.
            place: Where the try comes from; see `tries`.
        """
        wait = self._tries.admit(name, place)
        if wait > 0:
            return Checked(None, wait_seconds=wait, reason="too many tries")
        user = await run_in_threadpool(self._store.user, name)
        stored = user.password_hash if user is not None and not user.disabled else ""
        # Computed for nobody too: the time must not tell which names exist.
        async with self._hashing:
            right = await run_in_threadpool(verify_password, password, stored, self._cost)
        if not right or user is None:
            return Checked(None, reason=_reason(user), known=user is not None)
        self._tries.succeeded(name, place)
        if is_outdated(stored, self._cost):
            async with self._hashing:
                renewed = await run_in_threadpool(hash_password, password, self._cost)
            await run_in_threadpool(self._store.renew_password_hash, name, stored, renewed)
        return Checked(user, known=True)

    async def check_remembered(self, name: str, password: str, place: str) -> Checked:
        """Check what a machine sends with every request; a right one is remembered for a minute.

        What is remembered is worth nothing outside this process, and ends at once when the user
        is disabled or the password changed.
        """
        digest = hmac.new(self._key, f"{name}\0{password}".encode(), hashlib.sha256).digest()
        # One at a time: ten requests at once with the same password are one try, not ten.
        async with self._remembering:
            user = await run_in_threadpool(self._store.user, name)
            stored, until = self._remembered.get(digest, ("", 0.0))
            known = user is not None and not user.disabled and user.password_hash == stored
            if stored and known and self._monotonic() < until:
                return Checked(user, known=True)
            self._remembered.pop(digest, None)
            checked = await self.check(name, password, place)
            if checked.user is not None:
                until = self._monotonic() + REMEMBERED_SECONDS
                self._remembered[digest] = (checked.user.password_hash, until)
                while len(self._remembered) > _MOST_REMEMBERED:
                    self._remembered.popitem(last=False)
            return checked


def _reason(user: UserRecord | None) -> str:
    if user is None:
        return "no such user"
    return "the user is disabled" if user.disabled else "wrong password"
