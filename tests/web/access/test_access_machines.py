"""Machines with a token, or with name and password, over real sockets."""

from __future__ import annotations

import base64

import pytest

from tests.web.access.conftest import PASSWORD

HTML = {"accept": "text/html"}
ANYWHERE = "0.0.0.0"  # noqa: S104  as a site would set it; the tests stay on loopback


def basic(name, password=PASSWORD):
    """Return the header of HTTP Basic."""
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def test_until_a_user_exists_this_machine_may_look_and_nothing_else(morning, serve, visit):
    morning.receive()
    visitor = visit(serve())
    page = visitor.get("/", headers=HTML)
    assert page.status_code == 200
    assert "View only." in page.text
    assert "triage user add" in page.text


def test_behind_a_proxy_that_is_not_named_this_machine_is_not_enough(morning, serve, visit):
    visitor = visit(serve(), headers={"x-forwarded-for": "10.1.2.3"})
    assert visitor.get("/api/worklist").status_code == 401
    assert visitor.get("/metrics").status_code == 401


def test_a_machine_shows_its_token_and_needs_no_form(morning, serve, visit, add_machine):
    token = add_machine()
    visitor = visit(serve(), headers={"authorization": f"Bearer {token}"})
    assert visitor.get("/api/worklist").status_code == 200
    assert visitor.post("/logout").status_code == 303
    morning.store.set_user_token("pacs", "")
    assert visitor.get("/api/worklist").status_code == 401


def test_a_disabled_machine_is_refused(morning, serve, visit, add_machine):
    visitor = visit(serve(), headers={"authorization": f"Bearer {add_machine()}"})
    morning.store.set_user_disabled("pacs", disabled=True)
    assert visitor.get("/api/worklist").status_code == 401


def test_a_machine_may_send_name_and_password_and_is_hashed_once_a_minute(
    morning, serve, visit, add_user, monkeypatch
):
    add_user()
    asked = []
    check = "triage.web.access.checks.verify_password"
    monkeypatch.setattr(check, lambda *_: asked.append(1) or True)
    visitor = visit(serve(), headers=basic("anna"))
    for _ in range(5):
        assert visitor.get("/api/worklist").status_code == 200
    assert len(asked) == 1
    morning.store.set_user_disabled("anna", disabled=True)
    monkeypatch.setattr(check, lambda *_: False)
    assert visitor.get("/api/worklist").status_code == 401


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("Basic !!!", 400),
        ("Basic " + base64.b64encode(b"anna:wrong").decode(), 401),
        ("Bearer " + "x" * 43, 401),
        ("Negotiate abc", 401),
        ("Bearer", 401),
    ],
)
def test_what_is_not_a_log_in_is_refused(serve, visit, add_user, authorization, status):
    add_user()
    visitor = visit(serve())
    answer = visitor.get("/api/worklist", headers={"authorization": authorization})
    assert answer.status_code == status


def test_health_and_metrics_answer_this_machine_or_who_may_know(
    serve, visit, add_user, add_machine
):
    add_user()
    token = add_machine()
    running = serve(address=ANYWHERE)
    here = visit(running)
    elsewhere = visit(running, headers={"x-forwarded-for": "10.9.9.9"})
    for path in ("/health/live", "/metrics"):
        assert here.get(path).status_code == 200
        assert elsewhere.get(path).status_code == 401
        bearer = {"authorization": f"Bearer {token}"}
        assert elsewhere.get(path, headers=bearer).status_code == 200
    open_to_all = visit(serve(open_metrics=True), headers={"x-forwarded-for": "10.9.9.9"})
    assert open_to_all.get("/metrics").status_code == 200
    assert open_to_all.get("/api/worklist").status_code == 401
