"""Listeners to be killed: forked, or started by the real command; the same seen from outside."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from triage.roles import HEARTBEAT_FD, LIFELINE_FD, READY

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Sequence

    from tests.crash.deaths import Breakage, Death

LOOPBACK = "127.0.0.1"
START_SECONDS = 60.0
STOP_SECONDS = 30.0
ENDED = b"x"
_ROOT = Path(__file__).resolve().parents[2]
_BACKLOG = 128


@dataclass(frozen=True, slots=True)
class Scene:
    """Where listeners live.

    Attributes:
        settings: The configuration file.
        state_folder: Their common state.
        log: What they write to standard output and error, one after another.
        listeners: How many processes share the port.
    """

    settings: Path
    state_folder: Path
    log: Path
    port: int
    listeners: int


@dataclass
class Process:
    """One process, held by descriptors that stay its own whatever becomes of its ID.

    Attributes:
        handle: A descriptor of the process; readable when it has died.
        heartbeat: Where it is heard; a pipe, or the socket of a service manager.
        lifeline: Writing end of the pipe whose end tells a role to stop.
        ready_word: What it says when it is ready.
        death: How it is going to die of itself, as planned.
        killed: Whether we have killed it.
    """

    pid: int
    handle: int
    heartbeat: int
    lifeline: int
    death: Death | None = None
    ready_word: bytes = READY
    killed: bool = False
    words: bytes = b""
    started_at: float = field(default_factory=time.monotonic)

    @property
    def is_ready(self) -> bool:
        """Whether it has said that it is ready."""
        self._hear(0)
        return self.ready_word in self.words

    @property
    def died_as_expected(self) -> bool:
        """Whether it is dead because of us: killed, or by its planned death."""
        self._hear(0)
        return ENDED not in self.words and (self.killed or self.death is not None)

    def is_dead(self, seconds: float = 0) -> bool:
        """Return whether it is dead; wait so long for it."""
        return bool(select.select([self.handle], [], [], seconds)[0])

    def wait_ready(self, seconds: float) -> bool:
        """Return whether it becomes ready in time; not when it dies before."""
        deadline = time.monotonic() + seconds
        while not self.is_ready:
            if self.is_dead() or time.monotonic() > deadline:
                return self.is_ready
            select.select([self.heartbeat, self.handle], [], [], deadline - time.monotonic())
        return True

    def send(self, what: signal.Signals) -> None:
        """Send a signal to this very process."""
        try:
            signal.pidfd_send_signal(self.handle, what)
        except ProcessLookupError:
            return
        self.killed = self.killed or what is signal.SIGKILL

    def close(self) -> None:
        """Forget a process that is dead."""
        for descriptor in (self.handle, self.heartbeat, self.lifeline):
            os.close(descriptor)

    def _hear(self, seconds: float) -> None:
        while select.select([self.heartbeat], [], [], seconds)[0]:
            words = os.read(self.heartbeat, 4096)
            if not words:
                return
            self.words += words


class Site(Protocol):
    """The processes that are to be killed."""

    processes: list[Process]

    def start(self, death: Death | None = None) -> None:
        """Start what is missing; the first that is started may have a planned death."""

    def kill_one(self, chance: random.Random) -> None:
        """Kill one process, that with a planned death if it is still alive."""

    def kill_all(self) -> None:
        """Kill every process, and return when all of them are dead."""

    def close(self) -> None:
        """Kill whatever is left, and end what started them."""


class ForkedSite:
    """Listeners forked from a server that has imported everything.

    Several of them inherit the port from here, as they do from the supervisor.

    Args:
        scene: Where they live.
        breakage: What is wrong with them.
        journal: Where they note what they flush; None when they need not.
    """

    def __init__(
        self, scene: Scene, breakage: Breakage | None = None, journal: Path | None = None
    ) -> None:
        self.processes: list[Process] = []
        self._scene = scene
        self._breakage = breakage
        self._journal = journal
        self._port = _listening(scene.port) if scene.listeners > 1 else None
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, "-m", "tests.crash.fork_server", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                cwd=_ROOT,
                # A library that starts threads when it is imported must not be forked.
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            )
        self._channel.settimeout(START_SECONDS)
        if not self._channel.recv(100):
            raise RuntimeError("the fork server did not start")

    def start(self, death: Death | None = None) -> None:
        """Start what is missing; the first that is started may have a planned death."""
        while len(self.processes) < self._scene.listeners:
            self.processes.append(self._fork(death))
            death = None

    def kill_one(self, chance: random.Random) -> None:
        """Kill one process, that with a planned death if it is still alive."""
        doomed = [process for process in self.processes if process.death is not None]
        victim = doomed[0] if doomed else chance.choice(self.processes)
        victim.send(signal.SIGKILL)
        victim.is_dead(STOP_SECONDS)

    def kill_all(self) -> None:
        """Kill every process, and return when all of them are dead."""
        _kill(self.processes)

    def close(self) -> None:
        """Kill whatever is left, and end what started them."""
        _kill(self.processes)
        bury_dead(self)
        self._channel.close()
        self._server.wait(STOP_SECONDS)
        if self._port is not None:
            self._port.close()

    def _fork(self, death: Death | None) -> Process:
        order = {
            "settings": str(self._scene.settings),
            "log": str(self._scene.log),
            "death": None if death is None else astuple(death),
            "breakage": self._breakage,
            "journal": self._journal and str(self._journal),
        }
        shared = [] if self._port is None else [self._port.fileno()]
        with _pipes() as pipes:
            descriptors = [pipes.their_heartbeat, pipes.their_lifeline, *shared]
            socket.send_fds(self._channel, [json.dumps(order).encode()], descriptors)
            pid, (handle,), _, _ = socket.recv_fds(self._channel, 100, 1)
        return Process(int(pid), handle, pipes.heartbeat, pipes.lifeline, death)


class SpawnedSite:
    """The real command, ``triage serve --role listener``, with the processes that it starts."""

    def __init__(self, scene: Scene) -> None:
        self.processes: list[Process] = []
        self._scene = scene
        self._command: subprocess.Popen[bytes] | None = None
        self._manager = f"crash-harness-{scene.port}"  # an abstract name: no file, no length

    def start(self, death: Death | None = None) -> None:
        """Start the command when it is dead; what it has started itself, it restarts itself."""
        if death is not None:
            raise ValueError("the real command dies from outside only")
        if not self.processes:
            self.processes.append(self._spawn())

    def kill_one(self, chance: random.Random) -> None:
        """Kill one of the processes that the command has started, or itself without any.

        A service starts whole or not at all: while it starts, all of it is killed.
        """
        (top,) = self.processes
        children = descendants(top.pid)
        if not children or not top.is_ready:
            self.kill_all()
            return
        with suppress(ProcessLookupError):
            os.kill(chance.choice(children), signal.SIGKILL)

    def kill_all(self) -> None:
        """Kill the command and whatever it has started, and return when all of them are dead."""
        handles = [handle for top in self.processes for handle in _opened(descendants(top.pid))]
        for process in self.processes:
            process.send(signal.SIGKILL)
        for handle in handles:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        for handle in handles:
            select.select([handle], [], [], STOP_SECONDS)
            os.close(handle)
        _kill(self.processes)
        if self._command is not None:
            self._command.wait(STOP_SECONDS)

    def close(self) -> None:
        """Kill whatever is left, and end what started them."""
        self.kill_all()
        bury_dead(self)

    def _spawn(self) -> Process:
        """Start the command; of several listeners it tells a service manager when all are ready."""
        several = self._scene.listeners > 1
        with _pipes() as pipes, self._scene.log.open("ab") as log:
            told = {HEARTBEAT_FD: pipes.their_heartbeat, LIFELINE_FD: pipes.their_lifeline}
            heartbeat = self._listen_as_manager(pipes.heartbeat) if several else pipes.heartbeat
            self._command = subprocess.Popen(
                [*_COMMAND, str(self._scene.settings)],
                cwd=_ROOT,
                env={
                    **os.environ,
                    **{name: str(number) for name, number in told.items()},
                    **({"NOTIFY_SOCKET": f"@{self._manager}"} if several else {}),
                },
                pass_fds=list(told.values()),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return Process(
            self._command.pid,
            os.pidfd_open(self._command.pid),
            heartbeat,
            pipes.lifeline,
            ready_word=b"READY=1" if several else READY,
        )

    def _listen_as_manager(self, instead_of: int) -> int:
        """Return the descriptor of a socket on which a service manager would listen."""
        os.close(instead_of)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
            listening.bind(f"\0{self._manager}")
            return listening.detach()


_COMMAND = (sys.executable, "-m", "triage", "serve", "--role", "listener", "--config")


def first_death(processes: Sequence[Process], seconds: float) -> bool:
    """Wait for the death of any of some processes; return whether one has died."""
    handles = [process.handle for process in processes]
    return bool(select.select(handles, [], [], seconds)[0])


def bury_dead(site: Site) -> list[Process]:
    """Take the dead out of a site and return those that have died without our doing."""
    dead = [process for process in site.processes if process.is_dead()]
    unexpected = [process for process in dead if not process.died_as_expected]
    for process in dead:
        site.processes.remove(process)
        process.close()
    return unexpected


def descendants(pid: int) -> list[int]:
    """Return the processes that a process has started, and those that these have started."""
    found: list[int] = []
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text().split():
                found += [int(child), *descendants(int(child))]
    return found


@dataclass(frozen=True, slots=True)
class _Pipes:
    """Both ends of what a supervisor and a role hear of each other by."""

    heartbeat: int
    their_heartbeat: int
    their_lifeline: int
    lifeline: int


@contextmanager
def _pipes() -> Iterator[_Pipes]:
    """Make the pipes of a process that is about to start; its ends are closed here after it."""
    pipes = _Pipes(*os.pipe(), *os.pipe())
    try:
        yield pipes
    finally:
        os.close(pipes.their_heartbeat)
        os.close(pipes.their_lifeline)


def _kill(processes: Sequence[Process]) -> None:
    for process in processes:
        process.send(signal.SIGKILL)
    for process in processes:
        process.is_dead(STOP_SECONDS)


def _opened(pids: Sequence[int]) -> list[int]:
    """Return descriptors of processes, of those that are still there."""
    handles = []
    for pid in pids:
        with suppress(ProcessLookupError):
            handles.append(os.pidfd_open(pid))
    return handles


def _listening(port: int) -> socket.socket:
    """Open the port as the supervisor does: it stays while a listener is started anew."""
    listening = socket.create_server((LOOPBACK, port), backlog=_BACKLOG)
    listening.setblocking(False)
    return listening
