"""Which film to draw: sex, age, findings and the spine that goes with them, by seed.

The figures are those of the literature, on the film plane: C2-C7 lordosis by age
(meta-analysis of 35,913 people), body depth C2 to C7 by sex, disc heights by sex, canal and
spinous process from osteometry; the proportion of body height to body depth was measured on
3567 outlines of the Cervical Spine X-ray Atlas (Ran et al., Sci Data 11:625, 2024).

What counts as abnormal (the cut-offs leave a gap, so that every label is visible):

=================  =======================================  ===============================
measure            normal film                              abnormal film
=================  =======================================  ===============================
disc height        at least 0.80 of what is usual           0.20 to 0.62 (spondylosis)
osteophyte         up to 1.0 mm                             2.0 to 6.0 mm (spondylosis)
endplate density   up to 0.25                               0.45 to 1.0 (spondylosis)
C2-C7 angle        above -4 degrees                         -8 to -28 degrees (kyphosis)
slip               up to 1.2 mm                             3.0 to 6.5 mm (listhesis)
soft tissue at C3  up to 7 mm                               11 to 18 mm (swelling)
=================  =======================================  ===============================
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from training.phantom.values import DISCS, Degradation, PhantomCase, Spine, View

ADULT_AGE_YEARS = 18.0
NORMAL_DISC_SHARE = 0.80  # least height of a normal disc, as a share of what is usual
NORMAL_OSTEOPHYTE_MM = 1.0
NORMAL_SCLEROSIS = 0.25
NORMAL_SLIP_MM = 1.2
NORMAL_LORDOSIS_DEGREES = -4.0
KYPHOSIS_DEGREES = (8.0, 28.0)
SLIP_MM = (3.0, 6.5)
OSTEOPHYTE_MM = (2.0, 6.0)
DISC_LOSS = (0.38, 0.80)
SCLEROSIS = (0.45, 1.0)
SWELLING_MM = (11.0, 18.0)

_LORDOSIS_BY_AGE = ((40.0, 7.6), (60.0, 13.3), (200.0, 16.0))  # below this age: mean degrees
_LORDOSIS_SD = 11.5
_DEPTH_MM = {"M": (18.0, 19.4, 1.05), "F": (17.1, 18.4, 0.8)}  # C2, C7, standard deviation
_HEIGHT_SHARE = (0.94, 0.86, 0.80, 0.80, 0.90)  # anterior height of C3 to C7 over depth of C5
_POSTERIOR_EXTRA_MM = 1.1
_DISC_MIDDLE_MM = {"M": 5.8, "F": 5.3}
_DISC_LEVEL = (0.88, 1.0, 1.02, 1.02, 1.08)  # C2/3 to C6/7 against their mean
_CANAL_MM = (18.0, 15.8, 15.2, 15.3, 15.7, 15.9)
_SPINOUS_MM = (17.0, 13.0, 14.0, 16.5, 22.0, 27.0)
_LEVEL_WEIGHTS = (0.04, 0.12, 0.22, 0.36, 0.26)  # degeneration is worst at C5/6
_PATTERNS: tuple[tuple[tuple[str, ...], float], ...] = (
    (("spondylosis",), 0.52),
    (("kyphosis",), 0.14),
    (("spondylosis", "kyphosis"), 0.12),
    (("listhesis",), 0.09),
    (("spondylosis", "listhesis"), 0.08),
    (("swelling",), 0.05),
)

Generator = np.random.Generator
Values = NDArray[np.float64]


def draw_case(
    seed: int,
    *,
    abnormal: bool | None = None,
    view: View = View.LATERAL,
    hardware: bool = False,
    degradations: tuple[Degradation, ...] = (),
    age_years: float | None = None,
    sex: str | None = None,
    facing: str = "left",
    findings: tuple[str, ...] | None = None,
) -> PhantomCase:
    """Draw one case by seed.

    Args:
        seed: The same number and the same wishes give the same case.
        abnormal: None leaves it to chance, one in two.
        view: The projection.
        hardware: Whether an anterior plate with screws is in place.
        degradations: Ways in which the film shall be spoilt.
        age_years: None draws an adult.
        sex: ``"M"`` or ``"F"``; None leaves it to chance.
        facing: ``"left"`` or ``"right"``.
        findings: Exactly these, written as in ``PhantomCase.findings``; overrides ``abnormal``.

    Returns:
        The case, to be given to ``render``.
    """
    rng = np.random.default_rng((seed, 0))
    is_abnormal = bool(rng.random() < 0.5) if abnormal is None else abnormal  # noqa: PLR2004 - a coin
    drawn_sex = "M" if rng.random() < 0.5 else "F"  # noqa: PLR2004 - a coin
    drawn_age = float(np.clip(rng.normal(52.0 if is_abnormal else 47.0, 16.0), 18.0, 92.0))
    age = drawn_age if age_years is None else age_years
    chosen = _draw_findings(rng, is_abnormal) if findings is None else findings
    spine = _with_findings(rng, _draw_spine(rng, sex or drawn_sex, age), chosen)
    return PhantomCase(
        seed=seed,
        view=view,
        sex=sex or drawn_sex,
        age_years=round(age, 1),
        abnormal=bool(chosen),
        findings=chosen,
        hardware=hardware,
        degradations=degradations,
        facing=facing,
        marker=str(rng.choice(["R", "L", ""], p=[0.5, 0.25, 0.25])),
        spine=spine,
    )


def _draw_findings(rng: Generator, abnormal: bool) -> tuple[str, ...]:
    """Choose what is wrong: patterns as they occur together, levels where they are common."""
    if not abnormal:
        return ()
    weights = np.array([weight for _, weight in _PATTERNS])
    pattern = _PATTERNS[rng.choice(len(_PATTERNS), p=weights / weights.sum())][0]
    found: list[str] = []
    for kind in pattern:
        if kind in {"kyphosis", "swelling"}:
            found.append(kind)
            continue
        most = 3 if kind == "spondylosis" else 1
        count = int(rng.integers(1, most + 1))
        levels = sorted(rng.choice(len(DISCS), size=count, replace=False, p=_LEVEL_WEIGHTS))
        found.extend(f"{kind}:{DISCS[level]}" for level in levels)
    return tuple(found)


def _draw_spine(rng: Generator, sex: str, age: float) -> Spine:
    """Draw a spine without findings: natural variation, with the changes of age."""
    growth = 1.0 if age >= ADULT_AGE_YEARS else 0.60 + 0.40 * (age / ADULT_AGE_YEARS) ** 0.8
    youth = 0.0 if age >= ADULT_AGE_YEARS else 1.0 - age / ADULT_AGE_YEARS
    depth = _draw_depth(rng, sex) * growth
    share = (
        np.array(_HEIGHT_SHARE) * (1 - 0.25 * youth) + rng.normal(0, 0.055) + rng.normal(0, 0.03, 5)
    )
    anterior = share * depth[3]
    posterior = anterior + (_POSTERIOR_EXTRA_MM + rng.normal(0, 0.35, 5)) * growth
    hollow = float(np.clip(rng.normal(0.65, 0.15), 0.3, 1.0)) * growth
    usual = _usual_disc_mm(sex) * growth * (1 + rng.normal(0, 0.08))
    wear = 0.10 * np.clip((age - 40) / 40, 0, 1.2) * rng.random(5)
    discs = usual * np.clip(1 + rng.normal(0, 0.05, 5) - wear, NORMAL_DISC_SHARE, 1.2)
    lordosis = _draw_lordosis(rng, age)
    ageing = float(np.clip((age - 35) / 45, 0, 1))
    return Spine(
        depth_mm=_tuple(depth),
        anterior_height_mm=_tuple(anterior),
        posterior_height_mm=_tuple(posterior),
        disc_height_mm=_tuple(discs),
        disc_angle_degrees=_disc_angles(rng, lordosis, depth, anterior, posterior, discs),
        endplate_depth_mm=hollow,
        lordosis_degrees=lordosis,
        c7_tilt_degrees=float(11.0 + 0.55 * (lordosis - 12) + rng.normal(0, 4.5)),
        slip_mm=_tuple(np.clip(rng.normal(0, 0.45, 5), -NORMAL_SLIP_MM, NORMAL_SLIP_MM)),
        osteophyte_mm=_tuple(NORMAL_OSTEOPHYTE_MM * ageing * rng.random(5)),
        sclerosis=_tuple(NORMAL_SCLEROSIS * ageing * rng.random(5)),
        canal_mm=_tuple(_draw_canal(rng, sex) * growth),
        spinous_mm=_tuple(
            np.array(_SPINOUS_MM) * growth * rng.normal(1, 0.12) * rng.normal(1, 0.06, 6)
        ),
        prevertebral_mm=(
            float(np.clip(rng.normal(4.0, 0.8), 2.2, 7.0)),
            float(np.clip(rng.normal(13.5, 1.8), 9.0, 18.0)) * (0.5 + 0.5 * growth),
        ),
    )


def _tuple(values: Values) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _draw_depth(rng: Generator, sex: str) -> Values:
    first, last, deviation = _DEPTH_MM[sex]
    return np.linspace(first, last, 6) + rng.normal(0, deviation) + rng.normal(0, 0.22, 6)


def _usual_disc_mm(sex: str) -> Values:
    """Return corner-to-corner heights: the mid-disc figure less two hollowed endplates."""
    return (_DISC_MIDDLE_MM[sex] - 1.3) * np.array(_DISC_LEVEL)


def _draw_canal(rng: Generator, sex: str) -> Values:
    extra = 0.4 if sex == "M" else -0.4
    return np.array(_CANAL_MM) + extra + rng.normal(0, 1.3) + rng.normal(0, 0.4, 6)


def _draw_lordosis(rng: Generator, age: float) -> float:
    """Draw the C2-C7 angle for an age, again and again until it is no kyphosis."""
    mean = next(mean for below, mean in _LORDOSIS_BY_AGE if age < below)
    while True:
        angle = float(rng.normal(mean, _LORDOSIS_SD))
        if NORMAL_LORDOSIS_DEGREES < angle < 50:  # noqa: PLR2004 - nobody's neck bends further
            return angle


def _disc_angles(
    rng: Generator,
    lordosis: float,
    depth: Values,
    anterior: Values,
    posterior: Values,
    discs: Values,
) -> tuple[float, ...]:
    """Share out the lordosis among the discs; the bodies themselves are wedged the other way."""
    bodies = np.degrees((anterior - posterior) / depth[1:]).sum()
    share = discs * np.clip(rng.normal(1, 0.22, 5), 0.4, 1.6)
    return _tuple((lordosis - bodies) * share / share.sum())


def _with_findings(rng: Generator, spine: Spine, findings: tuple[str, ...]) -> Spine:
    """Put findings into a spine, each as mild or as severe as chance has it."""
    if any(finding.startswith("kyphosis") for finding in findings):
        spine = _kyphotic(rng, spine)
    if "swelling" in findings:
        spine = replace(spine, prevertebral_mm=(float(rng.uniform(*SWELLING_MM)), 21.0))
    for finding in findings:
        kind, _, level = finding.partition(":")
        if kind == "spondylosis":
            spine = _worn(rng, spine, DISCS.index(level))
        elif kind == "listhesis":
            spine = _slipped(rng, spine, DISCS.index(level))
    return spine


def _kyphotic(rng: Generator, spine: Spine) -> Spine:
    """Bend the spine forwards, most of it at an apex of two discs."""
    angle = -float(rng.uniform(*KYPHOSIS_DEGREES))
    apex = int(rng.integers(1, 4))
    share = np.full(5, 0.12)
    share[apex : apex + 2] += 0.2
    change = (angle - spine.lordosis_degrees) * share / share.sum()
    return replace(
        spine,
        lordosis_degrees=angle,
        disc_angle_degrees=_tuple(np.array(spine.disc_angle_degrees) + change),
        c7_tilt_degrees=float(rng.normal(6.0, 4.0)),
    )


def _worn(rng: Generator, spine: Spine, level: int) -> Spine:
    """Narrow a disc, let spurs grow at it and harden its endplates, in keeping with each other."""
    severity = float(rng.beta(1.3, 1.3))

    def graded(bounds: tuple[float, float]) -> float:
        mixed = float(np.clip(severity + rng.normal(0, 0.15), 0, 1))
        return bounds[0] + (bounds[1] - bounds[0]) * mixed

    height = spine.disc_height_mm[level] * (1 - graded(DISC_LOSS))
    return replace(
        spine,
        disc_height_mm=_changed(spine.disc_height_mm, level, height),
        osteophyte_mm=_changed(spine.osteophyte_mm, level, graded(OSTEOPHYTE_MM)),
        sclerosis=_changed(spine.sclerosis, level, graded(SCLEROSIS)),
        disc_angle_degrees=_flattened(spine, level, height / spine.disc_height_mm[level]),
    )


def _flattened(spine: Spine, level: int, share: float) -> tuple[float, ...]:
    """Take wedge from a narrowed disc; the others make up for it, the lordosis stays."""
    angles = np.array(spine.disc_angle_degrees)
    lost = angles[level] * (1 - max(0.3, share))
    angles += lost / (len(DISCS) - 1)
    angles[level] -= lost * len(DISCS) / (len(DISCS) - 1)
    return _tuple(angles)


def _slipped(rng: Generator, spine: Spine, level: int) -> Spine:
    """Let the upper vertebra slip, forwards three times out of four."""
    direction = -1.0 if rng.random() < 0.75 else 1.0  # noqa: PLR2004 - three out of four
    return replace(
        spine, slip_mm=_changed(spine.slip_mm, level, direction * float(rng.uniform(*SLIP_MM)))
    )


def _changed(values: tuple[float, ...], index: int, value: float) -> tuple[float, ...]:
    return (*values[:index], value, *values[index + 1 :])
