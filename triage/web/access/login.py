"""Logging in and out: the page, and what its two forms do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from triage.log import get_logger
from triage.web.access.gate import log_refused, session_cookie, too_many_tries
from triage.web.access.tokens import csrf_of, device_mark, device_of, new_token, token_hash
from triage.web.access.tries import place_of
from triage.web.access.who import Means, csrf_token, who_asks
from triage.web.strings import say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from triage.web.access.gate import Gate
    from triage.web.access.origin import Caller

_DEVICE_SECONDS: Final = 180 * 86_400
_MOST_NAME: Final = 64

_log = get_logger("web")


async def show(request: Request) -> Response:
    """The log-in page; whoever is logged in already is sent on."""
    who = who_asks(request)
    if who is not None and not who.read_only:
        return RedirectResponse(_safe_next(request.query_params.get("next", "")), 303)
    return await _page(request, 200, request.query_params.get("next", ""))


async def log_in(request: Request) -> Response:
    """Open a session for who gives a right password; always a new one, whatever was sent."""
    gate, caller, form = _gate(request), _caller(request), form_of(request)
    name = form.get("name", "").strip().lower()[:_MOST_NAME]
    secret = await run_in_threadpool(gate.store.web_secret)
    mark = request.cookies.get(_device_cookie(name, secure=caller.secure), "")
    place = device_of(secret, name, mark) or place_of(caller.address)
    checked = await gate.checks.check(name, form.get("password", ""), place)
    wanted = form.get("next", "")
    if checked.user is None:
        log_refused(caller.address, checked.reason, name if checked.known else "")
        if checked.wait_seconds:
            refusal = too_many_tries(checked.wait_seconds)
            return await _page(request, 429, wanted, refusal.detail, refusal.headers)
        return await _page(request, 401, wanted, say("error.login"))
    token = new_token()
    opened = await run_in_threadpool(
        gate.store.open_session, token_hash(token), name, idle=gate.idle, longest=gate.longest
    )
    if not opened:
        return await _page(request, 401, wanted, say("error.login"))
    _log.info("logged in", action="login", user=name, address=caller.address)
    response = RedirectResponse(_safe_next(wanted), 303)
    _set_cookie(response, session_cookie(secure=caller.secure), token, caller)
    mark = device_mark(secret, name)
    device = _device_cookie(name, secure=caller.secure)
    _set_cookie(response, device, mark, caller, seconds=_DEVICE_SECONDS)
    return response


async def log_out(request: Request) -> Response:
    """End the session that asks for it."""
    gate, caller, who = _gate(request), _caller(request), who_asks(request)
    name = session_cookie(secure=caller.secure)
    if who is not None and who.means is Means.SESSION:
        await run_in_threadpool(gate.store.close_session, token_hash(request.cookies[name]))
        _log.info("logged out", action="logout", user=who.name, address=caller.address)
    response = RedirectResponse("/login", 303)
    response.delete_cookie(name, httponly=True, samesite="strict", secure=caller.secure)
    return response


def form_of(request: Request) -> Mapping[str, str]:
    """Return the fields of the form that a request brings, as the gate has read them."""
    form: Mapping[str, str] = request.scope["state"]["form"]
    return form


async def _page(
    request: Request,
    status: int,
    wanted: str,
    problem: str = "",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Show the log-in page; its form is bound to a cookie, so that nobody else can send it."""
    gate, caller = _gate(request), _caller(request)
    token, fresh = csrf_token(request), ""
    if not token:
        fresh = new_token()
        token = csrf_of(fresh)
    template = request.app.state.templates.get_template("login.html")
    html = template.render(
        csrf_token=token,
        label=gate.label,
        next=_safe_next(wanted),
        problem=problem,
        without_users=not await run_in_threadpool(gate.store.users),
    )
    response = HTMLResponse(html, status, headers)
    if fresh:
        _set_cookie(response, session_cookie(secure=caller.secure), fresh, caller)
    return response


def _safe_next(wanted: str) -> str:
    """Return where to go after the log-in: an address of this site, whatever was asked."""
    inside = wanted.startswith("/") and not wanted.startswith("//")
    if not inside or not wanted.isprintable() or "\\" in wanted:
        return "/"
    return "/" if urlsplit(wanted).path in ("/login", "/logout") else wanted


def _set_cookie(
    response: Response, name: str, value: str, caller: Caller, seconds: int | None = None
) -> None:
    response.set_cookie(
        name, value, max_age=seconds, httponly=True, samesite="strict", secure=caller.secure
    )


def _device_cookie(name: str, *, secure: bool) -> str:
    prefix = "__Host-" if secure else ""
    return f"{prefix}triage-device-{token_hash(name)[:8]}"


def _gate(request: Request) -> Gate:
    gate: Gate = request.app.state.gate
    return gate


def _caller(request: Request) -> Caller:
    caller: Caller = request.scope["state"]["caller"]
    return caller
