"""What a film of a data set is known to be: frozen values, and no pixels.

Findings are named alike in every data set, recipe, report and bundle:

====================  ==========================================================================
``abnormal``          anything that a reader would want to see today
``spondylosis``       degeneration of any disc; ``spondylosis:C5/C6`` of that one
``listhesis``         a slip at any level; ``listhesis:C4/C5`` at that one
``kyphosis``          the curve is reversed
``lost-lordosis``     the curve is straight
``canal-narrowing``   the canal is narrow for its vertebra; ``canal-narrowing:C5`` behind that one
``swelling``          prevertebral soft tissue
``symptomatic``       CSXA's column "disease classification"
``myelopathy``        cord damage confirmed by another examination
``foraminal-stenosis``  a narrow foramen
====================  ==========================================================================
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

SPLITS: Final = ("train", "tuning", "calibration", "test")

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels; right and bottom exclusive


@dataclass(frozen=True, slots=True, eq=False)
class FilmRecord:
    """One film of a data set.

    Attributes:
        film: Name, unique in the set.
        path: The file.
        patient: Whose film it is.
        group: Films of one group never fall into different splits: a patient's films, and films
            that nearly repeat each other.
        labels: For each finding whether it is there; None where nobody says.
        landmarks: float32 (23, 2), x and y in pixels of the film as decoded, in the CSXA order,
            anterior first; NaN for a missing point, None where there are none at all.
        view: As `training.phantom.View` names it.
        sex: ``"M"``, ``"F"`` or empty.
        age_years: None where it is not known.
        site: Where it was taken; may be empty.
        manufacturer: Of the device; may be empty.
        hardware: Whether metal is in the spine; None where nobody says.
        inverted: Whether bone is dark in the file's own grey values.
        masked: Parts that show no patient (a toolbar, text, a drawn border): blanked on reading.
        frame: The part that is the film; None for the whole.
        split: Named by the data set itself; empty leaves it to the recipe.
    """

    film: str
    path: Path
    patient: str
    group: str
    labels: Mapping[str, bool | None]
    landmarks: NDArray[np.float32] | None = None
    view: str = "lateral"
    sex: str = ""
    age_years: float | None = None
    site: str = ""
    manufacturer: str = ""
    hardware: bool | None = None
    inverted: bool = False
    masked: tuple[Box, ...] = ()
    frame: Box | None = None
    split: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that a data set has wrong, and what was done about it.

    Attributes:
        film: Which film, or empty for the set.
        what: What is wrong.
        done: What the reader made of it, for instance "left out" or "taken as swapped".
        kind: A short name, the same for all faults of a kind, for counting.
    """

    film: str
    what: str
    done: str
    kind: str


@dataclass(frozen=True, slots=True, eq=False)
class FilmSet:
    """A data set as read: its films, and what was wrong with it.

    Attributes:
        name: For instance ``"csxa"``.
        films: In a fixed order.
        faults: Of films and of the set as a whole.
    """

    name: str
    films: tuple[FilmRecord, ...]
    faults: tuple[Fault, ...] = field(default=())

    def digest(self) -> str:
        """SHA-256 over names, groups and labels: the same data, the same digest."""
        lines = sorted(
            f"{film.film}\t{film.group}\t{sorted(film.labels.items())}" for film in self.films
        )
        return hashlib.sha256("\n".join([self.name, *lines]).encode()).hexdigest()
