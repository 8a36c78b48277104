"""Who gets in and who does not, over real sockets."""

from __future__ import annotations

import base64
import re
import ssl
from datetime import timedelta
from ipaddress import ip_network

import httpx
import pytest

from tests.intake.certificates import Authority
from tests.web.access.conftest import PASSWORD
from triage.errors import SettingsError
from triage.settings import WebSettings
from triage.values import Outcome, UserRole
from triage.web import app
from triage.web.tls import page_context

HTML = {"accept": "text/html"}
ANYWHERE = "0.0.0.0"  # noqa: S104  as a site would set it; the tests stay on loopback
PROXY = {
    "trusted_proxies": (ip_network("127.0.0.2"),),
    "proxy_user_header": "X-Remote-User",
    "proxy_roles_header": "X-Remote-Roles",
}


def test_until_a_user_exists_this_machine_may_look_and_nothing_else(morning, serve, visit):
    morning.receive()
    visitor = visit(serve())
    page = visitor.get("/", headers=HTML)
    assert page.status_code == 200
    assert "View only." in page.text
    assert "triage user add" in page.text


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


def test_on_any_other_address_a_log_in_is_needed_from_the_start(morning, serve, visit):
    visitor = visit(serve(address=ANYWHERE))
    assert visitor.get("/api/worklist").status_code == 401
    assert visitor.get("/", headers=HTML).headers["location"] == "/login?next=/"
    assert "triage user add NAME --role reader" in visitor.get("/login", headers=HTML).text


def test_behind_a_proxy_that_is_not_named_this_machine_is_not_enough(morning, serve, visit):
    visitor = visit(serve(), headers={"x-forwarded-for": "10.1.2.3"})
    assert visitor.get("/api/worklist").status_code == 401
    assert visitor.get("/metrics").status_code == 401


def test_the_first_user_closes_the_door(morning, serve, visit, add_user):
    visitor = visit(serve())
    assert visitor.get("/api/worklist").status_code == 200
    add_user()
    answer = visitor.get("/api/worklist")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


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


def test_the_proxy_says_who_it_is(serve, visit, add_user, logged):
    add_user()
    running = serve(**PROXY)
    said = {"x-remote-user": "Carla", "x-remote-roles": "radiology, reader"}
    visitor = visit(running, "127.0.0.2", headers=said)
    page = visitor.get("/", headers=HTML)
    assert page.status_code == 200
    assert "<b>carla</b> reader" in page.text
    assert "Log out" not in page.text
    assert logged == []


def test_a_stranger_who_sends_the_proxys_header_is_nobody(serve, visit, logged):
    running = serve(**PROXY)
    stranger = visit(running, headers={"x-remote-user": "carla", "x-remote-roles": "reader"})
    for _ in range(3):
        assert stranger.get("/api/worklist").status_code == 401
    (line,) = [each for each in logged if each["action"] == "proxy_header_ignored"]
    assert line["address"] == "127.0.0.1"
    assert "carla" not in str(line)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"x-remote-user": "carla"}, 403),  # without a role
        ({"x-remote-user": "carla", "x-remote-roles": "porter"}, 403),
        ({"x-remote-user": "carla", "x-remote-roles": "reader"}, 200),
        ({"x-remote-user": "carla smith", "x-remote-roles": "reader"}, 403),
        ({"x-remote-user": "", "x-remote-roles": "reader"}, 401),
        ({"x-remote-user": "dora", "x-remote-roles": "reader"}, 403),  # disabled here
        ({}, 401),
    ],
)
def test_what_a_proxy_says_must_make_sense(morning, serve, visit, add_user, headers, status):
    add_user("dora")
    morning.store.set_user_disabled("dora", disabled=True)
    visitor = visit(serve(**PROXY), "127.0.0.2", headers=headers)
    assert visitor.get("/api/worklist").status_code == status


def test_two_names_from_a_proxy_are_none(serve, visit):
    visitor = visit(serve(**PROXY), "127.0.0.2")
    twice = [("x-remote-user", "anna"), ("x-remote-user", "bert"), ("x-remote-roles", "reader")]
    assert visitor.get("/api/worklist", headers=twice).status_code == 403


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


def basic(name, password=PASSWORD):
    """Return the header of HTTP Basic."""
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


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


