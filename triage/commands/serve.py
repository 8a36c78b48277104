"""`triage serve`: the daemon, or one of its roles alone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from triage import log as logs
from triage.errors import PermanentError
from triage.intake.ports import Ports, open_ports
from triage.roles import ROLES, run_role
from triage.service import LISTENER, Supervisor, processes, role_command
from triage.settings import receiver_names
from triage.store import Store
from triage.watchdog import ServiceManager

if TYPE_CHECKING:
    from pathlib import Path

    from triage.settings import Settings


def serve(settings: Settings, settings_path: Path, role: str | None) -> int:
    """Run every role under the supervisor, or one role alone.

    A role of which the site has several processes gets a supervisor of its own.

    Returns:
        The exit code: 0 after an orderly end.
    """
    if role is not None:
        if role.partition("@")[0] not in ROLES:
            raise PermanentError(f"there is no role {role!r}; the roles are {', '.join(ROLES)}")
        if sum(one.name == role for _, one in processes(settings)) <= 1:
            return run_role(settings, role, os.environ)
    logs.configure("service", settings.log)
    # Opened once before any role starts: a folder that cannot be used is one sentence, not five.
    with Store.open(settings.state_folder) as store:
        # Whatever role moves a study first: the receivers of the site are told of it.
        store.know_receivers([name for _, name in receiver_names(settings)])
    ports = (
        open_ports(settings.listener, os.environ) if role in (None, LISTENER) else Ports(None, None)
    )
    manager = ServiceManager.from_environment(os.environ)
    command = role_command(settings_path.resolve())
    return Supervisor(settings, command, manager, ports, only=role or "").run()
