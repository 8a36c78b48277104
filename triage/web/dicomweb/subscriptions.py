"""The transactions on subscriptions: subscribe, unsubscribe, suspend (PS3.18 11.10 to 11.12).

A subscriber that the site has configured as a DIMSE peer is told over DIMSE; any other AE title
fetches its event reports over a WebSocket.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from pydicom.dataset import Dataset
from starlette.concurrency import run_in_threadpool

from triage.errors import PermanentError, StoreError
from triage.store import Channel
from triage.ups.subscriptions import FILTERED_SUBSCRIPTION
from triage.web.dicomweb.answers import answer, service_of, transaction
from triage.web.dicomweb.errors import RequestError
from triage.web.dicomweb.query import add_key, attribute_path
from triage.web.dicomweb.requester import requester
from triage.web.dicomweb.requests import ae_title, work_item_uid
from triage.web.dicomweb.statuses import Transaction, answer_of
from triage.web.dicomweb.workitems import steps_of
from triage.web.site import site_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import HTTPConnection, Request
    from starlette.responses import Response

    from triage.ups.answers import Answer

_MOST_KEYS = 50
_OPTIONS = frozenset({"deletionlock", "filter", "accept", "charset"})


@transaction
async def subscribe(request: Request) -> Response:
    """Let an application entity be told of events."""
    requester(request)
    uid, title = work_item_uid(request), ae_title(request)
    keys = _matching_keys(request) if uid == FILTERED_SUBSCRIPTION else None
    channel = channel_of(request, title)
    asked = partial(
        steps_of(request).subscribe,
        uid,
        title,
        deletion_lock=_deletion_lock(request),
        matching_keys=keys,
        channel=channel,
    )
    try:
        done = await run_in_threadpool(asked)
    except StoreError:
        raise
    except PermanentError as error:
        raise RequestError(f"the filter cannot be used: {error}") from error
    found = answer_of(Transaction.SUBSCRIBE, done.status)
    fetches = channel is Channel.WEBSOCKET
    headers = {"Content-Location": notifications_address(request, title)} if fetches else None
    return answer(request, found, done.status, headers=headers, comment=done.comment)


@transaction
async def unsubscribe(request: Request) -> Response:
    """Let an application entity no longer be told of events."""
    return await _leave(request, Transaction.UNSUBSCRIBE, steps_of(request).unsubscribe)


@transaction
async def suspend(request: Request) -> Response:
    """Let an application entity not be subscribed to work items to come."""
    return await _leave(request, Transaction.SUSPEND, steps_of(request).suspend)


async def _leave(request: Request, kind: Transaction, ask: Callable[..., Answer]) -> Response:
    requester(request)
    uid, title = work_item_uid(request), ae_title(request)
    done = await run_in_threadpool(partial(ask, uid, title, channel=channel_of(request, title)))
    return answer(request, answer_of(kind, done.status), done.status, comment=done.comment)


def channel_of(connection: HTTPConnection, title: str) -> Channel:
    """Return how a subscriber is told: a web client must not divert the events of a DIMSE peer."""
    site = site_of(connection)
    is_peer = any(peer.ae_title == title for peer in site.settings.peers)
    return Channel.DIMSE if is_peer else Channel.WEBSOCKET


def notifications_address(request: Request, title: str) -> str:
    """Return where a subscriber opens its WebSocket."""
    scheme, _, place = service_of(request).partition("://")
    return f"{'wss' if scheme == 'https' else 'ws'}://{place}/ws/subscribers/{quote(title)}"


def _deletion_lock(request: Request) -> bool:
    value = request.query_params.get("deletionlock", "false")
    if value not in ("true", "false"):
        raise RequestError("deletionlock must be true or false")
    return value == "true"


def _matching_keys(request: Request) -> Dataset:
    """Return the keys of a filter: a list in one parameter, or a parameter each.

    Raises:
        RequestError: There is none, or one that cannot be understood.
    """
    pairs: list[tuple[str, str]] = []
    for name, value in request.query_params.multi_items():
        if name == "filter":
            pairs += [_pair(each) for each in value.split(",") if each]
        elif name not in _OPTIONS:
            pairs.append((name, value))
    if not 0 < len(pairs) <= _MOST_KEYS:
        raise RequestError(f"a filter must have 1 to {_MOST_KEYS} matching keys")
    keys = Dataset()
    for name, value in pairs:
        path = attribute_path(name)
        if path is None:
            raise RequestError("the filter names what is no attribute")
        add_key(keys, path, value, name)
    return keys


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip(), value.strip()
