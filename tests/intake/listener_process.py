"""A listener in a process of its own, to be killed: STATE_FOLDER; prints its port."""

from __future__ import annotations

import dataclasses
import sys
import threading
from pathlib import Path

from triage.intake.listener import run
from triage.log import configure
from triage.settings import default_settings


def main() -> None:
    """Listen on a free port until killed."""
    settings = default_settings(Path(sys.argv[1]))
    listening = dataclasses.replace(
        settings.listener, address="127.0.0.1", port=0, minimum_free_megabytes=1
    )
    settings = dataclasses.replace(settings, listener=listening)
    configure("listener", settings.log, sys.stderr)
    run(
        settings,
        threading.Event(),
        lambda: None,
        ready=lambda port: print(port, flush=True),  # noqa: T201 - the test reads it
    )


if __name__ == "__main__":
    main()
