"""The pages for people beside the list: a study, its view beside the list, a thumbnail."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response, StreamingResponse

from triage.web.events import MAXIMUM_STREAMS, stream
from triage.web.pictures import picture
from triage.web.render import render, whole_page
from triage.web.site import site_of
from triage.web.strings import say
from triage.web.study import study_view
from triage.web.verbs import verbs_for

if TYPE_CHECKING:
    from starlette.requests import Request

    from triage.web.site import PageFacts
    from triage.web.view import Row


async def study(request: Request) -> Response:
    """A study's page."""
    return HTMLResponse(await run_in_threadpool(_study_page, request))


async def study_fragment(request: Request) -> Response:
    """The part of a study's page that changes: all of it."""
    site = site_of(request)
    page = await run_in_threadpool(site.page_facts, request)
    return HTMLResponse(await run_in_threadpool(_study_html, request, page))


async def study_in_hand(request: Request) -> Response:
    """The larger view of a study beside the list."""
    return HTMLResponse(await run_in_threadpool(_in_hand_html, request))


async def thumbnail(request: Request) -> Response:
    """The picture of a study on the list, or of one image where a number is given."""
    return await run_in_threadpool(_thumbnail, request)


async def events(request: Request) -> Response:
    """Server-sent events for one open page."""
    feed = site_of(request).feed
    if feed.streams >= MAXIMUM_STREAMS:
        raise HTTPException(503, say("error.streams"))
    return StreamingResponse(stream(feed), media_type="text/event-stream")


def _row(request: Request) -> Row:
    row = site_of(request).row(request.path_params["work_item_uid"])
    if row is None:
        raise HTTPException(404, say("error.not-listed"))
    return row


def _facts(request: Request, page: PageFacts, row: Row) -> dict[str, object]:
    """Return what both views of a study show."""
    site = site_of(request)
    past = site.past(row.entry)
    drawn = site.store.study_film_views(row.entry.study_instance_uid)
    standing = [one for one in past.feedback if one.stands and one.user_name == page.access.user]
    verdict = standing[-1].verdict.value if standing else ""
    return {
        "page": page,
        "row": replace(row, feedback=verdict),
        "view": study_view(past, site.algorithm, drawn),
        "priors": site.priors(row.entry),
        "verbs": verbs_for(page.access, past.record, verdict),
    }


def _study_page(request: Request) -> str:
    page = site_of(request).page_facts(request)
    return whole_page(
        request,
        "study.html",
        page=page,
        here="study",
        title=say("study.title"),
        fragment=_study_html(request, page),
        fragment_url=f"/studies/{request.path_params['work_item_uid']}/fragment",
    )


def _study_html(request: Request, page: PageFacts) -> str:
    row = _row(request)
    place = site_of(request).place(row)
    return render(request, "_study.html", place=place, **_facts(request, page, row))


def _in_hand_html(request: Request) -> str:
    page = site_of(request).page_facts(request)
    return render(request, "_viewer.html", **_facts(request, page, _row(request)))


def _thumbnail(request: Request) -> Response:
    site = site_of(request)
    entry = site.store.worklist_entry(request.path_params["work_item_uid"])
    if entry is None:
        raise HTTPException(404, say("error.not-listed"))
    number = request.path_params.get("number")
    if number is None:
        name = entry.thumbnail
    else:
        images = site.record(entry).instances
        name = dict(enumerate(image.thumbnail for image in images)).get(number, "")
    return picture(site, name, say("error.no-thumbnail"))
