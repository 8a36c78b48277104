"""`triage user` as an administrator types it, and what `triage check` says of log-in."""

from __future__ import annotations

import io
import sys
from dataclasses import replace

import pytest

from triage.cli import EXIT_ERROR, main
from triage.commands import users
from triage.commands.check import Extent, _findings
from triage.commands.console import open_console
from triage.settings import WebSettings, default_settings, render_toml
from triage.store import Store
from triage.values import UserRole
from triage.web.access.passwords import verify_password
from triage.web.access.tokens import token_hash

PASSWORD = "correct horse battery"  # noqa: S105  it opens nothing


@pytest.fixture
def settings(tmp_path):
    """The settings of an empty site."""
    return default_settings(tmp_path / "state")


@pytest.fixture
def triage(settings, tmp_path, monkeypatch):
    """Return a function that runs a command with a password on standard input."""
    config = tmp_path / "triage.toml"
    config.write_text(render_toml(settings))

    def run(*words, typed=PASSWORD):
        monkeypatch.setattr(sys, "stdin", io.StringIO(f"{typed}\n"))
        return main(["--config", str(config), *words])

    return run


@pytest.fixture
def store(settings):
    """The site's store."""
    with Store.open(settings.state_folder) as opened:
        yield opened


def test_a_user_is_added_with_a_password_that_is_piped_in(triage, store, capsys):
    assert triage("user", "add", "Anna", "--role", "reader") == 0
    user = store.user("anna")
    assert user.roles == {UserRole.READER}
    assert verify_password(PASSWORD, user.password_hash)
    assert PASSWORD not in capsys.readouterr().err


def test_a_password_is_asked_for_twice_at_a_terminal(triage, store, monkeypatch, capsys):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    asked = []
    monkeypatch.setattr(users.sys, "stdin", Terminal())
    monkeypatch.setattr(users.getpass, "getpass", lambda text: asked.append(text) or PASSWORD)
    assert users._new_password("anna") == PASSWORD
    assert len(asked) == 2
    answers = iter([PASSWORD, "another horse"])
    monkeypatch.setattr(users.getpass, "getpass", lambda _: next(answers))
    with pytest.raises(Exception, match="the two passwords differ"):
        users._new_password("anna")


def test_no_command_takes_a_password_as_a_word(triage, capsys):
    with pytest.raises(SystemExit):
        triage("user", "add", "anna", PASSWORD, "--role", "reader")
    with pytest.raises(SystemExit):
        triage("user", "add", "anna", "--role", "reader", "--password", PASSWORD)


@pytest.mark.parametrize(
    ("words", "typed", "problem"),
    [
        (("add", "anna", "--role", "reader"), "short", "fewer than 10"),
        (("add", "a b", "--role", "reader"), PASSWORD, "cannot be a user's name"),
        (("disable", "nobody"), PASSWORD, "there is no user nobody"),
        (("password", "nobody"), PASSWORD, "there is no user nobody"),
        (("token", "nobody"), PASSWORD, "there is no user nobody"),
        (("remove", "nobody"), PASSWORD, "there is no user nobody"),
        (("roles", "nobody", "--role", "reader"), PASSWORD, "there is no user nobody"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(triage, store, capsys, words, typed, problem):
    assert triage("user", *words, typed=typed) == EXIT_ERROR
    assert problem in capsys.readouterr().err
    assert store.users() == ()


def test_a_name_is_taken_once(triage, store, capsys):
    assert triage("user", "add", "anna", "--role", "reader") == 0
    assert triage("user", "add", "ANNA", "--role", "operator") == EXIT_ERROR
    assert "there is a user anna already" in capsys.readouterr().err


def test_a_machine_gets_a_token_that_is_printed_once_and_can_be_taken_back(triage, store, capsys):
    assert triage("user", "add", "pacs", "--role", "reader", "--machine") == 0
    token = capsys.readouterr().out.strip()
    assert store.user_of_token(token_hash(token)).name == "pacs"
    assert store.user("pacs").password_hash == ""
    assert triage("user", "token", "pacs") == 0
    assert store.user_of_token(token_hash(token)) is None
    token = capsys.readouterr().out.strip()
    assert triage("user", "token", "pacs", "--revoke") == 0
    assert store.user_of_token(token_hash(token)) is None


def test_a_user_is_changed_listed_and_removed(triage, store, capsys):
    triage("user", "add", "anna", "--role", "reader")
    assert triage("user", "roles", "anna", "--role", "reader", "--role", "operator") == 0
    assert triage("user", "disable", "anna") == 0
    capsys.readouterr()
    assert triage("user", "list") == 0
    listed = capsys.readouterr().out
    assert "operator, reader" in listed
    assert "disabled" in listed
    assert triage("user", "enable", "anna") == 0
    assert triage("user", "password", "anna", typed="another long sentence") == 0
    assert verify_password("another long sentence", store.user("anna").password_hash)
    assert triage("user", "remove", "anna") == 0
    assert store.users() == ()


def log_in_finding(settings):
    """Return what `triage check` says of log-in."""
    extent = Extent(peers=False)
    return next(one for one in _findings(settings, extent, open_console()) if one.name == "log-in")


def test_check_says_how_the_first_user_is_added(settings, store):
    here = log_in_finding(settings)
    assert here.passed
    assert "only to look at" in here.detail
    open_to_all = replace(settings, web=WebSettings(address="0.0.0.0"))  # noqa: S104  as text
    finding = log_in_finding(open_to_all)
    assert not finding.passed
    assert "triage user add NAME --role reader" in finding.detail
    store.add_user("anna", [UserRole.READER], "x")
    finding = log_in_finding(open_to_all)
    assert finding.passed
    assert "unencrypted" in finding.detail
    assert "unencrypted" not in log_in_finding(settings).detail
