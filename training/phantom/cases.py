"""Which film to draw: sex, age, findings and the spine that goes with them, by seed.

What counts as abnormal (the cut-offs leave a gap, so that every label is visible):

=================  =======================================  ===============================
measure            normal film                              abnormal film
=================  =======================================  ===============================
disc height        at least 0.80 of what is usual           0.20 to 0.62 (spondylosis)
osteophyte         up to 1.0 mm                             2.0 to 6.0 mm (spondylosis)
endplate density   up to 0.25                               0.45 to 1.0 (spondylosis)
C2-C7 angle        above -4 degrees                         -8 to -28 degrees (kyphosis)
slip               up to 1.2 mm                             3.0 to 6.5 mm (listhesis)
canal over body    at least 0.80                            0.52 to 0.70 (canal-narrowing)
soft tissue at C3  up to 7 mm                               11 to 18 mm (swelling)
=================  =======================================  ===============================

A straight curve, -4 to +3 degrees, is named ``lost-lordosis`` wherever it is; on its own it makes
no film abnormal. Degeneration grows with age as in people (40, 58 and 77 % in the sixth to
eighth decade); 2.1 % of all films show an ossified posterior longitudinal ligament.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from training.phantom.natural import LORDOSIS_LIMITS_DEGREES, draw_spine
from training.phantom.values import DISCS, VERTEBRAE, Degradation, PhantomCase, Spine, View

NORMAL_LORDOSIS_DEGREES = LORDOSIS_LIMITS_DEGREES[0]
LOST_LORDOSIS_DEGREES = 3.0  # a curve that is flatter than this, and no kyphosis
KYPHOSIS_DEGREES = (8.0, 28.0)
SLIP_MM = (3.0, 6.5)
OSTEOPHYTE_MM = (2.0, 6.0)
DISC_LOSS = (0.38, 0.80)
SCLEROSIS = (0.45, 1.0)
SWELLING_MM = (11.0, 18.0)
NARROWED_TORG_RATIO = (0.52, 0.70)
DESCRIBING = frozenset({"lost-lordosis"})  # these make no film abnormal

_DEGENERATED_BY_AGE = ((20, 35, 45, 55, 65, 75, 90), (0.08, 0.18, 0.28, 0.40, 0.58, 0.77, 0.85))
_OTHERWISE_ABNORMAL = 0.30  # of those whose discs are sound
_DISC_WEIGHTS = (0.04, 0.12, 0.22, 0.36, 0.26)  # degeneration is worst at C5/6
_CANAL_WEIGHTS = (0.12, 0.26, 0.32, 0.24, 0.06)  # of the middle one of the narrowed C3 to C7
_WITH_SPONDYLOSIS: tuple[tuple[tuple[str, ...], float], ...] = (
    (("spondylosis",), 0.66),
    (("spondylosis", "kyphosis"), 0.12),
    (("spondylosis", "canal-narrowing"), 0.12),
    (("spondylosis", "listhesis"), 0.10),
)
_WITHOUT_SPONDYLOSIS: tuple[tuple[tuple[str, ...], float], ...] = (
    (("kyphosis",), 0.38),
    (("canal-narrowing",), 0.24),
    (("listhesis",), 0.21),
    (("swelling",), 0.17),
)
_OSSIFIED_SHARE = 0.26  # of narrow canals: 2.1 % of all films
_OSSIFIED_MM = (2.0, 5.0)

Generator = np.random.Generator


def draw_case(
    seed: int,
    *,
    abnormal: bool | None = None,
    view: View = View.LATERAL,
    hardware: bool = False,
    degradations: tuple[Degradation, ...] = (),
    severity: float | None = None,
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
        hardware: Whether there is hardware in the spine: plate, screws and rods, cage, wires.
        degradations: Ways in which the film shall be spoilt.
        severity: How much it shall be spoilt, 0 to 1; None leaves it to chance.
        age_years: None draws an adult.
        sex: ``"M"`` or ``"F"``; None leaves it to chance.
        facing: ``"left"`` or ``"right"``.
        findings: Exactly these, written as in ``PhantomCase.findings``; overrides ``abnormal``.

    Returns:
        The case, to be given to ``render``.

    Raises:
        ValueError: The findings exclude each other.
    """
    rng = np.random.default_rng((seed, 0))
    drawn_sex = "M" if rng.random() < 0.5 else "F"  # noqa: PLR2004 - a coin
    marker = str(rng.choice(["R", "L", ""], p=[0.5, 0.25, 0.25]))
    wished = None if findings is not None else abnormal
    age, is_abnormal = _draw_age(rng, age_years, wished)
    chosen = _draw_findings(rng, is_abnormal, age) if findings is None else findings
    limits = _lordosis_limits(chosen, exactly=findings is not None)
    spine = draw_spine(np.random.default_rng((seed, 2)), sex or drawn_sex, age, limits)
    spine = _with_findings(np.random.default_rng((seed, 3)), spine, chosen)
    if findings is None and _has_lost_lordosis(spine):
        chosen = (*chosen, "lost-lordosis")
    return PhantomCase(
        seed=seed,
        view=view,
        sex=sex or drawn_sex,
        age_years=round(age, 1),
        abnormal=bool(set(chosen) - DESCRIBING),
        findings=chosen,
        hardware=hardware,
        degradations=degradations,
        severity=severity,
        facing=facing,
        marker=marker,
        spine=spine,
    )


