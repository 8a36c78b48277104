"""What the pages tell about the model bundle in use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from triage.errors import BundleError
from triage.log import get_logger
from triage.vision.bundle import Bundle, default_bundle_folder

if TYPE_CHECKING:
    from pathlib import Path

    from triage.values import BundleIdentity, FindingDefinition, OperatingPoint
    from triage.vision.manifest import Certificate

_log = get_logger("web")


@dataclass(frozen=True, slots=True)
class Algorithm:
    """The bundle in use, as far as pages name it.

    Attributes:
        identity: Who the algorithm is, and what it is for.
        findings: What it looks for.
        points: Its thresholds.
        certificate: What was certified about ruling out; None for a bundle that only raises.
    """

    identity: BundleIdentity
    findings: tuple[FindingDefinition, ...] = ()
    points: tuple[OperatingPoint, ...] = ()
    certificate: Certificate | None = None

    def title(self, finding: str) -> str:
        """Return a finding in words; its name where this bundle does not know it."""
        return next((known.title for known in self.findings if known.name == finding), finding)

    def point(self, finding: str, bundle_digest: str) -> OperatingPoint | None:
        """Return a finding's thresholds, None for scores that another bundle gave."""
        if bundle_digest != self.identity.digest:
            return None
        return next((point for point in self.points if point.finding == finding), None)


def read_algorithm(folder: Path | None) -> Algorithm | None:
    """Read what pages tell about a bundle.

    Args:
        folder: The bundle; None for the one that comes along.

    Returns:
        None when the bundle cannot be read: workers refuse it, loudly; the page only goes
        without its name.
    """
    try:
        bundle = Bundle.load(folder or default_bundle_folder())
    except BundleError as error:
        _log.warning("bundle cannot be named", action="bundle_unread", problem=error)
        return None
    return Algorithm(bundle.identity, bundle.findings, bundle.operating_points, bundle.certificate)
