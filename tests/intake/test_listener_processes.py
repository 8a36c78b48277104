"""Several listeners behind one port, and what peers notice when one of them dies: nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pydicom.uid import DigitalXRayImageStorageForPresentation
from pynetdicom.sop_class import Verification

from tests.peers import free_port
from tests.waiting import until
from triage.store import Store

DX = DigitalXRayImageStorageForPresentation


class Service:
    """`triage serve --role listener` with its processes."""

    def __init__(self, folder: Path, root: Path, **listening) -> None:
        self.state = folder / "state"
        self.port = free_port()
        self.log = folder / "log"
        keys = {"address": "127.0.0.1", "port": self.port, "minimum_free_megabytes": 1, **listening}
        lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in keys.items())
        configuration = folder / "triage.toml"
        configuration.write_text(f'state_folder = "{self.state}"\n[listener]\n{lines}\n')
        command = [sys.executable, "-m", "triage", "serve", "--role", "listener"]
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                [*command, "--config", configuration],
                stdout=output,
                stderr=output,
                cwd=root,
            )

    def listeners(self) -> list[int]:
        """Return the processes that listen."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(child) for child in children]

    def said(self, action: str) -> int:
        """Return how often something stands in the log."""
        return self.log.read_text().count(f'"action": "{action}"')


@pytest.fixture
def serve(tmp_path, root):
    """Return a function that starts listeners and returns when all of them listen."""
    started = []

    def start(listeners=2, **listening):
        service = Service(tmp_path, root, listeners=listeners, **listening)
        started.append(service)
        until(
            lambda: service.said("listening") == listeners or service.process.poll() is not None,
            "the listeners",
        )
        assert service.process.poll() is None, service.log.read_text()
        return service

    yield start
    for service in started:
        service.process.send_signal(signal.SIGTERM)
        service.process.wait(30)


def test_every_listener_takes_associations_and_one_store_knows_them_all(
    serve, associate, radiograph
):
    service, films = serve(), [radiograph() for _ in range(12)]
    open_ones = [associate(service.port, DX) for _ in films]
    for association, film in zip(open_ones, films, strict=True):
        assert association.send_c_store(film).Status == 0x0000
    taken_by = {
        json.loads(line)["pid"]
        for line in service.log.read_text().splitlines()
        if '"instance_stored"' in line
    }
    assert taken_by <= set(service.listeners())
    with Store.open(service.state) as store:
        assert len(store.worklist_entries()) == 12


def test_associations_are_counted_over_all_processes(serve, associate):
    service = serve(maximum_associations=6, maximum_associations_per_peer=4)
    open_ones = [associate(service.port, Verification) for _ in range(4)]
    assert all(one.is_established for one in open_ones)
    assert not associate(service.port, Verification).is_established
    open_ones[0].release()
    until(lambda: associate(service.port, Verification).is_established, "room for another")


def test_a_peer_that_comes_while_every_listener_is_dead_waits_and_is_served(serve, associate):
    service = serve()
    for pid in service.listeners():
        os.kill(pid, signal.SIGKILL)
    association = associate(service.port, Verification)
    assert association.send_c_echo().Status == 0x0000
    until(lambda: service.said("role_died") == 2, "both deaths noted")


def test_a_service_that_is_told_to_stop_frees_its_port(serve):
    service = serve()
    service.process.terminate()
    assert service.process.wait(30) == 0
    assert service.said("stopped") == 2


def test_a_port_that_is_taken_is_named_before_anything_starts(serve, tmp_path, root):
    first = serve()
    folder = tmp_path / "second"
    folder.mkdir()
    second = Service(folder, root, listeners=2, port=first.port)
    assert second.process.wait(30) != 0
    assert f"cannot open 127.0.0.1:{first.port}" in second.log.read_text()
    assert second.said("role_started") == 0
