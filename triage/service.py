"""The supervisor: every role in a process of its own, restarted when it dies, stopped in order.

The supervisor never touches the store, a film or an association: it starts processes, hears their
heartbeats, and ends them. What they have to tell each other is in the store. It holds the ports of
the listeners, so that connections wait while one of these is started anew.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from triage import log as logs
from triage.roles import (
    EXIT_FAILED,
    EXIT_REFUSED,
    HEARTBEAT_FD,
    LIFELINE_FD,
    READY,
    ROLES,
    Role,
    roles_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from triage.intake.ports import Ports
    from triage.settings import Settings
    from triage.watchdog import ServiceManager

log = logs.get_logger("service")

SILENCE_SECONDS = 60.0  # without a heartbeat a role counts as hung
STARTING_SECONDS = 180.0  # ... unless it is still starting: reading a large model takes a while
FIRST_RESTART_SECONDS = 0.5
LAST_RESTART_SECONDS = 30.0
STEADY_SECONDS = 60.0  # a role that lived this long starts its back-off anew
LISTENER = "listener"
NVIDIA_DEVICES = Path("/proc/driver/nvidia/gpus")


@dataclass(slots=True)
class Child:
    """One role's process, as the supervisor sees it; the one mutable value of the service."""

    name: str
    role: Role
    process: subprocess.Popen[bytes] | None = None
    heartbeat: int = -1
    lifeline: int = -1
    started_at: float = 0.0
    heard_at: float = 0.0
    ready: bool = False
    was_ready: bool = False
    restarts: int = 0
    restart_at: float = field(default=0.0)


