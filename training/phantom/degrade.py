"""What severity means: for each way of spoiling a film one quantity with a unit.

Severity 0 lies just beyond what ordinary films do, 1 is gross. Between them the quantity grows
or falls steadily, evenly or by equal factors. Where a case leaves severity to chance, it comes
from the heavy range.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from training.phantom.values import Degradation

if TYPE_CHECKING:
    from training.phantom.values import PhantomCase

SHOWN_SEVERITIES: Final = (0.0, 0.25, 0.5, 1.0)

_STREAM = 5  # of the random numbers of a case; other streams draw the patient and the film


@dataclass(frozen=True, slots=True)
class Scale:
    """What the severity of one degradation amounts to.

    Attributes:
        quantity: What is measured, with its unit.
        least: At severity 0.
        greatest: At severity 1; may be below ``least``.
        by_factors: Whether equal steps of severity multiply the quantity, or add to it.
        heavy: Severities that chance chooses from.
    """

    quantity: str
    least: float
    greatest: float
    by_factors: bool
    heavy: tuple[float, float]

    def at(self, severity: float) -> float:
        """Return the quantity at a severity from 0 to 1."""
        if self.by_factors:
            return float(self.least * (self.greatest / self.least) ** severity)
        return self.least + (self.greatest - self.least) * severity


SCALES: Final = {
    Degradation.UNDEREXPOSED: Scale("share of the usual dose", 0.4, 0.0016, True, (0.71, 1.0)),
    Degradation.NOISE: Scale("% of the grey range, SD at 0.5 mm", 2.5, 25.0, True, (0.5, 1.0)),
    Degradation.OVEREXPOSED: Scale("times the usual exposure", 1.5, 11.0, True, (0.55, 1.0)),
    Degradation.BLUR: Scale("mm, width of an edge (FWHM)", 1.0, 6.1, True, (0.62, 1.0)),
    Degradation.ROTATION: Scale("degrees", 4.0, 45.0, False, (0.27, 1.0)),
    Degradation.COLLIMATION: Scale("share of C2 to C7 covered", 0.02, 0.6, False, (0.4, 0.85)),
    Degradation.CROPPED: Scale("mm of C7 and above cut off", 1.0, 60.0, False, (0.5, 0.75)),
    Degradation.BURNED_IN: Scale("% of the film written over", 0.2, 9.0, True, (0.4, 1.0)),
}


def severity_of(case: PhantomCase, degradation: Degradation) -> float:
    """Return the severity of one degradation of a case: as asked for, or by chance."""
    if case.severity is not None:
        return case.severity
    stream = list(Degradation).index(degradation)
    return float(
        np.random.default_rng((case.seed, _STREAM, stream)).uniform(*SCALES[degradation].heavy)
    )


def amount_of(case: PhantomCase, degradation: Degradation) -> float | None:
    """Return by how much a case is spoilt, in the unit of the scale; None where it is not."""
    if degradation not in case.degradations:
        return None
    return SCALES[degradation].at(severity_of(case, degradation))


def shift_levels() -> dict[Degradation, dict[float, float]]:
    """Return for each degradation with a severity what 0, 0.25, 0.5 and 1 amount to."""
    return {
        degradation: {severity: scale.at(severity) for severity in SHOWN_SEVERITIES}
        for degradation, scale in SCALES.items()
    }
