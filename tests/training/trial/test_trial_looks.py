"""When a cell of a trial ends: by its gates, or at looks that share the risk of the claim."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from training.statistics import misses_allowed
from training.trial.films import TrialFilm
from training.trial.looks import Claim, Looks, clearly_stopped, settled
from triage.values import Outcome

LOOKS = Looks.planned(Claim(0.01, 0.05))
FIRST, SECOND = LOOKS.positives[:2]
GONE = TrialFilm(
    1, 0, "F", 50.0, abnormal=True, truth=(True,), failed=("pixels.blur",), raw=(),
    outcome=Outcome.NOT_ASSESSABLE,
)  # fmt: skip
FOUND = replace(GONE, failed=(), raw=((3.0,),), outcome=Outcome.ABNORMAL)
MISSED = replace(FOUND, raw=((-6.0,),), outcome=Outcome.LIKELY_NORMAL)
NORMAL = replace(MISSED, abnormal=False, truth=(False,))


def test_each_look_and_the_end_have_an_equal_share_of_the_risk() -> None:
    assert LOOKS.claim == Claim(0.01, 0.05 / 7)
    assert len(LOOKS.positives) == 6
    allowed = [misses_allowed(positives, 0.01, 0.05 / 7) for positives in LOOKS.positives]
    assert allowed == [0, 1, 2, 4, 7, 11]


def test_films_at_the_rim_of_the_claim_are_said_to_hold_no_more_often_than_its_risk() -> None:
    """Ten thousand cells in which exactly one in a hundred is missed."""
    chance = np.random.default_rng(1)
    steps = np.diff([0, *LOOKS.positives, 3000])
    misses = np.cumsum([chance.binomial(step, 0.01, 10_000) for step in steps], axis=0)
    allowed = [
        misses_allowed(count, 0.01, LOOKS.claim.delta) or 0 for count in (*LOOKS.positives, 3000)
    ]
    held = (misses <= np.array(allowed)[:, None]).any(axis=0)

    assert 0.01 < held.mean() < 0.05


def test_a_cell_without_a_miss_ends_at_the_first_look() -> None:
    films = [FOUND] * FIRST
    assert settled([*films, NORMAL], 0, LOOKS)
    assert not settled(films[1:], 0, LOOKS)
    assert not settled([*films[1:], GONE, NORMAL], 0, LOOKS)  # neither of them counts


def test_a_cell_with_a_miss_goes_on_to_the_next_look() -> None:
    films = [MISSED, *[FOUND] * SECOND]
    assert not settled(films[:FIRST], 0, LOOKS)
    assert settled(films[:SECOND], FIRST, LOOKS)


def test_misses_are_counted_at_looks_only() -> None:
    """Else every batch would be one more chance to hold."""
    films = [*[MISSED], *[FOUND] * (SECOND + 60)]
    assert not settled(films, SECOND + 1, LOOKS)


def test_a_cell_ends_at_the_last_look_and_where_nothing_is_left_to_hope_for() -> None:
    last = LOOKS.positives[-1]
    many = [MISSED] * 15 + [FOUND] * last
    assert settled(many, last - 60, LOOKS)
    assert settled([MISSED] * 20 + [FOUND] * FIRST, 0, LOOKS)
    assert not settled([MISSED] * 6 + [FOUND] * FIRST, 0, LOOKS)


@pytest.mark.parametrize(
    ("stopped", "passed", "clear"),
    [(100, 0, True), (96, 4, False), (1440, 60, True), (1410, 90, False)],
)
def test_among_many_films_the_gates_share_needs_no_reserve(stopped, passed, clear) -> None:
    films = [GONE] * stopped + [FOUND] * passed
    assert clearly_stopped(films) is clear
    assert settled(films, 0, LOOKS) is clear
