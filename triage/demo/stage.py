"""The stage of the demonstration: a folder, free ports, the real daemon, a PACS on loopback."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from triage.errors import TriageError
from triage.settings import (
    DecisionSettings,
    Destination,
    ListenerSettings,
    StudySettings,
    WebSettings,
    default_settings,
    render_toml,
)
from triage.values import Mode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from triage.settings import Settings

LOOPBACK = "127.0.0.1"
START_SECONDS = 120.0
STOP_SECONDS = 120.0
POLL_SECONDS = 0.1
QUIET_SECONDS = 2.0  # a morning in a minute: images of a study follow each other at once


def free_port() -> int:
    """Return a port that nobody uses at this moment."""
    with socket.create_server((LOOPBACK, 0)) as server:
        return int(server.getsockname()[1])


def demonstration_settings(
    folder: Path, pacs_ae_title: str, pacs_port: int, web_port: int
) -> Settings:
    """Return the settings of the demonstration: every role, and the whole ladder of effect."""
    return replace(
        default_settings(folder / "state"),
        listener=ListenerSettings(address=LOOPBACK, port=free_port(), minimum_free_megabytes=64),
        studies=StudySettings(quiet_seconds=QUIET_SECONDS),
        decision=DecisionSettings(mode=Mode.DEMOTE),
        destinations=(Destination("demo-pacs", pacs_ae_title, LOOPBACK, pacs_port),),
        web=WebSettings(address=LOOPBACK, port=web_port or free_port()),
    )


# What stands on this machine is not asked for through a proxy that the environment names.
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Daemon:
    """A running daemon, in processes of its own.

    Attributes:
        settings: What it was started with.
        config: The file that they are in.
        process: The supervisor.
        log: Where its log goes.
    """

    settings: Settings
    config: Path
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def page(self) -> str:
        """Address of the worklist page."""
        return f"http://{self.settings.web.address}:{self.settings.web.port}/"

    def wait_until_ready(self, timeout_seconds: float = START_SECONDS) -> None:
        """Wait until every role gives signs of life.

        Raises:
            TriageError: It ended, or was not ready in time; the message names the log.
        """
        deadline = time.monotonic() + timeout_seconds
        while not self._is_ready():
            if self.process.poll() is not None:
                raise TriageError(
                    f"the daemon ended with {self.process.returncode}; see {self.log}"
                )
            if time.monotonic() > deadline:
                raise TriageError(f"not ready after {timeout_seconds:.0f} s; see {self.log}")
            time.sleep(POLL_SECONDS)

    def ask(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """Return the JSON that the web role answers under a path."""
        with _DIRECTLY.open(self.page + path.lstrip("/"), timeout=10) as answer:
            return json.load(answer)

    def stop(self) -> int:
        """Stop it in order; return its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def _is_ready(self) -> bool:
        try:
            return bool(self.ask("health/ready")["status"] == "ready")
        except (OSError, ValueError, urllib.error.URLError):
            return False


@contextlib.contextmanager
def running_daemon(folder: Path, settings: Settings) -> Iterator[Daemon]:
    """Run `triage serve` with these settings; stopped when the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    config, log = folder / "triage.toml", folder / "daemon.log"
    config.write_text(render_toml(settings))
    command = [sys.executable, "-m", "triage", "serve", "--config", str(config)]
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own program
            command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    daemon = Daemon(settings, config, process, log)
    try:
        yield daemon
    finally:
        daemon.stop()
