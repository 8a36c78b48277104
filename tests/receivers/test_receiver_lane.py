"""From the ledger to a receiver, whatever it does: once, and never against a person."""

from __future__ import annotations

import itertools

import pytest
from structlog.testing import capture_logs

from tests.factories import DIGEST, URGENT
from tests.receivers.site import CLASSES, CONFIRM_SECONDS, HOUR, ScriptedReceiver
from triage.receivers.receiver import NotTakenError
from triage.store import StepChange
from triage.uids import work_item_uid
from triage.values import Outcome, ReadingClass, ReceiverState, StepState

STUDY = "1.2.1"


def claim(site, study):
    """Have a reader open a study on our own list."""
    uid = work_item_uid(study)
    version = site.store.worklist_entry(uid).version
    change = StepChange("READER", state=StepState.IN_PROGRESS, transaction_uid="1.2.3")
    assert site.store.change_step(uid, version, change)


def test_a_suspected_study_is_raised_at_the_receiver_and_the_move_is_confirmed(site, receiver):
    site.study(STUDY, Outcome.ABNORMAL)
    site.carry()
    assert receiver.shown[STUDY] == "HIGH"
    (change,) = site.changes()
    assert change.state is ReceiverState.CONFIRMED
    assert (change.before, change.after) == ("MEDIUM", "HIGH")
    assert (change.reason, change.bundle_digest) == ("a reason", DIGEST)
    assert change.threshold == "spondylosis=1.25"
    assert change.acknowledgement == "taken"
    assert change.acknowledged_at == change.confirmed_at == site.clock()
    study = site.store.study(STUDY)
    assert change.change_id == study.priority_changes[-1].change_id


def test_a_likely_normal_study_is_lowered_and_an_indeterminate_one_left_alone(site, receiver):
    site.study("1.2.1", Outcome.LIKELY_NORMAL)
    site.study("1.2.2", Outcome.INDETERMINATE)
    site.carry()
    assert receiver.writes == [("1.2.1", "LOW")]


def test_arrivals_and_urgent_orders_are_the_receivers_own_business(site, receiver):
    site.study("1.2.1", **URGENT)
    site.study("1.2.2")
    site.study("1.2.3", Outcome.ABNORMAL, **URGENT)
    site.carry()
    assert receiver.writes == []


def test_a_late_image_puts_a_lowered_study_back_to_what_stood_there_first(site, receiver):
    receiver.shown[STUDY] = ""
    site.study(STUDY, Outcome.LIKELY_NORMAL)
    site.carry()
    assert receiver.shown[STUDY] == "LOW"
    site.study(STUDY, instance="1.2.1.2")
    site.carry()
    assert receiver.shown[STUDY] == ""
    assert site.states() == ["confirmed", "confirmed"]


def test_a_person_s_edit_at_the_receiver_wins_and_the_study_is_never_touched_there_again(
    site, receiver
):
    site.study(STUDY, Outcome.ABNORMAL)
    site.carry()
    receiver.shown[STUDY] = "LOW"
    site.revert()
    site.carry()
    site.resume()
    site.carry()
    assert receiver.writes == [(STUDY, "HIGH")]
    assert receiver.shown[STUDY] == "LOW"
    assert site.states() == ["confirmed", "left", "left"]
    (standing,) = site.store.receiver_standings_of(STUDY)
    assert (standing.found, standing.ground.original) == ("LOW", "MEDIUM")
    assert standing.left_at == site.clock()
    assert "person" in standing.left_because


def test_an_edit_back_to_the_original_is_an_edit_too(site, receiver):
    site.study(STUDY, Outcome.ABNORMAL)
    site.carry()
    receiver.shown[STUDY] = "MEDIUM"
    site.revert()
    site.carry()
    assert site.states()[-1] == "left"
    assert len(receiver.writes) == 1


