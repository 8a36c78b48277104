"""The web application: routes, headers, and what is answered when something is wrong."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from triage.errors import TriageError
from triage.store import utc_now
from triage.ups.service import StepService
from triage.web import access, api, dicomweb, feedback, films, health, operating, pages, reading
from triage.web.dicomweb.notifications import Channels
from triage.web.dicomweb.routes import ROUTES as DICOMWEB_ROUTES
from triage.web.events import ChangeFeed
from triage.web.listing import pages as listing
from triage.web.listing.readings import ListReadings
from triage.web.render import make_templates, render
from triage.web.site import Site
from triage.web.strings import STRINGS, say

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from datetime import datetime

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from triage.settings import Settings
    from triage.store import Store
    from triage.web.algorithm import Algorithm

_STATIC = Path(__file__).parent / "static"
_ROUTES = (
    Route("/", listing.worklist),
    Route("/list", listing.changed_lines),
    Route("/events", pages.events),
    Route("/operator", operating.operator),
    Route("/operator/fragment", operating.operator_fragment),
    Route("/operator/brake", operating.brake, methods=["POST"]),
    Route("/login", access.show, methods=["GET"]),
    Route("/login", access.log_in, methods=["POST"]),
    Route("/logout", access.log_out, methods=["POST"]),
    Route("/studies/{work_item_uid}", pages.study),
    Route("/studies/{work_item_uid}/fragment", pages.study_fragment),
    Route("/studies/{work_item_uid}/view", pages.study_in_hand),
    Route("/studies/{work_item_uid}/thumbnail", pages.thumbnail),
    Route("/studies/{work_item_uid}/thumbnails/{number:int}", pages.thumbnail),
    Route("/studies/{work_item_uid}/agree", feedback.agree, methods=["POST"]),
    Route("/studies/{work_item_uid}/disagree", feedback.disagree, methods=["POST"]),
    Route("/studies/{work_item_uid}/undo", feedback.undo, methods=["POST"]),
    Route("/studies/{work_item_uid}/claim", reading.claim, methods=["POST"]),
    Route("/studies/{work_item_uid}/release", reading.release, methods=["POST"]),
    Route("/studies/{work_item_uid}/priority", reading.set_priority, methods=["POST"]),
    Route("/studies/{work_item_uid}/films/{number:int}/view", films.view),
    Route("/studies/{work_item_uid}/films/{number:int}/saliency", films.saliency),
    Route("/studies/{work_item_uid}/films/{number:int}/landmarks.json", films.landmarks),
    Route("/api/worklist", api.worklist),
    Route("/api/studies/{work_item_uid}", api.study),
    Route("/health/live", health.live),
    Route("/health/ready", health.ready),
    Route("/metrics", health.metrics),
    *DICOMWEB_ROUTES,
)
_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self';"
        " frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # Not "no-referrer": browsers then call the origin of our own forms "null", as a stranger's.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
# Whoever asks here wants JSON, also of what is wrong.
_FOR_MACHINES = ("/api/", f"{dicomweb.PREFIX}/")
# What Starlette says of its own accord, as a sentence for a person.
_SENTENCES: Mapping[str, str] = {
    "Not Found": say("error.nothing-here"),
    "Method Not Allowed": say("error.read-only"),
}


def create_app(
    store: Store,
    settings: Settings,
    clock: Callable[[], datetime] = utc_now,
    *,
    algorithm: Algorithm | None = None,
    silent_roles: Callable[[], Sequence[str]] = tuple,
) -> Starlette:
    """Build the application of one site.

    Args:
        store: Where everything is read from.
        settings: The site's configuration.
        clock: Returns the present time, aware and in UTC.
        algorithm: The bundle in use, None when it cannot be read.
        silent_roles: Names the processes that should run and give no sign of life.
    """
    site = Site(store, settings, clock, ChangeFeed(store), algorithm, silent_roles)
    gate = access.Gate(store, settings)
    app = Starlette(
        routes=[*_ROUTES, Mount("/static", StaticFiles(directory=_STATIC))],
        middleware=[
            Middleware(GuardedHeaders),
            Middleware(access.AccessControl, gate=gate, answer=_answer),
        ],
        exception_handlers={
            HTTPException: _refused,
            TriageError: _unavailable,
            Exception: _broken,
        },
        lifespan=_lifespan,
    )
    app.state.site = site
    app.state.templates = make_templates()
    app.state.readings = ListReadings(site)
    app.state.gate = gate
    app.state.views = films.Views(settings)
    app.state.steps = StepService(store, settings)
    app.state.channels = Channels()
    app.state.registry = health.make_registry(site, app.state.channels.__len__)
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    feed = app.state.site.feed
    feed.start()
    try:
        yield
    finally:
        feed.close()
        feed.join()


class GuardedHeaders:
    """Adds to every answer what keeps browsers from leaking or keeping patient data."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and its answer back with our headers."""

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                # Style and script hold no data, and are asked for again with every page.
                static = scope["path"].startswith("/static/")
                headers["Cache-Control"] = "no-cache" if static else "no-store"
            await send(message)

        await self._app(scope, receive, send_guarded if scope["type"] == "http" else send)


async def _answer(request: Request, error: Exception) -> Response:
    """Answer what stops a request before it reaches a page."""
    if isinstance(error, HTTPException):
        return await _refused(request, error)
    return await _unavailable(request, error)


async def _refused(request: Request, error: Exception) -> Response:
    refused = cast("HTTPException", error)  # Starlette's handlers take any exception
    status = refused.status_code
    sentence = _SENTENCES.get(refused.detail, refused.detail)
    return _plain(request, status, sentence, refused.headers)


async def _unavailable(request: Request, error: Exception) -> Response:
    return _plain(request, 503, f"{error}.", {"Retry-After": "5"})


async def _broken(request: Request, _error: Exception) -> Response:
    return _plain(request, 500, say("error.fault"))


def _plain(
    request: Request, status: int, sentence: str, headers: Mapping[str, str] | None = None
) -> Response:
    sentence = sentence[:1].upper() + sentence[1:]
    asked = request.headers.get("accept", "")
    if request.url.path.startswith(_FOR_MACHINES) or asked.startswith("application/json"):
        return JSONResponse({"error": sentence}, status, headers)
    key = f"error.title.{status}"
    title = say(key if key in STRINGS else "error.title")
    return HTMLResponse(
        render(request, "plain.html", title=title, sentence=sentence), status, headers
    )
