"""The roles of the daemon, and the life of one role in a process of its own."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from triage import log as logs
from triage.errors import TransientError, TriageError
from triage.presence import signing
from triage.settings import receiver_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from triage.settings import Settings

log = logs.get_logger("service")

EXIT_FAILED = 1  # trying again may help: the supervisor restarts the role
EXIT_REFUSED = 2  # it will not work as it is: a sentence on standard error says what to do

# How a supervisor and a role hear of each other: two inherited pipes.
HEARTBEAT_FD = "TRIAGE_HEARTBEAT_FD"  # the role writes: ready once, then alive
LIFELINE_FD = "TRIAGE_LIFELINE_FD"  # the role reads: its end means that the supervisor is gone
READY, ALIVE = b"r", b"."


def _always(_settings: Settings) -> bool:
    return True


def _with_hl7(settings: Settings) -> bool:
    return settings.hl7.port != 0


def _with_receivers(settings: Settings) -> bool:
    return any(receiver_names(settings)) or bool(settings.modality_worklists)


@dataclass(frozen=True, slots=True)
class Role:
    """One role.

    Attributes:
        name: As on the command line.
        module: Where its `run(settings, stop, alive, ready)` stands; imported by its own
            process only, so that the listener never carries a deep-learning library.
        stop_seconds: How long it may take to finish what it holds when told to stop.
        needed: Whether a site with these settings has the role at all.
    """

    name: str
    module: str
    stop_seconds: float
    needed: Callable[[Settings], bool] = _always


# In the order in which they stop: nothing new comes in, what is in gets through, then the
# reports go out; the page stays up longest, so that people see what happens.
ROLES = {
    role.name: role
    for role in (
        Role("listener", "triage.intake.listener", stop_seconds=15),
        Role("hl7", "triage.hl7.server", stop_seconds=10, needed=_with_hl7),
        Role("worker", "triage.vision.worker", stop_seconds=30),
        Role("clock", "triage.clock", stop_seconds=10),
        Role("courier", "triage.delivery.courier", stop_seconds=35),
        Role("receivers", "triage.receivers.carrier", stop_seconds=35, needed=_with_receivers),
        Role("web", "triage.web.server", stop_seconds=5),
    )
}


def roles_of(settings: Settings) -> tuple[str, ...]:
    """Return the names of the roles that a site has, in the order in which they stop."""
    return tuple(name for name, role in ROLES.items() if role.needed(settings))


def run_role(settings: Settings, name: str, environment: Mapping[str, str]) -> int:
    """Run one process of a role until a signal, or the end of the supervisor, stops it.

    Args:
        settings: The site's settings.
        name: A role's name; behind an @ stands which of several processes this is: a worker's
            device, a listener's number.
        environment: Names the pipes to the supervisor; without them the role runs alone.

    Returns:
        The exit code of the process.
    """
    name, _, which = name.partition("@")
    if name == "worker" and which:
        settings = replace(settings, worker=replace(settings.worker, device=which))
    logs.configure(name, settings.log)
    stop = threading.Event()
    heartbeat = _heartbeat(environment)
    _watch_lifeline(environment, stop)
    with _signals(stop):
        return _run(settings, ROLES[name], stop, heartbeat)


def _run(
    settings: Settings, role: Role, stop: threading.Event, heartbeat: Callable[[bytes], None]
) -> int:
    def ready(port: int = 0) -> None:
        log.info("role ready", action="role_ready", process=role.name, port=port)
        heartbeat(READY)

    sign = signing(settings.state_folder, role.name)

    def alive() -> None:
        heartbeat(ALIVE)
        sign()

    try:
        run = importlib.import_module(role.module).run
        run(settings, stop, alive, ready=ready)
    except TriageError as error:
        log.exception("role ended", action="role_ended", process=role.name)
        sys.stderr.write(f"triage {role.name}: {error}\n")
        return EXIT_FAILED if isinstance(error, TransientError) else EXIT_REFUSED
    except Exception as error:
        log.exception("role failed", action="role_failed", process=role.name)
        sys.stderr.write(f"triage {role.name}: {type(error).__name__}, see the log\n")
        return EXIT_FAILED
    log.info("role stopped", action="role_stopped", process=role.name)
    return 0


@contextlib.contextmanager
def _signals(stop: threading.Event) -> Iterator[None]:
    """Let SIGTERM and SIGINT ask for an orderly end."""
    asked = (signal.SIGTERM, signal.SIGINT)
    before = {one: signal.signal(one, lambda *_: stop.set()) for one in asked}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _heartbeat(environment: Mapping[str, str]) -> Callable[[bytes], None]:
    if HEARTBEAT_FD not in environment:
        return lambda _word: None
    descriptor = int(environment[HEARTBEAT_FD])
    os.set_blocking(descriptor, False)

    def send(word: bytes) -> None:
        # A full pipe means that nobody read for long; a broken one, that nobody ever will.
        # Neither may stop the work: the lifeline decides about that.
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            os.write(descriptor, word)

    return send


def _watch_lifeline(environment: Mapping[str, str], stop: threading.Event) -> None:
    if LIFELINE_FD not in environment:
        return
    descriptor = int(environment[LIFELINE_FD])

    def watch() -> None:
        os.read(descriptor, 1)
        stop.set()

    threading.Thread(target=watch, name="lifeline", daemon=True).start()
