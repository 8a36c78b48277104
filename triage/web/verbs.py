"""What a reader can do with a study: agree, disagree, take that back, open it, release it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from triage.store import StepChange
from triage.values import StepState, UserRole, Verdict
from triage.web.access import form_of, require
from triage.web.site import site_of
from triage.web.strings import say

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request

    from triage.store import StudyRecord
    from triage.values import WorklistEntry
    from triage.web.access import AccessFacts
    from triage.web.site import Site


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


async def act(request: Request) -> Response:
    """Do what a reader asks for; a sentence says what came of it."""
    reader = require(request, UserRole.READER).name
    verb = _VERBS.get(request.path_params["verb"])
    if verb is None:
        raise HTTPException(404, say("error.nothing-here"))
    uid = request.path_params["work_item_uid"]
    refusal = await run_in_threadpool(_do, site_of(request), uid, verb, form_of(request), reader)
    if refusal:
        raise HTTPException(409, refusal)
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({"said": say(f"done.{request.path_params['verb']}")})
    return RedirectResponse(f"/studies/{uid}", 303)


def _do(site: Site, uid: str, verb: Verb, form: Mapping[str, str], reader: str) -> str:
    entry = site.store.worklist_entry(uid)
    if entry is None:
        raise HTTPException(404, say("error.not-listed"))
    return verb(site, entry, form, reader)


def _give(verdict: Verdict) -> Verb:
    """Return the verb that records a verdict on the decision that the reader has seen."""

    def give(site: Site, entry: WorklistEntry, form: Mapping[str, str], reader: str) -> str:
        number = form.get("decision", "")
        if not number.isdecimal():
            return say("refused.no-result")
        done = site.store.give_feedback(entry.study_instance_uid, reader, verdict, int(number))
        return "" if done else say("refused.moved-on")

    return give


def _undo(site: Site, entry: WorklistEntry, _form: Mapping[str, str], reader: str) -> str:
    done = site.store.undo_feedback(entry.study_instance_uid, reader)
    return "" if done else say("refused.nothing-to-undo")


def _claim(site: Site, entry: WorklistEntry, _form: Mapping[str, str], reader: str) -> str:
    if entry.step_state.final:
        return say("refused.ended")
    if entry.step_state is StepState.IN_PROGRESS:
        return say("refused.claimed", reader=entry.claimed_by)
    change = StepChange(reader, state=StepState.IN_PROGRESS, transaction_uid=f"2.25.{uuid4().int}")
    return _changed(site, entry, change)


def _release(site: Site, entry: WorklistEntry, _form: Mapping[str, str], reader: str) -> str:
    if entry.step_state is not StepState.IN_PROGRESS or entry.claimed_by != reader:
        return say("refused.not-yours")
    return _changed(site, entry, StepChange(reader, state=StepState.SCHEDULED))


def _changed(site: Site, entry: WorklistEntry, change: StepChange) -> str:
    done = site.store.change_step(entry.work_item_uid, entry.version, change)
    return "" if done else say("refused.moved-on")


if TYPE_CHECKING:
    Verb = Callable[[Site, WorklistEntry, Mapping[str, str], str], str]
_VERBS: Mapping[str, Verb] = {
    "agree": _give(Verdict.AGREE),
    "disagree": _give(Verdict.DISAGREE),
    "undo": _undo,
    "claim": _claim,
    "release": _release,
}
