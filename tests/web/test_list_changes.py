"""What travels to a page that knows an older list, and what a page may ask for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.errors import PermanentError
from triage.store import Sort
from triage.values import ReadingClass
from triage.web.listing.asking import ListQuery, read_query
from triage.web.listing.changes import changes
from triage.web.listing.known import KnownLists

KEYS = st.lists(st.sampled_from("abcdefghij"), unique=True)


def follow(before, way):
    """Take the steps as the page does: out with what goes or moves, then each to its place."""
    shown = [key for key in before if key not in way.gone and key not in dict(way.placed)]
    for key, place in way.placed:
        shown.insert(place, key)
    return shown


@given(KEYS, KEYS)
def test_the_steps_lead_from_any_list_to_any_other(before, after):
    way = changes(dict.fromkeys(before, 1), dict.fromkeys(after, 1))
    assert follow(before, way) == after


@given(KEYS, KEYS)
def test_every_line_that_is_new_or_shows_something_else_travels_and_no_other(before, after):
    known = {key: ord(key) % 3 for key in before}
    wanted = dict.fromkeys(after, 1)
    altered = changes(known, wanted).altered
    assert set(altered) == {key for key in wanted if known.get(key) != wanted[key]}


def test_one_study_that_moves_to_the_top_is_one_step_whatever_the_length_of_the_list():
    keys = [str(number) for number in range(1000)]
    way = changes(dict.fromkeys(keys, 1), dict.fromkeys(["700", *keys[:700], *keys[701:]], 1))
    assert (way.gone, way.placed, way.altered) == ((), (("700", 0),), ())


def test_a_list_that_is_forgotten_is_not_known_and_the_same_list_has_the_same_name():
    known = KnownLists(most_kept=2)
    first = known.remember({"a": 1})
    assert known.remember({"a": 1}) == first
    assert known.recall(first) == {"a": 1}
    known.remember({"b": 1})
    known.remember({"c": 1})
    assert known.recall(first) is None
    assert known.recall(["no name"]) is None


def test_a_list_has_another_name_after_a_restart():
    assert KnownLists().remember({"a": 1}) != KnownLists().remember({"a": 1})


def test_what_a_page_does_not_name_is_not_restricted():
    assert read_query({}) == ListQuery()
    assert not read_query({"sort": "patient"}).filters
    assert read_query({"mine": True}).filters


def test_a_page_may_ask_for_filters_and_another_order():
    asked = {
        "classes": [0, 2],
        "waiting_minutes": 60,
        "text": "  doe   jane ",
        "location": "ER",
        "mine": True,
        "sort": "arrival",
        "limit": 400,
    }
    urgent, routine = ReadingClass.URGENT_ORDER, ReadingClass.ROUTINE
    assert read_query(asked) == ListQuery(
        frozenset({urgent, routine}), 60, "doe jane", "ER", mine=True, sort=Sort.ARRIVAL, limit=400
    )


@pytest.mark.parametrize(
    "asked",
    [
        {"classes": [9]},
        {"classes": "0"},
        {"classes": [[]]},
        {"waiting_minutes": -1},
        {"waiting_minutes": True},
        {"waiting_minutes": "60"},
        {"waiting_minutes": float("nan")},
        {"text": "x" * 65},
        {"text": None},
        {"location": 7},
        {"sort": "salary"},
        {"sort": []},
        {"limit": 1e9},
    ],
)
def test_what_there_is_not_is_refused_in_words(asked):
    with pytest.raises(PermanentError, match=r"reload the page|shorten it"):
        read_query(asked)
