"""What a reader says about a decision: agree, disagree, and taking it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from triage.log import get_logger
from triage.values import UserRole, Verdict
from triage.web.access import form_of, require
from triage.web.site import site_of
from triage.web.strings import say

if TYPE_CHECKING:
    from starlette.requests import Request

    from triage.store import FeedbackRecord

_log = get_logger("web")


async def agree(request: Request) -> Response:
    """Record that a reader finds a call right; the form names the `decision` it speaks of."""
    return await _give(request, Verdict.AGREE)


async def disagree(request: Request) -> Response:
    """Record that a reader finds a call wrong; the form names the `decision` it speaks of."""
    return await _give(request, Verdict.DISAGREE)


async def undo(request: Request) -> Response:
    """Take the reader's last word on a study back."""
    who = require(request, UserRole.READER)
    study = await study_of(request)
    if not await run_in_threadpool(site_of(request).store.undo_feedback, study, who.name):
        raise HTTPException(409, say("refused.nothing-said"))
    _log.info("feedback", action="feedback", study=study, user=who.name, verdict=Verdict.UNDO)
    return await _answer(request, study, who.name)


async def _give(request: Request, verdict: Verdict) -> Response:
    who = require(request, UserRole.READER)
    study = await study_of(request)
    number = form_of(request).get("decision", "")
    if not number.isascii() or not number.isdigit() or len(number) > 9:  # noqa: PLR2004 - digits
        raise HTTPException(400, say("refused.no-decision"))
    store = site_of(request).store
    if not await run_in_threadpool(store.give_feedback, study, who.name, verdict, int(number)):
        raise HTTPException(409, say("refused.decided-anew"))
    _log.info("feedback", action="feedback", study=study, user=who.name, verdict=verdict)
    return await _answer(request, study, who.name)


async def study_of(request: Request) -> str:
    """Return the Study Instance UID behind the work item that an address names.

    Raises:
        HTTPException: 404, there is no such study.
    """
    uid = request.path_params["work_item_uid"]
    entry = await run_in_threadpool(site_of(request).store.worklist_entry, uid)
    if entry is None:
        raise HTTPException(404, say("error.not-listed"))
    return entry.study_instance_uid


async def _answer(request: Request, study: str, user: str) -> Response:
    """Answer a script with what now stands, and a form with the study's page."""
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(f"/studies/{request.path_params['work_item_uid']}", 303)
    standing = await run_in_threadpool(site_of(request).store.feedback_on, [study], user)
    return JSONResponse({"feedback": _told(standing.get(study))})


def _told(record: FeedbackRecord | None) -> dict[str, str | int] | None:
    if record is None:
        return None
    return {
        "verdict": record.verdict.value,
        "decision": record.decision_number,
        "given_at": record.given_at.isoformat(),
    }
