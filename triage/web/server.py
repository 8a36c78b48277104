"""The web role: the page, JSON, health and metrics on one port, until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
from typing import TYPE_CHECKING

import uvicorn

from triage.errors import PermanentError, TransientError
from triage.log import get_logger
from triage.presence import last_signs
from triage.settings import receiver_names
from triage.store import Store, utc_now
from triage.web.algorithm import read_algorithm
from triage.web.app import create_app
from triage.web.dicomweb.channel import LARGEST_FRAME_BYTES, PING_SECONDS
from triage.web.tls import page_context

if TYPE_CHECKING:
    import ssl
    import threading
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from starlette.applications import Starlette

    from triage.settings import Settings
    from triage.web.algorithm import Algorithm

_POLL_SECONDS = 0.2
_DRAIN_SECONDS = 2  # answers that are on their way may take this long once we stop
# Whoever asks for readiness has the web's own sign of life in the answer.
_WATCHED_ROLES = ("listener", "worker", "clock", "courier")
_BACKLOG = 128

_log = get_logger("web")


def run(
    settings: Settings,
    stop: threading.Event,
    alive: Callable[[], None],
    ready: Callable[[int], None] | None = None,
    *,
    clock: Callable[[], datetime] = utc_now,
    read: Callable[[Path | None], Algorithm | None] = read_algorithm,
) -> None:
    """Serve the page until `stop` is set.

    Args:
        settings: The site's configuration.
        stop: Ends the role; open event streams are closed, other answers are finished.
        alive: Called several times a second while the event loop turns.
        ready: Called once with the port, when requests are answered.
        clock: Returns the present time, aware and in UTC.
        read: Reads what the pages tell about the bundle in a folder.

    Raises:
        TriageError: The address cannot be listened on, or the store cannot be used.
    """
    listening = listen(settings.web.address, settings.web.port)
    port = int(listening.getsockname()[1])
    with contextlib.closing(listening), Store.open(settings.state_folder, clock) as store:
        app = create_app(
            store,
            settings,
            clock,
            algorithm=read(settings.worker.bundle),
            silent_roles=functools.partial(silent_roles, settings),
        )
        _log.info("page is served", action="web_started", port=port)
        asyncio.run(_serve(app, page_context(settings.web), listening, stop, alive, ready))
    _log.info("page is closed", action="web_stopped", port=port)


def silent_roles(settings: Settings) -> tuple[str, ...]:
    """Return the roles that have given no sign of life lately."""
    watched = [*_WATCHED_ROLES]
    if settings.hl7.port:
        watched.append("hl7")
    if any(receiver_names(settings)) or settings.modality_worklists:
        watched.append("receivers")
    return tuple(sign.role for sign in last_signs(settings.state_folder, watched) if sign.silent)


def listen(address: str, port: int) -> socket.socket:
    """Return a socket that listens where the configuration says.

    Raises:
        PermanentError: Nobody may listen there; the message names the key to change.
    """
    try:
        family = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((address, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        reason = str(error.strerror).partition(" (while")[0]  # Python repeats the address there
        raise PermanentError(
            f"the page cannot be served at {address} port {port} ({reason}); stop what"
            " uses that port, or set web.address or web.port in the configuration"
        ) from error
    # Connections inherit it. asyncio leaves it out where a socket does not name its protocol, and
    # an answer in two parts then waits 40 ms until the client acknowledges the first.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


class _Server(uvicorn.Server):
    """uvicorn, without its own signal handlers: signals belong to the role, which sets `stop`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


async def _serve(
    app: Starlette,
    certificate: ssl.SSLContext | None,
    listening: socket.socket,
    stop: threading.Event,
    alive: Callable[[], None],
    ready: Callable[[int], None] | None,
) -> None:
    port = int(listening.getsockname()[1])
    server = _Server(_config(app, certificate))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not stop.is_set() and not serving.done():
        await asyncio.wait({serving}, timeout=_POLL_SECONDS)
        alive()
        if ready is not None and server.started:
            ready(port)
            ready = None
    # An event stream has no end of its own: without this the drain would always run out.
    app.state.site.feed.close()
    server.should_exit = True
    await serving
    if not stop.is_set():
        raise TransientError("the web server ended by itself; the log says why")


def _config(app: Starlette, certificate: ssl.SSLContext | None) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        access_log=False,
        lifespan="on",
        log_config=None,
        # Whose word counts about forwarded addresses is ours to judge: triage.web.access.origin.
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
        # Event reports of the reading list go out so; see triage.web.dicomweb.channel.
        ws="websockets-sansio",
        ws_max_size=LARGEST_FRAME_BYTES,
        ws_per_message_deflate=False,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
    )
    config.load()
    config.ssl = certificate  # uvicorn makes one of its own only from the names of files
    return config