def test_the_log_tells_who_came_and_went_and_no_password(serve, visit, add_user, logged):
    add_user()
    visitor = visit(serve())
    visitor.log_in("my-password-by-mistake", "x")
    visitor.log_in("anna", "wrong horse")
    visitor.log_in()
    visitor.post("/logout", data={"csrf_token": visitor.csrf("/")})
    assert [(line["action"], line["user"]) for line in logged] == [
        ("login_refused", None),
        ("login_refused", "anna"),
        ("login", "anna"),
        ("logout", "anna"),
    ]
    assert {line["address"] for line in logged} == {"127.0.0.1"}
    for secret in ("my-password-by-mistake", PASSWORD, "wrong horse", "[dropped]"):
        assert secret not in str(logged)


def test_no_address_and_no_log_line_names_a_patient_or_a_secret(
    morning, serve, visit, add_user, logged
):
    add_user()
    study = morning.study_with(Outcome.ABNORMAL, patient_name="Quixworth^Zebulon")
    uid = morning.store.study(study).entry.work_item_uid
    visitor = visit(serve())
    asked = []
    visitor.event_hooks["request"].append(lambda request: asked.append(str(request.url)))
    visitor.get(f"/studies/{uid}", headers=HTML)
    answer = visitor.log_in(next=f"/studies/{uid}")
    visitor.get(answer.headers["location"], headers=HTML)
    secrets = ("quixworth", "zebulon", "password", "anna", *visitor.cookies.values())
    for text in (*asked, str([{**line, "user": ""} for line in logged])):
        assert not [each for each in secrets if each in text.lower()]


def test_a_form_that_never_ends_is_cut_off(serve, visit, add_user):
    add_user()
    visitor = visit(serve())
    answer = visitor.post("/login", data={"name": "a" * 70_000})
    assert answer.status_code == 413


def test_roles_are_kept_apart(morning, serve, visit, add_user):
    add_user("olga", UserRole.OPERATOR)
    visitor = visit(serve())
    visitor.log_in("olga")
    assert "<b>olga</b> operator" in visitor.get("/", headers=HTML).text
    morning.store.set_user_roles("olga", [UserRole.READER])
    assert "<b>olga</b> reader" in visitor.get("/", headers=HTML).text


def test_sessions_that_ended_are_forgotten_at_the_next_log_in(morning, add_user):
    add_user()
    day = timedelta(days=1)
    assert morning.store.open_session("a" * 64, "anna", idle=day, longest=day)
    morning.later(24 * 60)
    assert morning.store.open_session("b" * 64, "anna", idle=day, longest=day)
    assert morning.store.session("a" * 64) is None
    assert morning.store.session("b" * 64) is not None
    assert not morning.store.open_session("c" * 64, "nobody", idle=day, longest=day)


def test_the_page_speaks_tls_with_its_own_certificate(tmp_path, serve, add_user):
    add_user()
    authority = Authority(tmp_path)
    page = authority.issue("triage.example")
    running = serve(
        tls_certificate=page.certificate,
        tls_private_key=page.key,
        host_names=("triage.example",),
    )
    trusting = ssl.create_default_context(cafile=authority.file)
    trusting.check_hostname = False  # the certificate is of a name, the test asks an address
    url = running.url.replace("http:", "https:")
    with httpx.Client(base_url=url, verify=trusting, timeout=20) as client:
        login = client.get("/login", headers=HTML)
    assert login.status_code == 200
    assert "__Host-triage-session" in login.headers["set-cookie"]
    assert "Secure" in login.headers["set-cookie"]
    with httpx.Client(base_url=running.url) as client, pytest.raises(httpx.TransportError):
        client.get("/login")


def test_a_certificate_that_cannot_be_used_names_its_key(tmp_path):
    missing = WebSettings(tls_certificate=tmp_path / "none.pem", tls_private_key=tmp_path / "k")
    with pytest.raises(SettingsError, match=r"web\.tls_certificate: .*none\.pem cannot be read"):
        page_context(missing)
    for name in ("none.pem", "k"):
        (tmp_path / name).write_text("nothing")
    with pytest.raises(SettingsError, match="no certificate with its key"):
        page_context(missing)
