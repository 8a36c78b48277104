"""Answers of the Worklist Service: payloads, Warning header fields, and refusals."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from triage.web.dicomweb import PREFIX
from triage.web.dicomweb.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import HTTPConnection, Request

    from triage.web.dicomweb.statuses import HttpAnswer

    Handler = Callable[[Request], Awaitable[Response]]


def transaction(handler: Handler) -> Handler:
    """Return a handler that answers what is wrong with a request itself."""

    @functools.wraps(handler)
    async def guarded(request: Request) -> Response:
        try:
            return await handler(request)
        except RequestError as error:
            return refusal(str(error), error.status)

    return guarded


def answer(
    request: Request,
    found: HttpAnswer,
    status: int,
    *,
    headers: Mapping[str, str] | None = None,
    comment: str = "",
) -> Response:
    """Return the answer to a transaction that has no payload of its own.

    Args:
        request: What is answered.
        found: The HTTP side of it.
        status: The DIMSE side of it, told with a refusal.
        headers: Further header fields of a success.
        comment: What is at fault, such as the keywords of attributes.
    """
    if found.failed:
        response: Response = refusal(found.sentence, found.status, f"{status:04X}", comment)
    else:
        response = Response(status_code=found.status, headers=headers)
    if found.warning:
        add_warning(request, response, found.warning)
    return response


def refusal(sentence: str, status: int, dimse_status: str = "", comment: str = "") -> Response:
    """Return a refusal: what is wrong, for a person, and the DIMSE status when there is one."""
    told = {"error": sentence[:1].upper() + sentence[1:].rstrip(".") + "."}
    further = {"status": dimse_status, "at_fault": comment}
    return JSONResponse(told | {name: text for name, text in further.items() if text}, status)


def add_warning(request: Request, response: Response, text: str) -> None:
    """Add a Warning header field in the form that PS3.18 gives it."""
    response.headers.append("Warning", f"299 {service_of(request)}: {text}")


def service_of(connection: HTTPConnection) -> str:
    """Return the base URI of the service, as the client addressed it, before any proxy of ours."""
    caller = connection.scope.get("state", {}).get("caller")
    base = connection.base_url
    if caller is not None and caller.secure:
        base = base.replace(scheme="https")
    return f"{base}".rstrip("/") + PREFIX
