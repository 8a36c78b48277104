"""What is kept beside the open list follows every change of it, and is never taken on trust."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, text, update

from tests.worklist.lists import NOW, Line, fill
from triage.store import Selection, Store
from triage.store.list_counts_schema import name_words, place_counts
from triage.store.placing import name_columns
from triage.store.schema import work_items
from triage.uids import work_item_uid
from triage.values import ReadingClass, StepState
from triage.worklist.order import rank

CAP = 3600.0
MANY = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
NUMBERS = st.integers(0, 5)
WAITED = st.floats(0, 3 * CAP).map(lambda seconds: round(seconds, 6))
NAMES = st.lists(st.sampled_from([*"aB^ =", "Doe", "山", '"', "\\", "%"]), max_size=6).map("".join)
# What becomes of a line, as the columns that tell it.
CHANGES = st.one_of(
    st.builds(lambda one: {"reading_class": one}, st.sampled_from(ReadingClass)),
    st.builds(lambda name: {"held_by": name}, st.sampled_from(["", "Dr Who"])),
    st.builds(lambda waited: {"arrived_at": NOW - timedelta(seconds=waited)}, WAITED),
    st.just({"step_state": StepState.IN_PROGRESS, "claimed_at": NOW, "transaction_uid": "2.25.1"}),
    st.just({"step_state": StepState.SCHEDULED, "claimed_at": None, "transaction_uid": ""}),
    st.just({"step_state": StepState.COMPLETED, "ended_at": NOW}),
    st.just({"step_state": StepState.CANCELED, "ended_at": NOW, "claimed_at": NOW}),
    st.builds(name_columns, NAMES),
)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Return one store for all lists of this file: `fill` empties it."""
    with Store.open(tmp_path_factory.mktemp("counts") / "state", lambda: NOW) as opened:
        yield opened


@MANY
@given(
    st.lists(st.tuples(NUMBERS, CHANGES), max_size=12),
    st.lists(NAMES, min_size=6, max_size=6),
    st.sets(NUMBERS, max_size=2),
)
def test_counts_and_words_follow_whatever_becomes_of_the_lines(store, changes, names, gone):
    fill(
        store,
        [
            Line(number, waited_seconds=700.0 * number, patient_name=name)
            for number, name in enumerate(names)
        ],
    )
    for number, values in changes:
        _set(store, number, **values)
        assert store.kept_tables_agree()
    with store.writing() as connection:
        doomed = work_items.c.work_item_uid.in_([work_item_uid(f"1.2.{one}") for one in gone])
        connection.execute(delete(work_items).where(doomed))
    assert store.kept_tables_agree()
    ranked = rank(store.worklist_entries(), NOW, CAP)
    window = store.reading_window(NOW, CAP, limit=100)
    assert window.entries == ranked
    assert (window.total, window.overdue) == (len(ranked), sum(one.overdue for one in ranked))


@MANY
@given(
    st.lists(NAMES, max_size=8),
    st.lists(NAMES | st.sampled_from(["*^a*", "* doe*", "d?e*", "*"]), min_size=1, max_size=3),
)
def test_a_lookup_by_words_finds_what_a_walk_along_the_list_finds(store, names, patterns):
    fill(store, [Line(number, patient_name=name) for number, name in enumerate(names)])
    for chosen in (
        Selection(patient_names=tuple(patterns)),
        Selection(patient_names=tuple(f"*^{one}*" for one in patterns)),
        Selection(patient_names=tuple(f"{one}*" for one in patterns)),
    ):
        looked_up = store.search(chosen, NOW, CAP, limit=100)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("triage.store.places.FEW", -1)
            assert store.search(chosen, NOW, CAP, limit=100) == looked_up


def test_positions_are_right_where_counts_of_every_width_begin_and_end(store):
    """Arrivals on the bounds of the buckets of all three widths, and just beside them."""
    bound = 32_768 * 54_000
    seconds = [bound + step for step in (-32_768, -1_024, -32, 0, 32, 1_024, 32_768)]
    waits = [NOW.timestamp() - one + beside for one in seconds for beside in (-1e-6, 0, 1e-6)]
    lines = [
        Line(number, one, waited, held=number % 5 == 0)
        for number, (waited, one) in enumerate((w, c) for w in waits for c in ReadingClass)
    ]
    fill(store, lines)
    now = NOW.fromtimestamp(bound + 2_000, NOW.tzinfo)
    for cap in (500.0, 2_000.0, 40_000.0):
        for one in rank(store.worklist_entries(), now, cap):
            assert store.ranked_entry(one.entry.work_item_uid, now, cap) == one


def test_a_change_of_a_line_writes_its_own_counts_only(store):
    fill(store, [Line(number, waited_seconds=60.0 * number) for number in range(50)])
    before = _counts(store)
    _set(store, 7, reading_class=ReadingClass.LIKELY_NORMAL)
    changed = {
        key
        for key in before.keys() | _counts(store).keys()
        if before.get(key) != _counts(store).get(key)
    }
    assert {one for _, _, one, _ in changed} == {ReadingClass.ROUTINE, ReadingClass.LIKELY_NORMAL}
    assert len(changed) == 6  # one bucket of each width, before and after


def test_counts_that_something_else_has_damaged_are_noticed_and_made_anew(store):
    fill(store, [Line(1, patient_name="Doe^Jane"), Line(2)])
    for damage in ("UPDATE place_counts SET number = 7", "DELETE FROM name_words"):
        with store.writing() as connection:
            connection.execute(text(damage))
        assert not store.kept_tables_agree()
        store.make_kept_tables_anew()
        assert store.kept_tables_agree()
        assert store.reading_window(NOW, CAP, limit=1).total == 2
        assert len(store.search(Selection(patient_names=("*^jane",)), NOW, CAP, limit=9)) == 1


def test_words_of_what_has_ended_are_not_kept(store):
    fill(store, [Line(1, patient_name="Doe^Jane=山田^太郎")])
    with store.reading() as connection:
        words = set(connection.execute(select(name_words.c.word)).scalars())
    assert words == {"doe", "jane", "山田", "太郎"}
    _set(store, 1, step_state=StepState.COMPLETED, ended_at=NOW)
    with store.reading() as connection:
        assert connection.execute(select(name_words)).first() is None
    (found,) = store.search(Selection(patient_names=("doe*",)), NOW, CAP, limit=9)
    assert found.entry.ended_at == NOW


def _set(store, number, **values):
    """Let one line have other values, where the constraints of the table let it."""
    uid = work_item_uid(f"1.2.{number}")
    with store.writing() as connection:
        row = connection.execute(
            select(work_items).where(work_items.c.work_item_uid == uid)
        ).first()
        if row is not None and row.ended_at is None:
            connection.execute(
                update(work_items).where(work_items.c.work_item_uid == uid).values(**values)
            )


def _counts(store):
    with store.reading() as connection:
        return {tuple(row[:4]): row.number for row in connection.execute(select(place_counts))}