class Supervisor:
    """Starts the roles and keeps them running.

    Args:
        settings: The site's settings.
        command: Returns the command line that runs a role.
        manager: The service manager (systemd), which is told how things stand.
        ports: What the listeners inherit; closed here when the service stops.
        only: The one role to run; every role when empty.
        monotonic: A clock that never goes back, in seconds.
    """

    def __init__(
        self,
        settings: Settings,
        command: Callable[[str], Sequence[str]],
        manager: ServiceManager,
        ports: Ports,
        *,
        only: str = "",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._command = command
        self._manager = manager
        self._monotonic = monotonic
        self._ports = ports
        self._children = [
            Child(name, role) for name, role in processes(settings) if only in ("", role.name)
        ]
        self._selector = selectors.DefaultSelector()
        self._stopping = False
        self._refused = False
        self._told_ready = False
        self._pinged_at = 0.0

    def run(self) -> int:
        """Run until SIGTERM or SIGINT, or until a role refuses to start at all.

        Returns:
            The exit code: 0 after an orderly end.
        """
        self._listen_to_signals()
        for child in self._children:
            self._start(child)
        while not self._stopping:
            self._hear(self._patience())
            self._tend()
            self._tell_manager()
        return self._shut_down()

    def _listen_to_signals(self) -> None:
        """Have signals end the wait of the main loop at once."""
        read, write = os.pipe()
        for end in (read, write):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, self._on_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only to wake
        self._selector.register(read, selectors.EVENT_READ, None)

    def _on_stop(self, *_: object) -> None:
        self._stopping = True

    def _start(self, child: Child) -> None:
        beat_read, beat_write = os.pipe()
        life_read, life_write = os.pipe()
        os.set_blocking(beat_read, False)
        environment = {HEARTBEAT_FD: str(beat_write), LIFELINE_FD: str(life_read)}
        inherited = [beat_write, life_read]
        if child.role.name == LISTENER:
            environment |= self._ports.inheritance
            inherited += [one.fileno() for one in self._ports.sockets]
        child.process = subprocess.Popen(  # noqa: S603 - our own program
            self._command(child.name),
            env={**_without_manager(), **environment},
            pass_fds=inherited,
            # A Ctrl-C in a terminal is for the supervisor, which then stops in order.
            start_new_session=True,
        )
        os.close(beat_write)
        os.close(life_read)
        child.heartbeat, child.lifeline = beat_read, life_write
        child.started_at = child.heard_at = self._monotonic()
        child.ready = False
        self._selector.register(beat_read, selectors.EVENT_READ, child)
        log.info("role started", action="role_started", process=child.name)

    def _hear(self, timeout_seconds: float) -> None:
        for key, _events in self._selector.select(timeout_seconds):
            try:
                words = os.read(key.fd, 4096)
            except BlockingIOError:
                continue
            if isinstance(key.data, Child):
                self._note(key.data, words)

    def _note(self, child: Child, words: bytes) -> None:
        if not words:  # its end of the pipe is closed: the process is gone, or about to be
            self._selector.unregister(child.heartbeat)
            os.close(child.heartbeat)
            child.heartbeat = -1
            return
        child.heard_at = self._monotonic()
        if READY in words:
            child.ready = child.was_ready = True

    def _tend(self) -> None:
        now = self._monotonic()
        for child in self._children:
            if child.process is None:
                if now >= child.restart_at:
                    self._start(child)
            elif (code := child.process.poll()) is not None:
                self._bury(child, code)
            elif now - child.heard_at > (SILENCE_SECONDS if child.ready else STARTING_SECONDS):
                log.error("role hangs", action="role_hung", process=child.name)
                child.process.kill()

    def _bury(self, child: Child, code: int) -> None:
        """Note a death, and when the role is to live again.

        A service starts whole or not at all: whoever started it reads the role's sentence on
        standard error. Once it has started, whatever dies is started again, without end.
        """
        self._forget(child)
        log.error("role died", action="role_died", process=child.name, exit_code=code)
        if not self._told_ready:
            self._stopping = self._refused = True
            return
        now = self._monotonic()
        steady = child.was_ready and now - child.started_at > STEADY_SECONDS
        child.restarts = 0 if steady else child.restarts + 1
        wait = FIRST_RESTART_SECONDS * 2 ** max(0, child.restarts - 1)
        child.restart_at = now + min(wait, LAST_RESTART_SECONDS)

    def _forget(self, child: Child) -> None:
        child.process = None
        child.ready = False
        if child.heartbeat >= 0:
            self._selector.unregister(child.heartbeat)
            os.close(child.heartbeat)
            child.heartbeat = -1
        os.close(child.lifeline)

    def _patience(self) -> float:
        """Return how long the main loop may wait for something to happen, in seconds."""
        due = [one.restart_at - self._monotonic() for one in self._children if not one.process]
        ping = self._manager.ping_seconds or 1.0
        return max(0.0, min([ping, 1.0, *due]))

    def _tell_manager(self) -> None:
        waiting = [child.name for child in self._children if not child.ready]
        if not waiting and not self._told_ready:
            self._told_ready = True
            self._manager.ready("all roles are running")
            log.info("service ready", action="service_ready")
        now = self._monotonic()
        if self._manager.ping_seconds and now - self._pinged_at >= self._manager.ping_seconds:
            # The supervisor answers for itself only: it restarts what hangs below it.
            self._pinged_at = now
            self._manager.alive()

    def _shut_down(self) -> int:
        self._manager.stopping("stopping: finishing what is under way")
        log.info("service stopping", action="service_stopping")
        self._ports.close()
        cut_off = [name for role in ROLES.values() for name in self._end(role)]
        if cut_off:
            log.warning("roles cut off", action="roles_cut_off", count=len(cut_off))
        log.info("service stopped", action="service_stopped")
        if self._refused:
            return EXIT_REFUSED
        return EXIT_FAILED if cut_off else 0

    def _end(self, role: Role) -> list[str]:
        """End the processes of one role together; return those that had to be cut off."""
        alive = [
            (one.name, one.process) for one in self._children if one.role is role and one.process
        ]
        for _, process in alive:
            process.terminate()
        deadline = self._monotonic() + role.stop_seconds
        return [name for name, process in alive if not self._ends_by(process, deadline)]

    def _ends_by(self, process: subprocess.Popen[bytes], deadline: float) -> bool:
        """Wait for a process; return False when it had to be cut off."""
        while (left := deadline - self._monotonic()) > 0:
            try:
                process.wait(min(left, 1.0))
            except subprocess.TimeoutExpired:
                self._manager.alive()
                continue
            return True
        process.kill()
        process.wait()
        return False


def role_command(settings_path: Path) -> Callable[[str], Sequence[str]]:
    """Return what makes the command line of a role, which reads the settings for itself."""
    config = ["--config", str(settings_path)]
    return lambda role: [sys.executable, "-m", "triage", "serve", "--role", role, *config]


def processes(settings: Settings) -> Sequence[tuple[str, Role]]:
    """Return the processes of a site: one a role, but for listeners and workers."""
    several = {
        LISTENER: _listeners(settings.listener.listeners),
        "worker": _workers(settings.worker.device),
    }
    roles = [ROLES[name] for name in roles_of(settings)]
    return [(name, role) for role in roles for name in several.get(role.name, [role.name])]


def _listeners(count: int) -> list[str]:
    return [LISTENER] if count == 1 else [f"{LISTENER}@{number}" for number in range(1, count + 1)]


def _workers(device: str) -> list[str]:
    # Counting devices through the driver keeps the deep-learning library out of this process.
    count = len(list(NVIDIA_DEVICES.iterdir())) if NVIDIA_DEVICES.is_dir() else 0
    if device != "auto" or count < 2:  # noqa: PLR2004 - one device needs no name
        return ["worker"]
    return [f"worker@cuda:{number}" for number in range(count)]


def _without_manager() -> dict[str, str]:
    """Return the environment without what is between the service manager and us alone."""
    private = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
    return {name: value for name, value in os.environ.items() if name not in private}