def test_a_study_that_a_reader_has_opened_there_is_left_alone(site, receiver):
    receiver.opened.add(STUDY)
    site.study(STUDY, Outcome.ABNORMAL)
    site.carry()
    assert receiver.writes == []
    assert site.states() == ["left"]


def test_what_a_person_sets_on_our_own_list_reaches_the_receivers(site, receiver):
    site.study(STUDY)
    uid = work_item_uid(STUDY)
    entry = site.store.worklist_entry(uid)
    assert site.store.hold_priority(uid, ReadingClass.SUSPECTED_ABNORMAL, "reader", entry.version)
    site.revert()
    site.carry()
    assert receiver.shown[STUDY] == "HIGH"


def test_newer_changes_supersede_those_that_were_not_sent(site, receiver):
    receiver.away = True
    site.study(STUDY, Outcome.ABNORMAL)
    site.carry()
    site.revert()
    site.resume()
    receiver.away = False
    site.clock.advance(HOUR)
    site.carry()
    assert receiver.writes == [(STUDY, "HIGH")]
    assert site.states() == ["superseded", "superseded", "confirmed"]


def test_what_was_taken_back_before_it_was_sent_is_never_sent(site, receiver):
    receiver.away = True
    site.study(STUDY, Outcome.ABNORMAL)
    site.carry()
    site.revert()
    assert site.carry() == 0, "there is nothing to put back, and nobody need be asked"
    assert receiver.writes == []
    assert site.states() == ["superseded", "confirmed"]


def test_a_change_that_comes_while_an_older_one_is_written_is_carried_after_it(site, receiver):
    site.study(STUDY, Outcome.ABNORMAL)
    receiver.during_write = site.revert
    lane = site.lane(receiver)
    assert lane.carry_due() == 1
    receiver.during_write = lambda: None
    site.carry()
    assert receiver.writes == [(STUDY, "HIGH"), (STUDY, "MEDIUM")]
    assert site.states() == ["superseded", "confirmed"]
    assert site.changes()[0].acknowledgement == "taken"


def test_nobody_is_given_a_study_that_another_is_at_work_on(site, receiver):
    site.study(STUDY, Outcome.ABNORMAL)
    other = site.lane(receiver)
    claims = []

    def meanwhile():
        site.revert()
        claims.append(other.carry_due())

    receiver.during_write = meanwhile
    site.lanes["scripted"].carry_due()
    assert claims == [0]


def test_a_receiver_that_is_down_for_an_hour_gets_everything_afterwards_once(site, receiver):
    receiver.away = True
    studies = [site.study(f"1.2.{n}", Outcome.ABNORMAL) for n in range(40)]
    site.carry_for(HOUR, step=60.0)
    assert receiver.writes == []
    assert {one.attempts for uid in studies for one in site.changes(uid)} == {0}
    receiver.away = False
    site.clock.advance(300)
    site.carry()
    assert receiver.writes == [(uid, "HIGH") for uid in studies]
    assert all(site.states(uid) == ["confirmed"] for uid in studies)


def test_a_receiver_that_is_away_delays_no_other(make_site):
    away, well = ScriptedReceiver("away", away=True), ScriptedReceiver("well")
    site = make_site(away, well)
    site.study(STUDY, Outcome.ABNORMAL)
    site.carry("away")
    site.carry("well")
    assert well.shown[STUDY] == "HIGH"
    assert site.states(STUDY, "away") == ["pending"]
    assert site.states(STUDY, "well") == ["confirmed"]


@pytest.mark.parametrize(("refused", "tries"), [(True, 3), (False, 3)])
def test_a_receiver_that_answers_an_error_is_tried_within_bounds_and_then_needs_a_person(
    site, receiver, refused, tries
):
    receiver.refusal = NotTakenError("no", refused=refused)
    site.study("1.2.1", Outcome.ABNORMAL)
    site.carry_for(HOUR, step=60.0)
    assert len(receiver.writes) == tries
    assert site.states() == ["dead"]
    assert site.store.receiver_counts().alarms == 1
    (alarm,) = site.store.receiver_alarms()
    assert alarm.problem == "no"
    receiver.refusal = None
    assert site.store.revive_receiver_changes("scripted") == 1
    site.carry()
    assert site.states() == ["confirmed"]