def _draw_age(rng: Generator, age_years: float | None, abnormal: bool | None) -> tuple[float, bool]:
    """Draw age and abnormality together, again and again until they are as wished."""
    while True:
        drawn = min(18.0 + float(rng.gamma(2.6, 10.0)), 92.0)
        age = drawn if age_years is None else age_years
        is_abnormal = bool(rng.random() < _abnormal_share(age))
        if age_years is not None and abnormal is not None:
            return age, abnormal
        if abnormal is None or abnormal == is_abnormal:
            return age, is_abnormal


def _degenerated_share(age: float) -> float:
    return float(np.interp(age, *_DEGENERATED_BY_AGE))


def _abnormal_share(age: float) -> float:
    degenerated = _degenerated_share(age)
    return degenerated + (1 - degenerated) * _OTHERWISE_ABNORMAL


def _draw_findings(rng: Generator, abnormal: bool, age: float) -> tuple[str, ...]:
    """Choose what is wrong: patterns as they occur together, levels where they are common."""
    if not abnormal:
        return ()
    worn = rng.random() < _degenerated_share(age) / _abnormal_share(age)
    patterns = _WITH_SPONDYLOSIS if worn else _WITHOUT_SPONDYLOSIS
    weights = np.array([weight for _, weight in patterns])
    pattern = patterns[rng.choice(len(patterns), p=weights / weights.sum())][0]
    return tuple(finding for kind in pattern for finding in _at_levels(rng, kind))


def _at_levels(rng: Generator, kind: str) -> list[str]:
    """Choose the levels of a finding: discs of their own, neighbouring vertebrae of a canal."""
    if kind == "canal-narrowing":
        middle, reach = int(rng.choice(5, p=_CANAL_WEIGHTS)), rng.integers(0, 2, 2)
        first, last = max(0, middle - int(reach[0])), min(4, middle + int(reach[1]))
        return [f"{kind}:{name}" for name in VERTEBRAE[1 + first : 2 + last]]
    if kind in {"kyphosis", "swelling"}:
        return [kind]
    count = int(rng.integers(1, 4)) if kind == "spondylosis" else 1
    levels = sorted(rng.choice(len(DISCS), size=count, replace=False, p=_DISC_WEIGHTS))
    return [f"{kind}:{DISCS[level]}" for level in levels]


def _lordosis_limits(findings: tuple[str, ...], *, exactly: bool) -> tuple[float, float]:
    """Return between which the C2-C7 angle must lie for exactly these findings."""
    kyphosis, straight = "kyphosis" in findings, "lost-lordosis" in findings
    if kyphosis and straight:
        raise ValueError("kyphosis and lost-lordosis exclude each other: ask for one of them")
    if kyphosis:
        return -KYPHOSIS_DEGREES[1], -KYPHOSIS_DEGREES[0]
    if straight:
        return NORMAL_LORDOSIS_DEGREES, LOST_LORDOSIS_DEGREES
    low = LOST_LORDOSIS_DEGREES if exactly else NORMAL_LORDOSIS_DEGREES
    return low, LORDOSIS_LIMITS_DEGREES[1]


def _has_lost_lordosis(spine: Spine) -> bool:
    return NORMAL_LORDOSIS_DEGREES <= spine.lordosis_degrees < LOST_LORDOSIS_DEGREES


def _with_findings(rng: Generator, spine: Spine, findings: tuple[str, ...]) -> Spine:
    """Put findings into a spine, each as mild or as severe as chance has it."""
    if "swelling" in findings:
        spine = replace(spine, prevertebral_mm=(float(rng.uniform(*SWELLING_MM)), 21.0))
    narrowed = []
    for finding in findings:
        kind, _, level = finding.partition(":")
        if kind == "spondylosis":
            spine = _worn(rng, spine, DISCS.index(level))
        elif kind == "listhesis":
            spine = _slipped(rng, spine, DISCS.index(level))
        elif kind == "canal-narrowing":
            narrowed.append(VERTEBRAE.index(level))
    return _narrowed(rng, spine, narrowed) if narrowed else spine


def _narrowed(rng: Generator, spine: Spine, levels: list[int]) -> Spine:
    """Bring the laminae close to the bodies; in some, bone has grown into the ligament as well."""
    low, high = NARROWED_TORG_RATIO
    ratio = rng.uniform(low, high)
    ossified = rng.random() < _OSSIFIED_SHARE
    thickness = float(rng.uniform(*_OSSIFIED_MM))
    canal, ligament = list(spine.canal_mm), list(spine.ossified_ligament_mm)
    for level in levels:
        drawn = float(np.clip(ratio + rng.normal(0, 0.02), low, high))
        canal[level] = drawn * spine.depth_mm[level]
        ligament[level] = thickness * float(rng.uniform(0.7, 1.0)) if ossified else 0.0
    return replace(spine, canal_mm=tuple(canal), ossified_ligament_mm=tuple(ligament))


def _worn(rng: Generator, spine: Spine, level: int) -> Spine:
    """Narrow a disc, let spurs grow at it and harden its endplates, in keeping with each other."""
    severity = float(rng.beta(1.2, 1.5))

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
    return tuple(float(angle) for angle in angles)


def _slipped(rng: Generator, spine: Spine, level: int) -> Spine:
    """Let the upper vertebra slip, forwards three times out of four."""
    direction = -1.0 if rng.random() < 0.75 else 1.0  # noqa: PLR2004 - three out of four
    return replace(
        spine, slip_mm=_changed(spine.slip_mm, level, direction * float(rng.uniform(*SLIP_MM)))
    )


def _changed(values: tuple[float, ...], index: int, value: float) -> tuple[float, ...]:
    return (*values[:index], value, *values[index + 1 :])
