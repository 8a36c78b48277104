"""The shifts that a bundle is tried under: what each is called, and how its films are drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from training.phantom import Degradation, PhantomCase, View, draw_case

SEVERITIES: Final = (0.0, 0.25, 0.5, 1.0)
PIXEL_ERRORS: Final = (1.0, 2.0, 3.0, 5.0)

_GRADED: Final = {
    "blur": Degradation.BLUR,
    "low dose": Degradation.UNDEREXPOSED,
    "noise": Degradation.NOISE,
    "rotation": Degradation.ROTATION,
    "over-exposure": Degradation.OVEREXPOSED,
}
_PLAIN: Final = {
    "inversion": Degradation.INVERSION,
    "burned-in text": Degradation.BURNED_IN,
    "collimation": Degradation.COLLIMATION,
    "cropped": Degradation.CROPPED,
}
_REGIONS: Final = (View.CHEST, View.LUMBAR, View.SKULL, View.HAND)

_CHILD_YEARS: Final = (3.0, 15.0)
_FACING_RIGHT_EVERY: Final = 5
_NORMAL_EVERY: Final = 6  # under a shift, misses are what is looked for


@dataclass(frozen=True, slots=True)
class Shift:
    """One way in which films differ from those that the certificate speaks of.

    Attributes:
        kind: For instance ``"blur"``.
        level: How much of it, or which; may be empty.
        degradation: What spoils the film.
        severity: How much, 0 to 1; None leaves it to chance.
        view: The projection.
        hardware: Whether metal is in the spine.
        child: Whether the patient is one.
        header: Whether the header says how old the patient is; otherwise it says 40 years.
        pixel_error: Standard deviation by which every landmark is displaced along x and along
            y, in pixels of the square that the networks see.
    """

    kind: str
    level: str = ""
    degradation: Degradation | None = None
    severity: float | None = None
    view: View = View.LATERAL
    hardware: bool = False
    child: bool = False
    header: bool = False
    pixel_error: float = 0.0

    @property
    def name(self) -> str:
        """What the shift is called in tables."""
        return f"{self.kind}, {self.level}" if self.level else self.kind

    @property
    def as_they_come(self) -> bool:
        """Whether these films are the ones that the certificate speaks of."""
        return self == IN_SCOPE

    @property
    def readable(self) -> bool:
        """Whether a film shows what findings are looked for in; no other may be lowered."""
        return self.view is View.LATERAL

    def case(self, seed: int, number: int) -> PhantomCase:
        """Draw a case.

        Args:
            seed: Of the case.
            number: Which film of its cell: decides where the patient looks, and, under a
                shift, whether the case is abnormal.
        """
        abnormal = None if self.as_they_come else number % _NORMAL_EVERY != 0
        age = np.random.default_rng((seed, 3)).uniform(*_CHILD_YEARS) if self.child else None
        case = draw_case(
            seed,
            abnormal=abnormal,
            view=self.view,
            hardware=self.hardware,
            degradations=() if self.degradation is None else (self.degradation,),
            age_years=None if age is None else float(age),
            facing="right" if number % _FACING_RIGHT_EVERY == 0 else "left",
        )
        return replace(case, severity=self.severity)


IN_SCOPE: Final = Shift("as they come")


def every_shift() -> tuple[Shift, ...]:
    """All shifts, in the order of the table; films as they come first."""
    views = [view for view in View if view is not View.LATERAL and view not in _REGIONS]
    return (
        IN_SCOPE,
        *(
            Shift(kind, f"severity {severity:g}", degradation=degradation, severity=severity)
            for kind, degradation in _GRADED.items()
            for severity in SEVERITIES
        ),
        *(Shift(kind, degradation=degradation) for kind, degradation in _PLAIN.items()),
        Shift("hardware", hardware=True),
        *(Shift("keypoint error", f"{error:g} px", pixel_error=error) for error in PIXEL_ERRORS),
        *(Shift("other view", view.value, view=view) for view in views),
        *(Shift("other body part", view.value, view=view) for view in _REGIONS),
        Shift("paediatric", "age in the header", child=True, header=True),
        Shift("paediatric", "header says 40 years", child=True),
    )
