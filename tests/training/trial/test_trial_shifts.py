"""Which shifts there are, and what their films are."""

from __future__ import annotations

from training.phantom import Degradation, View
from training.trial.shifts import IN_SCOPE, Shift, every_shift


def test_every_way_in_which_the_phantom_can_differ_has_a_cell() -> None:
    shifts = every_shift()

    assert {shift.degradation for shift in shifts} == {None, *Degradation}
    assert {shift.view for shift in shifts} == set(View)
    assert {shift.pixel_error for shift in shifts} >= {0.0, 1.0, 2.0, 3.0, 5.0}
    assert any(shift.hardware for shift in shifts)
    assert [shift.header for shift in shifts if shift.child] == [True, False]
    assert shifts[0] is IN_SCOPE
    assert len({shift.name for shift in shifts}) == len(shifts)


def test_what_the_issue_names_is_tried_at_four_severities() -> None:
    for name in ("blur", "low dose", "noise", "rotation"):
        found = [shift.severity for shift in every_shift() if shift.kind == name]
        assert found == [0.0, 0.25, 0.5, 1.0]


def test_films_as_they_come_are_abnormal_by_chance_and_shifted_ones_mostly() -> None:
    usual = [IN_SCOPE.case(seed, seed).abnormal for seed in range(200)]
    blurred = [Shift("blur", degradation=Degradation.BLUR).case(n, n).abnormal for n in range(60)]

    assert 70 <= sum(usual) <= 130
    assert sum(blurred) == 50


def test_a_childs_film_is_a_childs_whatever_the_header_says() -> None:
    for shift in every_shift():
        case = shift.case(5, 1)
        assert (case.age_years < 18) == shift.child
        assert case.severity == shift.severity


def test_only_laterals_show_what_findings_are_looked_for_in() -> None:
    assert {shift.view for shift in every_shift() if shift.readable} == {View.LATERAL}
