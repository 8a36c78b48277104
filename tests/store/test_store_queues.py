"""Leases on images and deliveries: claimed once, given back, bounded tries."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from tests.factories import (
    DIGEST,
    URGENT,
    make_analysis,
    make_facts,
    make_report,
    record,
)
from triage.store import Placement, Store
from triage.values import Decision, DeliveryState, ImageState, Mode, Outcome, ReadingClass


def states(store, study="1.2.1"):
    return [one.state for one in store.study(study).instances]


def test_urgent_orders_are_claimed_first_then_the_longest_waiting(store, clock):
    for number in range(1, 4):
        record(store, make_facts(f"1.2.{number}", **(URGENT if number == 3 else {})))
        clock.advance(1)
    claimed = store.claim_images("w", 3, 60)
    assert [one.study_instance_uid for one in claimed] == ["1.2.3", "1.2.1", "1.2.2"]


def test_an_image_is_never_claimed_twice(store, tmp_path):
    for number in range(30):
        record(store, make_facts(f"1.2.{number}"))
    claims: list[int] = []
    lock = threading.Lock()

    def claim(owner: str) -> None:
        with Store.open(store.state_folder, store.clock) as own:
            while found := own.claim_images(owner, 4, 60):
                with lock:
                    claims.extend(one.instance_id for one in found)

    threads = [threading.Thread(target=claim, args=(f"w{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claims) == len(set(claims)) == 30


def test_a_lost_lease_records_nothing(store, clock):
    record(store)
    (image,) = store.claim_images("w1", 1, 60)
    clock.advance(61)
    assert store.reap_images(3) == 1
    (again,) = store.claim_images("w2", 1, 60)
    assert not store.finish_image(image.instance_id, "w1", make_analysis(), "")
    assert store.finish_image(again.instance_id, "w2", make_analysis(), "t.png")
    assert states(store) == [ImageState.ANALYSED]


def test_a_renewed_lease_is_not_reaped(store, clock):
    record(store)
    (image,) = store.claim_images("w", 1, 60)
    clock.advance(50)
    store.renew_leases("w", [image.instance_id], 60)
    clock.advance(50)
    assert store.reap_images(3) == 0


def test_a_dead_owner_loses_its_images_before_the_lease_runs_out(store):
    record(store)
    store.claim_images("dead", 1, 60)
    assert store.reap_images(3, lambda owner: owner == "living") == 0
    assert store.reap_images(3, lambda owner: owner == "dead") == 1
    assert states(store) == [ImageState.QUEUED]


def test_an_image_that_loses_its_worker_too_often_is_set_aside(store, clock):
    record(store)
    for _ in range(3):
        assert len(store.claim_images("w", 1, 60)) == 1
        clock.advance(61)
        store.reap_images(3)
    assert states(store) == [ImageState.SET_ASIDE]
    assert "lost on it 3 times" in store.study("1.2.1").instances[0].problem


def test_an_image_that_failed_before_is_claimed_alone(store, clock):
    record(store, make_facts("1.2.1"))
    clock.advance(1)
    record(store, make_facts("1.2.2"))
    (first, second) = store.claim_images("w", 2, 60)
    clock.advance(61)
    store.reap_images(3)
    record(store, make_facts("1.2.3"))
    assert [one.instance_id for one in store.claim_images("w", 9, 60)] == [first.instance_id]
    assert [one.instance_id for one in store.claim_images("w", 9, 60)] == [second.instance_id]
    assert [one.study_instance_uid for one in store.claim_images("w", 9, 60)] == ["1.2.3"]


@pytest.mark.parametrize(
    ("permanent", "claims", "expected"),
    [
        (False, 1, ImageState.QUEUED),
        (False, 3, ImageState.SET_ASIDE),
        (True, 1, ImageState.SET_ASIDE),
    ],
)
def test_a_failed_image_is_tried_again_within_bounds(store, permanent, claims, expected):
    record(store)
    for _ in range(claims):
        (image,) = store.claim_images("w", 1, 60)
        state = store.fail_image(
            image.instance_id, "w", "bad", maximum_attempts=3, permanent=permanent
        )
    assert state is expected
    assert states(store) == [expected]


def test_handing_back_does_not_use_up_a_try(store):
    record(store)
    store.claim_images("w", 1, 60)
    assert store.hand_back_images("w") == 1
    (image,) = store.claim_images("w", 1, 60)
    assert image.attempts == 1


def test_images_of_another_bundle_are_queued_again(store):
    record(store)
    (image,) = store.claim_images("w", 1, 60)
    store.finish_image(image.instance_id, "w", make_analysis(digest="e" * 64), "")
    assert store.requeue_outdated("1.2.1", "e" * 64) == 0
    assert store.requeue_outdated("1.2.1", DIGEST) == 1
    assert states(store) == [ImageState.QUEUED]


@pytest.fixture
def outbox(store):
    record(store)
    (image,) = store.claim_images("w", 1, 60)
    store.finish_image(image.instance_id, "w", make_analysis(), "")
    store.association_released(["1.2.1"])
    decision = Decision(Outcome.INDETERMINATE, ReadingClass.ROUTINE, ("x",))
    store.record_decision(
        store.snapshot("1.2.1"),
        decision,
        Placement(decision.reading_class, decision.reasons, decision.outcome),
        make_report(store),
        mode=Mode.SHADOW,
        spared=False,
        bundle_digest=DIGEST,
        destinations=["a", "b"],
    )
    return store


def test_destinations_have_queues_of_their_own(outbox):
    (first,) = outbox.claim_deliveries("c", "a", 9, 60)
    assert outbox.claim_deliveries("c", "a", 9, 60) == ()
    (second,) = outbox.claim_deliveries("c", "b", 9, 60)
    assert first.delivery_id != second.delivery_id
    assert first.path == second.path == "reports/2.25.7.dcm"


def test_a_failed_delivery_is_due_again_at_its_time(outbox, clock):
    (claimed,) = outbox.claim_deliveries("c", "a", 9, 60)
    later = clock.now + timedelta(seconds=30)
    assert outbox.delivery_failed(claimed.delivery_id, "c", "away", next_attempt_at=later)
    assert outbox.claim_deliveries("c", "a", 9, 60) == ()
    clock.advance(30)
    (again,) = outbox.claim_deliveries("c", "a", 9, 60)
    assert again.attempts == 2


def test_a_try_that_does_not_count_leaves_the_count(outbox, clock):
    (claimed,) = outbox.claim_deliveries("c", "a", 9, 60)
    outbox.delivery_failed(
        claimed.delivery_id, "c", "away", next_attempt_at=clock.now, counts=False
    )
    (again,) = outbox.claim_deliveries("c", "a", 9, 60)
    assert again.attempts == 1


def test_a_dead_letter_waits_for_a_person_and_is_revived_whole(outbox):
    (claimed,) = outbox.claim_deliveries("c", "a", 9, 60)
    outbox.delivery_failed(claimed.delivery_id, "c", "refused", next_attempt_at=None)
    assert [one.problem for one in outbox.dead_letters()] == ["refused"]
    assert outbox.claim_deliveries("c", "a", 9, 60) == ()
    assert outbox.revive_deliveries("a") == 1
    (again,) = outbox.claim_deliveries("c", "a", 9, 60)
    assert again.attempts == 1


def test_what_is_stored_is_never_sent_again(outbox, clock):
    (claimed,) = outbox.claim_deliveries("c", "a", 9, 60)
    assert outbox.delivery_stored(claimed.delivery_id, "c", 0xB000, sop_instance_uid="2.25.7")
    outbox.revive_deliveries("a")
    clock.advance(1000)
    outbox.reap_deliveries()
    assert outbox.claim_deliveries("c", "a", 9, 60) == ()
    (row, _) = outbox.study("1.2.1").deliveries
    assert (row.state, row.status) == (DeliveryState.STORED, 0xB000)


def test_a_dead_couriers_rows_come_back(outbox):
    outbox.claim_deliveries("c", "a", 9, 60)
    assert outbox.reap_deliveries(lambda owner: owner == "c") == 1
    assert len(outbox.claim_deliveries("c2", "a", 9, 60)) == 1


def test_a_watcher_sees_other_connections_commits(store):
    watcher = store.watcher()
    stop = threading.Event()
    assert not watcher.wait(0.0, stop)
    with Store.open(store.state_folder) as other:
        record(other)
    assert watcher.wait(5.0, stop)
    assert not watcher.wait(0.0, stop)
    watcher.close()


def test_counts_tell_what_stands_where(outbox, clock):
    record(outbox, make_facts("1.2.9"))
    clock.advance(7)
    counts = outbox.counts()
    assert counts.images[ImageState.ANALYSED] == counts.images[ImageState.QUEUED] == 1
    assert counts.deliveries == {("a", DeliveryState.PENDING): 1, ("b", DeliveryState.PENDING): 1}
    assert counts.oldest_queued_seconds == 7
