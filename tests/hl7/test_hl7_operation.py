"""What operators see and do: settings, roles, `triage status`, `retry`, `study` and `check`."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.factories import make_facts, record
from tests.hl7.ris import Ris
from tests.hl7.samples import STUDY
from tests.peers import LOOPBACK, free_port
from triage.commands import change, check, look
from triage.errors import PermanentError, SettingsError
from triage.hl7.values import MessageKind
from triage.roles import roles_of
from triage.service import processes
from triage.settings import Hl7Receiver, Hl7Settings, parse_settings, render_toml
from triage.store import Placement
from triage.values import Decision, DeliveryState, Mode, Outcome, ReadingClass
from triage.web.server import silent_roles

RIS = '[[hl7_receivers]]\nname = "ris"\naddress = "10.0.0.8"\nport = 2576\n'
FILES = 'tls_certificate = "/c.pem"\ntls_private_key = "/k.pem"\ntls_authorities = "/a.pem"\n'


def faults_of(text):
    with pytest.raises(SettingsError) as refusal:
        parse_settings(text, "triage.toml")
    return str(refusal.value)


def test_receivers_and_the_server_are_read_and_written_back():
    settings = parse_settings(
        "[hl7]\nport = 2575\ntls = true\n" + FILES + RIS + 'messages = ["oru", "omi"]\n', "t"
    )
    assert settings.hl7.port == 2575
    (receiver,) = settings.hl7_receivers
    assert receiver.messages == (MessageKind.ORU, MessageKind.OMI)
    assert parse_settings(render_toml(settings), "t") == settings


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (RIS + 'messages = ["orm", "omi"]\n', "hl7_receivers[1].messages: orm and omi say"),
        (RIS + 'messages = ["adt"]\n', '"oru", "orm", "omi"'),
        (RIS + "messages = []\n", "the list must not be empty"),
        (RIS + RIS, "hl7_receivers[2].name"),
        (
            RIS + '[[destinations]]\nname = "RIS"\nae_title = "A"\naddress = "h"\nport = 1\n',
            "is the name of destinations[1] too",
        ),
        (RIS + "tls = true\n", "hl7_receivers[1].tls_authorities: is needed with tls"),
        (RIS + 'tls_authorities = "/a.pem"\n', "set tls = true, or remove this"),
        (RIS + "tls = true\n" + FILES.replace("/k.pem", ""), "name both or none"),
        (RIS + 'application = "R|S"\n', "hl7_receivers[1].application"),
        ("[hl7]\nport = 11112\n", "hl7.port: 11112 is listener.port too"),
        ("[hl7]\nport = 8080\n", "hl7.port: 8080 is web.port too"),
        ("[hl7]\nport = 2575\ntls = true\n", "hl7.tls_certificate: is needed with tls"),
        (
            '[hl7]\naddress = "127.0.0.1"\nport = 2576\n' + RIS.replace("10.0.0.8", "localhost"),
            "own HL7 server",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused_by_name(text, fault):
    assert fault in faults_of(text)


def test_the_role_is_one_of_the_site_only_where_it_has_a_port(settings):
    without = replace(settings, hl7=Hl7Settings())
    assert ("hl7" in roles_of(settings), "hl7" in roles_of(without)) == (True, False)
    assert "hl7" in [name for name, _ in processes(settings)]
    assert "hl7" not in [name for name, _ in processes(without)]
    assert ("hl7" in silent_roles(settings), "hl7" in silent_roles(without)) == (True, False)


@pytest.fixture
def given_up(store, settings):
    """Return a site with a result that its receiver has refused for good."""
    store.open_result_feed("ris")
    record(store, make_facts(STUDY))
    decision = Decision(Outcome.INDETERMINATE, ReadingClass.ROUTINE, ())
    assert store.record_decision(
        store.snapshot(STUDY),
        decision,
        Placement(decision.reading_class, (), decision.outcome),
        None,
        mode=Mode.PROMOTE,
        spared=False,
        bundle_digest="",
        destinations=[],
    )
    (told,) = store.decisions_to_tell("ris")
    assert store.tell_decision("ris", told, worth_telling=True)
    (claimed,) = store.claim_results("me", "ris", 1, 60)
    store.result_failed(claimed.result_id, "me", "the receiver answered AR", next_attempt_at=None)
    receiver = Hl7Receiver("ris", LOOPBACK, free_port())
    return replace(settings, hl7_receivers=(receiver,))


def test_status_shows_what_was_given_up_and_retry_revives_it(given_up, store, capsys):
    assert look.status(given_up) == 1
    shown = capsys.readouterr().out
    assert f"given up result of study {STUDY} for ris:" in shown
    assert "the receiver answered AR" in shown
    with pytest.raises(PermanentError, match="configured are: ris"):
        change.retry(given_up, "rsi")
    assert change.retry(given_up, "ris") == 0
    assert [one.state for one in store.results_of(STUDY)] == [DeliveryState.PENDING]


def test_the_history_of_a_study_tells_of_its_results(given_up, capsys):
    look.study(given_up, STUDY, as_json=True)
    lines = json.loads(capsys.readouterr().out)
    assert [one["text"] for one in lines if one["what"] == "HL7"] == [
        "result to ris: dead (the receiver answered AR)"
    ]


def test_check_tries_the_port_and_each_receiver(given_up, capsys):
    with Ris() as peer:
        receivers = (
            Hl7Receiver("well", LOOPBACK, peer.port),
            Hl7Receiver("away", LOOPBACK, free_port()),
        )
        check.check(replace(given_up, hl7_receivers=receivers), check.Extent())
    shown = capsys.readouterr().out
    assert f"ok   hl7 port: {LOOPBACK}:{given_up.hl7.port} is free" in shown
    assert f"ok   HL7 receiver well: {LOOPBACK}:{peer.port} takes connections" in shown
    assert "FAIL HL7 receiver away: away takes no connection" in shown
