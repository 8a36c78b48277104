"""What systemd hears from the daemon, on a real notification socket."""

from __future__ import annotations

import os
import socket

import pytest

from triage.watchdog import ServiceManager


@pytest.fixture
def listening(tmp_path):
    """Return a function that listens as systemd does and returns address and receiver."""
    sockets = []

    def listen(address):
        receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sockets.append(receiver)
        receiver.settimeout(5)
        receiver.bind("\0" + address[1:] if address.startswith("@") else address)
        return receiver

    yield listen
    for receiver in sockets:
        receiver.close()


@pytest.fixture
def heard(listening, tmp_path):
    """Return a service manager and a function that returns the next notification."""
    address = str(tmp_path / "notify")
    receiver = listening(address)
    manager = ServiceManager.from_environment({"NOTIFY_SOCKET": address})
    return manager, lambda: receiver.recv(4096).decode().split("\n")


def test_ready_and_status_go_in_one_notification(heard):
    manager, receive = heard
    assert manager.ready("5 roles run")
    assert receive() == ["READY=1", "STATUS=5 roles run"]


def test_the_life_of_the_daemon_is_told_in_order(heard):
    manager, receive = heard
    assert manager.status("3 images wait")
    assert manager.alive()
    assert manager.stopping("draining")
    assert [receive() for _ in range(3)] == [
        ["STATUS=3 images wait"],
        ["WATCHDOG=1"],
        ["STOPPING=1", "STATUS=draining"],
    ]


@pytest.mark.parametrize(
    "say", [ServiceManager.ready, ServiceManager.status, ServiceManager.stopping]
)
def test_a_status_cannot_smuggle_in_another_assignment(heard, say):
    manager, receive = heard
    say(manager, "x\nMAINPID=1")
    assert receive()[-1] == "STATUS=x MAINPID=1"


def test_a_socket_in_the_abstract_namespace_is_reached(listening):
    address = f"@cspine-triage-test-{os.getpid()}"
    receiver = listening(address)
    assert ServiceManager.from_environment({"NOTIFY_SOCKET": address}).alive()
    assert receiver.recv(100) == b"WATCHDOG=1"


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2"}])
def test_without_a_service_manager_nothing_is_sent(environment):
    manager = ServiceManager.from_environment({**environment, "WATCHDOG_USEC": "3000000"})
    assert manager.ping_seconds is None
    assert not manager.ready("")
    assert not manager.alive()


def test_a_service_manager_that_is_gone_does_not_stop_the_daemon(tmp_path):
    manager = ServiceManager.from_environment({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    assert not manager.alive()


@pytest.mark.parametrize(
    ("variables", "seconds"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 20.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 20.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid() + 1)}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_served_several_times_an_interval(variables, seconds):
    environment = {"NOTIFY_SOCKET": "/run/systemd/notify", **variables}
    assert ServiceManager.from_environment(environment).ping_seconds == seconds
