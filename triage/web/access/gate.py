"""The gate: finds out who makes a request, by proxy, token, password or session."""

from __future__ import annotations

import base64
import binascii
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from triage.log import get_logger
from triage.values import UserRole
from triage.web.access.checks import PasswordChecks
from triage.web.access.origin import is_loopback
from triage.web.access.tokens import csrf_of, token_hash
from triage.web.access.tries import place_of
from triage.web.access.who import NOBODY_YET, SAFE_METHODS, USER_NAME, Means, Who
from triage.web.strings import say

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from triage.settings import Settings
    from triage.store import SessionRecord, Store, UserRecord
    from triage.web.access.origin import Caller

CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="cspine-triage"'}
_NOTED_SECONDS: Final = 60.0  # a session's use is written down no more often
_MOST_WARNED: Final = 1000  # addresses of which it is remembered that the log names them

_log = get_logger("web")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a request's user.

    Attributes:
        who: The user, None for nobody.
        csrf_token: What the user's forms carry; empty where there can be no form.
    """

    who: Who | None
    csrf_token: str = ""


class Gate:
    """Finds out who makes a request.

    Args:
        store: Users and sessions.
        settings: The site's settings.
        checks: Checks passwords.
    """

    def __init__(
        self, store: Store, settings: Settings, checks: PasswordChecks | None = None
    ) -> None:
        self.store = store
        self.web = settings.web
        self.label = settings.worklist.label
        self.checks = checks or PasswordChecks(store)
        self._warned: OrderedDict[str, None] = OrderedDict()

    @property
    def idle(self) -> timedelta:
        """How long a session lasts without use."""
        return timedelta(minutes=self.web.session_idle_minutes)

    @property
    def longest(self) -> timedelta:
        """How long a session lasts in any case."""
        return timedelta(hours=self.web.session_hours)

    async def identify(self, request: HTTPConnection, caller: Caller) -> Known:
        """Find out who makes a request.

        Raises:
            HTTPException: 401 or 429: the request says who it is from, and that is not right.
        """
        if (name := self._proxy_says(request, caller)) is not None:
            return await run_in_threadpool(self._of_proxy, request, name)
        if "authorization" in request.headers:
            return Known(await self._of_authorization(request, caller))
        return await run_in_threadpool(self._of_browser, request, caller)

    # --- a proxy that has logged the user in ---

    def _proxy_says(self, request: HTTPConnection, caller: Caller) -> str | None:
        """Return the name in a trusted proxy's header; None when there is no such header."""
        header = self.web.proxy_user_header
        if not header or header not in request.headers:
            return None
        if not caller.proxied:
            self._warn_of_stranger(caller)
            return None
        names = request.headers.getlist(header)
        name = names[0].strip().lower()
        if len(names) > 1 or (name and not USER_NAME.fullmatch(name)):
            _log.warning(
                "a proxy's user is refused",
                action="login_refused",
                address=caller.address,
                reason="the proxy's header names no user as names are written here",
            )
            raise HTTPException(403, say("error.proxy-name"))
        return name or None

    def _of_proxy(self, request: HTTPConnection, name: str) -> Known:
        user = self.store.user(name)
        if user is not None and user.disabled:
            raise HTTPException(403, say("error.disabled"))
        who = Who(name, self._proxy_roles(request, user), Means.PROXY)
        return Known(who, csrf_of(self.store.web_secret() + name.encode()))

    def _proxy_roles(self, request: HTTPConnection, user: UserRecord | None) -> frozenset[UserRole]:
        header = self.web.proxy_roles_header
        if not header:
            return user.roles if user is not None else frozenset({UserRole.READER})
        said = ",".join(request.headers.getlist(header)).lower().replace(";", ",").split(",")
        return frozenset(role for role in UserRole if role.value in map(str.strip, said))

    def _warn_of_stranger(self, caller: Caller) -> None:
        """Log, once for an address, that it sent a header that only proxies may send."""
        if caller.address in self._warned:
            return
        self._warned[caller.address] = None
        while len(self._warned) > _MOST_WARNED:
            self._warned.popitem(last=False)
        _log.warning(
            "a proxy's header from elsewhere is ignored",
            action="proxy_header_ignored",
            address=caller.address,
        )

    # --- a machine that says who it is with every request ---

    async def _of_authorization(self, request: HTTPConnection, caller: Caller) -> Who:
        scheme, _, value = request.headers["authorization"].partition(" ")
        if len(request.headers.getlist("authorization")) > 1:
            raise HTTPException(400, say("error.twice"))
        if scheme.lower() == "bearer":
            user = await run_in_threadpool(self.store.user_of_token, token_hash(value.strip()))
            if user is not None:
                return Who(user.name, user.roles, Means.TOKEN)
            self._refused(caller, "no such token")
            raise HTTPException(401, say("error.token"), CHALLENGE)
        if scheme.lower() == "basic":
            return await self._of_password(value, caller)
        raise HTTPException(401, say("error.scheme"), CHALLENGE)

    async def _of_password(self, value: str, caller: Caller) -> Who:
        name, password = _pair(value)
        checked = await self.checks.check_remembered(name, password, place_of(caller.address))
        if checked.user is not None:
            return Who(checked.user.name, checked.user.roles, Means.PASSWORD)
        self._refused(caller, checked.reason, name if checked.known else "")
        if checked.wait_seconds:
            raise too_many_tries(checked.wait_seconds)
        raise HTTPException(401, say("error.login"), CHALLENGE)

    def _refused(self, caller: Caller, reason: str, user: str = "") -> None:
        log_refused(caller.address, reason, user)

    # --- a person with a browser ---

    def _of_browser(self, request: HTTPConnection, caller: Caller) -> Known:
        token = request.cookies.get(session_cookie(secure=caller.secure), "")
        if token:
            hashed = token_hash(token)
            session = self.store.session(hashed)
            if session is not None and not self._has_ended(session):
                self._note_use(request, hashed, session)
                who = Who(session.user.name, session.user.roles, Means.SESSION)
                return Known(who, csrf_of(token))
        return Known(self._nobody_yet(caller), csrf_of(token) if token else "")

    def _has_ended(self, session: SessionRecord) -> bool:
        now = self.store.clock()
        return now - session.used_at >= self.idle or now - session.opened_at >= self.longest

    def _note_use(self, request: HTTPConnection, hashed: str, session: SessionRecord) -> None:
        """Let a session live on when a person does something; a page kept up to date does not."""
        acts = request.scope.get("method", "GET") not in SAFE_METHODS
        loads = "text/html" in request.headers.get("accept", "")
        noted = (self.store.clock() - session.used_at).total_seconds() < _NOTED_SECONDS
        if (acts or loads) and not noted:
            self.store.use_session(hashed)

    def _nobody_yet(self, caller: Caller) -> Who | None:
        """Let this machine itself look, and only look, until the first user is added."""
        open_to_this_machine = (
            caller.local and is_loopback(self.web.address) and not self.web.proxy_user_header
        )
        return NOBODY_YET if open_to_this_machine and not self.store.users() else None


def session_cookie(*, secure: bool) -> str:
    """Return the name of the session's cookie; with __Host- no other host can set it."""
    return "__Host-triage-session" if secure else "triage-session"


def too_many_tries(wait_seconds: float) -> HTTPException:
    """Return the answer to who must wait before the next try."""
    seconds = max(1, round(wait_seconds + 0.5))
    sentence = say("error.tries", count=seconds)
    return HTTPException(429, sentence, {"Retry-After": str(seconds)})


def log_refused(address: str, reason: str, user: str) -> None:
    """Log a refused log-in; a name only where it is a user's: people type passwords there."""
    _log.warning(
        "log-in refused",
        action="login_refused",
        address=address,
        reason=reason,
        user=user or None,
    )


def _pair(value: str) -> tuple[str, str]:
    """Return name and password of HTTP Basic (RFC 7617)."""
    try:
        text = base64.b64decode(value.strip(), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise HTTPException(400, say("error.header")) from None
    name, _, password = text.partition(":")
    return name.strip().lower(), password
