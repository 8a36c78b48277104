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
    return not process_exists(int(number))


def is_predecessor(owner: str) -> bool:
    """Whether an owner is dead, or had our own process number before us, as in a container.

    To be asked when a role starts, before it takes any lease itself.
    """
    return is_dead(owner) or owner.endswith(f"-{socket.gethostname()}-{os.getpid()}")


def process_exists(pid: int) -> bool:
    """Whether this machine has a process of this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is there, and not ours
        return True
    return True
