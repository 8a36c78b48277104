"""What stands in each queue is counted as it changes, and the counts are those of the tables."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select, text, update

from tests.factories import Clock, make_facts, record
from triage.store import Store
from triage.store.schema import deliveries, instances, studies
from triage.values import Analysis, DeliveryState, GateResult, ImageState, StudyState


@pytest.fixture
def store(tmp_path):
    """Return a store of some studies."""
    with Store.open(tmp_path / "state", Clock()) as opened:
        for number in range(4):
            record(opened, make_facts(f"1.2.{number}"), content=str(number))
        yield opened


def _true(store, column):
    with store.reading() as connection:
        rows = connection.execute(select(column, func.count()).group_by(column)).all()
    return dict(tuple(row) for row in rows)


def test_counts_follow_images_and_studies_through_their_states(store):
    first, *_ = store.claim_images("worker", 2, 60.0)
    store.association_released(["1.2.0", "1.2.1"])
    record(store, make_facts("1.2.1", "1.2.1.2"), content="later", state=ImageState.NOT_ELIGIBLE)
    counts = store.counts()
    assert {state: number for state, number in counts.images.items() if number} == _true(
        store, instances.c.state
    )
    assert counts.images[ImageState.CLAIMED] == 2
    assert {state: number for state, number in counts.studies.items() if number} == _true(
        store, studies.c.state
    )
    assert sum(counts.studies.values()) == 4
    assert store.kept_tables_agree()
    assert first.instance_id


def test_deliveries_are_counted_for_each_destination(store):
    with store.writing() as connection:
        connection.execute(
            text(
                "INSERT INTO decisions (study_instance_uid, number, outcome, reading_class,"
                " reasons, flagged, mode, spared, bundle_digest, decided_at)"
                " VALUES ('1.2.0', 1, 'abnormal', 1, '[]', '[]', 'shadow', 0, '', 0)"
            )
        )
        connection.execute(
            text(
                "INSERT INTO reports (sop_instance_uid, decision_id, study_instance_uid,"
                " sop_class_uid, series_instance_uid, path, created_at)"
                " VALUES ('2.25.1', 1, '1.2.0', '', '', 'r', 0)"
            )
        )
        for name in ("pacs", "archive"):
            connection.execute(
                deliveries.insert().values(
                    destination=name,
                    sop_instance_uid="2.25.1",
                    state=DeliveryState.PENDING,
                    next_attempt_at=store.clock(),
                )
            )
        connection.execute(
            update(deliveries)
            .where(deliveries.c.destination == "pacs")
            .values(state=DeliveryState.STORED)
        )
    assert store.counts().deliveries == {
        ("pacs", DeliveryState.STORED): 1,
        ("archive", DeliveryState.PENDING): 1,
    }
    assert store.kept_tables_agree()


def test_the_oldest_image_that_waits_is_found_among_urgent_and_other_ones(store):
    store.clock.advance(100)
    record(store, make_facts("1.2.9"), content="urgent")
    with store.writing() as connection:
        urgent = instances.c.study_instance_uid == "1.2.9"
        connection.execute(update(instances).where(urgent).values(urgent=True))
    assert store.counts().oldest_queued_seconds == 100
    assert store.counts().studies[StudyState.ARRIVING] == 5


def test_damaged_counts_are_noticed_and_made_anew(store):
    before = store.counts()
    with store.writing() as connection:
        connection.execute(text("UPDATE queue_counts SET number = number + 1"))
    assert not store.kept_tables_agree()
    store.make_kept_tables_anew()
    assert store.kept_tables_agree()
    assert store.counts() == before


def test_gates_are_counted_of_the_last_films_as_they_were_looked_at_last(store):
    def look_at(*stopped):
        (image,) = store.claim_images("worker", 1, 60.0)
        gates = tuple(GateResult(name, name not in stopped) for name in ("blur", "view"))
        store.clock.advance(1)
        assert store.finish_image(image.instance_id, "worker", Analysis("", gates, ()), "")

    def counted(films):
        found = store.gate_counts(films)
        return found.films, {one.gate: (one.passed, one.stopped) for one in found.gates}

    with store.writing() as connection:
        others = update(instances).where(instances.c.instance_id > 2)
        connection.execute(others.values(state=ImageState.NOT_ELIGIBLE))
    assert counted(9) == (0, {})
    look_at("blur")
    assert counted(9) == (1, {"blur": (0, 1), "view": (1, 0)})
    look_at()
    assert counted(9) == (2, {"blur": (1, 1), "view": (2, 0)})
    assert counted(1) == (1, {"blur": (1, 0), "view": (1, 0)})
    assert counted(9) == (2, {"blur": (1, 1), "view": (2, 0)})
    with store.writing() as connection:
        connection.execute(
            update(instances)
            .where(instances.c.instance_id == 1)
            .values(state=ImageState.QUEUED, analysis=None, analysed_at=None)
        )
    look_at("view")
    assert counted(9) == (2, {"blur": (2, 0), "view": (1, 1)})
    assert store.gate_counts(9).since == store.clock() - timedelta(seconds=3)
