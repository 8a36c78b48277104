"""What the worker finds out about an image."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class ImageState(Enum):
    """Where an image stands in the worker queue."""

    QUEUED = "queued"  # waits for a worker
    CLAIMED = "claimed"  # a worker holds a lease on it
    ANALYSED = "analysed"  # gates and scores are recorded
    SET_ASIDE = "set-aside"  # failed for good or too often: its study stays neutral
    NOT_ELIGIBLE = "not-eligible"  # an image that no model takes: its study stays neutral
    HEADER_ONLY = "header-only"  # no image for reading (SR, PR, KO ...): no effect on the study


@dataclass(frozen=True, slots=True)
class GateResult:
    """One gate's answer about one image.

    Attributes:
        gate: Name of the gate, stable across versions (``"header.view"``, ``"pixels.blur"`` ...).
        passed: False means that the image is outside what the models were certified for.
        reason: One clause for a person, without patient data.
        value: What was measured, where the gate measures.
        limit: The bound that the value was held against.
    """

    gate: str
    passed: bool
    reason: str = ""
    value: float | None = None
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """What one model of the bundle says about one finding in one image.

    Attributes:
        finding: Name of the finding in the bundle.
        member: Name of the model (ensemble member).
        raw: The model's uncalibrated output (a logit); ordering and rule-out use this.
        probability: ``raw`` after temperature scaling, in [0, 1]; for display only.
    """

    finding: str
    member: str
    raw: float
    probability: float


@dataclass(frozen=True, slots=True)
class Analysis:
    """All that the worker found out about one image with one bundle."""

    bundle_digest: str
    gates: tuple[GateResult, ...]
    scores: tuple[Score, ...]

    @property
    def failed_gates(self) -> tuple[GateResult, ...]:
        """The gates that did not pass, in gate order."""
        return tuple(gate for gate in self.gates if not gate.passed)
