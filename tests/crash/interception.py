"""Calls of a process are led through a function of ours: of the system, and of the database.

For processes that are forked to be killed: nothing is ever put back.
"""

from __future__ import annotations

import fcntl
import functools
import os
import socket
import sqlite3
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Connection(sqlite3.Connection):
    """A connection of Python's own, so that its calls can be replaced.

    Attributes:
        changes: For whoever intercepts commits: `total_changes` at the last one.
    """

    changes = 0

    def cursor(self, factory: type[sqlite3.Cursor] | None = None) -> sqlite3.Cursor:
        """Return a cursor whose calls can be replaced as well."""
        return super().cursor(factory or Cursor)


class Cursor(sqlite3.Cursor):
    """A cursor of Python's own."""


_SYSTEM: dict[str, tuple[tuple[object, str], ...]] = {
    "open": ((os, "open"),),
    "mkdir": ((os, "mkdir"),),
    "write": ((os, "write"), (os, "writev"), (os, "pwrite")),
    "flush": ((os, "fsync"), (os, "fdatasync")),
    "lock": ((fcntl, "flock"), (fcntl, "lockf")),
    "rename": ((os, "rename"), (os, "replace"), (os, "link")),
    "unlink": ((os, "unlink"), (os, "remove")),
    "send": ((socket.socket, "send"), (socket.socket, "sendall"), (socket.socket, "sendmsg")),
    "receive": ((socket.socket, "recv"), (socket.socket, "recv_into")),
}
_DATABASE: dict[str, tuple[tuple[object, str], ...]] = {
    "statement": ((Cursor, "execute"),),
    "commit": ((Connection, "commit"),),
}


def intercept(kind: str, around: Callable[..., Any]) -> None:
    """Have every call of a kind made by `around`, which gets the call and its arguments."""
    if kind in _DATABASE:
        for module in (sqlite3, sqlite3.dbapi2):
            module.connect = functools.partial(_connect, module.connect)
    for owner, name in (_SYSTEM | _DATABASE)[kind]:
        setattr(owner, name, _through(getattr(owner, name), around))


def _through(original: Callable[..., Any], around: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(*arguments: Any, **options: Any) -> Any:
        return around(original, *arguments, **options)

    return call


def _connect(connect: Callable[..., Any], *arguments: Any, **options: Any) -> sqlite3.Connection:
    return connect(*arguments, **{"factory": Connection, **options})
