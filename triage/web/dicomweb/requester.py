"""On whose behalf a request changes the list: the one place where UPS-RS meets the log-in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection


def requester(_connection: HTTPConnection) -> str:
    """Return the name under which a change is recorded."""
    return "UPS-RS"
