"""Three invented hospitals and their four invented machines: each film has its own look.

Which machine took a film follows from the seed of its case alone, so that the same patient is
always seen by the same machine and neither age nor findings have a say in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from training.phantom.values import PhantomCase

_STREAM = 15  # of the random numbers of a case


@dataclass(frozen=True, slots=True)
class Machine:
    """A radiography system: its header, its detector, and how it makes a picture of a signal.

    Attributes:
        manufacturer: Manufacturer (0008,0070).
        model: Manufacturer's Model Name (0008,1090).
        software: Software Versions (0018,1020).
        modality: ``"DX"`` or ``"CR"``.
        detector: Detector Type (0018,7004), of a DX.
        spacing_mm: Detector pixel when no other is asked for.
        tone: Display curve: ``"sigmoid"``, ``"film"`` (long toe, short shoulder) or
            ``"window"`` (straight, then clipped softly).
        contrast: Its slope, 1 / optical path.
        enhancement: Strength of the edge enhancement.
        halo_mm: Its radius.
        levelling: Share of the wide brightness differences that the machine takes out.
        dose: Quanta against the usual.
        grain_mm: Standard deviation over which the noise is smeared.
        tube: X-Ray tube current in mA.
        calibrated: Whether the header gives Pixel Spacing, corrected for magnification.
    """

    manufacturer: str
    model: str
    software: str
    modality: str
    detector: str
    spacing_mm: float
    tone: str
    contrast: float
    enhancement: float
    halo_mm: float
    levelling: float
    dose: float
    grain_mm: float
    tube: int
    calibrated: bool


@dataclass(frozen=True, slots=True)
class Site:
    """A hospital.

    Attributes:
        name: Institution Name (0008,0080).
        machines: With the share of its films that each takes.
        distance_mm: Source to detector, for the neck.
        beads: Whether its lead letters have beads that show which way is up.
        grid: Whether its anti-scatter grid stands still and leaves faint lines.
    """

    name: str
    machines: tuple[tuple[Machine, float], ...]
    distance_mm: int
    beads: bool
    grid: bool


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a film was taken, and with what."""

    site: Site
    machine: Machine


_NORDLYS = Machine(
    "Nordlys Imaging", "Aurora DR 17", "4.2.1", "DX", "SCINTILLATOR", 0.2,
    "sigmoid", 1.25, 0.7, 3.0, 0.06, 1.0, 0.0, 320, calibrated=True,
)  # fmt: skip
_HALLMANN = Machine(
    "Hallmann Roentgenwerke", "Optima Static", "VB10C", "DX", "DIRECT", 0.175,
    "film", 1.35, 0.55, 2.0, 0.16, 1.15, 0.0, 400, calibrated=False,
)  # fmt: skip
_KAWABE = Machine(
    "Kawabe Medical Systems", "Senshi CR-X", "2.0", "CR", "", 0.25,
    "window", 1.15, 0.9, 4.5, 0.10, 0.8, 0.45, 250, calibrated=False,
)  # fmt: skip
_ANDES = Machine(
    "Andes Radiologia", "Condor 43", "1.9.7", "DX", "SCINTILLATOR", 0.2,
    "sigmoid", 1.40, 0.4, 6.0, 0.30, 0.9, 0.25, 280, calibrated=True,
)  # fmt: skip

SITES: Final = (
    Site("Fjordview Hospital", ((_NORDLYS, 0.7), (_HALLMANN, 0.3)), 1500, beads=False, grid=False),
    Site("St. Alban Clinic", ((_HALLMANN, 0.5), (_KAWABE, 0.5)), 1800, beads=True, grid=False),
    Site("Rio Verde Centre", ((_ANDES, 0.65), (_KAWABE, 0.35)), 1520, beads=False, grid=True),
)
_SITE_SHARES: Final = (0.45, 0.30, 0.25)


def origin_of(case: PhantomCase) -> Origin:
    """Return where the film of a case was taken; it follows from the seed."""
    return origin_of_seed(case.seed)


def origin_of_seed(seed: int) -> Origin:
    """As `origin_of`, before there is a case."""
    rng = np.random.default_rng((seed, _STREAM))
    site = SITES[int(rng.choice(len(SITES), p=_SITE_SHARES))]
    machines, shares = zip(*site.machines, strict=True)
    return Origin(site, machines[int(rng.choice(len(machines), p=shares))])
