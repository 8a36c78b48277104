"""The transactions on work items: create, search, retrieve, update, change state, cancel.

Each reads its request, asks the UPS service, and answers in the words of PS3.18; what may be done
in which state is decided there and nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom.dataset import Dataset
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from triage.errors import PermanentError, StoreError
from triage.ups import statuses as dimse
from triage.web.dicomweb.answers import add_warning, answer, service_of, transaction
from triage.web.dicomweb.errors import RequestError
from triage.web.dicomweb.json_model import encode_objects, encode_one
from triage.web.dicomweb.query import read_search
from triage.web.dicomweb.requester import requester
from triage.web.dicomweb.requests import (
    accepted_type,
    checked_uid,
    created_uid,
    read_data_set,
    read_optional_data_set,
    transaction_uid,
    work_item_uid,
)
from triage.web.dicomweb.statuses import Transaction, answer_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from triage.ups.answers import Answer
    from triage.ups.service import StepService
    from triage.web.dicomweb.query import Search

_NO_FUZZY = (
    "The fuzzymatching parameter is not supported. Only literal matching has been performed."
)
_MORE = "There are additional results that can be requested."
_UNSUPPORTED_KEYS = "Requested optional Attributes are not supported."
_IGNORED = "A parameter that is no attribute of a work item was ignored."


def steps_of(request: Request) -> StepService:
    """Return the UPS service of the site that a request belongs to."""
    steps: StepService = request.app.state.steps
    return steps


@transaction
async def search(request: Request) -> Response:
    """Answer with the work items that match (PS3.18 section 11.9)."""
    media_type = accepted_type(request)
    wanted = read_search(request.query_params.multi_items())
    payload, warnings = await run_in_threadpool(_search, steps_of(request), wanted)
    response = Response(payload, media_type=media_type)
    for text in warnings:
        add_warning(request, response, text)
    return response


def _search(steps: StepService, wanted: Search) -> tuple[bytes, list[str]]:
    """Return the matches as a payload, and what there is to warn of."""
    query = Dataset()
    query.update(wanted.fields)
    query.update(wanted.keys)
    if wanted.everything and "InputInformationSequence" not in query:
        query.InputInformationSequence = []
    try:
        found = steps.search_objects(query, limit=wanted.limit + 1, offset=wanted.offset)
        items = list(found.items)
    except StoreError:
        raise
    except PermanentError as error:
        raise RequestError(f"the search cannot be made: {error}") from error
    says = {
        _NO_FUZZY: wanted.fuzzy,
        _UNSUPPORTED_KEYS: found.status == dimse.PENDING_WITH_UNSUPPORTED_KEYS,
        _IGNORED: wanted.ignored,
        _MORE: len(items) > wanted.limit,
    }
    return encode_objects(items[: wanted.limit]), [text for text, holds in says.items() if holds]


@transaction
async def retrieve(request: Request) -> Response:
    """Answer with one work item (PS3.18 section 11.5)."""
    media_type = accepted_type(request)
    uid = work_item_uid(request)
    payload, status = await run_in_threadpool(_retrieve, steps_of(request), uid)
    if payload is None:
        return answer(request, answer_of(Transaction.RETRIEVE, status), status)
    return Response(payload, media_type=media_type)


def _retrieve(steps: StepService, uid: str) -> tuple[bytes | None, int]:
    """Return a work item as a payload, and the status of asking for it."""
    found = steps.retrieve(uid)
    payload = None if found.dataset is None else b"[" + encode_one(found.dataset) + b"]"
    return payload, found.status


@transaction
async def create(request: Request) -> Response:
    """Put a work item on the list (PS3.18 section 11.4)."""
    by, uid = requester(request), created_uid(request)
    item = await read_data_set(request)
    named = str(item.get("SOPInstanceUID") or "")
    if uid and named and uid != named:
        raise RequestError("the address and the payload name two work items")
    done = await run_in_threadpool(steps_of(request).create, uid or named, item, by)
    place = f"{service_of(request)}/workitems/{done.work_item_uid}"
    headers = {"Location": place, "Content-Location": place}
    return _answered(request, Transaction.CREATE, done, headers)


@transaction
async def update(request: Request) -> Response:
    """Set attributes of a work item (PS3.18 section 11.6)."""
    by, uid, key = requester(request), work_item_uid(request), transaction_uid(request)
    changes = await read_data_set(request)
    # Earlier editions have it in the payload, as N-SET has.
    key = key or str(changes.get("TransactionUID") or "")
    done = await run_in_threadpool(steps_of(request).update, uid, changes, key, by)
    headers = {"Content-Location": f"{service_of(request)}/workitems/{uid}"}
    return _answered(request, Transaction.UPDATE, done, headers)


@transaction
async def change_state(request: Request) -> Response:
    """Claim, complete or cancel a work item (PS3.18 section 11.7)."""
    by, uid = requester(request), work_item_uid(request)
    asked = await read_data_set(request)
    state = str(asked.get("ProcedureStepState") or "")
    key = str(asked.get("TransactionUID") or "")
    if not state:
        raise RequestError("the payload must have the attribute ProcedureStepState")
    if key:
        checked_uid(key, "the transaction")
    done = await run_in_threadpool(steps_of(request).change_state, uid, state, key, by)
    found = answer_of(Transaction.CHANGE_STATE, done.status, transaction_uid_given=bool(key))
    return answer(request, found, done.status, comment=done.comment)


@transaction
async def request_cancellation(request: Request) -> Response:
    """Ask that a work item be cancelled (PS3.18 section 11.8)."""
    by, uid = requester(request), work_item_uid(request)
    information = await read_optional_data_set(request) or Dataset()
    done = await run_in_threadpool(steps_of(request).request_cancel, uid, information, by)
    return _answered(request, Transaction.REQUEST_CANCELLATION, done)


def _answered(
    request: Request, kind: Transaction, done: Answer, headers: dict[str, str] | None = None
) -> Response:
    found = answer_of(kind, done.status)
    return answer(request, found, done.status, headers=headers, comment=done.comment)
