"""Waiting times: the closed form, the worked figures, and a simulation held against both."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.report.waiting import Sorting, by_class, draw_arrivals, in_turn, simulate

WORKED = Sorting.two_classes(prevalence=0.5, sensitivity=0.95, specificity=0.5)
LOAD = 0.9


def test_the_worked_figures_come_out() -> None:
    """Load .9, prevalence .5, sensitivity .95, specificity .5."""
    sorted_waits = by_class(WORKED, LOAD)

    assert in_turn(LOAD).everyone == pytest.approx(9.0)
    assert sorted_waits.abnormal == pytest.approx(3.8, abs=0.05)
    assert sorted_waits.normal == pytest.approx(14.2, abs=0.05)
    assert sorted_waits.missed == pytest.approx(25, abs=1)


@given(
    prevalence=st.floats(0.05, 0.95),
    load=st.floats(0.1, 0.95),
    sick=st.tuples(*[st.floats(0.01, 1)] * 3),
    well=st.tuples(*[st.floats(0.01, 1)] * 3),
)
def test_reordering_saves_no_work(prevalence, load, sick, well) -> None:
    """The mean over all studies is that of first come, first served."""
    shares = [tuple(part / sum(three) for part in three) for three in (sick, well)]
    sorting = Sorting(prevalence, *shares)

    assert by_class(sorting, load).everyone == pytest.approx(in_turn(load).everyone)


@pytest.mark.parametrize(
    "sorting", [WORKED, Sorting(0.3, (0.7, 0.28, 0.02), (0.05, 0.35, 0.6))], ids=["two", "three"]
)
def test_the_simulation_agrees_with_the_closed_form(sorting: Sorting) -> None:
    """At a load where a run of this length has settled."""
    arrivals = draw_arrivals(sorting, 0.7, 150_000, seed=4)

    simulated, expected = simulate(arrivals), by_class(sorting, 0.7)
    as_they_come = simulate(arrivals, reorder=False)

    assert simulated.abnormal == pytest.approx(expected.abnormal, rel=0.04)
    assert simulated.normal == pytest.approx(expected.normal, rel=0.04)
    assert simulated.missed == pytest.approx(expected.missed, rel=0.08)
    assert as_they_come.everyone == pytest.approx(in_turn(0.7).everyone, rel=0.04)


def test_a_cap_costs_the_abnormal_a_little_and_spares_the_longest_wait() -> None:
    """With a cap of 40: abnormal about 5.9, the longest wait less than half."""
    arrivals = draw_arrivals(WORKED, LOAD, 200_000, seed=2)

    capped, open_ended = simulate(arrivals, cap=40), simulate(arrivals)

    assert capped.abnormal == pytest.approx(5.9, abs=0.5)
    assert open_ended.abnormal == pytest.approx(3.8, abs=0.2)
    assert capped.longest is not None
    assert open_ended.longest is not None
    assert capped.longest < open_ended.longest / 2
    assert capped.missed is not None
    assert open_ended.missed is not None
    assert capped.missed < open_ended.missed


def test_a_model_that_misses_nothing_has_no_missed_waiting() -> None:
    perfect = Sorting(0.5, (1.0, 0.0, 0.0), (0.0, 0.0, 1.0))

    assert by_class(perfect, LOAD).missed is None
    assert simulate(draw_arrivals(perfect, LOAD, 100, seed=1)).missed is None


def test_without_reordering_a_cap_changes_nothing() -> None:
    arrivals = draw_arrivals(WORKED, LOAD, 5_000, seed=3)

    assert simulate(arrivals, reorder=False, cap=5) == simulate(arrivals, reorder=False)
