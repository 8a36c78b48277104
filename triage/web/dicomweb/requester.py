"""On whose behalf a request changes the list: the one place where UPS-RS meets the log-in.

Every request has passed the gate of triage.web.access before: a browser's log-in, a trusted
proxy's word, or, for machines, a bearer token or HTTP Basic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from triage.errors import TriageError
from triage.values import UserRole
from triage.web.access import require

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from triage.web.access import Gate


def requester(connection: HTTPConnection) -> str:
    """Return the name under which a change is recorded.

    Raises:
        HTTPException: Whoever asks may not change the list (403).
    """
    return require(connection, UserRole.READER).name


async def may_listen(connection: HTTPConnection) -> bool:
    """Whether the user of an open connection is still one: it outlives the gate's first look."""
    gate: Gate = connection.app.state.gate
    try:
        known = await gate.identify(connection, connection.scope["state"]["caller"])
    except HTTPException:
        return False
    except TriageError:  # the store cannot say at the moment
        return True
    return known.who is not None and bool(known.who.roles)
