"""Reading requests: what their addresses name, and their payload within bounds of size and time."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from triage.web.dicomweb.errors import RequestError
from triage.web.dicomweb.json_model import decode
from triage.web.dicomweb.media_types import answer_type, check_payload_type

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from starlette.requests import HTTPConnection, Request

MAXIMUM_PAYLOAD_BYTES = 2 * 1024 * 1024  # references to thousands of images
PAYLOAD_SECONDS = 20.0

_TOO_SLOW = 408
_TOO_LARGE = 413
_UID = re.compile(r"(?=.{1,64}$)(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*))*", re.ASCII)
_AE_TITLE = re.compile(r"[\x20-\x5b\x5d-\x7e]{1,16}")  # PS3.5 6.2: no backslash, no control


def work_item_uid(request: Request) -> str:
    """Return the UID of the work item that an address names.

    Raises:
        RequestError: It names none.
    """
    uid: str = request.path_params["work_item_uid"]
    return checked_uid(uid, "the work item")


def checked_uid(uid: str, whose: str) -> str:
    """Return a UID; refuse what is none (PS3.5 9.1).

    Raises:
        RequestError: It is none.
    """
    if not _UID.fullmatch(uid):
        raise RequestError(f"the UID of {whose} must be digits and full stops, at most 64")
    return uid


def ae_title(connection: HTTPConnection) -> str:
    """Return the AE title of the subscriber that an address names, without its padding.

    Raises:
        RequestError: It names none.
    """
    title: str = connection.path_params["ae_title"]
    if not _AE_TITLE.fullmatch(title) or not title.strip():
        raise RequestError("an AE title has 1 to 16 characters of ASCII")
    return title.strip()


def transaction_uid(request: Request) -> str:
    """Return the Transaction UID of an update, empty when there is none.

    PS3.18 section 11.6.1 shows it as the bare query; its earlier editions give it a name.

    Raises:
        RequestError: There is something else instead.
    """
    return _bare_or_named(request, ("transaction-uid", "transaction"), "the transaction")


def created_uid(request: Request) -> str:
    """Return the UID that a new work item is to have, empty when the address names none.

    Raises:
        RequestError: There is something else instead.
    """
    return _bare_or_named(request, ("workitem", "AffectedSOPInstanceUID"), "the work item")


def _bare_or_named(request: Request, names: tuple[str, ...], whose: str) -> str:
    for name, value in request.query_params.multi_items():
        if name in names:
            return checked_uid(value, whose) if value else ""
        if not value and _UID.fullmatch(name):
            return name
    if request.url.query:
        raise RequestError(f"the query must be the UID of {whose}")
    return ""


def accepted_type(request: Request) -> str:
    """Return the media type to answer in; the query may name it instead of the header field.

    Raises:
        RequestError: None of the acceptable types can be had.
    """
    return answer_type(
        request.query_params.get("accept") or ",".join(request.headers.getlist("accept"))
    )


async def read_data_set(request: Request) -> Dataset:
    """Read the data set that a request carries.

    Raises:
        RequestError: It is not there, too large, too slow, of another type, or not sound.
    """
    headers = request.headers
    check_payload_type(headers.get("content-type", ""), headers.get("content-encoding", ""))
    payload = await _payload(request)
    return await run_in_threadpool(decode, payload)


async def read_optional_data_set(request: Request) -> Dataset | None:
    """Read the data set that a request may carry; as `read_data_set`."""
    has_payload = "transfer-encoding" in request.headers
    if not has_payload and request.headers.get("content-length", "0") == "0":
        return None
    return await read_data_set(request)


async def _payload(request: Request) -> bytes:
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > MAXIMUM_PAYLOAD_BYTES:
        raise _too_large()
    payload = bytearray()
    try:
        async with asyncio.timeout(PAYLOAD_SECONDS):
            async for piece in request.stream():
                payload += piece
                if len(payload) > MAXIMUM_PAYLOAD_BYTES:
                    raise _too_large()
    except TimeoutError as error:
        raise RequestError("the payload did not come in time", _TOO_SLOW) from error
    except ClientDisconnect as error:
        raise RequestError("the payload did not come whole") from error
    return bytes(payload)


def _too_large() -> RequestError:
    return RequestError(f"the payload is larger than {MAXIMUM_PAYLOAD_BYTES} bytes", _TOO_LARGE)
