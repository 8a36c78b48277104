"""Signs of life: every role leaves one in the state folder, and readiness reads them.

Files, not rows: a commit every few seconds would wake whatever watches the database.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from triage.owners import is_dead, owner_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

EVERY_SECONDS = 5.0
SILENT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Sign:
    """A role's last sign of life.

    Attributes:
        role: The role.
        pid: Its process; 0 when it never gave a sign.
        age_seconds: How old the sign is.
        gone: Whether its process is known to be no more.
    """

    role: str
    pid: int
    age_seconds: float
    gone: bool

    @property
    def silent(self) -> bool:
        """Whether the role is gone, or has been silent for too long."""
        return self.gone or self.age_seconds > SILENT_SECONDS


def sign(state_folder: Path, role: str) -> None:
    """Leave a sign of life of this process."""
    path = _path(state_folder, role)
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps({"pid": os.getpid(), "owner": owner_name(role)}))
    temporary.replace(path)


def signing(
    state_folder: Path, role: str, monotonic: Callable[[], float] = time.monotonic
) -> Callable[[], None]:
    """Return a function that may be called often and leaves a sign every few seconds."""
    last = -EVERY_SECONDS

    def sign_now_and_then() -> None:
        nonlocal last
        now = monotonic()
        if now - last >= EVERY_SECONDS:
            last = now
            sign(state_folder, role)

    return sign_now_and_then


def last_signs(state_folder: Path, roles: Iterable[str]) -> tuple[Sign, ...]:
    """Return the last sign of each role; one that never gave a sign has age infinity."""
    return tuple(_last_sign(state_folder, role) for role in roles)


def _last_sign(state_folder: Path, role: str) -> Sign:
    path = _path(state_folder, role)
    try:
        age = max(0.0, time.time() - path.stat().st_mtime)
        found = json.loads(path.read_text())
        return Sign(role, int(found["pid"]), age, is_dead(found["owner"]))
    except (OSError, ValueError, KeyError):
        return Sign(role, 0, float("inf"), gone=True)


def _path(state_folder: Path, role: str) -> Path:
    return state_folder / "roles" / f"{role.replace(':', '-')}.json"
