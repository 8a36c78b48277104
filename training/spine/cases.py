"""Which phantom films are drawn for what: training, gates, calibration, test, and shifts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from training.phantom import Degradation, PhantomCase, View, draw_case

if TYPE_CHECKING:
    from collections.abc import Mapping

# First seed of each group, far enough apart that no two groups share a case.
_SEEDS: Final = {
    "train": 1_000_000,
    "tuning": 2_000_000,
    "limits": 3_000_000,
    "calibration": 4_000_000,
    "test": 5_000_000,
    "shift": 6_000_000,
    "reading": 7_000_000,
}
_GROUP_SPAN: Final = 1_000_000
_ABNORMAL_FIRST: Final = 250_000  # of a group's seeds; the rare findings follow behind
_SEED_SPAN: Final = 10_000_000

_OTHER_VIEWS: Final = tuple(view for view in View if view is not View.LATERAL)
_CHILD_YEARS: Final = (2.0, 15.0)
# Of films to train on: what gates must recognise, and what the middle of a gate's range shows.
_TRAINED_SHIFTS: Final = (
    Degradation.BLUR,
    Degradation.UNDEREXPOSED,
    Degradation.NOISE,
    Degradation.OVEREXPOSED,
)
_READ_SHIFTS: Final = (*_TRAINED_SHIFTS, Degradation.ROTATION, Degradation.BURNED_IN)
# Of each ten films that only readers learn from: those with a single finding come first.
_ALONE: Final = 5
_SPOILT: Final = (1, 3, 5, 6)
_CHILD: Final = (2, 4, 7)
_MOST_TRAINED: Final = 0.5  # severity; beyond it a film is to be stopped, not read
_SLIPS: Final = tuple(f"listhesis:{disc}" for disc in ("C3/C4", "C4/C5", "C5/C6", "C6/C7"))
_CANALS: Final = tuple(f"canal-narrowing:C{number}" for number in (3, 4, 5, 6, 7))
_SPURS: Final = tuple(f"spondylosis:{disc}" for disc in ("C4/C5", "C5/C6", "C6/C7"))
_OVERLOOKED: Final = (*_SLIPS, "kyphosis", *_CANALS, "kyphosis", *_SPURS)
# What is drawn on purpose to train on: films as they come show too little of it.
_TRAINED: Final[tuple[tuple[tuple[str, ...], ...], ...]] = (
    (("kyphosis",), *((slip,) for slip in _SLIPS)),
    tuple(_CANALS[first : first + count] for count in (1, 2, 3) for first in range(6 - count)),
    (("swelling",),),
    tuple((slip,) for slip in _SLIPS),
)
# What is drawn on purpose to calibrate and to test on: films as they come show every other
# finding often enough for a certificate.
_RARE: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {"swelling": (("swelling",),)}
ABNORMAL: Final = "abnormal"
_SEVERITIES: Final = (0.0, 0.25, 0.5, 1.0)


def first_seed(group: str, seed: int) -> int:
    """Where the seeds of a group begin."""
    return _SEEDS[group] + seed * _SEED_SPAN


def _facing(index: int) -> str:
    return "right" if index % 5 == 0 else "left"


def training_cases(count: int, seed: int) -> list[PhantomCase]:
    """Films to train on: mostly laterals in scope, and some of what gates must recognise.

    Of each twenty, eight come as they come, four show a rare finding on purpose, two are
    spoilt a little, two are children's; one each shows another view, has hardware, has text
    burned in, and is inverted or has text burned in.
    """
    return [_training_case(index, first_seed("train", seed) + index) for index in range(count)]


def _training_case(index: int, seed: int) -> PhantomCase:  # noqa: PLR0911 - a table of kinds
    facing, kind, turn = _facing(index), index % 20, index // 20
    chance = np.random.default_rng((seed, 7))
    if kind == 0:
        return draw_case(seed, view=_OTHER_VIEWS[turn % len(_OTHER_VIEWS)], facing=facing)
    if kind == 1:
        return draw_case(seed, hardware=True, facing=facing)
    if kind in (2, 11):  # the twentieths are explained above
        return draw_case(seed, age_years=float(chance.uniform(*_CHILD_YEARS)), facing=facing)
    if kind in (3, 10):
        inverted = kind == 3 and turn % 2 == 0  # noqa: PLR2004
        spoilt = Degradation.INVERSION if inverted else Degradation.BURNED_IN
        return draw_case(seed, degradations=(spoilt,), facing=facing)
    if kind < 6:  # noqa: PLR2004
        spoilt = _TRAINED_SHIFTS[(2 * turn + kind) % len(_TRAINED_SHIFTS)]
        case = draw_case(seed, degradations=(spoilt,), facing=facing)
        return replace(case, severity=float(chance.uniform(0, _MOST_TRAINED)))
    if kind < 10:  # noqa: PLR2004
        wanted = _TRAINED[kind - 6]
        return draw_case(seed, findings=wanted[turn % len(wanted)], facing=facing)
    return draw_case(seed, facing=facing)


def reading_cases(count: int, seed: int) -> list[PhantomCase]:
    """Films that readers learn from beside those of `training_cases`.

    Of each ten, five come as they come, and five show kyphosis alone, a single slip, a single
    narrow canal or a single low disc with spurs: what readers overlook. Two of either kind are
    spoilt, written over or turned a little, and three of ten are children's: what gates let pass
    now and then must not be missed for that.
    """
    return [_reading_case(index, first_seed("reading", seed) + index) for index in range(count)]


def _reading_case(index: int, seed: int) -> PhantomCase:
    kind, turn = index % 10, index // 10
    chance = np.random.default_rng((seed, 7))
    spoilt: tuple[Degradation, ...] = ()
    if kind in _SPOILT:
        spoilt = (_READ_SHIFTS[int(chance.integers(len(_READ_SHIFTS)))],)
    severity = float(chance.uniform(0, _MOST_TRAINED)) if spoilt else None
    wanted = None
    if kind < _ALONE:
        wanted = _OVERLOOKED[(_ALONE * turn + kind) % len(_OVERLOOKED)]
    case = draw_case(
        seed,
        findings=None if wanted is None else (wanted,),
        degradations=spoilt,
        age_years=float(chance.uniform(*_CHILD_YEARS)) if kind in _CHILD else None,
        facing=_facing(index),
    )
    return replace(case, severity=severity)


def scope_cases(group: str, count: int, seed: int) -> list[PhantomCase]:
    """Films in scope as they come: one in two abnormal, one in five facing right."""
    first = first_seed(group, seed)
    return [draw_case(first + index, facing=_facing(index)) for index in range(count)]


def abnormal_cases(group: str, count: int, seed: int) -> list[PhantomCase]:
    """Films in scope with any finding, each as often as among films as they come."""
    first = first_seed(group, seed) + _ABNORMAL_FIRST
    return [
        draw_case(first + index, abnormal=True, facing=_facing(index)) for index in range(count)
    ]


def rare_cases(group: str, count: int, seed: int) -> dict[str, list[PhantomCase]]:
    """Films of each finding that decides and that films as they come show too rarely.

    Args:
        group: What they are for.
        count: Films of each.
        seed: Another seed, other films.
    """
    rows: dict[str, list[PhantomCase]] = {}
    for number, (name, kinds) in enumerate(_RARE.items(), start=1):
        first = first_seed(group, seed) + number * _GROUP_SPAN // (len(_RARE) + 1)
        rows[name] = [
            draw_case(first + index, findings=kinds[index % len(kinds)], facing=_facing(index))
            for index in range(count)
        ]
    return rows


@dataclass(frozen=True, slots=True)
class ShiftedCases:
    """Films of one kind and degree that the models were not certified for."""

    name: str
    cases: tuple[PhantomCase, ...]


def shifted_cases(count: int, seed: int) -> list[ShiftedCases]:
    """Films that gates must stop or that must be read right all the same, kind by kind.

    All but one in six are abnormal: misses are what is looked for.
    """
    cells: list[ShiftedCases] = []

    def add(name: str, severity: float | None = None, **wishes: object) -> None:
        first = first_seed("shift", seed) + len(cells) * count
        cases = tuple(
            replace(
                draw_case(
                    first + index,
                    abnormal=index % 6 != 0,
                    facing=_facing(index),
                    **(wishes | _aged(wishes, first + index)),  # type: ignore[arg-type]
                ),
                severity=severity,
            )
            for index in range(count)
        )
        cells.append(ShiftedCases(name, cases))

    for degradation in (*_TRAINED_SHIFTS, Degradation.ROTATION):
        for severity in _SEVERITIES:
            add(f"{degradation.value} {severity:g}", severity, degradations=(degradation,))
    for degradation in Degradation:
        if degradation not in (*_TRAINED_SHIFTS, Degradation.ROTATION):
            add(degradation.value, degradations=(degradation,))
    for view in _OTHER_VIEWS:
        add(f"{view.value} view", view=view)
    add("hardware", hardware=True)
    add("children", child=True)
    return cells


def _aged(wishes: dict[str, object], seed: int) -> dict[str, object]:
    """A child's age in place of the wish for a child."""
    if not wishes.pop("child", False):
        return {}
    return {"age_years": float(np.random.default_rng((seed, 7)).uniform(*_CHILD_YEARS))}
