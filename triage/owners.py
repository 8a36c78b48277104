"""Who holds a lease: a name that tells whether its process still lives."""

from __future__ import annotations

import os
import socket


def owner_name(role: str) -> str:
    """Return the name under which this process holds leases."""
    return f"{role}-{socket.gethostname()}-{os.getpid()}"


def is_dead(owner: str) -> bool:
    """Whether an owner is a process of this machine that no longer exists.

    A process of another machine, and a process number that is in use again, count as alive:
    their leases run out by themselves.
    """
    rest, _, number = owner.rpartition("-")
    if not number.isdigit() or not rest.endswith(f"-{socket.gethostname()}"):
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
