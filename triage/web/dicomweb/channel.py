"""One subscriber's event reports over one WebSocket (PS3.18 section 11.13), nothing lost.

PS3.18 has no acknowledgement for them, so a report stays in the outbox, leased, until the
connection has been alive for a whole round of pings after it was sent, or until the subscriber
acknowledges it, which it may do with the N-EVENT-REPORT-RSP that DIMSE has for that. What a
connection took with it when it ended is sent again on the next one, in order: a subscriber may
hear of something twice, and misses nothing.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocketDisconnect

from triage.errors import TriageError
from triage.log import get_logger
from triage.owners import owner_name
from triage.store import Channel
from triage.worklist.ups import UPS_PUSH

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.websockets import WebSocket

    from triage.store import ClaimedEvent, Store
    from triage.web.events import ChangeFeed

PING_SECONDS = 10.0  # between pings; a pong may take as long again
LARGEST_FRAME_BYTES = 4_096  # of what a subscriber sends: acknowledgements

_SEND_SECONDS = 10.0  # a subscriber that takes nothing for this long is let go
_CONFIRM_SECONDS = _SEND_SECONDS + 2 * PING_SECONDS + 1
_LEASE_SECONDS = 120.0
_BATCH = 50
_MOST_UNCONFIRMED = 1_000  # reports that one connection may hold
_IDLE_SECONDS = 5.0
_SETTLE_SECONDS = 0.1  # commits come in bursts; the outbox is looked at once per burst
_TROUBLE_SECONDS = 2.0
_WELCOME_SECONDS = 60.0  # how often a subscriber's right to listen is looked at again
_MESSAGE_IDS = 0xFFFF
_RESPONDED_TO = "00000120"  # Message ID Being Responded To

# RFC 6455 7.4.1
_GOING_AWAY = 1001
_POLICY_VIOLATION = 1008

_log = get_logger("web")


class NotificationChannel:
    """One connection, and what went into it and has not been seen to arrive.

    Args:
        websocket: The connection, accepted.
        title: AE title of the subscriber.
        store: The outbox of event reports.
        feed: Tells that something has been committed.
        is_welcome: Whether the subscriber may still listen: its user may be disabled meanwhile.
        monotonic: Seconds of a clock that never goes back.
    """

    def __init__(
        self,
        websocket: WebSocket,
        title: str,
        store: Store,
        feed: ChangeFeed,
        is_welcome: Callable[[], Awaitable[bool]],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.title = title
        self.left = asyncio.Event()
        self._websocket = websocket
        self._store = store
        self._feed = feed
        self._is_welcome = is_welcome
        self._monotonic = monotonic
        self._owner = owner_name("web")
        self._claimed: deque[ClaimedEvent] = deque()
        self._sent: dict[int, tuple[int, float]] = {}  # by message ID: the event, and when
        self._acknowledged: list[int] = []
        self._messages = 0
        self._replaced = asyncio.Event()
        self._over = False

    async def run(self) -> None:
        """Send until the subscriber leaves, stops reading, is replaced, or we are to stop."""
        tasks = {
            asyncio.create_task(work) for work in (self._listen(), self._send(), self._watch())
        }
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._over = True
            for task in tasks:
                task.cancel()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(result, Exception):
                    _log.error(
                        "notifications failed", action="notifications_failed", exc_info=result
                    )
            await self._hand_back()
            await self._close()

    async def replace(self) -> None:
        """Make way for a newer connection of the same application entity."""
        self._replaced.set()
        await self.left.wait()

    async def _listen(self) -> None:
        """Take acknowledgements until the subscriber leaves; what is none is not heard."""
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            answered = message_responded_to(message.get("text") or "")
            if answered in self._sent:
                self._acknowledged.append(answered)

    async def _watch(self) -> None:
        """Return when the subscriber is replaced, or may no longer listen."""
        while await self._is_welcome():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._replaced.wait(), _WELCOME_SECONDS)
                return

    async def _send(self) -> None:
        """Send what waits in the outbox until we are to stop, or the subscriber takes no more."""
        # Asked, too: before Python 3.12 a wait that ends just then swallows a cancellation.
        while not (self._over or self._feed.closed):
            revision = self._feed.revision
            try:
                await self._forget_confirmed()
                found = await run_in_threadpool(self._claim)
            except TriageError as error:
                _log.warning("events cannot be read", action="notifications_wait", problem=error)
                await asyncio.sleep(_TROUBLE_SECONDS)
                continue
            if not await self._tell():
                return
            if not found:
                await self._feed.wait(revision, _IDLE_SECONDS)
                await asyncio.sleep(_SETTLE_SECONDS)

    def _claim(self) -> bool:
        """Take what is to be sent next from the outbox; kept here, whatever becomes of the call."""
        room = min(_BATCH, _MOST_UNCONFIRMED - len(self._sent))
        if room <= 0:
            return False
        found = self._store.claim_events(
            self._owner, self.title, Channel.WEBSOCKET, room, _LEASE_SECONDS
        )
        self._claimed.extend(found)
        return bool(found)

    async def _tell(self) -> bool:
        """Send what was claimed; return False when the subscriber does not take it."""
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                while self._claimed:
                    report = self._claimed[0]
                    self._messages = self._messages % _MESSAGE_IDS + 1
                    self._sent[self._messages] = (report.event_id, self._monotonic())
                    self._claimed.popleft()
                    await self._websocket.send_text(as_text(report, self._messages))
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            return False
        return True

    async def _forget_confirmed(self) -> None:
        """Take from the outbox what was acknowledged, or sent a whole round of pings ago."""
        before = self._monotonic() - _CONFIRM_SECONDS
        acknowledged, self._acknowledged = set(self._acknowledged), []
        confirmed = {
            message: event_id
            for message, (event_id, sent_at) in self._sent.items()
            if message in acknowledged or sent_at < before
        }
        if confirmed:
            await run_in_threadpool(
                self._store.events_delivered, list(confirmed.values()), self._owner
            )
            for message in confirmed:
                del self._sent[message]

    async def _hand_back(self) -> None:
        """Leave the outbox without what was acknowledged, and with all that was not."""
        try:
            await self._forget_confirmed()
            held = [event_id for event_id, _ in self._sent.values()]
            held += [report.event_id for report in self._claimed]
            if held:
                await run_in_threadpool(self._store.events_released, held, self._owner)
        except TriageError as error:  # the leases run out, and the events are sent again
            _log.warning("events are held back", action="notifications_wait", problem=error)

    async def _close(self) -> None:
        code = _POLICY_VIOLATION if self._replaced.is_set() else _GOING_AWAY
        with suppress(RuntimeError, WebSocketDisconnect):  # the subscriber has closed it already
            await self._websocket.close(code)


def as_text(report: ClaimedEvent, message_id: int) -> str:
    """Return an event report as the text of one frame: the attributes of an N-EVENT-REPORT-RQ."""
    told: dict[str, Any] = {
        "00000002": {"vr": "UI", "Value": [UPS_PUSH]},
        "00000110": {"vr": "US", "Value": [message_id]},
        "00001000": {"vr": "UI", "Value": [report.work_item_uid]},
        "00001002": {"vr": "US", "Value": [report.kind]},
        **report.information,
    }
    return json.dumps(dict(sorted(told.items())), ensure_ascii=False, separators=(",", ":"))


def message_responded_to(text: str) -> int:
    """Return the Message ID that an acknowledgement names (PS3.7 Table 10.3-2), 0 for none."""
    try:
        (number,) = json.loads(text)[_RESPONDED_TO]["Value"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return 0
    return number if isinstance(number, int) else 0
