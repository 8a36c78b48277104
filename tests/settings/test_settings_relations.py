"""Settings that do not go together are refused: ports, names, loops, TLS by half."""

from __future__ import annotations

import re

import pytest

from tests.settings.files import PACS, RECEIVERS, faults_of
from triage.settings import parse_settings

ANY_ADDRESS = "0.0.0.0"  # noqa: S104  as text: nothing listens here
TLS = (
    'tls_port = 2762\ntls_certificate = "/srv/own.pem"\ntls_private_key = "/srv/own.key"\n'
    'tls_authorities = "/srv/authorities.pem"\n'
)


def test_destinations_need_names_of_their_own_whatever_the_case():
    (fault,) = faults_of(PACS + PACS.replace("pacs", "PACS").replace("10.0.0.5", "10.0.0.6"))
    assert fault.startswith("destinations[2].name: ")


def test_the_same_pacs_under_two_names_is_refused():
    (fault,) = faults_of(PACS + PACS.replace('"pacs"', '"archive"'))
    assert fault.startswith("destinations[2].address: is the same PACS as destinations[1]")


@pytest.mark.parametrize(
    ("other", "same"), [(('"A"', '"B"'), "name"), (('"a"', '"b"'), "ae_title")]
)
def test_peers_are_told_apart_by_name_and_by_ae_title(other, same):
    one = '[[peers]]\nname = "a"\nae_title = "A"\naddress = "10.0.0.5"\nport = 104\n'
    (fault,) = faults_of(one + one.replace(*other))
    assert fault.startswith(f"peers[2].{same}: ")


@pytest.mark.parametrize(
    ("listening", "called", "loops"),
    [
        (ANY_ADDRESS, "127.0.0.1", True),
        (ANY_ADDRESS, "localhost", True),
        ("::", "::1", True),
        ("192.168.1.5", "192.168.1.5", True),
        ("triage.example", "TRIAGE.example", True),
        ("192.168.1.5", "127.0.0.1", False),
        ("127.0.0.1", "127.0.0.2", False),
        (ANY_ADDRESS, "192.168.1.5", False),
        (ANY_ADDRESS, "pacs.example", False),
    ],
)
def test_a_destination_that_is_our_own_listener_is_refused_as_a_loop(listening, called, loops):
    text = f'[listener]\naddress = "{listening}"\nport = 104\n' + PACS.replace("10.0.0.5", called)
    if not loops:
        assert parse_settings(text, "triage.toml").destinations[0].address == called
        return
    (fault,) = faults_of(text)
    assert fault.startswith("destinations[1].port: ")
    assert "own listener" in fault


def test_listener_and_page_on_one_port_are_refused():
    (fault,) = faults_of("[listener]\nport = 8080\n")
    assert fault.startswith("web.port: 8080 is the listener's port too")


def test_any_free_port_is_no_clash():
    settings = parse_settings("[listener]\nport = 0\n[web]\nport = 0\n", "triage.toml")
    assert settings.listener.port == settings.web.port == 0


def test_a_port_with_tls_beside_the_one_without_is_allowed():
    settings = parse_settings(f"[listener]\n{TLS}", "triage.toml")
    assert settings.listener.tls_port == 2762
    assert settings.listener.accept_without_tls


def test_a_listener_without_any_port_is_refused():
    (fault,) = faults_of("[listener]\naccept_without_tls = false\n")
    assert fault.startswith("listener.accept_without_tls: false without tls_port leaves no port")


@pytest.mark.parametrize("key", ["tls_certificate", "tls_private_key", "tls_authorities"])
def test_tls_without_one_of_its_files_is_refused(key):
    (fault,) = faults_of("[listener]\n" + re.sub(f"{key} = .*\n", "", TLS))
    assert fault == f"listener.{key}: is needed with tls_port; name the PEM file"


def test_tls_without_client_certificates_needs_no_authorities():
    text = re.sub("tls_authorities = .*\n", "tls_client_certificates = false\n", TLS)
    assert parse_settings(f"[listener]\n{text}", "triage.toml").listener.tls_authorities is None


