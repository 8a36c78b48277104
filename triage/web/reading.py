"""What a reader does with a study on the page: claims it, gives it back, sets its priority."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from triage.conclude import place_standing
from triage.log import get_logger
from triage.uids import new_uid
from triage.ups import statuses
from triage.ups.service import StepService
from triage.values import Priority, ReadingClass, StepState, UserRole
from triage.web.access import form_of, require
from triage.web.site import site_of
from triage.web.strings import say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from triage.store import StepRecord
    from triage.ups.answers import Answer
    from triage.web.site import Site

# Where a person's word puts a study: the class of an urgent order is the order's alone.
CLASS_OF_WORD: Final[Mapping[str, ReadingClass]] = {
    Priority.HIGH.value: ReadingClass.SUSPECTED_ABNORMAL,
    Priority.MEDIUM.value: ReadingClass.ROUTINE,
    Priority.LOW.value: ReadingClass.LIKELY_NORMAL,
}
_CHANGED: Final = say("refused.changed")

_log = get_logger("web")


async def claim(request: Request) -> Response:
    """Claim a study: from then on nothing moves it, and others see who reads it."""
    who = require(request, UserRole.READER)
    uid = request.path_params["work_item_uid"]
    answered = await run_in_threadpool(
        _steps(request).change_state, uid, StepState.IN_PROGRESS.value, new_uid(), who.name
    )
    _require_success(answered)
    _log.info("claimed", action="claim", work_item=uid, user=who.name)
    return await _answer(request)


async def release(request: Request) -> Response:
    """Give a claimed study back, so that others can read it."""
    who = require(request, UserRole.READER)
    uid = request.path_params["work_item_uid"]
    answered = await run_in_threadpool(_steps(request).give_back, uid, who.name)
    _require_success(answered)
    _log.info("given back", action="release", work_item=uid, user=who.name)
    return await _answer(request)


async def set_priority(request: Request) -> Response:
    """Set a study's priority by hand; no result and no cap moves it from then on.

    The form gives `priority`, HIGH, MEDIUM, LOW or AUTOMATIC to take the word back, and the
    `version` of the line that the reader saw.
    """
    who = require(request, UserRole.READER)
    form = form_of(request)
    word, version = form.get("priority", ""), form.get("version", "")
    if word not in (*CLASS_OF_WORD, "AUTOMATIC") or not _is_number(version):
        raise HTTPException(400, say("refused.no-priority"))
    await run_in_threadpool(_set_priority, request, word, who.name, int(version))
    _log.info(
        "priority set by hand",
        action="hold",
        work_item=request.path_params["work_item_uid"],
        priority=word,
        user=who.name,
    )
    return await _answer(request)


def _set_priority(request: Request, word: str, by: str, version: int) -> None:
    site, uid = site_of(request), request.path_params["work_item_uid"]
    entry = site.store.worklist_entry(uid)
    if entry is None:
        raise HTTPException(404, say("error.not-listed"))
    if word == "AUTOMATIC":
        kept = site.store.release_priority(
            uid, lambda stands: place_standing(site.settings, stands), by, version
        )
    elif entry.order_priority.urgent and word != Priority.HIGH.value:
        raise HTTPException(409, say("refused.urgent"))
    else:
        urgent = entry.order_priority.urgent
        placed = ReadingClass.URGENT_ORDER if urgent else CLASS_OF_WORD[word]
        kept = site.store.hold_priority(uid, placed, by, version)
    if not kept:
        raise HTTPException(409, _CHANGED)


def _steps(request: Request) -> StepService:
    site: Site = site_of(request)
    return StepService(site.store, site.settings)


def _require_success(answered: Answer) -> None:
    """Raise what an operation came to, in words for a reader."""
    if answered.status == statuses.SUCCESS:
        return
    if answered.status == statuses.UNKNOWN_WORK_ITEM:
        raise HTTPException(404, say("error.not-listed"))
    raise HTTPException(409, _SENTENCES.get(answered.status, _CHANGED))


_SENTENCES: Final[Mapping[int, str]] = {
    statuses.ALREADY_IN_PROGRESS: say("refused.being-read"),
    statuses.NO_LONGER_UPDATED: say("refused.ended"),
    statuses.NOT_IN_PROGRESS: say("refused.not-claimed"),
    statuses.WRONG_TRANSACTION_UID: say("refused.not-yours"),
}


async def _answer(request: Request) -> Response:
    """Answer a script with how the line now stands, and a form with the study's page."""
    uid = request.path_params["work_item_uid"]
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(f"/studies/{uid}", 303)
    step = await run_in_threadpool(site_of(request).store.step, uid)
    return JSONResponse(_told(step))


def _told(step: StepRecord | None) -> dict[str, str | int]:
    if step is None:
        return {}
    return {
        "step_state": step.state.value,
        "claimed_by": step.claimed_by,
        "held_by": step.held_by,
        "priority": step.reading_class.priority.value,
        "version": step.version,
    }


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 9  # noqa: PLR2004 - digits
