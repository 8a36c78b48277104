"""What readers say about decisions: on the page, in the store, and out again as CSV."""

from __future__ import annotations

import csv
import io
import json

import pytest

from triage.commands import look
from triage.commands.feedback import COLUMNS, feedback
from triage.values import Outcome, UserRole, Verdict


@pytest.fixture
def study(morning):
    """A study with one decision."""
    return morning.study_with(Outcome.ABNORMAL)


def address(morning, study, verb):
    """Return where a reader says something about a study."""
    return f"/studies/{morning.store.study(study).entry.work_item_uid}/{verb}"


def history(morning, study):
    """Return what was said about a study, and what of it stands."""
    return [
        (one.user_name, one.verdict.value, one.decision_number, one.stands)
        for one in morning.store.study_feedback(study)
    ]


def test_a_reader_disagrees_takes_it_back_and_agrees_and_all_of_it_is_kept(
    morning, study, serve, visit, add_user
):
    add_user()
    visitor = visit(serve())
    visitor.log_in()
    token = {"x-csrf-token": visitor.csrf("/")}
    for verb, stands in (("disagree", "disagree"), ("undo", None), ("agree", "agree")):
        answer = visitor.post(address(morning, study, verb), data={"decision": "1"}, headers=token)
        assert answer.status_code == 200
        said = answer.json()["feedback"]
        assert (said and said["verdict"]) == stands
    assert history(morning, study) == [
        ("anna", "disagree", 1, False),
        ("anna", "undo", 1, False),
        ("anna", "agree", 1, True),
    ]


def test_a_form_without_a_script_leads_back_to_the_study(morning, study, serve, visit, add_user):
    add_user()
    visitor = visit(serve())
    visitor.log_in()
    form = {"decision": "1", "csrf_token": visitor.csrf("/")}
    where = address(morning, study, "agree")
    answer = visitor.post(where, data=form, headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, where.removesuffix("/agree"))


def test_saying_the_same_twice_is_saying_it_once(morning, study):
    for _ in range(2):
        assert morning.store.give_feedback(study, "anna", Verdict.AGREE, 1)
    assert history(morning, study) == [("anna", "agree", 1, True)]


def test_readers_speak_for_themselves(morning, study):
    morning.store.give_feedback(study, "anna", Verdict.AGREE, 1)
    morning.store.give_feedback(study, "bert", Verdict.DISAGREE, 1)
    assert morning.store.undo_feedback(study, "anna")
    assert not morning.store.undo_feedback(study, "anna")
    assert not morning.store.undo_feedback(study, "carla")
    standing = {user: verdict for user, verdict, _, stands in history(morning, study) if stands}
    assert standing == {"bert": "disagree"}
    assert set(morning.store.feedback_on([study], "bert")) == {study}
    assert morning.store.feedback_on([study], "anna") == {}


def test_a_word_about_a_decision_that_no_longer_stands_is_refused(
    morning, study, serve, visit, add_user
):
    add_user()
    visitor = visit(serve())
    visitor.log_in()
    token = {"x-csrf-token": visitor.csrf("/")}
    morning.receive(study)
    morning.analyse(-3.0)
    morning.decide(study, Outcome.INDETERMINATE)
    where = address(morning, study, "agree")
    answer = visitor.post(where, data={"decision": "1"}, headers=token)
    assert answer.status_code == 409
    assert "Another decision stands" in answer.text
    assert history(morning, study) == []
    assert visitor.post(where, data={"decision": "2"}, headers=token).status_code == 200


@pytest.mark.parametrize("decision", ["", "x", "-1", "1.5", "9" * 40, "²"])
def test_a_form_that_names_no_decision_is_refused(morning, study, serve, visit, add_user, decision):
    add_user()
    visitor = visit(serve())
    visitor.log_in()
    token = {"x-csrf-token": visitor.csrf("/")}
    where = address(morning, study, "agree")
    assert visitor.post(where, data={"decision": decision}, headers=token).status_code == 400


def test_only_readers_say_anything(morning, study, serve, visit, add_user, add_machine):
    running = serve()
    where = address(morning, study, "agree")
    nobody = visit(running).post(where, data={"decision": "1"})
    assert nobody.status_code == 403
    assert "triage user add" in nobody.text
    add_user("olga", UserRole.OPERATOR)
    visitor = visit(running)
    visitor.log_in("olga")
    token = {"x-csrf-token": visitor.csrf("/")}
    assert visitor.post(where, data={"decision": "1"}, headers=token).status_code == 403
    machine = {"authorization": f"Bearer {add_machine()}"}
    assert visit(running).post(where, data={"decision": "1"}, headers=machine).status_code == 200
    assert [user for user, *_ in history(morning, study)] == ["pacs"]


def test_a_study_that_is_not_there_takes_no_word(serve, visit, add_user):
    add_user()
    visitor = visit(serve())
    visitor.log_in()
    token = {"x-csrf-token": visitor.csrf("/")}
    answer = visitor.post("/studies/9.9.9/agree", data={"decision": "1"}, headers=token)
    assert answer.status_code == 404


def test_all_that_was_said_comes_out_as_csv(morning, study, capsys):
    morning.store.give_feedback(study, "anna", Verdict.DISAGREE, 1)
    morning.later(24 * 60)
    morning.store.undo_feedback(study, "anna")
    assert feedback(morning.settings(), None, as_csv=True) == 0
    lines = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert tuple(lines[0]) == COLUMNS
    assert [(line["verdict"], line["stands"]) for line in lines] == [
        ("disagree", "no"),
        ("undo", "no"),
    ]
    assert lines[0]["outcome"] == "abnormal"
    assert lines[0]["study_instance_uid"] == study
    tomorrow = f"{morning.now:%Y-%m-%d}"
    assert feedback(morning.settings(), tomorrow, as_csv=True) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_the_table_counts_what_stands(morning, study, capsys):
    assert feedback(morning.settings(), None, as_csv=False) == 0
    assert "no reader has said anything" in capsys.readouterr().out
    morning.store.give_feedback(study, "anna", Verdict.DISAGREE, 1)
    assert feedback(morning.settings(), None, as_csv=False) == 0
    assert "abnormal: disagree 1" in capsys.readouterr().out


def test_what_was_said_stands_in_the_history_of_the_terminal(morning, study, capsys):
    morning.store.give_feedback(study, "anna", Verdict.DISAGREE, 1)
    assert look.study(morning.settings(), study, as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["text"] for one in told if one["what"] == "reader"] == [
        "anna: disagree, of decision 1"
    ]
