"""Who gets in and who does not, over real sockets."""

from __future__ import annotations

import ssl

import httpx
import pytest

from tests.intake.certificates import Authority
from tests.web.access.conftest import PASSWORD
from triage.errors import SettingsError
from triage.settings import WebSettings
from triage.values import Outcome, UserRole
from triage.web.tls import page_context

HTML = {"accept": "text/html"}
ANYWHERE = "0.0.0.0"  # noqa: S104  as a site would set it; the tests stay on loopback


def test_on_any_other_address_a_log_in_is_needed_from_the_start(morning, serve, visit):
    visitor = visit(serve(address=ANYWHERE))
    assert visitor.get("/api/worklist").status_code == 401
    assert visitor.get("/", headers=HTML).headers["location"] == "/login?next=/"
    assert "triage user add NAME --role reader" in visitor.get("/login", headers=HTML).text


def test_the_first_user_closes_the_door(morning, serve, visit, add_user):
    visitor = visit(serve())
    assert visitor.get("/api/worklist").status_code == 200
    add_user()
    answer = visitor.get("/api/worklist")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


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


def test_a_reader_cannot_operate_and_an_operator_cannot_read(morning, serve, visit, add_user):
    study = morning.study_with(Outcome.ABNORMAL)
    work = f"/studies/{morning.store.study(study).entry.work_item_uid}"
    reader, operator = add_user("anna", UserRole.READER), add_user("otto", UserRole.OPERATOR)
    running = serve()
    asked = {
        reader: ["/operator/brake"],
        operator: [f"{work}/{verb}" for verb in ("agree", "disagree", "undo", "claim", "release")]
        + [f"{work}/priority"],
    }
    form = {"effect": "pause", "reason": "r", "decision": "1", "priority": "LOW", "version": "1"}
    for name, paths in asked.items():
        visitor = visit(running)
        visitor.log_in(name)
        token = {"csrf_token": visitor.csrf("/")}
        for path in paths:
            answer = visitor.post(path, data={**form, **token})
            assert (answer.status_code, "role" in answer.text) == (403, True), path
    assert not morning.store.paused()
    assert visitor.post("/operator/brake", data={**form, **token}).status_code == 303
    assert morning.store.paused()
    assert not morning.store.study_feedback(study)
    entry = morning.store.study(study).entry
    assert (entry.claimed_by, entry.held_by) == ("", "")


def test_roles_are_kept_apart(morning, serve, visit, add_user):
    add_user("olga", UserRole.OPERATOR)
    visitor = visit(serve())
    visitor.log_in("olga")
    assert "<b>olga</b> operator" in visitor.get("/", headers=HTML).text
    morning.store.set_user_roles("olga", [UserRole.READER])
    assert "<b>olga</b> reader" in visitor.get("/", headers=HTML).text


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
