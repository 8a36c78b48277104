"""A listener in processes of its own, as a site runs it, looked at from outside."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.hostile.wire import Wire
from tests.peers import LOOPBACK, end, free_port
from tests.waiting import until
from triage.settings import default_settings, render_toml
from triage.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from triage.store import InstanceRecord

ROOT = Path(__file__).resolve().parents[2]
_LISTENS = "0A"  # a socket's state in /proc/net/tcp


@dataclass(frozen=True, slots=True)
class Usage:
    """What the listener's processes hold, all of them together."""

    descriptors: int
    threads: int
    megabytes: float


@dataclass
class Listening:
    """A running listener."""

    port: int
    state_folder: Path
    process: subprocess.Popen[bytes]
    log: Path

    def processes(self) -> tuple[int, ...]:
        """Return the process IDs: of the one that was started and of all that came from it."""
        found = [self.process.pid]
        for one in found:
            found += _children(one)
        return tuple(found)

    def usage(self) -> Usage:
        """Return what the processes hold now."""
        each = [_usage(one) for one in self.processes()]
        return Usage(*(sum(values) for values in zip(*map(dataclasses.astuple, each), strict=True)))

    def connections(self) -> int:
        """Return how many connections of peers the listener holds."""
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
        held = (one.split() for one in lines)
        return sum(
            local.endswith(f":{self.port:04X}") and state != _LISTENS and inode != "0"
            for _, local, _, state, _, _, _, _, _, inode, *_ in held
        )

    def peak_megabytes(self) -> float:
        """Return the most memory that any of the processes ever had."""
        return max(_megabytes(one, "VmHWM") for one in self.processes())

    def warnings(self) -> list[dict[str, Any]]:
        """Return what its log warns of."""
        lines = self.log.read_text().splitlines(keepends=True)
        whole = [json.loads(one) for one in lines if one.startswith("{") and one.endswith("\n")]
        return [one for one in whole if one["level"] == "warning"]

    def complaints(self, since: int = 0) -> list[str]:
        """Return the gist of log lines, from a byte on, that say that the listener was in error."""
        with self.log.open("rb") as log:
            log.seek(since)
            lines = log.read().decode(errors="replace").splitlines()
        return [gist for one in lines if (gist := _complaint(one))]

    def unfinished(self) -> list[Path]:
        """Return the files that are being received."""
        return sorted((self.state_folder / "incoming").iterdir())

    def instances(self, study_instance_uid: str) -> tuple[InstanceRecord, ...]:
        """Return what is recorded of a study."""
        with Store.open(self.state_folder) as store:
            study = store.study(study_instance_uid)
        return () if study is None else study.instances

    def stored(self, study_instance_uid: str) -> bytes:
        """Return the file of a study's only instance."""
        (instance,) = self.instances(study_instance_uid)
        return (self.state_folder / instance.path).read_bytes()

    def is_good(self) -> bool:
        """Whether a good peer gets its C-ECHO and its C-STORE answered with success."""
        with Wire(self.port) as peer:
            good = (peer.associate().echo(), peer.store()) == (0, 0)
            peer.release()
        return good

    def answers_or_died(self) -> bool:
        """Whether there is an end to waiting for it."""
        with contextlib.suppress(ConnectionRefusedError), Wire(self.port) as peer:
            peer.associate().release()
            return True
        return self.process.poll() is not None

    def terminate(self) -> int:
        """Ask it to end and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


def _complaint(line: str) -> str:
    """Return what a log line complains of; empty when it is none of the listener's own errors."""
    try:
        told = json.loads(line)
    except ValueError:
        return line[:200]  # no line of the log: something died
    # What the library says about a peer's bytes is an error by its own measure only.
    if told["level"] not in {"error", "critical"} or told.get("part") == "library":
        return ""
    errors = [
        f"{one['type']} at {one['frames'][-1].rpartition('/')[2]}"
        for one in told.get("exception", [])
    ]
    return " ".join([told["event"], *errors])


def _children(process_id: int) -> list[int]:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        tasks = Path(f"/proc/{process_id}/task").iterdir()
        return [int(one) for task in tasks for one in (task / "children").read_text().split()]
    return []


def _usage(process_id: int) -> Usage:
    home = Path(f"/proc/{process_id}")
    return Usage(
        sum(1 for _ in (home / "fd").iterdir()),
        sum(1 for _ in (home / "task").iterdir()),
        _megabytes(process_id, "VmRSS"),
    )


def _megabytes(process_id: int, name: str) -> float:
    lines = Path(f"/proc/{process_id}/status").read_text().splitlines()
    return next(int(one.split()[1]) / 1024 for one in lines if one.startswith(name))


@contextlib.contextmanager
def listening(folder: Path, **settings: Any) -> Iterator[Listening]:
    """Run a listener over a folder until the block ends.

    Args:
        folder: Its configuration, log and state go there.
        settings: Keys of the [listener] table.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = default_settings(folder / "state")
    chosen = {"address": LOOPBACK, "port": free_port(), "minimum_free_megabytes": 1, **settings}
    listener = dataclasses.replace(found.listener, **chosen)
    file, log = folder / "triage.toml", folder / "listener.log"
    file.write_text(render_toml(dataclasses.replace(found, listener=listener)))
    command = [sys.executable, "-m", "triage", "serve", "--role", "listener", "--config", file]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
    try:
        running = Listening(listener.port, found.state_folder, process, log)
        until(running.answers_or_died, "the listener answers")
        assert process.poll() is None, log.read_text()
        yield running
    finally:
        end(process)
