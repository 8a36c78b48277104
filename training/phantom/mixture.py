"""Which films to draw: chosen ones, or a mixture as a department sends them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from training.phantom.cases import draw_case
from training.phantom.sites import SITES, origin_of_seed
from training.phantom.values import DISCS, VERTEBRAE, Degradation, PhantomCase, View

FINDING_LEVELS: Final[dict[str, tuple[str, ...]]] = {
    "spondylosis": DISCS,
    "listhesis": DISCS,
    "foraminal-stenosis": DISCS,  # shown on oblique films
    "canal-narrowing": VERTEBRAE[1:],
    "kyphosis": (),
    "lost-lordosis": (),
    "swelling": (),
}

# How often each kind of film comes in a natural mixture; the rest are ordinary laterals.
_OTHER_VIEWS: Final = (
    (View.AP, 0.09),
    (View.ODONTOID, 0.04),
    (View.OBLIQUE, 0.03),
    (View.SWIMMERS, 0.015),
    (View.CHEST, 0.008),
    (View.LUMBAR, 0.008),
    (View.SKULL, 0.005),
    (View.HAND, 0.004),
)
_HARDWARE_SHARE: Final = 0.05
_CHILD_SHARE: Final = 0.03
_SPOILT_SHARE: Final = 0.06
_RIGHT_SHARE: Final = 0.12  # patients who face right


@dataclass(frozen=True, slots=True)
class Wishes:
    """What films are asked for.

    Attributes:
        count: How many.
        seed: Everything follows from it.
        abnormal_share: 0 to 1.
        mixture: A natural mixture of views, hardware, children and spoilt films; view,
            hardware, ages and degradations are then not looked at.
        view: The projection.
        findings: Exactly these on every film; None leaves them to chance.
        degradations: Ways in which every film is spoilt.
        severity: 0 to 1; None leaves it to chance.
        ages_years: Youngest and oldest; None for adults as they come.
        hardware: Whether every film has hardware.
        sites: From how many of the hospitals the films come.
    """

    count: int
    seed: int
    abnormal_share: float = 0.5
    mixture: bool = False
    view: View = View.LATERAL
    findings: tuple[str, ...] | None = None
    degradations: tuple[Degradation, ...] = ()
    severity: float | None = None
    ages_years: tuple[float, float] | None = None
    hardware: bool = False
    sites: int = len(SITES)


def draw_cases(wishes: Wishes) -> list[PhantomCase]:
    """Draw as many cases as are wished for, abnormal ones in random order among the others."""
    rng = np.random.default_rng((wishes.seed, 200))
    abnormal = np.arange(wishes.count) < round(wishes.count * wishes.abnormal_share)
    rng.shuffle(abnormal)
    seeds = _draw_seeds(rng, wishes)
    draw = _mixed if wishes.mixture else _chosen
    return [
        draw(wishes, seed, bool(flag), np.random.default_rng((wishes.seed, 201, number)))
        for number, (seed, flag) in enumerate(zip(seeds, abnormal, strict=True))
    ]


def _draw_seeds(rng: np.random.Generator, wishes: Wishes) -> list[int]:
    """Draw seeds, leaving out those whose film would come from a hospital not asked for."""
    allowed = SITES[: wishes.sites]
    seeds: list[int] = []
    while len(seeds) < wishes.count:
        drawn = [int(seed) for seed in rng.integers(0, 2**31, wishes.count)]
        if wishes.sites < len(SITES):
            drawn = [seed for seed in drawn if origin_of_seed(seed).site in allowed]
        seeds += drawn
    return seeds[: wishes.count]


def _chosen(wishes: Wishes, seed: int, abnormal: bool, rng: np.random.Generator) -> PhantomCase:
    age = None if wishes.ages_years is None else float(rng.uniform(*wishes.ages_years))
    return draw_case(
        seed,
        abnormal=abnormal,
        view=wishes.view,
        hardware=wishes.hardware,
        degradations=wishes.degradations,
        severity=wishes.severity,
        age_years=age,
        findings=wishes.findings,
    )


def _mixed(wishes: Wishes, seed: int, abnormal: bool, rng: np.random.Generator) -> PhantomCase:
    """Draw one film of a natural mixture: mostly ordinary adult laterals."""
    views, shares = zip(*_OTHER_VIEWS, strict=True)
    view = rng.choice([View.LATERAL, *views], p=[1 - sum(shares), *shares])
    hardware, child, spoilt, right = rng.random(4) < (
        _HARDWARE_SHARE, _CHILD_SHARE, _SPOILT_SHARE, _RIGHT_SHARE,
    )  # fmt: skip
    degradation = list(Degradation)[int(rng.integers(len(Degradation)))]
    age = float(rng.uniform(4, 17.9)) if child else None
    return draw_case(
        seed,
        abnormal=abnormal,
        view=view,
        hardware=bool(hardware),
        degradations=(degradation,) if spoilt else (),
        severity=float(rng.random()) if spoilt else None,
        age_years=age,
        findings=wishes.findings,
        facing="right" if right else "left",
    )
