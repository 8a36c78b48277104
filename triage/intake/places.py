"""Places for associations, counted over every process that shares the port.

A place is a locked byte of one file: the kernel frees it when its process dies, whatever it dies
of, so that nothing has to be tidied up and no count can be wrong.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_FILE = "associations"
_PLACES_PER_KEY = 1024  # more than listener.maximum_associations allows
_KEY_BYTES = 5  # of a hash: with the places it stays within the longest file there can be


class Places:
    """The places of one state folder; safe to use from several threads and processes.

    Args:
        folder: Where the file of the locks lies.
    """

    def __init__(self, folder: Path) -> None:
        # One descriptor for all: closing any descriptor of the file would free every lock of the
        # process. Locks of a process do not exclude each other, therefore `_own`.
        self._handle = os.open(folder / _FILE, os.O_RDWR | os.O_CREAT, 0o640)
        self._own: set[int] = set()
        self._turn = threading.Lock()

    def take(self, key: str, limit: int) -> int | None:
        """Take one of the `limit` places of a key.

        Returns:
            The place, or None when all are taken.
        """
        first = _first_place(key)
        with self._turn:
            for place in range(first, first + limit):
                if place not in self._own and self._lock(place):
                    self._own.add(place)
                    return place
        return None

    def free(self, place: int) -> None:
        """Give a place back."""
        with self._turn:
            if place not in self._own:
                return
            self._own.remove(place)
            fcntl.lockf(self._handle, fcntl.LOCK_UN, 1, place)

    def close(self) -> None:
        """Give every place back."""
        with self._turn:
            self._own.clear()
            os.close(self._handle)

    def _lock(self, place: int) -> bool:
        with suppress(BlockingIOError, PermissionError):
            fcntl.lockf(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
            return True
        return False


def _first_place(key: str) -> int:
    digest = hashlib.sha256(key.encode()).digest()[:_KEY_BYTES]
    return int.from_bytes(digest, "big") * _PLACES_PER_KEY