def test_an_error_for_one_study_does_not_hold_up_another(site, receiver):
    receiver.refusal = NotTakenError("no", refused=False)
    site.study("1.2.1", Outcome.ABNORMAL)
    site.study("1.2.2", Outcome.ABNORMAL)
    assert site.lanes["scripted"].carry_due() == 2
    assert {uid for uid, _ in receiver.writes} == {"1.2.1", "1.2.2"}


def test_a_lost_acknowledgement_makes_nothing_twice(site, receiver):
    receiver.mute = True
    site.study(STUDY, Outcome.ABNORMAL)
    site.carry()
    receiver.mute = False
    site.clock.advance(HOUR)
    site.carry()
    assert receiver.writes == [(STUDY, "HIGH")]
    (change,) = site.changes()
    assert change.state is ReceiverState.CONFIRMED
    assert "answer was lost" in change.acknowledgement


def test_a_lost_acknowledgement_is_no_person_s_edit_when_the_change_is_taken_back(site, receiver):
    receiver.mute = True
    site.study(STUDY, Outcome.ABNORMAL)
    site.carry()
    receiver.mute = False
    site.revert()
    site.clock.advance(HOUR)
    site.carry()
    assert receiver.shown[STUDY] == "MEDIUM"
    assert site.states() == ["superseded", "confirmed"]


def test_a_receiver_that_acknowledges_and_does_not_move_raises_an_alarm(site, receiver):
    receiver.deaf = True
    site.study(STUDY, Outcome.ABNORMAL)
    site.carry_for(CONFIRM_SECONDS - 10)
    assert site.states() == ["confirming"]
    assert site.store.receiver_counts().alarms == 0
    with capture_logs() as lines:
        site.carry_for(HOUR, step=60.0)
    assert site.states() == ["not-moved"]
    assert site.store.receiver_counts().alarms == 1
    (error,) = [line for line in lines if line["action"] == "receiver_not_moved"]
    assert error["log_level"] == "error"
    assert receiver.writes == [(STUDY, "HIGH")], "it is asked on, and not told again"


def test_an_alarm_ends_when_the_receiver_moves_the_study_at_last(site, receiver):
    receiver.deaf = True
    site.study(STUDY, Outcome.ABNORMAL)
    site.carry_for(2 * CONFIRM_SECONDS)
    receiver.shown[STUDY] = "HIGH"
    site.carry_for(HOUR, step=60.0)
    assert site.states() == ["confirmed"]
    assert site.store.receiver_counts().alarms == 0


def test_a_retry_tells_a_receiver_again_that_did_not_move(site, receiver):
    receiver.deaf = True
    site.study(STUDY, Outcome.ABNORMAL)
    site.carry_for(2 * CONFIRM_SECONDS)
    receiver.deaf = False
    site.store.revive_receiver_changes()
    site.carry()
    assert receiver.writes == [(STUDY, "HIGH")] * 2
    assert site.states() == ["confirmed"]


def test_a_receiver_that_cannot_be_asked_is_told_once_and_put_back_once(make_site):
    receiver = ScriptedReceiver(can_be_asked=False)
    site = make_site(receiver)
    site.study(STUDY, Outcome.ABNORMAL)
    site.carry()
    site.revert()
    site.carry()
    assert receiver.writes == [(STUDY, "HIGH"), (STUDY, "MEDIUM")]
    assert site.states() == ["told", "told"]


