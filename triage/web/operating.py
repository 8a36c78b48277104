"""The operators' page, and the brake on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from triage.conclude import place_standing
from triage.log import get_logger
from triage.values import UserRole
from triage.web.access import form_of, require
from triage.web.operations import operator_view
from triage.web.render import render, whole_page
from triage.web.site import site_of
from triage.web.strings import say

if TYPE_CHECKING:
    from starlette.requests import Request

    from triage.web.site import PageFacts, Site

_LONGEST_REASON = 200

_log = get_logger("web")


async def operator(request: Request) -> Response:
    """The operators' page."""
    require(request, UserRole.OPERATOR)
    return HTMLResponse(await run_in_threadpool(_page, request))


async def operator_fragment(request: Request) -> Response:
    """The part of the operators' page that changes: all of it."""
    require(request, UserRole.OPERATOR)
    page = await run_in_threadpool(site_of(request).page_facts, request)
    return HTMLResponse(await run_in_threadpool(_html, request, page))


async def brake(request: Request) -> Response:
    """Pause all effect, or let it go on; only with a reason, and confirmed."""
    name = require(request, UserRole.OPERATOR).name
    form = form_of(request)
    reason = " ".join(form.get("reason", "").split())[:_LONGEST_REASON]
    wanted = form.get("effect", "")
    if wanted not in ("pause", "resume"):
        raise HTTPException(400, say("error.question"))
    if not reason:
        raise HTTPException(400, say("refused.no-reason"))
    moved = await run_in_threadpool(_brake, site_of(request), wanted, f"{reason} ({name})")
    _log.warning("brake from the page", action=f"brake_{wanted}", user=name, count=moved)
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({"said": say(f"done.{wanted}", count=moved)})
    return RedirectResponse("/operator", 303)


def _brake(site: Site, wanted: str, reason: str) -> int:
    if wanted == "pause":
        return site.store.pause(reason)
    return site.store.resume(lambda stands: place_standing(site.settings, stands), reason)


def _page(request: Request) -> str:
    page = site_of(request).page_facts(request)
    return whole_page(
        request,
        "study.html",
        page=page,
        here="operator",
        title=say("page.operator"),
        fragment=_html(request, page),
        fragment_url="/operator/fragment",
    )


def _html(request: Request, page: PageFacts) -> str:
    site = site_of(request)
    view = operator_view(site)
    return render(request, "_operator.html", page=page, view=view, algorithm=site.algorithm)
