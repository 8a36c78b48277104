"""The pages for people: the reading list, a study, a thumbnail, and their live fragments."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response, StreamingResponse

from triage.web.access import access_facts
from triage.web.events import MAXIMUM_STREAMS, STALE_SECONDS, stream
from triage.web.films import picture_response
from triage.web.site import site_of
from triage.web.study import study_view
from triage.web.view import list_view

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.requests import Request

    from triage.web.site import Site

_FRAGMENT_SECONDS = 1.0  # for so long many readers share one rendering of an unchanged list


def _clock_time(moment: datetime) -> str:
    return moment.astimezone().strftime("%H:%M:%S")


def _day_and_time(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def make_templates() -> Environment:
    """Return the templates; a name that a page does not get is an error, not an empty spot."""
    environment = Environment(
        loader=PackageLoader("triage.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["clock"] = _clock_time
    environment.filters["moment"] = _day_and_time
    return environment


class ListFragment:
    """The rendered list, shared: twenty open pages cost one rendering per change."""

    def __init__(self, site: Site, templates: Environment) -> None:
        self._site = site
        self._templates = templates
        self._lock = asyncio.Lock()
        self._html = ""
        self._revision = -1
        self._until = 0.0

    async def html(self) -> str:
        """Return the list as of the newest change that the feed knows."""
        async with self._lock:
            revision = self._site.feed.revision
            if revision != self._revision or time.monotonic() >= self._until:
                self._html = await run_in_threadpool(self._render)
                self._revision = revision
                self._until = time.monotonic() + _FRAGMENT_SECONDS
            return self._html

    def _render(self) -> str:
        view = list_view(self._site.ranked(), show_patient=self._site.show_patient)
        template = self._templates.get_template("_list.html")
        return template.render(view=view, page=self._site.page_facts())


async def worklist(request: Request) -> Response:
    """The reading list."""
    fragment = await request.app.state.list_fragment.html()
    return _whole_page(request, site_of(request).settings.worklist.label, fragment, "/fragment")


async def worklist_fragment(request: Request) -> Response:
    """The part of the reading list that changes."""
    return HTMLResponse(await request.app.state.list_fragment.html())


async def study(request: Request) -> Response:
    """A study's page."""
    uid = request.path_params["work_item_uid"]
    fragment = await run_in_threadpool(_study_html, request, uid)
    return _whole_page(request, "Study", fragment, f"/studies/{uid}/fragment")


async def study_fragment(request: Request) -> Response:
    """The part of a study's page that changes: all of it."""
    uid = request.path_params["work_item_uid"]
    return HTMLResponse(await run_in_threadpool(_study_html, request, uid))


async def thumbnail(request: Request) -> Response:
    """The picture of a study on the list, or of one image where a number is given."""
    return await run_in_threadpool(_thumbnail, request)


async def events(request: Request) -> Response:
    """Server-sent events for one open page."""
    feed = site_of(request).feed
    if feed.streams >= MAXIMUM_STREAMS:
        raise HTTPException(503, "Too many pages are open; close some.")
    return StreamingResponse(stream(feed), media_type="text/event-stream")


def _whole_page(request: Request, title: str, fragment: str, fragment_url: str) -> Response:
    template = request.app.state.templates.get_template("live.html")
    return HTMLResponse(
        template.render(
            title=title,
            access=access_facts(request),
            fragment=fragment,
            fragment_url=fragment_url,
            stale_seconds=STALE_SECONDS,
        )
    )


def _study_html(request: Request, work_item_uid: str) -> str:
    site = site_of(request)
    place = site.place(work_item_uid)
    record = site.record(work_item_uid)
    if place is None or record is None:
        raise HTTPException(404, "This study is not on the list.")
    template = request.app.state.templates.get_template("_study.html")
    return str(
        template.render(
            page=site.page_facts(),
            place=place,
            row=place.row,
            view=study_view(record, site.algorithm),
        )
    )


def _thumbnail(request: Request) -> Response:
    site = site_of(request)
    record = site.record(request.path_params["work_item_uid"])
    if record is None:
        raise HTTPException(404, "This study is not on the list.")
    number = request.path_params.get("number")
    if number is None:
        name = record.entry.thumbnail
    else:
        name = dict(enumerate(image.thumbnail for image in record.instances)).get(number, "")
    return picture_response(site.settings.state_folder, name)
