"""Server-sent events: every open page learns at once that something has been committed."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from triage.log import get_logger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from triage.store import Store

BEAT_SECONDS = 4.0
STALE_SECONDS = 12.0  # a page that heard nothing for this long says that it is out of date
MAXIMUM_STREAMS = 200

_POLL_SECONDS = 1.0
_TROUBLE_SECONDS = 2.0  # a store that cannot be watched is tried again after this
_SETTLE_SECONDS = 0.25  # commits come in bursts; a page is told once per burst

_log = get_logger("web")


class ChangeFeed:
    """Turns the store's commits into a number that grows, and wakes whoever waits for it.

    A thread watches the store; everything else happens on the event loop.
    """

    def __init__(self, store: Store, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.revision = 0
        self.streams = 0
        self._store = store
        self._monotonic = monotonic
        self._stop = threading.Event()
        self._seen_at = monotonic()
        self._changed = asyncio.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to watch; called on the event loop that the streams run on."""
        loop = asyncio.get_running_loop()
        self._thread = threading.Thread(
            target=self._watch, args=(loop,), name="store watcher", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """End every stream, and the watch."""
        self._stop.set()
        self._wake()

    def join(self) -> None:
        """Wait for the watch to have ended."""
        if self._thread is not None:
            self._thread.join()

    @property
    def closed(self) -> bool:
        """Whether the streams are to end."""
        return self._stop.is_set()

    @property
    def watching(self) -> bool:
        """Whether the store has been seen lately: without that no page may feel up to date."""
        return self._monotonic() - self._seen_at < STALE_SECONDS

    async def wait(self, revision: int, timeout_seconds: float) -> None:
        """Return when the revision has grown beyond the one given, on close, or at the timeout."""
        if self.revision == revision and not self.closed:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), timeout_seconds)

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _announce(self) -> None:
        self.revision += 1
        self._wake()

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        while not self._stop.is_set():
            try:
                self._watch_store(loop)
            except Exception:  # noqa: BLE001 - the top of the loop; pages turn stale until it works again
                _log.exception("store cannot be watched", action="watch_failed")
                self._stop.wait(_TROUBLE_SECONDS)

    def _watch_store(self, loop: asyncio.AbstractEventLoop) -> None:
        with closing(self._store.watcher()) as watcher:
            loop.call_soon_threadsafe(self._announce)  # what came while nobody watched
            while not self._stop.is_set():
                changed = watcher.wait(_POLL_SECONDS, self._stop)
                self._seen_at = self._monotonic()
                if changed:
                    loop.call_soon_threadsafe(self._announce)


async def stream(feed: ChangeFeed) -> AsyncIterator[str]:
    """Yield events for one page until the feed closes.

    "changed" asks the page to fetch its fragment anew; the first one comes at once, so that a
    page that was cut off catches up. "beat" proves that the store is still being watched.
    """
    feed.streams += 1
    try:
        yield "retry: 2000\n\n"
        told = -1
        while not feed.closed:
            if feed.revision != told:
                told = feed.revision
                yield f"event: changed\ndata: {told}\n\n"
                await asyncio.sleep(_SETTLE_SECONDS)
            elif feed.watching:
                yield f"event: beat\ndata: {told}\n\n"
            await feed.wait(told, BEAT_SECONDS)
    finally:
        feed.streams -= 1
