"""A spine without findings: proportions, curve and canal of one person, by sex and age.

Measures in mm are those on the film, which magnifies by 1.17 at 1.5 m; osteometry is multiplied
by it. Depth of bodies by sex, canal, Torg-Pavlov ratio, height of discs, soft tissue and the
C2-C7 angle by age (meta-analysis of 35,913 people) are the literature's. The proportion of body
height to depth and of discs to bodies, the inclination and how the curve is shared out among
the levels were fitted to one half of the 3566 outlines of the Cervical Spine X-ray Atlas (Ran et
al., Sci Data 11:625, 2024); ``training.phantom.outlines`` compares with the other half.
"""

from __future__ import annotations

from dataclasses import replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from training.phantom.skeleton import wedge_degrees
from training.phantom.values import Spine

ADULT_AGE_YEARS = 18.0
NORMAL_DISC_SHARE = 0.80  # least height of a normal disc, as a share of what is usual
NORMAL_OSTEOPHYTE_MM = 1.0
NORMAL_SCLEROSIS = 0.25
NORMAL_SLIP_MM = 1.2
NORMAL_TORG_RATIO = 0.80
LORDOSIS_LIMITS_DEGREES = (-4.0, 50.0)  # beyond the first it is a kyphosis; nobody passes the other
MAGNIFICATION = 1.17  # of what the measures are, so that a header says what was drawn

_LORDOSIS_BY_AGE = ((40.0, 7.6), (60.0, 13.3), (200.0, 16.0))  # below this age: mean degrees
_LORDOSIS_SD = 11.5
_DEPTH_MM = {"M": (18.0, 19.4, 1.05), "F": (17.1, 18.4, 0.8)}  # C2, C7, standard deviation
# Of the natural logarithm of anterior height over depth, C3 to C7; neighbours are alike.
_HEIGHT_LOG = (-0.088, -0.182, -0.280, -0.266, -0.127)
_HEIGHT_LOG_SD = (0.112, 0.124, 0.132, 0.132, 0.107)
_HEIGHT_LIKENESS = 0.67
_POSTERIOR_EXTRA_MM = 1.1
_LEAN_DEGREES = (12.5, 11.5, 10.2, 9.0, 8.2, 7.8)  # C2 to C7, of the walls against the plates
# Height of the five discs between the corners, mid-way, over the depth of the body below.
_DISC_SHARE = (0.287, 0.305, 0.357, 0.323, 0.281)
_DISC_PERSON_SD = 0.09
_DISC_LEVEL_SD = 0.06
# The wedges of the five discs and the inclination of C7, degrees: mean, and the triangle whose
# product with independent unit draws gives their spread.
_CURVE = (3.40, 6.00, 0.75, 4.70, 10.95, 21.20)
_CURVE_ROOT = (
    (3.50, 0.00, 0.00, 0.00, 0.00, 0.00),
    (1.56, 4.22, 0.00, 0.00, 0.00, 0.00),
    (1.53, 1.80, 3.86, 0.00, 0.00, 0.00),
    (-1.16, 0.73, 2.74, 3.64, 0.00, 0.00),
    (-2.69, 0.14, 0.28, 0.95, 3.30, 0.00),
    (-0.30, 4.15, 2.80, 1.70, 1.90, 3.40),
)
_TORG_RATIO = (1.17, 1.00, 0.95, 0.95, 0.95, 0.96)  # C2 to C7
_TORG_PERSON_SD = 0.10
_TORG_LEVEL_SD = 0.025
_SPINOUS_MM = (17.0, 13.0, 14.0, 16.5, 22.0, 27.0)

Generator = np.random.Generator
Values = NDArray[np.float64]


def draw_spine(rng: Generator, sex: str, age: float, lordosis_limits: tuple[float, float]) -> Spine:
    """Draw a spine without findings: natural variation, with the changes of growth and age.

    Args:
        rng: The same number of draws is taken whatever the limits are.
        sex: ``"M"`` or ``"F"``.
        age: Years; below 18 the bodies are small, flat and wedged, the canal is wide for them.
        lordosis_limits: Between which the C2-C7 angle shall lie, degrees.
    """
    youth = max(0.0, 1.0 - age / ADULT_AGE_YEARS)
    growth = 1.0 - 0.40 * youth**1.2
    depth = _draw_depth(rng, sex) * growth
    anterior, posterior = _draw_heights(rng, depth, youth)
    hollow = float(np.clip(rng.normal(0.65, 0.15), 0.3, 1.0)) * growth
    ageing = float(np.clip((age - 35) / 45, 0, 1))
    discs = _draw_discs(rng, depth, youth, age)
    lordosis = _draw_lordosis(rng, age, lordosis_limits)
    spine = Spine(
        depth_mm=_tuple(depth),
        anterior_height_mm=_tuple(anterior),
        posterior_height_mm=_tuple(posterior),
        disc_height_mm=_tuple(discs),
        disc_angle_degrees=(0.0,) * 5,
        endplate_depth_mm=hollow,
        lordosis_degrees=lordosis,
        c7_tilt_degrees=0.0,
        slip_mm=_tuple(np.clip(rng.normal(0, 0.45, 5), -NORMAL_SLIP_MM, NORMAL_SLIP_MM)),
        osteophyte_mm=_tuple(NORMAL_OSTEOPHYTE_MM * ageing * rng.random(5)),
        sclerosis=_tuple(NORMAL_SCLEROSIS * ageing * rng.random(5)),
        canal_mm=_tuple(_draw_canal(rng, depth, youth)),
        spinous_mm=_tuple(
            np.array(_SPINOUS_MM) * growth * rng.normal(1, 0.12) * rng.normal(1, 0.06, 6)
        ),
        prevertebral_mm=_draw_prevertebral(rng, youth),
        lean_degrees=_tuple(np.array(_LEAN_DEGREES) + rng.normal(0, 2.0) + rng.normal(0, 2.0, 6)),
        ossified_ligament_mm=(0.0,) * 6,
    )
    wedges, tilt = _draw_curve(rng, lordosis - wedge_degrees(spine))
    return replace(spine, disc_angle_degrees=_tuple(wedges), c7_tilt_degrees=tilt)


