"""The order as the database reads it is the order of triage.worklist.order, line by line."""

from __future__ import annotations

import dataclasses
import itertools
import re

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from tests.worklist.lists import NOW, Line, fill
from triage.store import Position, Selection, Sort, Store
from triage.store.names import name_keys
from triage.uids import work_item_uid
from triage.values import ReadingClass, StepState
from triage.worklist.order import rank

CAP = 3600.0


@pytest.fixture(autouse=True)
def small_pages(monkeypatch):
    """Let the whole order come in pages of a few lines."""
    monkeypatch.setattr("triage.store.reading_list._PAGE", 4)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Return one store for all lists of this file: `fill` empties it."""
    with Store.open(tmp_path_factory.mktemp("lists") / "state", lambda: NOW) as opened:
        yield opened


# Few different times, and the cap itself to the microsecond: ties and edges are what goes wrong.
SECONDS = st.sampled_from([0.0, 1.0, CAP - 1e-6, CAP, CAP + 1e-6, 2 * CAP, -5.0]) | st.floats(
    0, 3 * CAP
).map(lambda seconds: round(seconds, 6))
LISTS = st.lists(
    st.builds(
        Line,
        number=st.integers(1, 10**6),
        reading_class=st.sampled_from(ReadingClass),
        waited_seconds=SECONDS,
        claimed_after_seconds=st.none() | SECONDS.filter(lambda seconds: seconds >= 0),
        held=st.booleans(),
        ended=st.booleans(),
        patient_id=st.sampled_from(["P1", "P2"]),
        patient_name=st.sampled_from(["", "Doe^Jane", "DOE^JOHN", "Roe^Ann"]),
        patient_location=st.sampled_from(["", "ER", "er", "WARD"]),
    ),
    max_size=12,
    unique_by=lambda line: line.number,
)
NAMES = (
    "Doe^Jane",
    "DOE2^Doe3",
    "Adams^Doe",
    "van Doe^X",
    "Zorn^Doe",
    "=Doe^Z",
    "Do^Ann",
    "Roe^Ann",
    "",
)
MANY = settings(
    max_examples=30,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def window(store, limit=1_000, after=None, chosen=None):
    return store.reading_window(NOW, CAP, limit=limit, after=after, chosen=chosen or Selection())


def pages(store, size, chosen=None):
    """Return the list as somebody reads it page by page."""
    found, after = [], None
    while entries := window(store, size, after, chosen).entries:
        found += entries
        after = Position.of(entries[-1])
    return tuple(found)


@MANY
@given(LISTS)
def test_the_window_is_the_reading_order(store, lines):
    fill(store, lines)
    ranked = rank(store.worklist_entries(), NOW, CAP)
    found = window(store)
    assert found.entries == ranked
    assert pages(store, 4) == ranked
    assert tuple(store.reading_order(NOW, CAP)) == ranked
    assert found.total == len(ranked)
    assert found.counts == {
        one: sum(each.effective_class is one for each in ranked) for one in ReadingClass
    }
    assert found.overdue == sum(one.overdue for one in ranked)


@MANY
@given(LISTS)
def test_a_filtered_window_keeps_the_positions_of_the_whole_list(store, lines):
    fill(store, lines)
    ranked = rank(store.worklist_entries(), NOW, CAP)
    for chosen, holds in (
        (Selection(patient_ids=("P1",)), lambda one: one.entry.patient_id == "P1"),
        (Selection(patient_ids=("?1",)), lambda one: one.entry.patient_id == "P1"),
        (
            Selection(classes=(ReadingClass.SUSPECTED_ABNORMAL,)),
            lambda one: one.effective_class is ReadingClass.SUSPECTED_ABNORMAL,
        ),
    ):
        expected = tuple(one for one in ranked if holds(one))
        assert pages(store, 3, chosen) == expected


@MANY
@given(LISTS)
def test_a_line_knows_its_position_and_its_neighbours(store, lines):
    fill(store, lines)
    ranked = rank(store.worklist_entries(), NOW, CAP)
    uids = ["", *(one.entry.work_item_uid for one in ranked), ""]
    for (before, _, behind), one in zip(
        zip(uids, uids[1:], uids[2:], strict=False), ranked, strict=True
    ):
        assert store.ranked_entry(one.entry.work_item_uid, NOW, CAP) == one
        assert store.neighbours(one, NOW, CAP) == (before, behind)


@MANY
@given(LISTS)
def test_a_search_finds_open_lines_in_reading_order_and_ended_ones_behind(store, lines):
    fill(store, lines)
    ranked = rank(store.worklist_entries(), NOW, CAP)
    ended = sorted((line for line in lines if line.ended), key=lambda line: line.arrived_at)
    for chosen in (Selection(), Selection(patient_ids=("P2",)), Selection(patient_ids=("P2*",))):
        wanted = {"P1", "P2"} if chosen == Selection() else {"P2"}
        found = store.search(chosen, NOW, CAP, limit=1_000)
        uids = [one.entry.work_item_uid for one in found]
        expected = [one.entry.work_item_uid for one in ranked if one.entry.patient_id in wanted]
        behind = {work_item_uid(line.study) for line in ended if line.patient_id in wanted}
        assert uids[: len(expected)] == expected
        assert set(uids[len(expected) :]) == behind
        assert len(uids) == len(expected) + len(behind)
        for offset in range(len(uids) + 2):
            sliced = store.search(chosen, NOW, CAP, limit=3, offset=offset)
            assert [one.entry.work_item_uid for one in sliced] == uids[offset : offset + 3]


@MANY
@given(LISTS, st.integers(1, 14), st.sampled_from(Sort))
def test_a_page_shows_urgent_orders_first_and_the_rest_as_it_is_sorted(store, lines, limit, sort):
    fill(store, lines)
    place = {one.entry.work_item_uid: one for one in rank(store.worklist_entries(), NOW, CAP)}
    for selections, holds in SHOWN:
        chosen = {uid for uid, one in place.items() if holds(one)}
        urgent = [
            uid for uid, one in place.items() if one.effective_class is ReadingClass.URGENT_ORDER
        ]
        rest = sorted(chosen - {*urgent}, key=lambda uid: SORTED_BY[sort](place[uid]))
        shown = store.shown_window(NOW, CAP, limit=limit, selections=selections, sort=sort)
        expected = [*urgent, *rest]
        assert list(shown.window.entries) == [place[uid] for uid in expected[:limit]]
        assert shown.outside == {*urgent[:limit]} - chosen
        assert shown.more == (len(expected) > limit)
        assert shown.window.total == len(place)


@MANY
@given(
    st.lists(st.sampled_from(NAMES), max_size=14),
    st.integers(1, 8),
    st.sampled_from([0, 1, 3, 2_000]),
)
@example(["Adams^Doe", "Doe^Ann", "Zorn^Doe", "Doe^Doe", "=Doe^Z"], 2, 0)
@example(["Adams^Doe", "Doe^Ann", "Zorn^Doe", "Doe^Doe", "=Doe^Z"], 2, 4)
def test_a_frequent_name_is_found_wherever_it_stands_and_sorted_by_name(store, names, limit, few):
    """By whatever way the names are read: how many lines share one decides it."""
    lines = [Line(number, ReadingClass.ROUTINE, 1.0) for number in range(len(names))]
    named = [
        dataclasses.replace(line, patient_name=name)
        for line, name in zip(lines, names, strict=True)
    ]
    fill(store, named)
    entries = [
        one
        for one in store.worklist_entries()
        if any(word.startswith("doe") for word in re.split(r"[\^ =]", one.patient_name.casefold()))
    ]
    by_name = sorted(entries, key=_name_and_arrival)
    chosen = (
        Selection(patient_names=("doe*", "*^doe*", "* doe*")),
        Selection(patient_names=("doe*", "*^doe*", "* doe*"), patient_locations=("nowhere",)),
    )
    with pytest.MonkeyPatch.context() as patched:
        for module in ("name_order", "shown_places"):
            patched.setattr(f"triage.store.{module}.FEW_NAMED", few)
        shown = store.shown_window(NOW, CAP, limit=limit, selections=chosen, sort=Sort.PATIENT)
    assert [one.entry for one in shown.window.entries] == by_name[:limit]
    assert shown.more == (len(by_name) > limit)


def _name_and_arrival(entry):
    alphabetic, ideographic, _ = name_keys(entry.patient_name)
    return alphabetic or ideographic, entry.arrived_at, entry.work_item_uid


def _arrival(one):
    return one.entry.arrived_at, one.entry.work_item_uid


SORTED_BY = {
    Sort.READING: lambda one: one.position,
    Sort.ARRIVAL: _arrival,
    Sort.PATIENT: lambda one: (
        one.entry.patient_name == "",
        one.entry.patient_name.casefold(),
        _arrival(one),
    ),
    Sort.LOCATION: lambda one: (
        one.entry.patient_location == "",
        one.entry.patient_location.casefold(),
        one.position,
    ),
}
SHOWN = (
    ((Selection(),), lambda _: True),
    (
        (Selection(patient_ids=("P1",)), Selection(patient_names=("doe*",))),
        lambda one: (
            one.entry.patient_id == "P1" or one.entry.patient_name.casefold().startswith("doe")
        ),
    ),
    (
        (Selection(classes=(ReadingClass.SUSPECTED_ABNORMAL, ReadingClass.LIKELY_NORMAL)),),
        lambda one: (
            one.effective_class in (ReadingClass.SUSPECTED_ABNORMAL, ReadingClass.LIKELY_NORMAL)
        ),
    ),
    (
        (Selection(patient_locations=("er", "WARD")),),
        lambda one: one.entry.patient_location in ("er", "WARD"),
    ),
    (
        (Selection(step_states=(StepState.IN_PROGRESS,)),),
        lambda one: one.entry.step_state is StepState.IN_PROGRESS,
    ),
)


def test_an_unknown_line_has_no_place(store):
    assert store.ranked_entry("2.25.404", NOW, CAP) is None


def test_what_was_opened_while_overdue_stays_raised_and_what_was_opened_before_stays_below(store):
    fill(
        store,
        [
            Line(1, ReadingClass.LIKELY_NORMAL, 2 * CAP, claimed_after_seconds=CAP),
            Line(2, ReadingClass.LIKELY_NORMAL, 2 * CAP, claimed_after_seconds=CAP - 1e-6),
            Line(3, ReadingClass.ROUTINE, 0),
        ],
    )
    entries = window(store).entries
    assert [one.entry.study_instance_uid for one in entries] == ["1.2.1", "1.2.3", "1.2.2"]
    assert [one.overdue for one in entries] == [True, False, False]


@pytest.mark.parametrize(
    ("field", "patterns", "found"),
    [
        ("patient_names", ("doe*",), {1, 2}),
        ("patient_names", ("DOE^JANE",), {1}),
        ("patient_names", ("DOE^JANE^",), {1}),
        ("patient_names", ("*jane",), {1}),
        ("patient_names", ("d?e^j*", "山田*"), {1, 2, 3}),
        ("patient_names", ("=山田*",), {3}),
        ("patient_names", ("müller",), {4}),
        ("patient_names", ("100%_*",), {5}),
        ("patient_ids", ("P1",), {1}),
        ("patient_ids", ("P1*",), {1, 4}),
        ("patient_ids", ("P1", "P2"), {1, 2}),
        ("patient_ids", ("?2",), {2}),
        ("accession_numbers", ("A[1]",), {2}),
        ("study_instance_uids", ("1.2.3",), {3}),
        ("work_item_uids", (work_item_uid("1.2.4"),), {4}),
        ("labels", ("",), {1, 2, 3, 4, 5}),
        ("labels", ("OTHER",), set()),
    ],
)
def test_patterns_find_what_they_name(store, field, patterns, found):
    people = {
        1: ("Doe^Jane", "P1", "A1"),
        2: ("DOE^John", "P2", "A[1]"),
        3: ("Yamada^Tarou=山田^太郎", "P3", "A3"),
        4: ("Mu\u0308ller", "P10", "A4"),
        5: ("100%_^X", "P5", "A5"),
    }
    fill(
        store,
        [
            Line(number, patient_name=name, patient_id=patient, accession_number=accession)
            for number, (name, patient, accession) in people.items()
        ],
    )
    selection = Selection(**{field: patterns})
    results = (
        store.search(selection, NOW, CAP, limit=9),
        window(store, 9, None, selection).entries,
    )
    for entries in results:
        assert {int(one.entry.study_instance_uid.split(".")[-1]) for one in entries} == found


def test_a_query_that_is_larger_than_a_statement_narrows_nothing_and_fails_nothing(store):
    fill(store, [Line(1, patient_id="P1")])
    for patterns in (
        tuple(f"P{number}" for number in range(20_000)),
        tuple(f"*{number}*" for number in range(500)),
        ("*" + "x" * 100_000,),
    ):
        assert len(store.search(Selection(patient_ids=patterns), NOW, CAP, limit=9)) == 1


def test_more_matches_than_are_sorted_in_memory_come_in_the_same_order(store, monkeypatch):
    lines = [
        Line(number, cls, 60.0 * number, patient_id="P1")
        for number, cls in zip(range(1, 40), itertools.cycle(ReadingClass), strict=False)
    ]
    fill(store, lines)
    chosen = Selection(patient_ids=("P1",))
    few = pages(store, 7, chosen)
    monkeypatch.setattr("triage.store.places.FEW", 5)
    assert pages(store, 7, chosen) == few == rank(store.worklist_entries(), NOW, CAP)
