"""No window, count, position or search goes through the whole list: the plans say so."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import event

from tests.worklist.lists import NOW, Line, fill
from triage.store import Days, Moments, Position, Selection, Sort, Store
from triage.uids import work_item_uid
from triage.values import ReadingClass, StepState, StudyState

CAP = 3600.0
CLASSES = (ReadingClass.ROUTINE, ReadingClass.LIKELY_NORMAL, ReadingClass.SUSPECTED_ABNORMAL)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Return a store with some lines of every kind."""
    with Store.open(tmp_path_factory.mktemp("plans") / "state", lambda: NOW) as opened:
        fill(
            opened,
            [
                Line(
                    number,
                    CLASSES[number % 3],
                    30.0 * number,
                    claimed_after_seconds=1.0 if number % 7 == 0 else None,
                    held=number % 11 == 0,
                    ended=number % 13 == 0,
                    patient_id=f"P{number}",
                    patient_name=f"Doe{number}^Jane",
                    accession_number=f"A{number}",
                )
                for number in range(1, 300)
            ],
        )
        yield opened


@pytest.fixture
def plans(store):
    """Return a function that runs a verb and returns the query plans of its statements."""

    def plan_of(verb):
        said = []

        def note(connection, cursor, statement, parameters, *_):
            if statement.lstrip().startswith(("SELECT", "WITH")):
                cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
                said.append([row[3] for row in cursor.fetchall()])

        event.listen(store._engine, "before_cursor_execute", note)
        try:
            verb()
        finally:
            event.remove(store._engine, "before_cursor_execute", note)
        assert said
        return said

    return plan_of


_SHORT_SCANS = (
    "USING INDEX work_items_ended",
    "USING INDEX work_items_by_arrival",
    "USING INDEX work_items_by_patient_name",
    "receivers USING INDEX sqlite_autoindex_receivers_1",
    "SCAN CONSTANT ROW",  # a sum of counts, each of which has a plan of its own
)
# What a statement has looked up or was given, and goes through once more.
_AT_HAND = (
    "SCAN (subquery",
    "SCAN anon_",
    "SCAN asked",
    "SCAN place",
    "SCAN each VIRTUAL TABLE",
)
_LOOKED_UP = (
    "SEARCH name_words",
    "SEARCH work_items USING INDEX work_items_by_",
    "SEARCH work_items USING INDEX sqlite_autoindex_work_items_1",
    "SEARCH work_items USING INDEX work_items_claimed",
    "MATERIALIZE asked",
)


def scans(said):
    """Return the steps that go through a whole table or index, or sort more than was looked up.

    Ended items, arrivals and names are walked in the order of their own index as far as the limit
    goes; the table of receivers has a line for each that is configured.
    """
    looked_up = any(step.startswith(_LOOKED_UP) for step in said)
    return [
        step
        for step in said
        if (
            step.startswith("SCAN")
            and not step.endswith(_SHORT_SCANS)
            and not step.startswith(_AT_HAND)
        )
        or ("TEMP B-TREE" in step and not looked_up)
    ]


# Indexes of no more than what is shown, walked from their end.
SHOWN_TO_OPERATORS = (
    "images_looked_at",
    "images_given_up",
    "deliveries_failing",
    "receiver_changes_alarming",
    "hl7_results_given_up",
)
MIDDLE = Position(ReadingClass.ROUTINE, NOW - timedelta(seconds=900), "2.25.5")
ITEM = work_item_uid("1.2.20")