def _tuple(values: Values) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _draw_depth(rng: Generator, sex: str) -> Values:
    first, last, deviation = _DEPTH_MM[sex]
    return np.linspace(first, last, 6) + rng.normal(0, deviation) + rng.normal(0, 0.22, 6)


def _draw_heights(rng: Generator, depth: Values, youth: float) -> tuple[Values, Values]:
    """Draw anterior and posterior heights of C3 to C7; a child's bodies are flat in front."""
    spread = rng.standard_normal(5)
    for level in range(1, 5):
        rest = np.sqrt(1 - _HEIGHT_LIKENESS**2)
        spread[level] = _HEIGHT_LIKENESS * spread[level - 1] + rest * spread[level]
    usual = np.exp(np.array(_HEIGHT_LOG) + np.array(_HEIGHT_LOG_SD) * spread) * depth[1:]
    extra = (_POSTERIOR_EXTRA_MM + rng.normal(0, 0.5, 5)) * depth[1:] / 18.9
    anterior = usual * (1 - 0.42 * youth**1.3)
    posterior = (usual + extra) * (1 - 0.30 * youth**1.3)
    return anterior, posterior


def _draw_discs(rng: Generator, depth: Values, youth: float, age: float) -> Values:
    """Draw disc heights; a child's look high, since the plates of the bodies are cartilage."""
    usual = np.array(_DISC_SHARE) * depth[1:] * (1 + 0.25 * youth)
    wear = 0.10 * np.clip((age - 40) / 40, 0, 1.2) * rng.random(5)
    level = np.clip(rng.normal(1, _DISC_LEVEL_SD, 5) - wear, NORMAL_DISC_SHARE, 1.3)
    return np.asarray(usual * np.clip(np.exp(rng.normal(0, _DISC_PERSON_SD)), 0.7, 1.45) * level)


def _draw_canal(rng: Generator, depth: Values, youth: float) -> Values:
    """Draw the sagittal diameter by the Torg-Pavlov ratio; it is nearly grown at six years."""
    ratio = np.array(_TORG_RATIO) + rng.normal(0, _TORG_PERSON_SD)
    ratio += rng.normal(0, _TORG_LEVEL_SD, 6)
    return np.asarray(np.maximum(ratio, NORMAL_TORG_RATIO) * (1 + 0.45 * youth) * depth)


def _draw_prevertebral(rng: Generator, youth: float) -> tuple[float, float]:
    """Draw the soft tissue before C3 and C6; for its size, a child's is thick."""
    upper = np.clip(rng.normal(4.0, 0.8), 2.2, 6.8) * (1 + 0.15 * youth)
    lower = np.clip(rng.normal(13.5, 1.8), 9.0, 18.0) * (1 - 0.35 * youth)
    return float(min(upper, 7.0)), float(lower)


def _draw_lordosis(rng: Generator, age: float, limits: tuple[float, float]) -> float:
    """Draw the C2-C7 angle for an age between limits, by the distribution function."""
    mean = next(mean for below, mean in _LORDOSIS_BY_AGE if age < below)
    people = NormalDist(mean, _LORDOSIS_SD)
    low, high = (people.cdf(limit) for limit in limits)
    angle = people.inv_cdf(low + (high - low) * float(rng.uniform(1e-9, 1 - 1e-9)))
    return float(np.clip(angle, *limits))


def _draw_curve(rng: Generator, wedge: float) -> tuple[Values, float]:
    """Share out what the discs bend together, as it is shared out on real films.

    Args:
        rng: For the rest of the curve: where it bends and how C7 is inclined.
        wedge: Sum of the wedges of the discs, degrees.

    Returns:
        The five wedges and the inclination of C7: their joint distribution, given the sum.
    """
    root = np.array(_CURVE_ROOT)
    drawn = np.array(_CURVE) + root @ rng.standard_normal(6)
    with_sum = root @ root[:5].sum(axis=0)
    drawn += with_sum / with_sum[:5].sum() * (wedge - drawn[:5].sum())
    return drawn[:5], float(drawn[5])
