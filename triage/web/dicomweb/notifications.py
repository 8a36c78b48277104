"""The WebSockets over which event reports go out (PS3.18 section 8.10): opening and closing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from triage.log import get_logger
from triage.store import Channel
from triage.web.dicomweb.channel import NotificationChannel
from triage.web.dicomweb.errors import RequestError
from triage.web.dicomweb.requester import may_listen
from triage.web.dicomweb.requests import ae_title
from triage.web.dicomweb.subscriptions import channel_of
from triage.web.site import site_of

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

MAXIMUM_CHANNELS = 100

# RFC 6455 7.4.1
_POLICY_VIOLATION = 1008
_TRY_AGAIN_LATER = 1013

_log = get_logger("web")


class Channels:
    """The open connections, one for each application entity: a newer one replaces an older."""

    def __init__(self) -> None:
        self._open: dict[str, NotificationChannel] = {}

    def __len__(self) -> int:
        return len(self._open)

    @property
    def full(self) -> bool:
        """Whether no further application entity can be served."""
        return len(self._open) >= MAXIMUM_CHANNELS

    async def enter(self, channel: NotificationChannel) -> None:
        """Take a connection in, once that which it replaces has handed back what it held."""
        while (older := self._open.get(channel.title)) is not None:
            await older.replace()
        self._open[channel.title] = channel

    def leave(self, channel: NotificationChannel) -> None:
        """Forget a connection."""
        if self._open.get(channel.title) is channel:
            del self._open[channel.title]
        channel.left.set()


async def open_notifications(websocket: WebSocket) -> None:
    """Send a subscriber its event reports, for as long as it listens."""
    channels: Channels = websocket.app.state.channels
    site = site_of(websocket)
    try:
        title = ae_title(websocket)
    except RequestError:
        await websocket.close(_POLICY_VIOLATION)
        return
    if channel_of(websocket, title) is not Channel.WEBSOCKET:
        await websocket.close(_POLICY_VIOLATION)
        return
    if channels.full or site.feed.closed:
        await websocket.close(_TRY_AGAIN_LATER)
        return
    await websocket.accept()
    welcome = partial(may_listen, websocket)
    channel = NotificationChannel(websocket, title, site.store, site.feed, welcome)
    await channels.enter(channel)
    _log.info("notifications opened", action="notifications_opened", peer=title)
    try:
        await channel.run()
    finally:
        channels.leave(channel)
        _log.info("notifications closed", action="notifications_closed", peer=title)
