"""The parts of log-in one by one: passwords, tokens, the brake on guessing, origins."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from starlette.datastructures import Headers

from triage.settings import WebSettings
from triage.web.access import passwords
from triage.web.access.login import _safe_next
from triage.web.access.origin import caller_of, is_own_origin, is_right_host
from triage.web.access.passwords import (
    Cost,
    hash_password,
    is_outdated,
    problem_with,
    verify_password,
)
from triage.web.access.tokens import device_mark, device_of
from triage.web.access.tries import FROM_PLACE, WITH_NAME, Tries, delay_after, place_of

CHEAP = Cost(exponent=2, blocks=1, passes=1)
PROXY = WebSettings(trusted_proxies=(ip_network("10.0.0.0/24"),))


def test_a_password_is_known_again_and_another_one_is_not():
    stored = hash_password("correct horse", CHEAP)
    assert verify_password("correct horse", stored, CHEAP)
    assert not verify_password("correct hors", stored, CHEAP)
    assert "correct" not in stored


def test_two_hashes_of_one_password_differ_by_their_salt():
    assert hash_password("correct horse", CHEAP) != hash_password("correct horse", CHEAP)


def test_a_password_is_the_same_however_the_keyboard_composes_it():
    stored = hash_password("gru\u0308\u00dfe aus Bern", CHEAP)
    assert verify_password("gr\u00fc\u00dfe aus Bern", stored, CHEAP)


@pytest.mark.parametrize("stored", ["", "scrypt$", "plain$1$2$3$4$5", "x$y"])
def test_for_nobody_as_much_is_computed_as_for_somebody(monkeypatch, stored):
    costs = []
    scrypt = passwords.hashlib.scrypt

    def witness(*arguments, **keys):
        costs.append((keys["n"], keys["r"], keys["p"]))
        return scrypt(*arguments, **keys)

    hashed = hash_password("correct horse", CHEAP)
    monkeypatch.setattr(passwords.hashlib, "scrypt", witness)
    assert not verify_password("wrong horse", hashed, CHEAP)
    assert not verify_password("wrong horse", stored, CHEAP)
    assert costs == [(4, 1, 1)] * 2


def test_a_hash_of_another_cost_still_counts_and_is_outdated():
    stored = hash_password("correct horse", CHEAP)
    assert verify_password("correct horse", stored)
    assert is_outdated(stored)
    assert not is_outdated(stored, CHEAP)


def test_the_usual_hash_costs_what_is_asked_for_today():
    stored = hash_password("correct horse")
    assert stored.startswith("scrypt$15$8$3$")
    assert verify_password("correct horse", stored)


@pytest.mark.parametrize("password", ["short", "x" * 30, "anna loves trains", "ü" * 600 + "a1b2c3"])
def test_a_password_that_is_too_easy_or_too_long_is_refused(password):
    assert problem_with(password, "anna")
    assert not problem_with("a plain long sentence", "anna")


def test_a_mark_of_a_device_holds_for_its_user_alone():
    mark = device_mark(b"secret", "anna")
    assert device_of(b"secret", "anna", mark)
    assert not device_of(b"secret", "bert", mark)
    assert not device_of(b"other", "anna", mark)
    assert not device_of(b"secret", "anna", "")


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def guess_until_it_is_slow(tries):
    """Try passwords of a user until there is a wait."""
    assert any(tries.admit("anna", "10.0.0.1") for _ in range(100)), "guessing is never slow"


def test_mistyping_costs_nothing_and_guessing_ever_more():
    clock = Clock()
    tries = Tries(clock)
    waits = []
    for _ in range(20):
        waits.append(tries.admit("anna", "10.0.0.1"))
        clock.now += waits[-1]
    assert [wait for wait in waits if wait][:8] == [1, 2, 4, 8, 16, 30, 30, 30]
    assert delay_after(WITH_NAME.free, WITH_NAME) == 0
    assert delay_after(10_000, WITH_NAME) == 30


def test_tries_at_the_same_moment_do_not_slip_through():
    tries = Tries(Clock())
    admitted = [tries.admit("anna", "10.0.0.1") == 0 for _ in range(50)]
    assert sum(admitted) == WITH_NAME.free + 1


def test_who_guesses_a_name_delays_nobody_elsewhere():
    tries = Tries(Clock())
    guess_until_it_is_slow(tries)
    assert tries.admit("anna", "10.0.0.2") == 0
    assert tries.admit("bert", "10.0.0.1") == 0


def test_one_password_tried_on_many_names_is_slowed_down_too():
    tries = Tries(Clock())
    admitted = sum(tries.admit(f"user{number}", "10.0.0.1") == 0 for number in range(100))
    assert admitted == FROM_PLACE.free + 1


def test_a_success_forgets_what_went_wrong():
    tries = Tries(Clock())
    for _ in range(20):
        assert tries.admit("anna", "10.0.0.1") == 0
        tries.succeeded("anna", "10.0.0.1")


def test_failures_are_forgotten_in_time():
    clock = Clock()
    tries = Tries(clock)
    guess_until_it_is_slow(tries)
    clock.now += WITH_NAME.forgotten_seconds + 1
    assert [tries.admit("anna", "10.0.0.1") for _ in range(3)] == [0, 0, 0]


def test_memory_is_bounded_however_many_names_are_tried():
    tries = Tries(Clock(), most_kept=10)
    for number in range(1000):
        tries.admit(f"user{number}", f"10.0.{number // 250}.{number % 250}")
    assert len(tries._counts) == 10


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
    ],
)
def test_a_place_is_an_address_or_a_network_that_one_household_has(address, place):
    assert place_of(address) == place


@pytest.mark.parametrize(
    ("host", "right"),
    [
        ("127.0.0.1:8080", True),
        ("[::1]:8080", True),
        ("192.168.1.5", True),
        ("localhost:8080", True),
        ("triage.hospital.example:8080", True),
        ("TRIAGE.hospital.example.", True),
        ("evil.example", False),
        ("triage.hospital.example.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
        ("[", False),
    ],
)
def test_only_the_sites_own_names_are_right(host, right):
    assert is_right_host(host, WebSettings(host_names=("triage.hospital.example",))) is right


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({}, True),
        ({"origin": "http://127.0.0.1:8080"}, True),
        ({"origin": "https://triage.example"}, True),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "http://127.0.0.1:9999"}, False),
        ({"origin": "null"}, False),
        ({"origin": "file://"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site", "origin": "http://127.0.0.1:8080"}, False),
        ({"sec-fetch-site": "same-origin", "origin": "http://127.0.0.1:8080"}, True),
    ],
)
def test_only_our_own_pages_may_ask_for_changes(headers, own):
    given = Headers({"host": "127.0.0.1:8080", **headers})
    assert is_own_origin(given, WebSettings(host_names=("triage.example",))) is own


@pytest.mark.parametrize(
    ("peer", "headers", "address", "local", "secure"),
    [
        ("127.0.0.1", {}, "127.0.0.1", True, False),
        ("::ffff:127.0.0.1", {}, "::ffff:127.0.0.1", True, False),
        ("127.0.0.1", {"x-forwarded-for": "10.9.9.9"}, "127.0.0.1", False, False),
        ("127.0.0.1", {"via": "1.1 proxy"}, "127.0.0.1", False, False),
        ("10.9.9.9", {"x-forwarded-proto": "https"}, "10.9.9.9", False, False),
        ("10.0.0.7", {"x-forwarded-proto": "https"}, "10.0.0.7", False, True),
        ("10.0.0.7", {"x-forwarded-for": "1.1.1.1, 10.9.9.9"}, "10.9.9.9", False, False),
        ("10.0.0.7", {"x-forwarded-for": "10.9.9.9, 10.0.0.8"}, "10.9.9.9", False, False),
        ("10.0.0.7", {"x-forwarded-for": "nonsense"}, "10.0.0.7", False, False),
    ],
)
def test_a_forwarded_address_counts_from_a_trusted_proxy_alone(
    peer, headers, address, local, secure
):
    caller = caller_of(peer, "http", Headers(headers), PROXY)
    assert (caller.address, caller.local, caller.secure) == (address, local, secure)


@pytest.mark.parametrize(
    ("wanted", "safe"),
    [
        ("/studies/1.2.3", "/studies/1.2.3"),
        ("/?view=all", "/?view=all"),
        ("", "/"),
        ("https://evil.example/", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/login?next=/", "/"),
        ("/a\r\nSet-Cookie: x=1", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_a_log_in_leads_to_no_other_site(wanted, safe):
    assert _safe_next(wanted) == safe
