"""Forks listeners from a process that has everything imported: a start takes milliseconds.

Run as ``python -m tests.crash.fork_server FD``. On the socket FD comes one message a listener,
with descriptors beside it: the writing end of its heartbeat, the reading end of its lifeline, and
the listening socket where it inherits one. The answer is its process ID, with a descriptor of the
process beside it. When the socket is closed, every listener that is left is killed.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.crash.deaths import Breakage, Death, Moment, arm, break_listener
from tests.crash.power import keep_journal
from triage.intake import listener
from triage.roles import HEARTBEAT_FD, LIFELINE_FD, run_role
from triage.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST_MESSAGE = 65_536
ENDED = b"x"  # on the heartbeat: the role came to an end of its own
PORTS_FD = "TRIAGE_PORTS_FD"


def main() -> None:
    """Fork listeners until the socket is closed."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    gc.freeze()
    children: set[int] = set()
    channel.send(listener.__name__.encode())  # everything is imported
    while True:
        message, descriptors, _, _ = socket.recv_fds(channel, LONGEST_MESSAGE, 3)
        if not message:
            break
        children = {child for child in children if not _gone(child)}
        children.add(_fork(channel, json.loads(message), descriptors))
    for child in children:
        os.kill(child, signal.SIGKILL)


def _gone(child: int) -> bool:
    return os.waitpid(child, os.WNOHANG) != (0, 0)


def _fork(channel: socket.socket, order: dict[str, Any], descriptors: Sequence[int]) -> int:
    child = os.fork()
    if child == 0:
        channel.close()
        _live(order, descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    handle = os.pidfd_open(child)
    socket.send_fds(channel, [str(child).encode()], [handle])
    os.close(handle)
    return child


def _live(order: dict[str, Any], descriptors: Sequence[int]) -> None:
    """Be a listener, as the command would be, and never return."""
    try:
        os.setsid()
        _redirect_output(order["log"])
        _prepare(order)
        heartbeat, lifeline, *listening = descriptors
        os.environ[HEARTBEAT_FD], os.environ[LIFELINE_FD] = str(heartbeat), str(lifeline)
        if listening:
            os.environ[PORTS_FD] = f"{listening[0]},-"
        code = run_role(load_settings(Path(order["settings"])), "listener", os.environ)
        os.write(heartbeat, ENDED)
    except BaseException:  # noqa: BLE001 - a forked process must never go back into the loop above
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _prepare(order: dict[str, Any]) -> None:
    """Do to this process what is ordered; the last is the outermost."""
    if order["journal"]:
        keep_journal(Path(order["journal"]))
    if order["breakage"]:
        break_listener(Breakage(order["breakage"]))
    if order["death"]:
        call, number, moment = order["death"]
        arm(Death(call, number, Moment(moment)))


def _redirect_output(log: str) -> None:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)


if __name__ == "__main__":
    main()
