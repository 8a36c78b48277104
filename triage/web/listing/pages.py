"""The reading list: the whole page once, then only what has changed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response

from triage.errors import PermanentError
from triage.store import Sort
from triage.web.listing.asking import ListQuery, read_query
from triage.web.listing.changes import changes
from triage.web.listing.lines import lines_of
from triage.web.render import render, whole_page
from triage.web.site import site_of
from triage.web.strings import say
from triage.worklist.words import cap_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.requests import Request

    from triage.web.listing.lines import Line
    from triage.web.listing.markup import LineTexts
    from triage.web.listing.readings import ListReadings, Reading
    from triage.web.site import PageFacts, Site

_QUESTION = "x-list-query"  # JSON, percent-encoded: a header is ASCII
_LONGEST_QUESTION = 4096
_WAITS_MINUTES = (30.0, 60.0, 120.0)


async def worklist(request: Request) -> Response:
    """The reading list as a page, with the lines of its first window."""
    site, readings = site_of(request), _readings(request)
    page = await run_in_threadpool(site.page_facts, request)
    reading = await readings.read(ListQuery(), page.access.user)
    lines = await run_in_threadpool(_lines, site, reading, ListQuery(), page)
    html = await run_in_threadpool(
        whole_page,
        request,
        "list.html",
        page=page,
        here="list",
        title=page.label,
        head=reading.head(),
        etag=readings.known.remember(_marks(lines)),
        lines=await run_in_threadpool(readings.texts.html, lines),
        waits=_waits(site),
        sorts=[sort.value for sort in Sort if sort is not Sort.PATIENT or site.show_patient],
    )
    return HTMLResponse(html)


async def changed_lines(request: Request) -> Response:
    """What has changed since the list that a page knows; the whole where that is forgotten.

    What is asked for stands in a header: typed text may name a patient, and must stand in no
    address. (A POST would count as something that the reader does, and keep a log-in alive.)
    """
    asked = _question(request)
    site, readings = site_of(request), _readings(request)
    query = _query(asked)
    if query.sort is Sort.PATIENT and not site.show_patient:
        query = replace(query, sort=Sort.READING)
    page = await run_in_threadpool(site.page_facts, request)
    reading = await readings.read(query, page.access.user)
    lines = await run_in_threadpool(_lines, site, reading, query, page)
    base = readings.known.recall(asked.get("base"))
    marks = _marks(lines)
    steps = await run_in_threadpool(_steps, readings.texts, lines, marks, base)
    told = {
        **steps,
        "etag": readings.known.remember(marks),
        "positions": _positions(reading, query),
        "status": render(request, "_status.html", page=page, head=reading.head()),
        "head": reading.head(),
    }
    return JSONResponse(told)


def _readings(request: Request) -> ListReadings:
    readings: ListReadings = request.app.state.readings
    return readings


def _question(request: Request) -> Mapping[str, Any]:
    text = request.headers.get(_QUESTION, "{}")
    if len(text) > _LONGEST_QUESTION:
        raise HTTPException(413, say("error.question"))
    try:
        found = json.loads(unquote(text))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise HTTPException(400, say("error.question"))
    return found


def _query(asked: Mapping[str, Any]) -> ListQuery:
    try:
        return read_query(asked)
    except PermanentError as error:
        raise HTTPException(400, str(error)) from error


def _lines(site: Site, reading: Reading, query: ListQuery, page: PageFacts) -> tuple[Line, ...]:
    studies = [item.entry.study_instance_uid for item in reading.shown.window.entries]
    said = site.store.feedback_on(studies, page.access.user) if page.access.user else {}
    feedback = {study: record.verdict.value for study, record in said.items()}
    return lines_of(reading.shown, query, feedback)


def _marks(lines: Sequence[Line]) -> dict[str, int]:
    return {line.key: line.mark for line in lines}


def _steps(
    texts: LineTexts,
    lines: Sequence[Line],
    marks: Mapping[str, int],
    base: Mapping[str, int] | None,
) -> dict[str, Any]:
    """Return the way from the list that a page knows, or the whole list where it knows none."""
    way = changes(base or {}, marks)
    altered = set(way.altered)
    shown = [line for line in lines if line.key in altered]
    return {
        "order": [line.key for line in lines] if base is None else None,
        "gone": way.gone,
        "placed": () if base is None else way.placed,
        "altered": way.altered,
        "html": texts.html(shown),
    }


def _positions(reading: Reading, query: ListQuery) -> list[int] | None:
    """Return the lines' places in the reading order; None where they simply count up from 1."""
    if not query.filters and query.sort is Sort.READING:
        return None
    return [item.position for item in reading.shown.window.entries]


def _waits(site: Site) -> list[tuple[float, str]]:
    """Return the waiting times that the filter offers: some below the cap, and the cap."""
    cap = site.cap_seconds / 60
    minutes = [*(one for one in _WAITS_MINUTES if one < cap), cap]
    return [(one, cap_words(one * 60)) for one in minutes]
