"""When to try again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.delivery.answers import STATUSES, Answer, judge
from triage.delivery.backoff import REFUSAL_ATTEMPTS, next_attempt, rest_seconds
from triage.settings import DeliverySettings

NOW = datetime(2024, 5, 1, 8, 0, tzinfo=UTC)
SETTINGS = DeliverySettings(
    first_retry_seconds=5, maximum_retry_seconds=60, maximum_attempts=6, timeout_seconds=30
)


def test_a_busy_answer_is_tried_again_after_delays_that_double_up_to_the_maximum():
    due = [next_attempt(n, Answer.BUSY, SETTINGS, NOW, 0.0) for n in range(1, 6)]
    assert due == [NOW + timedelta(seconds=s) for s in (5, 10, 20, 40, 60)]


def test_the_last_of_the_bounded_tries_makes_a_dead_letter():
    assert next_attempt(6, Answer.BUSY, SETTINGS, NOW, 0.0) is None


def test_a_refusal_is_repeated_slowly_and_given_up_soon():
    due = [next_attempt(n, Answer.REFUSED, SETTINGS, NOW, 0.0) for n in range(1, 4)]
    assert due == [NOW + timedelta(seconds=60), NOW + timedelta(seconds=60), None]
    assert REFUSAL_ATTEMPTS == 3


def test_a_site_that_allows_one_try_gets_one_for_refusals_too():
    once = DeliverySettings(maximum_attempts=1)
    assert next_attempt(1, Answer.REFUSED, once, NOW, 0.0) is None


@given(failures=st.integers(1, 10**9), jitter=st.floats(0, 1, exclude_max=True))
def test_a_destination_in_trouble_rests_within_bounds_however_long_it_lasts(failures, jitter):
    rest = rest_seconds(failures, SETTINGS, jitter)
    assert 0.75 * SETTINGS.first_retry_seconds <= rest <= SETTINGS.maximum_retry_seconds


@given(attempts=st.integers(1, 5), jitter=st.floats(0, 1, exclude_max=True))
def test_jitter_shortens_a_delay_by_a_quarter_at_most(attempts, jitter):
    whole = next_attempt(attempts, Answer.BUSY, SETTINGS, NOW, 0.0)
    shorter = next_attempt(attempts, Answer.BUSY, SETTINGS, NOW, jitter)
    assert whole is not None
    assert shorter is not None
    assert 0.75 * (whole - NOW) <= shorter - NOW <= whole - NOW


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (0x0000, Answer.STORED),
        (0x0110, Answer.BUSY),
        (0x0111, Answer.STORED),
        (0x0122, Answer.REFUSED),
        (0x0124, Answer.REFUSED),
        (0x0213, Answer.BUSY),
        (0xA700, Answer.BUSY),
        (0xA7FF, Answer.BUSY),
        (0xA900, Answer.REFUSED),
        (0xB000, Answer.STORED),
        (0xB006, Answer.STORED),
        (0xB007, Answer.STORED),
        (0xC000, Answer.REFUSED),
        (0xCFFF, Answer.REFUSED),
        (0xFE00, Answer.BUSY),
        (0xD123, Answer.BUSY),
    ],
)
def test_each_status_of_a_store_comes_to_what_the_standard_means(status, expected):
    assert judge(status)[0] is expected


def test_no_status_at_all_counts_as_stored_unless_the_table_says_so():
    stored = {status for status in range(0x10000) if judge(status)[0] is Answer.STORED}
    assert stored == {0x0000, 0x0107, 0x0111, 0x0116, *range(0xB000, 0xC000)}
    assert all(meaning for *_, meaning in STATUSES)
