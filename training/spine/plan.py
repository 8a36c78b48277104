"""How much our own recipe draws on the phantom, and how long it trains."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

from training.certify.certificate import Aims
from training.spine.fitting import Sizes

COUNTED: Final = (
    "train",
    "reading",
    "tuning",
    "limits",
    "calibration",
    "positives",
    "rare",
    "test",
    "test_rare",
    "detector",
    "shifted",
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of everything; `scaled` gives a quick run for trying things out.

    Attributes:
        train: Films to train all networks on.
        reading: Further films that only the readers learn from.
        tuning: Films that decide which epoch is kept.
        limits: Films that the gates' limits are set on.
        calibration: Films as they come that the thresholds are set on.
        positives: Abnormal films on top of those, to certify with: a certificate counts films
            that have the finding, and half of the films as they come have none.
        rare: Of each finding that films as they come show too rarely, for calibration.
        test: Fresh films that the card's figures come from; rare ones on top likewise.
        test_rare: Of each rare finding, for the test.
        detector: How many of the limits', calibration and test films each are rendered at the
            resolution of a detector, which takes six times as long.
        shifted: Films of each kind that a gate should keep out or that must be read all the same.
        sizes: Of the networks.
        aims: What thresholds are set for.
    """

    train: int = 1400
    reading: int = 1000
    tuning: int = 60
    limits: int = 400
    calibration: int = 500
    positives: int = 600
    rare: int = 100
    test: int = 300
    test_rare: int = 40
    detector: int = 12
    shifted: int = 4
    sizes: Sizes = field(default_factory=Sizes)
    aims: Aims = field(default_factory=lambda: Aims(alpha=0.01))

    def scaled(self, share: float) -> Plan:
        """The same with fewer films; where they no longer suffice, nothing is certified."""
        if share >= 1:
            return self
        least = {
            "train": 60,
            "reading": 20,
            "tuning": 16,
            "limits": 24,
            "calibration": 40,
            "positives": 0,
            "rare": 6,
            "test": 30,
        }
        counts: dict[str, Any] = {
            name: max(int(getattr(self, name) * share), least.get(name, 1)) for name in COUNTED
        }
        return replace(self, sizes=self.sizes.scaled(share), **counts)
