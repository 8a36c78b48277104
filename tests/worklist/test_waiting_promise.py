"""The waiting cap is a promise: what results may cost a study is bounded, whatever they say."""

from __future__ import annotations

import statistics

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worklist.reading_day import Arrival, Room, a_day, read_at, readings, waits
from triage.values import ReadingClass

CAP = 60.0
NEVER = 1e9

TIMES = st.integers(0, 300).map(float)
CLASSES = st.sampled_from(
    [ReadingClass.SUSPECTED_ABNORMAL, ReadingClass.ROUTINE, ReadingClass.LIKELY_NORMAL]
)


@st.composite
def days(draw):
    """Draw arrivals whose results change at any time, some of them ordered as urgent."""
    arrivals = []
    for number, at in enumerate(draw(st.lists(TIMES, min_size=1, max_size=14))):
        changes = draw(st.lists(st.tuples(st.integers(0, 200), CLASSES), max_size=3))
        urgent = draw(st.integers(0, 5)) == 0
        ordered = ReadingClass.URGENT_ORDER if urgent else ReadingClass.ROUTINE
        becomes = tuple((at + after, found) for after, found in changes)
        arrivals.append(Arrival(number, at, ordered, becomes))
    return arrivals


def both(arrivals, times, cap=CAP):
    """Return when each study is read with results and without them."""
    return (
        read_at(arrivals, times, cap, with_results=True),
        read_at(arrivals, times, NEVER, with_results=False),
    )


def not_urgent(taken, arrivals):
    """Return the studies that were taken up and are no urgent orders, in the order of taking."""
    return [n for n in taken if arrivals[n].ordered is not ReadingClass.URGENT_ORDER]


@settings(deadline=None)
@given(days(), st.lists(TIMES, max_size=40))
def test_beyond_the_cap_no_later_arrival_is_read_first_but_an_urgent_order(arrivals, times):
    taken, _ = both(arrivals, times)
    for one in arrivals:
        for other in arrivals:
            later = (other.at, other.number) > (one.at, one.number)
            if not later or other.ordered is ReadingClass.URGENT_ORDER:
                continue
            when = taken.get(other.number, NEVER)
            overtakes = when < taken.get(one.number, NEVER)
            assert not overtakes or when < one.at + CAP


@settings(deadline=None)
@given(days(), st.lists(TIMES, max_size=40))
def test_a_study_is_overtaken_at_most_by_what_is_taken_up_until_its_cap(arrivals, times):
    taken, without = both(arrivals, times)
    turns, turns_without = not_urgent(taken, arrivals), not_urgent(without, arrivals)
    # The readers have as many turns left for what is not urgent, with results and without.
    assert len(turns) == len(turns_without)
    for turn_without, number in enumerate(turns_without):
        arrived = arrivals[number].at
        until_cap = sum(arrived <= taken[other] < arrived + CAP for other in turns)
        # A study that is not read yet would be taken at the next turn at the earliest.
        turn = turns.index(number) if number in taken else len(turns)
        assert turn <= turn_without + until_cap


@settings(deadline=None)
@given(days(), st.sampled_from([1.0, 5.0, 20.0, 60.0]), st.integers(0, 19))
def test_at_a_steady_pace_results_cost_a_study_at_most_the_cap(arrivals, pace, offset):
    """Urgent orders that come meanwhile take their turns beyond that: they would have anyway."""
    times = [offset + pace * turn for turn in range(int(600 / pace) + 40)]
    taken, without = both(arrivals, times)
    urgent = [one.number for one in arrivals if one.ordered is ReadingClass.URGENT_ORDER]
    assert taken.keys() == without.keys() == {one.number for one in arrivals}
    for one in arrivals:
        begin, end = without[one.number], taken[one.number]
        meanwhile = sum(begin <= taken[number] < end for number in urgent)
        assert end <= begin + CAP + pace * meanwhile


@settings(deadline=None)
@given(days(), st.lists(TIMES, max_size=40))
def test_an_urgent_order_is_read_exactly_when_it_would_be_without_results(arrivals, times):
    taken, without = both(arrivals, times)
    urgent = {one.number for one in arrivals if one.ordered is ReadingClass.URGENT_ORDER}
    assert {n: t for n, t in taken.items() if n in urgent} == {
        n: t for n, t in without.items() if n in urgent
    }


def test_without_a_cap_the_promise_is_broken():
    """The property is not empty: without a cap a lowered study waits as long as others come."""
    arrivals = [Arrival(0, 0.0, becomes=((0.0, ReadingClass.LIKELY_NORMAL),))]
    arrivals += [
        Arrival(number, float(number - 1), becomes=((0.0, ReadingClass.SUSPECTED_ABNORMAL),))
        for number in range(1, 300)
    ]
    times = [float(time) for time in range(400)]
    assert read_at(arrivals, times, NEVER, with_results=True)[0] == 299
    assert read_at(arrivals, times, CAP, with_results=True)[0] == CAP
    assert read_at(arrivals, times, NEVER, with_results=False)[0] == 0


def test_on_a_simulated_day_the_cap_bounds_what_results_cost_and_the_abnormal_still_gain():
    room, cap = Room(), 3_600.0
    arrivals, abnormal = a_day(room, seed=4)
    times = readings(room, seed=4)
    served = waits(arrivals, read_at(arrivals, times, NEVER, with_results=False))
    uncapped = waits(arrivals, read_at(arrivals, times, NEVER, with_results=True))
    capped = waits(arrivals, read_at(arrivals, times, cap, with_results=True))
    assert len(served) == len(uncapped) == len(capped) == len(arrivals)
    assert max(capped.values()) < max(uncapped.values())
    assert most_costly(capped, served) < most_costly(uncapped, served)

    def mean_of_abnormal(waited):
        return statistics.fmean(waited[number] for number in abnormal)

    assert mean_of_abnormal(uncapped) < mean_of_abnormal(capped) < mean_of_abnormal(served)


def most_costly(waited, served):
    """Return what results have cost the study that they have cost most, in seconds."""
    return max(waited[number] - served[number] for number in served)
