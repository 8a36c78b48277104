"""The same list and the same histories as JSON."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from triage.store import Position
from triage.values import ReadingClass
from triage.web.history import history
from triage.web.site import site_of
from triage.web.strings import say
from triage.web.view import row_view

if TYPE_CHECKING:
    from starlette.requests import Request

    from triage.store import InstanceRecord
    from triage.values import RankedEntry
    from triage.web.site import Site


_ENTRIES = 100  # of one answer, where nobody says how many
_MOST_ENTRIES = 1000
_PLACE = re.compile(r"([0-3])_(\d{1,11}(?:\.\d{1,6})?)_([0-9.]{1,64})", re.ASCII)


async def worklist(request: Request) -> Response:
    """The reading list in reading order, a page at a time; each names the next."""
    limit, after = _page_asked_for(request)
    told, last = await run_in_threadpool(_worklist, site_of(request), limit, after)
    if last is None:
        return JSONResponse({**told, "next": None})
    following = f"{request.url.path}?limit={limit}&after={last}"
    return JSONResponse({**told, "next": following}, headers={"Link": f'<{following}>; rel="next"'})


async def study(request: Request) -> Response:
    """One study's place on the list and its whole history."""
    uid = request.path_params["work_item_uid"]
    found = await run_in_threadpool(_study, site_of(request), uid)
    if found is None:
        raise HTTPException(404, say("error.not-listed"))
    return JSONResponse(found)


def _page_asked_for(request: Request) -> tuple[int, Position | None]:
    """Return how many entries are asked for, and behind which place of the order.

    Raises:
        HTTPException: It is no such number or place.
    """
    number = request.query_params.get("limit", str(_ENTRIES))
    place = request.query_params.get("after", "")
    found = _PLACE.fullmatch(place)
    if not re.fullmatch(r"[0-9]{1,9}", number, re.ASCII) or (place and not found):
        raise HTTPException(400, say("error.page", most=_MOST_ENTRIES))
    limit = max(1, min(int(number), _MOST_ENTRIES))
    if found is None:
        return limit, None
    effective, arrived, uid = found.groups()
    arrived_at = datetime.fromtimestamp(float(arrived), UTC)
    return limit, Position(ReadingClass(int(effective)), arrived_at, uid)


def _worklist(site: Site, limit: int, after: Position | None) -> tuple[dict[str, Any], str | None]:
    """Return a page of the list, and the place of its last entry where more follow."""
    now, algorithm = site.clock(), site.algorithm
    window = site.store.reading_window(now, site.cap_seconds, limit=limit + 1, after=after)
    entries = window.entries[:limit]
    last = Position.of(entries[-1]) if len(window.entries) > limit else None
    told = {
        "label": site.settings.worklist.label,
        "as_of": now.isoformat(),
        "mode": site.settings.decision.mode.value,
        "paused": site.store.paused(),
        "algorithm": _plain(algorithm.identity) if algorithm else None,
        "total": window.total,
        "entries": [_entry(item, show_patient=site.show_patient) for item in entries],
    }
    return told, None if last is None else _name_of(last)


def _name_of(place: Position) -> str:
    """Return a place of the order as an address names it; no patient can be told by it."""
    return f"{int(place.effective_class)}_{place.arrived_at.timestamp():.6f}_{place.work_item_uid}"


def _study(site: Site, work_item_uid: str) -> dict[str, Any] | None:
    row = site.row(work_item_uid)
    if row is None:
        return None
    past = site.past(row.entry)
    record = past.record
    return {
        "entry": _entry(row.ranked, show_patient=site.show_patient),
        "instances": [_instance(image) for image in record.instances],
        "decisions": _plain(record.decisions),
        "deliveries": _plain(record.deliveries),
        "messages": _plain(past.results),
        "priority_changes": _plain(record.priority_changes),
        "receiver_changes": _plain(past.received),
        "step_changes": _plain(record.step_changes),
        "feedback": _plain(past.feedback),
        "history": _plain(history(past)),
    }


def _entry(ranked: RankedEntry, *, show_patient: bool) -> dict[str, Any]:
    entry = ranked.entry
    row = row_view(ranked, show_patient=show_patient)
    patient = None
    if show_patient:
        patient = {
            "name": entry.patient_name,
            "id": entry.patient_id,
            "birth_date": row.patient.birth_date,
            "sex": entry.patient_sex,
        }
    return {
        "position": ranked.position,
        "priority": ranked.effective_priority.value,
        "reading_class": _class_name(ranked.effective_class),
        "order_priority": entry.order_priority.value,
        "outcome": entry.outcome.value if entry.outcome else None,
        "reasons": list(entry.reasons),
        "arrived_at": entry.arrived_at.isoformat(),
        "waited_seconds": ranked.waited_seconds,
        "cap_seconds": ranked.cap_seconds,
        "overdue": row.overdue,
        "patient": patient,
        "accession_number": entry.accession_number,
        "study_description": entry.study_description,
        "study_date": row.study_date,
        "image_count": entry.image_count,
        "study_state": entry.study_state.value,
        "step_state": entry.step_state.value,
        "opened_by": entry.claimed_by,
        "patient_location": entry.patient_location,
        "report_uids": list(entry.report_uids),
        "work_item_uid": entry.work_item_uid,
        "study_instance_uid": entry.study_instance_uid,
        "changed_at": entry.changed_at.isoformat(),
    }


def _instance(image: InstanceRecord) -> dict[str, Any]:
    """Return one image without the facts of its header, which hold the patient's identity."""
    told: dict[str, Any] = {
        field.name: _plain(getattr(image, field.name))
        for field in dataclasses.fields(image)
        if field.name not in ("facts", "path", "thumbnail")
    }
    return {**told, "modality": image.facts.modality, "view_position": image.facts.view_position}


def _class_name(member: IntEnum) -> str:
    return member.name.lower().replace("_", "-")


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON is what it is
    """Return what JSON can carry of a frozen value."""
    if dataclasses.is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, IntEnum):
        return _class_name(value)
    if isinstance(value, Enum):
        return value.value
    return value.isoformat() if isinstance(value, datetime) else value
