"""Who is asking: what every handler may know of a request's user."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException

from triage.values import UserRole
from triage.web.strings import say

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

USER_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.@-]{0,63}")
# Methods that change nothing (RFC 9110 9.2.1).
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class Means(Enum):
    """How somebody showed who he is."""

    SESSION = "session"  # logged in on our own page
    PROXY = "proxy"  # a proxy that the site trusts says so
    TOKEN = "token"  # noqa: S105 - a machine's token in the request
    PASSWORD = "password"  # noqa: S105 - name and password in the request
    LOCAL = "local"  # nobody: on this machine, where no user has been added yet


@dataclass(frozen=True, slots=True)
class Who:
    """The user of a request.

    Attributes:
        name: The user; empty on a site that has no users yet.
        roles: What the user may do.
        means: How it is known.
    """

    name: str
    roles: frozenset[UserRole]
    means: Means

    @property
    def read_only(self) -> bool:
        """Whether this user may look, and change nothing."""
        return self.means is Means.LOCAL

    @property
    def by_browser(self) -> bool:
        """Whether a browser says so by itself, also when another site's page makes it ask."""
        return self.means in (Means.SESSION, Means.PROXY, Means.LOCAL)


NOBODY_YET: Final = Who("", frozenset(UserRole), Means.LOCAL)


@dataclass(frozen=True, slots=True)
class AccessFacts:
    """What a template may say about the user.

    Attributes:
        user: Name, empty when nobody is logged in.
        roles: Names of the user's roles.
        csrf_token: Goes into every form as `csrf_token`, and into every fetch that changes
            something as the header X-CSRF-Token.
        read_only: No user has been added yet: buttons that change something are left out.
        may_log_out: The log-in is ours to end.
    """

    user: str
    roles: tuple[str, ...]
    csrf_token: str
    read_only: bool
    may_log_out: bool


def who_asks(request: HTTPConnection) -> Who | None:
    """Return the user of a request; None on the few addresses that need none."""
    found: Who | None = request.scope.get("state", {}).get("who")
    return found


def csrf_token(request: HTTPConnection) -> str:
    """Return the token that this user's forms must carry."""
    return str(request.scope.get("state", {}).get("csrf_token", ""))


def require(request: HTTPConnection, role: UserRole) -> Who:
    """Return the user of a request when he has a role.

    Raises:
        HTTPException: 403; the sentence says what is missing.
    """
    who = who_asks(request)
    if who is None or role not in who.roles:
        raise HTTPException(403, say("error.role", role=role.value))
    if who.read_only and request.scope.get("method", "GET") not in SAFE_METHODS:
        raise HTTPException(403, say("error.no-users"))
    return who


def access_facts(request: HTTPConnection) -> AccessFacts:
    """Return what templates may say about the user of a request."""
    who = who_asks(request)
    if who is None:
        return AccessFacts("", (), csrf_token(request), read_only=True, may_log_out=False)
    return AccessFacts(
        user=who.name,
        roles=tuple(sorted(role.value for role in who.roles)) if who.name else (),
        csrf_token=csrf_token(request),
        read_only=who.read_only,
        may_log_out=who.means is Means.SESSION,
    )
