"""The brake, status and history, as an operator meets them when receivers are there or away."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace

import pytest
import structlog

from tests.receivers.site import CONFIRM_SECONDS, DELIVERY, ScriptedReceiver
from triage.commands import change, look, putting_back
from triage.receivers.carrier import run
from triage.receivers.lane import ReceiverLane
from triage.settings import OrthancReceiver, ReceiverSettings
from triage.store import Store, utc_now
from triage.values import Outcome
from triage.web.health import _receivers


@pytest.fixture
def operate(make_site, monkeypatch):
    """Return a function that makes a site whose settings name these receivers."""
    quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)
    monkeypatch.setattr(
        change, "quieten_log", lambda _settings: structlog.configure(wrapper_class=quiet)
    )

    def make(*receivers: ScriptedReceiver, confirm_seconds: float = 30.0):
        site = make_site(*receivers)
        named = tuple(OrthancReceiver(one.name, "http://127.0.0.1:9") for one in receivers)
        site.settings = replace(
            site.settings,
            orthanc_receivers=named,
            delivery=replace(DELIVERY, first_retry_seconds=0.1, timeout_seconds=0.5),
            receivers=ReceiverSettings(confirm_seconds=confirm_seconds),
        )
        monkeypatch.setattr(putting_back, "configured_receivers", lambda *_: receivers)
        return site

    yield make
    structlog.reset_defaults()


def carried(site) -> None:
    """Have every receiver show what it should; commands go by the clock of the machine."""
    site.clock.now = max(site.clock.now, utc_now())
    for name in site.receivers:
        site.carry(name)


def test_revert_puts_every_priority_back_and_ends_well(operate, capsys):
    receiver = ScriptedReceiver("pacs")
    site = operate(receiver)
    studies = [site.study(f"1.2.{number}", Outcome.ABNORMAL) for number in range(20)]
    carried(site)
    assert change.revert(site.settings) == 0
    assert set(receiver.shown.values()) == {"MEDIUM"}
    told = capsys.readouterr().out
    assert "20 studies went back" in told
    assert "20 priorities are as they were" in told
    printed = [line for line in told.splitlines() if "action=" not in line]  # without the log
    assert all(study not in line for study in studies for line in printed)


def test_revert_says_study_by_study_what_stays_queued_while_a_receiver_is_away(operate, capsys):
    well, away = ScriptedReceiver("well"), ScriptedReceiver("away")
    site = operate(well, away)
    site.study("1.2.1", Outcome.ABNORMAL)
    carried(site)
    away.away = True
    assert change.revert(site.settings) == 1
    told = capsys.readouterr().out
    assert "study 1.2.1 at away: not put back: nobody answers; queued" in told
    assert well.shown["1.2.1"] == "MEDIUM"
    away.away = False
    assert change.revert(site.settings) == 0, "the brake may be pulled again to see the rest"
    assert away.shown["1.2.1"] == "MEDIUM"


def test_revert_leaves_what_a_person_edited_and_says_so_without_alarm(operate, capsys):
    receiver = ScriptedReceiver("pacs")
    site = operate(receiver)
    site.study("1.2.1", Outcome.ABNORMAL)
    carried(site)
    receiver.shown["1.2.1"] = "STAT"
    assert change.revert(site.settings) == 0
    assert "study 1.2.1 at pacs: stays as it is: a person" in capsys.readouterr().out
    assert receiver.shown["1.2.1"] == "STAT"


def test_revert_names_a_receiver_that_takes_it_and_does_not_move(operate, capsys):
    receiver = ScriptedReceiver("pacs")
    site = operate(receiver, confirm_seconds=0.5)
    site.study("1.2.1", Outcome.ABNORMAL)
    carried(site)
    receiver.deaf = True
    assert change.revert(site.settings) == 1
    assert "study 1.2.1 at pacs: not put back: the receiver took it" in capsys.readouterr().out


def test_revert_names_a_receiver_that_is_no_longer_configured(operate, capsys, monkeypatch):
    receiver = ScriptedReceiver("pacs")
    site = operate(receiver)
    site.study("1.2.1", Outcome.ABNORMAL)
    carried(site)
    monkeypatch.setattr(putting_back, "configured_receivers", lambda *_: ())
    assert change.revert(replace(site.settings, orthanc_receivers=())) == 1
    assert "no longer configured" in capsys.readouterr().out


def test_resume_undoes_revert_at_the_receivers_too(operate, capsys):
    receiver = ScriptedReceiver("pacs")
    site = operate(receiver)
    site.study("1.2.1", Outcome.ABNORMAL)
    site.study("1.2.2", Outcome.LIKELY_NORMAL)
    carried(site)
    change.revert(site.settings)
    assert change.resume(site.settings) == 0
    assert "2 priorities are on their way" in capsys.readouterr().out
    carried(site)
    assert receiver.shown == {"1.2.1": "HIGH", "1.2.2": "LOW"}


def test_revert_works_beside_a_running_service(operate):
    receiver = ScriptedReceiver("pacs")
    site = operate(receiver)
    for number in range(30):
        site.study(f"1.2.{number}", Outcome.ABNORMAL)
    carried(site)
    stop = threading.Event()
    with Store.open(site.settings.state_folder) as store:
        lane = ReceiverLane(site.settings, receiver, store, stop)
        beside = threading.Thread(target=lane.run)
        beside.start()
        code = change.revert(site.settings)
        stop.set()
        beside.join(60)
    assert code == 0
    assert set(receiver.shown.values()) == {"MEDIUM"}
    assert [word for _, word in receiver.writes].count("MEDIUM") == 30


def test_status_shows_receivers_and_fails_while_one_needs_a_person(operate, capsys, monkeypatch):
    monkeypatch.setattr(look, "last_signs", lambda *_: ())
    receiver = ScriptedReceiver("pacs")
    site = operate(receiver)
    site.study("1.2.2", Outcome.ABNORMAL)
    carried(site)
    assert look.status(site.settings) == 0
    receiver.deaf = True
    site.study("1.2.1", Outcome.ABNORMAL)
    site.carry_for(2 * CONFIRM_SECONDS, "pacs")
    assert look.status(site.settings) == 1
    told = capsys.readouterr().out
    assert "not-moved" in told
    assert "study 1.2.1 at pacs" in told
    assert "still shows another priority" in told


def test_metrics_and_the_operators_page_count_what_needs_a_person(operate):
    receiver, other = ScriptedReceiver("pacs"), ScriptedReceiver("other", away=True)
    site = operate(receiver, other)
    site.study("1.2.1", Outcome.ABNORMAL)
    carried(site)
    receiver.deaf = True
    site.study("1.2.2", Outcome.ABNORMAL)
    site.carry_for(2 * CONFIRM_SECONDS, "pacs")
    calm, alarmed = site.store.receiver_rows()
    assert (calm.name, calm.waiting, calm.moved, calm.alarms, calm.last_taken) == (
        "other",
        2,
        0,
        0,
        None,
    )
    assert (alarmed.name, alarmed.waiting, alarmed.moved, alarmed.alarms) == ("pacs", 1, 1, 1)
    changes, alarms = _receivers(site.store.receiver_counts())
    values = {tuple(one.labels.values()): one.value for one in changes.samples}
    assert values["pacs", "not-moved"] == 1
    assert values["pacs", "confirmed"] == 1
    assert values["other", "pending"] == 2
    assert {one.labels["receiver"]: one.value for one in alarms.samples} == {"pacs": 1, "other": 0}


def test_a_study_s_history_tells_what_every_receiver_was_told(operate, capsys):
    site = operate(ScriptedReceiver("pacs"))
    site.study("1.2.1", Outcome.ABNORMAL)
    carried(site)
    assert look.study(site.settings, "1.2.1", as_json=False) == 0
    assert "pacs: raised, confirmed, MEDIUM → HIGH (a reason; taken)" in capsys.readouterr().out


def test_retry_makes_priorities_due_again(operate, capsys):
    receiver = ScriptedReceiver("pacs", away=True)
    site = operate(receiver)
    site.study("1.2.1", Outcome.ABNORMAL)
    carried(site)
    assert change.retry(site.settings, "pacs") == 0
    assert "1 priorities for receivers are due now" in capsys.readouterr().out


def test_the_role_carries_what_the_ledger_says_until_it_is_stopped(make_site, monkeypatch):
    receiver = ScriptedReceiver("pacs")
    site = make_site(receiver)
    site.study("1.2.1", Outcome.ABNORMAL)
    moved = threading.Event()
    receiver.during_write = moved.set
    monkeypatch.setattr("triage.receivers.carrier.configured_receivers", lambda *_: (receiver,))
    stop, ready = threading.Event(), threading.Event()
    role = threading.Thread(target=run, args=(site.settings, stop, lambda: None, ready.set))
    role.start()
    assert ready.wait(20)
    assert moved.wait(20)
    stop.set()
    role.join(20)
    assert not role.is_alive()
    assert receiver.shown["1.2.1"] == "HIGH"