@pytest.mark.parametrize(
    "verb",
    [
        lambda store: store.reading_window(NOW, CAP, limit=50),
        lambda store: store.reading_window(NOW, CAP, limit=50, after=MIDDLE),
        lambda store: store.reading_window(
            NOW, CAP, limit=50, chosen=Selection(classes=(ReadingClass.LIKELY_NORMAL,))
        ),
        lambda store: store.shown_window(
            NOW, CAP, limit=50, selections=[Selection(step_states=(StepState.IN_PROGRESS,))]
        ),
        lambda store: store.shown_window(NOW, CAP, limit=50, sort=Sort.ARRIVAL),
        lambda store: store.shown_window(NOW, CAP, limit=50, sort=Sort.PATIENT),
        lambda store: store.shown_window(NOW, CAP, limit=50, sort=Sort.LOCATION),
        lambda store: store.shown_window(
            NOW, CAP, limit=50, selections=[Selection(patient_names=("DOE2*",))], sort=Sort.PATIENT
        ),
        lambda store: store.reading_window(
            NOW, CAP, limit=50, chosen=Selection(patient_names=("*^JANE",))
        ),
        lambda store: store.reading_window(
            NOW, CAP, limit=50, chosen=Selection(claimed_by=("READER",))
        ),
        lambda store: store.reading_window(
            NOW, CAP, limit=50, chosen=Selection(patient_locations=("ER",))
        ),
        lambda store: store.patient_locations(),
        lambda store: store.ranked_entry(ITEM, NOW, CAP),
        lambda store: store.neighbours(store.ranked_entry(ITEM, NOW, CAP), NOW, CAP),
        lambda store: store.search(Selection(), NOW, CAP, limit=50),
        lambda store: store.search(Selection(), NOW, CAP, limit=50, offset=270),
        lambda store: store.search(Selection(patient_ids=("P20",)), NOW, CAP, limit=50),
        lambda store: store.search(Selection(patient_ids=("P20*",)), NOW, CAP, limit=50),
        lambda store: store.search(Selection(accession_numbers=("A20",)), NOW, CAP, limit=50),
        lambda store: store.search(Selection(patient_names=("DOE2*",)), NOW, CAP, limit=50),
        lambda store: store.search(Selection(study_instance_uids=("1.2.20",)), NOW, CAP, limit=50),
        lambda store: store.search(Selection(work_item_uids=(ITEM,)), NOW, CAP, limit=50),
        lambda store: store.note_overdue(NOW, CAP),
        lambda store: store.changes_since(5),
        lambda store: store.step(ITEM),
    ],
)
def test_no_verb_of_the_list_scans_or_sorts_a_table(store, plans, verb):
    for said in plans(lambda: verb(store)):
        assert scans(said) == []


def test_of_many_lines_of_a_name_none_is_sorted_that_is_not_shown(store, plans, monkeypatch):
    for module in ("name_order", "shown_places"):
        monkeypatch.setattr(f"triage.store.{module}.FEW_NAMED", 0)
    index = "work_items USING INDEX work_items_by_patient_name"
    for patterns, walk in (
        (("DOE2*", "*^DOE2*"), f"SEARCH {index} (<expr>>? AND <expr><?)"),
        (("JAN*", "*^JAN*"), f"SCAN {index}"),  # no name begins so: given names lie everywhere
    ):
        chosen = Selection(patient_names=patterns, patient_ids=("P*",))

        def ask(chosen=chosen):
            return store.shown_window(
                NOW, CAP, limit=50, selections=[chosen], sort=Sort.PATIENT
            ).window.entries

        said = plans(ask)
        assert [walk] in said
        assert [step for steps in said for step in scans(steps)] == []
        assert ask()


def test_a_class_is_merged_from_its_indexes_and_none_is_read_to_its_end(store, plans):
    """SQLite reads each stream no further than the lines that are wanted need."""
    raised_to = Selection(classes=(ReadingClass.SUSPECTED_ABNORMAL,), patient_names=("?*",))
    (walk,) = (
        said
        for said in plans(lambda: store.search(raised_to, NOW, CAP, limit=9))
        if "MERGE (UNION ALL)" in said
    )
    read = [step.partition(" USING ")[2] for step in walk if "USING INDEX" in step]
    assert read.count("INDEX work_items_fixed (reading_class=?)") == 1, "all that persons hold"
    assert read.count("INDEX work_items_claimed (claimed_by>?)") == 2
    assert read.count("INDEX work_items_movable (reading_class=? AND arrived_at<?)") == 2
    sorted_there = [step for step in walk if "TEMP B-TREE" in step]
    assert len(sorted_there) == 2, "only what the cap had raised when it was claimed is sorted"


def test_a_statement_carries_few_parameters_however_many_values_are_asked_for(store, monkeypatch):
    """SQLite takes 32,766 as it is built by default, and a class asks for them in every stream."""
    said = []

    def note(connection, cursor, statement, parameters, *_):
        said.append(len(parameters))

    ours = tuple(f"1.2.{number}" for number in range(1, 300))
    others = tuple(f"1.3.{number}" for number in range(9_000))
    monkeypatch.setattr("triage.store.places.FEW", -1)  # the order is walked
    event.listen(store._engine, "before_cursor_execute", note)
    try:
        chosen = Selection(study_instance_uids=ours + others, patient_names=("?*", *others))
        found = store.search(chosen, NOW, CAP, limit=500)
    finally:
        event.remove(store._engine, "before_cursor_execute", note)
    assert {one.entry.study_instance_uid for one in found} == set(ours)
    assert max(said) < 1_000


def test_where_an_index_finds_nothing_the_list_is_not_read(store, plans):
    open_only = (StepState.SCHEDULED, StepState.IN_PROGRESS)
    for nobody in ({"patient_ids": ("NOBODY",)}, {"patient_names": ("NOBODY*",)}):
        chosen = Selection(step_states=open_only, **nobody)
        said = plans(lambda chosen=chosen: store.search(chosen, NOW, CAP, limit=9))
        assert len(said) == 1, "the index alone was asked"


