"""A supervisor over scripted roles: `python run_supervisor.py FOLDER`."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

from triage import log, roles, service
from triage.intake.ports import Ports
from triage.settings import default_settings
from triage.watchdog import ServiceManager

ROLE = Path(__file__).with_name("scripted_role.py")


def main(folder: Path) -> int:
    settings = default_settings(folder / "state")
    log.configure("service", settings.log)
    # The real patience of some roles is longer than a test should take.
    service.ROLES = {name: replace(role, stop_seconds=1.0) for name, role in roles.ROLES.items()}
    service.SILENCE_SECONDS = float(os.environ.get("SILENCE_SECONDS", "60"))
    manager = ServiceManager.from_environment(os.environ)
    return service.Supervisor(
        settings,
        lambda name: [sys.executable, str(ROLE), name, str(folder)],
        manager,
        Ports(None, None),
    ).run()


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
