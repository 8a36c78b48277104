"""Log-ins, sessions and wrong passwords, over real sockets."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_network

import pytest

from tests.web.access.conftest import PASSWORD
from triage.values import Outcome

HTML = {"accept": "text/html"}


def test_a_log_in_leads_back_to_the_page_that_was_asked_for(morning, serve, visit, add_user):
    add_user()
    study = morning.study_with(Outcome.ABNORMAL)
    uid = morning.store.study(study).entry.work_item_uid
    visitor = visit(serve())
    refused = visitor.get(f"/studies/{uid}", headers=HTML)
    assert refused.headers["location"] == f"/login?next=/studies/{uid}"
    answer = visitor.log_in(next=f"/studies/{uid}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/studies/{uid}")
    assert visitor.get(f"/studies/{uid}").status_code == 200
    assert "<b>anna</b> reader" in visitor.get("/", headers=HTML).text


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(serve, visit, add_user, morning):
    add_user()
    visitor = visit(serve())
    given = visitor.log_in().headers.get_list("set-cookie")
    assert len(given) == 2
    for cookie in given:
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert "Path=/" in cookie
    token = visitor.cookies["triage-session"]
    assert token not in (morning.folder / "triage.db").read_bytes().decode("latin-1")
    assert token not in (morning.folder / "triage.db-wal").read_bytes().decode("latin-1")


def test_behind_a_proxy_with_tls_the_cookie_is_for_tls_alone(serve, visit, add_user):
    add_user()
    running = serve(trusted_proxies=(ip_network("127.0.0.2"),))
    visitor = visit(running, "127.0.0.2", headers={"x-forwarded-proto": "https"})
    given = visitor.log_in().headers.get_list("set-cookie")
    assert not [cookie for cookie in given if "Secure" not in cookie]
    assert not [cookie for cookie in given if not cookie.startswith("__Host-")]


@pytest.mark.parametrize(
    ("name", "password"),
    [("anna", "wrong horse battery"), ("nobody", PASSWORD), ("", ""), ("anna", "")],
)
def test_a_wrong_name_and_a_wrong_password_are_one_and_the_same(
    serve, visit, add_user, name, password
):
    add_user()
    answer = visit(serve()).log_in(name, password)
    assert answer.status_code == 401
    assert "Name or password is not right." in answer.text


def test_a_session_that_was_chosen_for_somebody_is_not_the_one_he_gets(serve, visit, add_user):
    add_user()
    running = serve()
    visitor = visit(running)
    visitor.cookies.set("triage-session", "chosen-by-somebody-else")
    assert visitor.log_in().status_code == 303
    attacker = visit(running)
    attacker.cookies.set("triage-session", "chosen-by-somebody-else")
    assert attacker.get("/api/worklist").status_code == 401
    assert "chosen-by-somebody-else" not in list(visitor.cookies.jar)[-1].value


def test_every_log_in_is_a_session_of_its_own_and_logging_out_ends_one(serve, visit, add_user):
    add_user()
    running = serve()
    one, other = visit(running), visit(running)
    one.log_in()
    other.log_in()
    assert one.post("/logout", data={"csrf_token": one.csrf("/")}).status_code == 303
    kept = dict(one.cookies)
    assert "triage-session" not in kept
    assert one.get("/api/worklist").status_code == 401
    assert other.get("/api/worklist").status_code == 200


def test_a_copied_cookie_is_worth_nothing_after_the_log_out(serve, visit, add_user):
    add_user()
    running = serve()
    visitor, thief = visit(running), visit(running)
    visitor.log_in()
    thief.cookies.set("triage-session", visitor.cookies["triage-session"])
    assert thief.get("/api/worklist").status_code == 200
    visitor.post("/logout", data={"csrf_token": visitor.csrf("/")})
    assert thief.get("/api/worklist").status_code == 401


def test_a_session_that_nobody_uses_ends_though_its_page_stays_open(
    morning, serve, visit, add_user
):
    add_user()
    visitor = visit(serve(session_idle_minutes=30))
    visitor.log_in()
    for _ in range(3):
        morning.later(9)
        assert visitor.get("/list").status_code == 200
    morning.later(9)
    assert visitor.get("/list").status_code == 401


def test_a_session_that_is_used_lives_on_until_its_longest_time(morning, serve, visit, add_user):
    add_user()
    visitor = visit(serve(session_idle_minutes=30, session_hours=2))
    visitor.log_in()
    for _ in range(5):
        morning.later(20)
        assert visitor.get("/", headers=HTML).status_code == 200
    morning.later(20)
    assert visitor.get("/", headers=HTML).status_code == 303


@pytest.mark.parametrize("change", ["disable", "remove", "password"])
def test_what_is_changed_about_a_user_ends_the_sessions_at_once(
    morning, serve, visit, add_user, change
):
    add_user()
    visitor = visit(serve())
    visitor.log_in()
    assert visitor.get("/api/worklist").status_code == 200
    if change == "disable":
        morning.store.set_user_disabled("anna", disabled=True)
    elif change == "remove":
        morning.store.remove_user("anna")
        add_user("bert")
    else:
        morning.store.set_user_password("anna", "")
    assert visitor.get("/api/worklist").status_code == 401
    assert visitor.log_in().status_code == 401


def test_an_enabled_user_logs_in_anew(morning, serve, visit, add_user):
    add_user()
    visitor = visit(serve())
    visitor.log_in()
    morning.store.set_user_disabled("anna", disabled=True)
    morning.store.set_user_disabled("anna", disabled=False)
    assert visitor.get("/api/worklist").status_code == 401
    assert visitor.log_in().status_code == 303


def test_guessing_is_slowed_down_and_nobody_else_is(serve, visit, add_user, logged):
    add_user()
    running = serve()
    known = visit(running)
    assert known.log_in().status_code == 303  # this browser has a mark from here on
    guesser = visit(running)
    statuses = [guesser.log_in("anna", "a wrong guess").status_code for _ in range(6)]
    assert statuses[:4] == [401] * 4
    assert 429 in statuses[4:]
    answer = guesser.log_in()
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 31
    # From the same address, with the right password, from a browser that was known before:
    known.cookies.delete("triage-session")
    assert known.log_in().status_code == 303
    assert visit(running, "127.0.0.3").log_in().status_code == 303
    assert {line["reason"] for line in logged if line["action"] == "login_refused"} == {
        "wrong password",
        "too many tries",
    }


def test_sessions_that_ended_are_forgotten_at_the_next_log_in(morning, add_user):
    add_user()
    day = timedelta(days=1)
    assert morning.store.open_session("a" * 64, "anna", idle=day, longest=day)
    morning.later(24 * 60)
    assert morning.store.open_session("b" * 64, "anna", idle=day, longest=day)
    assert morning.store.session("a" * 64) is None
    assert morning.store.session("b" * 64) is not None
    assert not morning.store.open_session("c" * 64, "nobody", idle=day, longest=day)
