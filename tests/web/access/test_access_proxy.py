"""Users whom a proxy has logged in, over real sockets."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

HTML = {"accept": "text/html"}
PROXY = {
    "trusted_proxies": (ip_network("127.0.0.2"),),
    "proxy_user_header": "X-Remote-User",
    "proxy_roles_header": "X-Remote-Roles",
}


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
