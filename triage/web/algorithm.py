"""What the pages tell about the model bundle in use."""

from __future__ import annotations

import multiprocessing
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from triage.errors import TriageError
from triage.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from pathlib import Path

    from triage.values import BundleIdentity, FindingDefinition, OperatingPoint

_log = get_logger("web")


@dataclass(frozen=True, slots=True)
class Algorithm:
    """The bundle in use, as far as pages name it.

    Attributes:
        identity: Who the algorithm is, and what it is for.
        findings: What it looks for.
        points: Its thresholds.
    """

    identity: BundleIdentity
    findings: tuple[FindingDefinition, ...] = ()
    points: tuple[OperatingPoint, ...] = ()

    def title(self, finding: str) -> str:
        """Return a finding in words; its name where this bundle does not know it."""
        return next((known.title for known in self.findings if known.name == finding), finding)

    def point(self, finding: str, bundle_digest: str) -> OperatingPoint | None:
        """Return a finding's thresholds, None for scores that another bundle gave."""
        if bundle_digest != self.identity.digest:
            return None
        return next((point for point in self.points if point.finding == finding), None)


def reading_algorithm(folder: Path | None) -> Callable[[], Algorithm | None]:
    """Begin to read a bundle, and return a function that tells what is known of it by now.

    Reading a bundle takes the deep-learning library: it happens in a process of its own that
    ends afterwards, so that the page answers at once, stays small, and stops at once.

    Args:
        folder: The bundle; None for the one that comes along.

    Returns:
        A function that returns None until the bundle is read, and when it cannot be.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    context.Process(target=_send_algorithm, args=(folder, sender), daemon=True).start()
    sender.close()
    known: list[Algorithm] = []
    threading.Thread(target=_receive_algorithm, args=(receiver, known), daemon=True).start()
    return lambda: known[0] if known else None


def read_algorithm(folder: Path | None) -> Algorithm:
    """Read what pages tell about a bundle; None is the one that comes along.

    Raises:
        BundleError: The bundle is missing, damaged or contradicts itself.
    """
    from triage.vision.bundle import Bundle, default_bundle_folder  # noqa: PLC0415 - see above

    bundle = Bundle.load(folder or default_bundle_folder())
    return Algorithm(bundle.identity, bundle.findings, bundle.operating_points)


def _send_algorithm(folder: Path | None, sender: Connection) -> None:
    try:
        sender.send(read_algorithm(folder))
    except TriageError as error:
        sender.send(str(error))


def _receive_algorithm(receiver: Connection, known: list[Algorithm]) -> None:
    try:
        answer = receiver.recv()
    except EOFError:
        answer = "the process that reads it ended early"
    if isinstance(answer, Algorithm):
        known.append(answer)
    else:
        # Workers refuse such a bundle, loudly; the page only goes without its name.
        _log.warning("bundle cannot be named", action="bundle_unread", problem=answer)
