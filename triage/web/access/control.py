"""The middleware in front of every page: right host, own origin, known user, right form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, quote

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response

from triage.errors import TriageError
from triage.log import get_logger
from triage.web.access.gate import CHALLENGE, Known
from triage.web.access.origin import caller_of, is_own_origin, is_right_host
from triage.web.access.tokens import same
from triage.web.access.who import SAFE_METHODS
from triage.web.strings import say

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from triage.web.access.gate import Gate
    from triage.web.access.origin import Caller

_FORM: Final = "application/x-www-form-urlencoded"
_MOST_FORM_BYTES: Final = 65_536
_LOGIN_PAGES: Final = ("/login", "/logout")
_POLICY_VIOLATION: Final = 1008  # RFC 6455 7.4.1

_log = get_logger("web")


class AccessControl:
    """Lets through what may pass, with `who`, `csrf_token`, `caller` and `form` in its state.

    Args:
        app: What is behind the gate.
        gate: Finds out who makes a request.
        answer: Makes a page or JSON of an error.
    """

    def __init__(
        self,
        app: ASGIApp,
        gate: Gate,
        answer: Callable[[Request, Exception], Awaitable[Response]],
    ) -> None:
        self._app = app
        self._gate = gate
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer why not."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            passed = await self._pass(HTTPConnection(scope), receive)
        except (HTTPException, TriageError) as error:
            await self._refuse(scope, receive, send, error)
            return
        await self._app(scope, passed, send)

    async def _refuse(
        self, scope: Scope, receive: Receive, send: Send, error: HTTPException | TriageError
    ) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return
        request = Request(scope, receive)
        response: Response
        if isinstance(error, HTTPException) and error.status_code == 401 and _is_page(request):  # noqa: PLR2004 - Unauthorized
            response = RedirectResponse(f"/login?next={quote(_address(request))}", 303)
        else:
            response = await self._answer(request, error)
        await response(scope, receive, send)

    async def _pass(self, request: HTTPConnection, receive: Receive) -> Receive:
        """Judge a request, and return what its body is read from afterwards.

        Raises:
            HTTPException: It may not pass.
        """
        web = self._gate.web
        peer = request.client.host if request.client else ""
        caller = caller_of(peer, request.scope["scheme"], request.headers, web)
        # Browsers always name the host; a load balancer's probe by HTTP/1.0 need not.
        if "host" in request.headers and not is_right_host(request.headers["host"], web):
            raise HTTPException(421, say("error.host"))
        changes = request.scope.get("method", "GET") not in SAFE_METHODS
        if (changes or request.scope["type"] == "websocket") and not is_own_origin(
            request.headers, web
        ):
            _log.warning("another site's page", action="origin_refused", address=caller.address)
            raise HTTPException(403, say("error.origin"))
        known = await self._known(request, caller)
        state = request.scope.setdefault("state", {})
        state |= {"who": known.who, "csrf_token": known.csrf_token, "caller": caller, "form": {}}
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() == _FORM:
            body = await _body(receive)
            state["form"] = _fields(body)
            receive = _again(body, receive)
        if changes and (known.who is None or known.who.by_browser):
            self._check_form(request, known, caller, state["form"])
        return receive

    async def _known(self, request: HTTPConnection, caller: Caller) -> Known:
        """Return who asks, and refuse nobody and who may nothing where somebody is needed."""
        path = request.scope["path"]
        if path.startswith("/static/"):
            return Known(None)
        if path.startswith("/health/") or path == "/metrics":
            if caller.local or self._gate.web.open_metrics:
                return Known(None)
        elif path in _LOGIN_PAGES:
            return await self._gate.identify(request, caller)
        known = await self._gate.identify(request, caller)
        if known.who is None:
            raise HTTPException(401, say("error.nobody"), CHALLENGE)
        if not known.who.roles:
            raise HTTPException(403, say("error.no-role"))
        return known

    def _check_form(
        self, request: HTTPConnection, known: Known, caller: Caller, form: Mapping[str, str]
    ) -> None:
        """Refuse a change that was not asked for by a form or script of our own page."""
        if known.who is not None and known.who.read_only:
            return  # nobody's rights to misuse: whoever asks is refused by `require`
        given = request.headers.get("x-csrf-token") or form.get("csrf_token", "")
        if not known.csrf_token or not same(given, known.csrf_token):
            _log.warning("form refused", action="form_refused", address=caller.address)
            raise HTTPException(403, say("error.stale-form"))


def _is_page(request: Request) -> bool:
    """Whether a person waits for a page, whom the log-in can be shown."""
    wants_page = "text/html" in request.headers.get("accept", "")
    return request.method == "GET" and wants_page and "authorization" not in request.headers


def _address(request: Request) -> str:
    query = request.url.query
    return request.url.path + (f"?{query}" if query else "")


async def _body(receive: Receive) -> bytes:
    """Read a form whole.

    Raises:
        HTTPException: 413, no form of ours is that long.
    """
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            break
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > _MOST_FORM_BYTES:
            raise HTTPException(413, say("error.long-form"))
    return body


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a receive that gives a body which has been read already, then goes on."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return messages.pop() if messages else await receive()

    return receive_again


def _fields(body: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=100))
    except ValueError:
        raise HTTPException(400, say("error.form")) from None
