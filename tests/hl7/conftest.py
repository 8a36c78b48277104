"""A site with a store, an HL7 server in a thread, and a lane to a RIS."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from tests.factories import make_facts, record
from tests.hl7.ris import BEGIN, END
from tests.hl7.samples import ACCESSION, PATIENT, STUDY
from tests.peers import LOOPBACK, free_port
from triage.delivery.lane import Tools
from triage.delivery.result_lane import ResultLane
from triage.hl7 import server
from triage.hl7.values import MessageKind
from triage.settings import (
    DecisionSettings,
    DeliverySettings,
    Hl7Receiver,
    Hl7Settings,
    Settings,
)
from triage.values import Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from triage.store import Store

PATIENCE = DeliverySettings(
    first_retry_seconds=10, maximum_retry_seconds=300, maximum_attempts=3, timeout_seconds=5
)


@pytest.fixture
def settings(store: Store) -> Settings:
    """Return the settings of a site that lets results have effect."""
    return Settings(
        state_folder=store.state_folder,
        decision=DecisionSettings(mode=Mode.DEMOTE),
        delivery=PATIENCE,
        hl7=Hl7Settings(
            port=free_port(),
            address=LOOPBACK,
            message_timeout_seconds=5,
            maximum_message_kilobytes=64,
        ),
    )


@pytest.fixture
def arrive(store: Store) -> Callable[..., object]:
    """Return what lets an image of the study arrive."""

    def make(
        study: str = STUDY, accession: str = ACCESSION, patient: str = PATIENT, **values: object
    ) -> object:
        facts = make_facts(study, accession_number=accession, patient_id=patient, **values)
        return record(store, facts, content=facts.sop_instance_uid)

    return make


@dataclass
class Caller:
    """A connection to the server, as an interface engine holds it."""

    connection: socket.socket
    held: bytes = b""

    def send(self, content: bytes) -> None:
        """Send a message in its frame."""
        self.connection.sendall(BEGIN + content + END)

    def hear(self) -> bytes:
        """Return the next answer; nothing when the server has ended the connection."""
        while END not in self.held:
            received = self.connection.recv(65_536)
            if not received:
                return b""
            self.held += received
        answer, _, self.held = self.held.partition(END)
        return answer.removeprefix(BEGIN)

    def ask(self, content: bytes) -> bytes:
        """Send a message and return its answer."""
        self.send(content)
        return self.hear()


@pytest.fixture
def serve(settings: Settings) -> Iterator[Callable[..., threading.Event]]:
    """Return what runs the HL7 role until the test ends; it gives its stop event."""
    running: list[tuple[threading.Event, threading.Thread]] = []

    def start(chosen: Settings = settings) -> threading.Event:
        stop, ready = threading.Event(), threading.Event()
        thread = threading.Thread(
            target=server.run, args=(chosen, stop, lambda: None, lambda _port: ready.set())
        )
        thread.start()
        running.append((stop, thread))
        assert ready.wait(30)
        return stop

    yield start
    for stop, _ in running:
        stop.set()
    for _, thread in running:
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture
def call(settings: Settings) -> Iterator[Callable[[], Caller]]:
    """Return what connects to the server."""
    callers: list[Caller] = []

    def connect() -> Caller:
        connection = socket.create_connection((LOOPBACK, settings.hl7.port), 30)
        callers.append(Caller(connection))
        return callers[-1]

    yield connect
    for caller in callers:
        caller.connection.close()


@pytest.fixture
def lane(settings: Settings, store: Store) -> Callable[..., ResultLane]:
    """Return a factory of lanes to a port, whose passes the test calls itself."""

    def make(port: int, stop: threading.Event | None = None, **values: object) -> ResultLane:
        receiver = Hl7Receiver(
            name="ris", address=LOOPBACK, port=port, messages=(MessageKind.ORU,), **values
        )
        tools = Tools(jitter=lambda: 0.0)
        return ResultLane(
            replace(settings, hl7_receivers=(receiver,)),
            receiver,
            store,
            stop or threading.Event(),
            tools,
        )

    return make
