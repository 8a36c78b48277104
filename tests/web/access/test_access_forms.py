"""What keeps other sites' pages and strangers' forms out, over real sockets."""

from __future__ import annotations

import re

import pytest

from tests.web.access.conftest import PASSWORD
from triage.web import app


def changing_addresses():
    """Return method and address of everything that changes something."""
    routes = [route for route in app._ROUTES if getattr(route, "methods", None)]
    return [
        (method, re.sub(r"\{[^}]*\}", "1.2.3", route.path))
        for route in routes
        for method in sorted(route.methods - {"GET", "HEAD"})
        if route.path not in ("/login", "/logout")
    ]


def test_every_address_that_changes_something_asks_who_and_from_where(serve, visit, add_user):
    running = serve()
    addresses = changing_addresses()
    assert len(addresses) > 10
    before = visit(running)
    asked = {address: before.request(*address).status_code for address in addresses}
    assert set(asked.values()) == {403}, asked  # nobody can change anything yet
    add_user()
    asked = {address: visit(running).request(*address).status_code for address in addresses}
    assert set(asked.values()) == {401}, asked
    anna = visit(running)
    anna.log_in()
    asked = {address: anna.request(*address).status_code for address in addresses}
    assert set(asked.values()) == {403}, asked  # without the token of a form
    anna.headers.update({"x-csrf-token": anna.csrf("/"), "origin": "http://evil.example"})
    asked = {address: anna.request(*address).status_code for address in addresses}
    assert set(asked.values()) == {403}, asked


@pytest.mark.parametrize("token", ["", "0" * 64, "from-another-session"])
def test_a_form_without_the_right_token_changes_nothing(serve, visit, add_user, logged, token):
    add_user()
    running = serve()
    visitor, other = visit(running), visit(running)
    visitor.log_in()
    other.log_in()
    if token == "from-another-session":  # noqa: S105  a label of this test
        token = other.csrf("/")
    answer = visitor.post("/logout", data={"csrf_token": token})
    assert answer.status_code == 403
    assert "nothing was changed" in answer.text
    assert visitor.get("/api/worklist").status_code == 200
    assert logged[-1]["action"] == "form_refused"


def test_a_script_of_our_page_sends_the_token_in_a_header(serve, visit, add_user):
    add_user()
    visitor = visit(serve())
    visitor.log_in()
    answer = visitor.post("/logout", headers={"x-csrf-token": visitor.csrf("/")})
    assert answer.status_code == 303


def test_nobody_can_be_logged_in_by_another_sites_form(serve, visit, add_user):
    add_user()
    visitor = visit(serve())
    form = {"name": "anna", "password": PASSWORD}
    assert visitor.post("/login", data=form).status_code == 403
    assert visitor.post("/login", data={**form, "csrf_token": "0" * 64}).status_code == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null"])
def test_another_sites_page_cannot_ask_even_with_the_token(serve, visit, add_user, origin):
    add_user()
    visitor = visit(serve())
    visitor.log_in()
    form = {"csrf_token": visitor.csrf("/")}
    answer = visitor.post("/logout", data=form, headers={"origin": origin})
    assert answer.status_code == 403
    assert visitor.get("/api/worklist").status_code == 200
    assert visitor.post("/logout", data=form, headers={"origin": str(visitor.base_url)[:-1]})


def test_a_name_that_is_not_this_sites_is_refused(morning, serve, visit):
    morning.receive()
    visitor = visit(serve(host_names=("triage.example",)))
    for path in ("/", "/api/worklist", "/health/live", "/metrics", "/static/live.js"):
        answer = visitor.get(path, headers={"host": "rebound.example"})
        assert answer.status_code == 421
        assert "host_names" in answer.text
    assert visitor.get("/", headers={"host": "triage.example"}).status_code == 200


def test_a_form_that_never_ends_is_cut_off(serve, visit, add_user):
    add_user()
    visitor = visit(serve())
    answer = visitor.post("/login", data={"name": "a" * 70_000})
    assert answer.status_code == 413