def test_the_search_indexes_are_the_ones_that_are_used(store, plans):
    for selection, index in (
        (Selection(patient_ids=("P20*",)), "work_items_by_patient"),
        (Selection(patient_names=("DOE2*",)), "name_words"),
        (Selection(patient_names=("*^JANE",)), "name_words"),
        (Selection(claimed_by=("READER",)), "work_items_claimed"),
        (Selection(step_states=(StepState.IN_PROGRESS,)), "work_items_claimed"),
        (Selection(patient_locations=("ER",)), "work_items_by_location"),
        (Selection(labels=("OTHER",)), "work_items_by_label"),
        (Selection(accession_numbers=("A20",)), "work_items_by_accession"),
        (Selection(study_instance_uids=("1.2.20",)), "work_items_by_study"),
        (Selection(birth_dates=(Days("19500911", "19500911"),)), "studies_by_birth_date"),
        (Selection(birth_dates=(Days("19500911", "19500911"),)), "work_items_by_said_birth_date"),
        (Selection(starts=(Moments(NOW, NOW),)), "work_items_by_arrival"),
        (Selection(starts=(Moments(NOW, NOW),)), "work_items_by_said_start"),
        (Selection(changes=(Moments(NOW, NOW),)), "work_items_by_change"),
        (Selection(study_states=(StudyState.ARRIVING,)), "studies_by_state"),
        (Selection(told_of=True), "work_items_told_of"),
    ):
        said = plans(lambda chosen=selection: store.search(chosen, NOW, CAP, limit=9))
        assert any(index in step for steps in said for step in steps), said


def test_what_operators_are_shown_is_looked_up(store, plans):
    for verb in (
        lambda: store.gate_counts(1000),
        lambda: store.last_stored(["pacs", "archive"]),
        lambda: store.set_aside_images(20),
        lambda: store.failing_deliveries(20),
        lambda: store.receiver_alarms(20),
        store.dead_results,
    ):
        steps = [step for said in plans(verb) for step in said]
        assert not any("TEMP B-TREE" in step for step in steps), steps
        read = [step for step in steps if step.startswith(("SCAN", "SEARCH"))]
        scanned = [step for step in read if not step.startswith(("SEARCH", "SCAN each"))]
        assert all(step.endswith(SHOWN_TO_OPERATORS) for step in scanned), read


def test_queues_are_read_from_their_counts(store, plans):
    steps = [step for said in plans(store.counts) for step in said]
    read = [step for step in steps if step.startswith(("SCAN", "SEARCH"))]
    assert read[0] == "SCAN queue_counts"
    assert all("USING INDEX images_waiting (urgent=?)" in step for step in read[1:]), read


@pytest.mark.parametrize(
    ("verb", "index"),
    [
        (lambda store: store.failing_results(20), "hl7_results_failing"),
        (lambda store: store.last_acknowledged(), "hl7_results_taken"),
        (lambda store: store.waiting_receiver_changes(20), "receiver_changes_retried"),
    ],
)
def test_what_the_queues_tell_operators_is_found_by_index(store, plans, verb, index):
    steps = [step for said in plans(lambda: verb(store)) for step in said]
    assert any(index in step for step in steps), steps
    assert not [step for step in steps if "TEMP B-TREE" in step]


def test_the_cap_is_noted_in_a_few_statements_however_many_lines_it_raises(store):
    """The receivers are looked up once, not for each line."""
    said = []

    def note(connection, cursor, statement, parameters, context, executemany):
        said.append(statement)

    later = NOW + timedelta(seconds=2 * CAP)
    event.listen(store._engine, "before_cursor_execute", note)
    try:
        raised = store.note_overdue(later, CAP)
    finally:
        event.remove(store._engine, "before_cursor_execute", note)
    assert raised > 20
    assert len(said) <= 6, said


def test_a_change_of_one_line_writes_its_own_row_only(store):
    """Re-ordering is incremental: the cap and the positions are computed, not written."""
    written = []

    def note(connection, cursor, statement, parameters, context, executemany):
        if not statement.lstrip().startswith(("SELECT", "BEGIN")):
            written.append((statement.split()[:3], executemany))

    event.listen(store._engine, "before_cursor_execute", note)
    try:
        version = store.worklist_entry(ITEM).version
        assert store.hold_priority(ITEM, ReadingClass.URGENT_ORDER, "Dr Who", version)
    finally:
        event.remove(store._engine, "before_cursor_execute", note)
    assert written == [
        (["UPDATE", "work_items", "SET"], False),
        (["INSERT", "INTO", "priority_changes"], False),
    ]