def test_a_study_that_the_receiver_does_not_have_yet_is_waited_for(site, receiver):
    site.study(STUDY, Outcome.ABNORMAL)
    del receiver.shown[STUDY]
    site.carry()
    assert site.states() == ["pending"]
    assert "does not have" in site.changes()[0].problem
    receiver.shown[STUDY] = "MEDIUM"
    site.clock.advance(60)
    site.carry()
    assert site.states() == ["confirmed"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_restart_in_the_middle_of_a_write_makes_nothing_twice_and_forgets_nothing(
    site, receiver, moment
):
    class KilledError(BaseException):
        """The process dies here."""

    def die() -> None:
        if moment == "after":
            receiver.shown[STUDY] = "HIGH"
        raise KilledError

    receiver.during_write = die
    site.study(STUDY, Outcome.ABNORMAL)
    with pytest.raises(KilledError):
        site.carry()
    receiver.during_write = lambda: None
    site.store.close()
    site.start()
    assert site.lanes["scripted"].carry_due() == 0, "its lease still runs"
    assert site.store.reap_receiver_changes(lambda _owner: True) == 1
    site.carry()
    assert receiver.shown[STUDY] == "HIGH"
    assert len(receiver.writes) == (1 if moment == "after" else 2)
    assert site.states() == ["confirmed"]


def test_a_lease_that_ran_out_is_taken_back_and_its_holder_records_nothing(site):
    site.study(STUDY, Outcome.ABNORMAL)
    (held,) = site.store.claim_receiver_changes("one", "scripted", 9, 60)
    site.clock.advance(61)
    assert site.store.reap_receiver_changes() == 1
    assert not site.store.receiver_intends(held, "one", before="MEDIUM", after="HIGH")
    assert not site.store.receiver_acknowledged(held, "one", "taken", final=False)
    assert site.states() == ["pending"]


def test_the_brake_puts_back_what_a_reader_has_opened_on_our_own_list(site, receiver):
    site.study(STUDY, Outcome.ABNORMAL)
    site.carry()
    claim(site, STUDY)
    site.revert()
    site.carry()
    assert receiver.shown[STUDY] == "MEDIUM"
    assert site.store.worklist_entry(work_item_uid(STUDY)).reading_class is (
        ReadingClass.SUSPECTED_ABNORMAL
    )


def test_the_cap_raises_at_the_receivers_what_was_lowered(site, receiver):
    site.study(STUDY, Outcome.LIKELY_NORMAL)
    site.carry()
    site.clock.advance(4 * HOUR)
    assert site.store.note_overdue(site.clock(), 4 * HOUR) == 1
    site.carry()
    assert [word for _, word in receiver.writes] == ["LOW", "HIGH"]


def test_a_receiver_that_is_no_longer_configured_is_owed_what_it_was_given(site, receiver):
    site.study("1.2.1", Outcome.ABNORMAL)
    site.carry()
    site.store.know_receivers([])
    site.study("1.2.2", Outcome.ABNORMAL)
    site.revert()
    assert site.states("1.2.1") == ["confirmed", "pending"]
    assert site.states("1.2.2") == []


@pytest.mark.parametrize("outcomes", list(itertools.permutations(CLASSES)))
def test_whatever_the_way_the_receiver_ends_where_the_last_decision_puts_the_study(
    site, receiver, outcomes
):
    site.study(STUDY)
    for number, outcome in enumerate(outcomes, start=2):
        site.study(STUDY, instance=f"{STUDY}.{number}")
        site.decide(STUDY, outcome)
        site.carry()
    shows = {Outcome.ABNORMAL: "HIGH", Outcome.LIKELY_NORMAL: "LOW"}
    assert receiver.shown[STUDY] == shows.get(outcomes[-1], "MEDIUM")


def test_no_patient_data_are_logged(site, receiver):
    receiver.deaf = True
    site.study(STUDY, Outcome.ABNORMAL, patient_name="Roe^Jane", patient_id="P1234")
    with capture_logs() as lines:
        site.carry_for(2 * CONFIRM_SECONDS)
    text = str(lines)
    assert "receiver_not_moved" in text
    assert "Roe" not in text
    assert "P1234" not in text
