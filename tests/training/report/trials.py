"""A trial made up without drawing a film: scores by chance, a verdict of every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.trial.campaign import Trial, TrialPlan, claim_of
from training.trial.films import TrialFilm
from training.trial.shifts import every_shift
from training.trial.verdicts import line
from triage.values import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.trial.shifts import Shift
    from triage.vision.bundle import Bundle

_STOPPED = {"blur": "pixels.blur", "low dose": "pixels.noise", "inversion": "pixels.inverted",
            "hardware": "hardware", "other body part": "view.lateral"}  # fmt: skip


def made_up(bundle: Bundle, films: int = 400, shifts: Sequence[Shift] = every_shift()) -> Trial:
    """A trial of a bundle."""
    claim = claim_of(bundle)
    chance = np.random.default_rng(8)
    cells = tuple(
        (shift, tuple(_cell(bundle, shift, films if shift.as_they_come else 110, chance)))
        for shift in shifts
    )
    names = [finding.name for finding in bundle.findings]
    lines = tuple(
        line((shift.kind, shift.level), cell, claim, names.index("abnormal"))
        for shift, cell in cells
    )
    plan = TrialPlan(films, 110, 1)
    return Trial(bundle.identity.digest, tuple(names), claim, plan, lines, cells)


def _cell(bundle: Bundle, shift: Shift, count: int, chance: np.random.Generator) -> list[TrialFilm]:
    gate = _STOPPED.get(shift.kind, "landmarks.order")
    share = 0.99 if shift.kind in _STOPPED else 0.03
    return [_film(bundle, number, chance, gate if chance.random() < share else "")
            for number in range(count)]  # fmt: skip


def _film(bundle: Bundle, number: int, chance: np.random.Generator, gate: str) -> TrialFilm:
    abnormal = bool(chance.random() < 0.5)
    truth = tuple(
        abnormal and (finding.name == "abnormal" or bool(chance.random() < 0.5))
        for finding in bundle.findings
    )
    middle = np.where(truth, 5.0, -6.0)
    raw = chance.normal(
        middle + chance.normal(0, 2, len(truth)), 0.5, (len(bundle.members), len(truth))
    )
    points = bundle.operating_points
    flagged = any(raw[:, column].mean() >= point.flag for column, point in enumerate(points))
    ruled_out = all(
        point.rule_out is not None and raw[:, column].max() < point.rule_out
        for column, point in enumerate(points)
        if point.decides
    )
    outcome = Outcome.INDETERMINATE
    if gate:
        outcome = Outcome.NOT_ASSESSABLE
    elif flagged:
        outcome = Outcome.ABNORMAL
    elif ruled_out:
        outcome = Outcome.LIKELY_NORMAL
    return TrialFilm(
        seed=10**12 + number,
        number=number,
        sex=str(chance.choice(["F", "M"])),
        age_years=float(chance.uniform(19, 90)),
        abnormal=abnormal,
        truth=truth,
        failed=(gate,) if gate else (),
        raw=tuple(tuple(map(float, row)) for row in raw),
        outcome=outcome,
    )
