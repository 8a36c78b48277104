"""What a reader can do with a study, and opening and releasing it; verdicts are in feedback.py."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from triage.log import get_logger
from triage.ups import statuses
from triage.values import StepState, UserRole, Verdict
from triage.web.access import require
from triage.web.site import site_of
from triage.web.strings import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from triage.store import StudyRecord
    from triage.ups.service import Answer, StepService
    from triage.web.access import AccessFacts

_log = get_logger("web")


def verbs_for(access: AccessFacts, record: StudyRecord, verdict: str) -> tuple[str, ...]:
    """Return what the reader of a page can do with a study, in the order of the buttons.

    Args:
        access: Who reads the page.
        record: The study.
        verdict: What the reader has said of its result; empty for nothing.
    """
    if access.read_only or UserRole.READER.value not in access.roles:
        return ()
    entry = record.entry
    verbs = []
    if record.decisions:
        verbs += [one.value for one in (Verdict.AGREE, Verdict.DISAGREE) if one.value != verdict]
    if verdict:
        verbs.append(Verdict.UNDO.value)
    if entry.step_state is StepState.SCHEDULED:
        verbs.append("claim")
    elif entry.step_state is StepState.IN_PROGRESS and entry.claimed_by == access.user:
        verbs.append("release")
    return tuple(verbs)


async def claim(request: Request) -> Response:
    """Open a study for reading: the reader claims its work item."""
    return await _step(request, _claim)


async def release(request: Request) -> Response:
    """Give back a study that the reader has opened."""
    return await _step(request, _release)


async def _step(request: Request, change: Callable[[StepService, str, str], Answer]) -> Response:
    reader = require(request, UserRole.READER).name
    uid = request.path_params["work_item_uid"]
    site = site_of(request)
    answer = await run_in_threadpool(change, site.steps, uid, reader)
    if answer.status == statuses.UNKNOWN_WORK_ITEM:
        raise HTTPException(404, say("error.not-listed"))
    if answer.status != statuses.SUCCESS:
        entry = await run_in_threadpool(site.store.worklist_entry, uid)
        raise HTTPException(409, _refusal(answer.status, entry.claimed_by if entry else ""))
    _log.info("work item", action=f"page_{change.__name__[1:]}", work_item=uid, user=reader)
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(f"/studies/{uid}", 303)
    return JSONResponse({})


def _claim(steps: StepService, uid: str, reader: str) -> Answer:
    # Nobody ever needs the Transaction UID of a claim on our own page: releasing and reading
    # it go by the reader's name.
    return steps.change_state(uid, StepState.IN_PROGRESS.value, f"2.25.{uuid4().int}", reader)


def _release(steps: StepService, uid: str, reader: str) -> Answer:
    return steps.release(uid, reader)


def _refusal(status: int, claimed_by: str) -> str:
    if status == statuses.ALREADY_IN_PROGRESS:
        return say("refused.claimed", reader=claimed_by)
    if status in (statuses.NOT_IN_PROGRESS, statuses.WRONG_TRANSACTION_UID):
        return say("refused.not-yours")
    if status == statuses.NO_LONGER_UPDATED:
        return say("refused.ended")
    return say("refused.moved-on")
