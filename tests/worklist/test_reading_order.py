"""The reading order: class, then arrival, and no study waits beyond the cap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from triage.values import (
    OrderPriority,
    Outcome,
    ReadingClass,
    StudyState,
    WorklistEntry,
)
from triage.worklist.order import rank

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
CAP = 3600.0


def entry(number: int, reading_class: ReadingClass, waited_minutes: float) -> WorklistEntry:
    arrived = NOW - timedelta(minutes=waited_minutes)
    return WorklistEntry(
        work_item_uid=f"2.25.{number}",
        study_instance_uid=f"1.2.{number}",
        arrived_at=arrived,
        reading_class=reading_class,
        reasons=(),
        outcome=Outcome.INDETERMINATE,
        study_state=StudyState.DECIDED,
        order_priority=OrderPriority.ROUTINE,
        patient_name="",
        patient_id="",
        patient_birth_date="",
        patient_sex="",
        accession_number="",
        study_description="",
        study_date="",
        image_count=1,
        report_uids=(),
        thumbnail="",
        changed_at=arrived,
    )


def order(*entries: WorklistEntry) -> list[str]:
    ranked = rank(entries, NOW, CAP)
    return [one.entry.study_instance_uid for one in ranked]


def test_classes_come_in_order_whatever_the_arrival():
    entries = [
        entry(1, ReadingClass.LIKELY_NORMAL, 50),
        entry(2, ReadingClass.ROUTINE, 40),
        entry(3, ReadingClass.SUSPECTED_ABNORMAL, 30),
        entry(4, ReadingClass.URGENT_ORDER, 20),
    ]
    assert order(*entries) == ["1.2.4", "1.2.3", "1.2.2", "1.2.1"]


def test_within_a_class_the_earlier_arrival_comes_first_and_ties_are_stable():
    entries = [
        entry(2, ReadingClass.ROUTINE, 10),
        entry(3, ReadingClass.ROUTINE, 30),
        entry(1, ReadingClass.ROUTINE, 10),
    ]
    assert order(*entries) == ["1.2.3", "1.2.1", "1.2.2"]


def test_a_study_at_the_cap_is_raised_among_the_suspected_by_its_arrival():
    ranked = rank(
        [
            entry(1, ReadingClass.LIKELY_NORMAL, 60),
            entry(2, ReadingClass.SUSPECTED_ABNORMAL, 59),
            entry(3, ReadingClass.URGENT_ORDER, 1),
            entry(4, ReadingClass.ROUTINE, 59),
        ],
        NOW,
        CAP,
    )
    assert [one.entry.study_instance_uid for one in ranked] == ["1.2.3", "1.2.1", "1.2.2", "1.2.4"]
    assert [one.overdue for one in ranked] == [False, True, False, False]
    assert ranked[1].effective_class is ReadingClass.SUSPECTED_ABNORMAL


def test_an_arrival_in_the_future_counts_as_now():
    (ranked,) = rank([entry(1, ReadingClass.ROUTINE, -5)], NOW, CAP)
    assert ranked.waited_seconds == 0.0


entries = st.lists(
    st.builds(
        entry,
        st.integers(1, 10**6),
        st.sampled_from(ReadingClass),
        st.floats(0, 600, allow_nan=False),
    ),
    max_size=30,
    unique_by=lambda one: one.study_instance_uid,
)


@given(entries)
def test_nothing_is_ever_hidden_or_listed_twice(found):
    ranked = rank(found, NOW, CAP)
    assert sorted(order(*found)) == sorted(one.study_instance_uid for one in found)
    assert [one.position for one in ranked] == list(range(1, len(found) + 1))


@given(entries)
def test_beyond_the_cap_only_urgent_orders_and_earlier_arrivals_come_before(found):
    ranked = rank(found, NOW, CAP)
    for place, one in enumerate(ranked):
        if one.waited_seconds >= CAP and one.entry.reading_class is not ReadingClass.URGENT_ORDER:
            assert all(
                before.effective_class is ReadingClass.URGENT_ORDER
                or before.entry.arrived_at <= one.entry.arrived_at
                for before in ranked[:place]
            )