def test_files_for_tls_without_its_port_are_refused_rather_than_left_unused():
    faults = faults_of("[listener]\n" + TLS.replace("2762", "0"))
    assert [fault.split(": ")[0] for fault in faults] == [
        "listener.tls_certificate",
        "listener.tls_private_key",
        "listener.tls_authorities",
    ]
    assert all("there is none without tls_port" in fault for fault in faults)


def test_one_port_with_and_without_tls_is_refused():
    (fault,) = faults_of(f"[listener]\nport = 2762\n{TLS}")
    assert fault.startswith("listener.tls_port: 2762 is the port without TLS")


def test_where_every_peer_speaks_tls_its_port_may_be_the_one_that_was_without():
    text = f"[listener]\nport = 2762\naccept_without_tls = false\n{TLS}"
    assert not parse_settings(text, "triage.toml").listener.accept_without_tls


@pytest.mark.parametrize(
    ("listening", "page", "clashes"),
    [
        (ANY_ADDRESS, "127.0.0.1", True),
        ("127.0.0.1", ANY_ADDRESS, True),
        ("192.168.1.5", "192.168.1.5", True),
        ("192.168.1.5", "127.0.0.1", False),
    ],
)
def test_the_page_on_the_port_with_tls_is_refused_where_their_addresses_meet(
    listening, page, clashes
):
    text = f'[listener]\naddress = "{listening}"\n{TLS}[web]\naddress = "{page}"\nport = 2762\n'
    if not clashes:
        assert parse_settings(text, "triage.toml").web.port == 2762
        return
    (fault,) = faults_of(text)
    assert fault.startswith("web.port: 2762 is the listener's tls_port too")


def test_the_page_may_have_the_port_that_is_closed_without_tls():
    text = f"[listener]\nport = 8080\naccept_without_tls = false\n{TLS}[web]\nport = 8080\n"
    assert parse_settings(text, "triage.toml").web.port == 8080


def test_a_destination_that_is_our_own_port_with_tls_is_refused_as_a_loop():
    pacs = PACS.replace("10.0.0.5", "localhost").replace("= 104", "= 2762")
    (fault,) = faults_of(f"[listener]\n{TLS}{pacs}")
    assert fault.startswith("destinations[1].port: localhost port 2762 is this system's own")


def test_a_destination_on_a_port_that_is_closed_without_tls_is_no_loop():
    pacs = PACS.replace("10.0.0.5", "localhost")
    text = f"[listener]\nport = 104\naccept_without_tls = false\n{TLS}{pacs}"
    assert parse_settings(text, "triage.toml").destinations[0].port == 104


@pytest.mark.parametrize("wrong", ["tls_port = 70000\n", 'tls_certificat = "/srv/own.pem"\n'])
def test_a_fault_of_tls_is_not_followed_by_those_that_it_causes(wrong):
    text = re.sub(f"{wrong.split('=')[0].strip()}.* = .*\n", wrong, TLS)
    (fault,) = faults_of(f"[listener]\naccept_without_tls = false\n{text}")
    assert fault.startswith(f"listener.{wrong.split(' ')[0]}: ")


def test_two_receivers_of_one_name_are_refused_whatever_their_kind():
    (fault,) = faults_of(RECEIVERS.replace('"two"', '"One"'))
    assert fault.startswith('ups_receivers[1].name: "One" is the name of orthanc_receivers[1] too')


def test_a_ups_receiver_that_is_our_own_listener_is_refused():
    text = RECEIVERS.replace("10.0.0.5", "localhost") + "[listener]\nport = 104\n"
    (fault,) = faults_of(text)
    assert fault.startswith("ups_receivers[1].port: ")
    assert "own listener" in fault


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('tls_certificate = "/srv/page.pem"', "web.tls_private_key"),
        ('tls_private_key = "/srv/page.key"', "web.tls_certificate"),
        ('proxy_user_header = "X-Remote-User"', "web.proxy_user_header"),
        ('proxy_roles_header = "X-Roles"', "web.proxy_roles_header"),
        ('proxy_user_header = "X Remote"', "web.proxy_user_header"),
        ('host_names = ["a b"]', "web.host_names"),
    ],
)
def test_settings_of_the_page_that_would_open_it_by_half_are_refused(text, key):
    (fault,) = faults_of(f"[web]\n{text}\n")
    assert fault.startswith(f"{key}: ")
