"""A role that does what the file beside it says: `python scripted_role.py NAME FOLDER`.

FOLDER/NAME holds the behaviour; every life of the role adds a line to FOLDER/lives, and every
orderly end one to FOLDER/ends.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from triage.roles import ALIVE, HEARTBEAT_FD, LIFELINE_FD, READY


def note(path: Path, line: str) -> None:
    with path.open("a") as file:
        file.write(f"{line}\n")


def main(name: str, folder: Path) -> int:
    plan = folder / name
    behaviour = plan.read_text() if plan.exists() else "work"
    note(folder / "lives", f"{name} {os.getpid()}")
    if behaviour == "refuse":
        sys.stderr.write(f"triage {name}: the port is taken; change it\n")
        return 2
    if behaviour == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, lambda *_: end(name, folder))
    beat = int(os.environ[HEARTBEAT_FD])
    os.write(beat, READY)
    os.write(beat, ALIVE)
    if behaviour == "die once":
        plan.write_text("work")
        return 1
    # The lifeline ends when the supervisor does.
    os.read(int(os.environ[LIFELINE_FD]), 1)
    note(folder / "ends", f"{name} orphaned")
    return 0


def end(name: str, folder: Path) -> None:
    note(folder / "ends", name)
    raise SystemExit(0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], Path(sys.argv[2])))
