"""The roles of a running daemon, killed as a crash would."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from tests.waiting import until
from triage.owners import process_exists
from triage.presence import last_signs
from triage.service import processes

if TYPE_CHECKING:
    from triage.demo.stage import Daemon


def kill(daemon: Daemon, role: str) -> None:
    """Kill a role, and wait until the supervisor has put another process in its place."""
    (sign,) = last_signs(daemon.settings.state_folder, [role])
    os.kill(sign.pid, signal.SIGKILL)
    until(
        lambda: last_signs(daemon.settings.state_folder, [role])[0].pid not in {0, sign.pid},
        f"a new {role}",
        60,
    )


def cut_power(daemon: Daemon) -> None:
    """Kill the supervisor and every role, and wait until they are gone."""
    names = [name for name, _ in processes(daemon.settings)]
    signs = last_signs(daemon.settings.state_folder, names)
    # First the supervisor stands still, so that it neither replaces nor stops anybody.
    daemon.process.send_signal(signal.SIGSTOP)
    for sign in signs:
        os.kill(sign.pid, signal.SIGKILL)
    daemon.process.kill()
    daemon.process.wait()
    until(lambda: not any(process_exists(sign.pid) for sign in signs), "every role is gone")
