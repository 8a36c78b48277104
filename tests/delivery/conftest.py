"""Factories of the delivery tests: reports, an outbox with rows, settings, couriers."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tests.delivery.helpers import QUICK, enqueue_report, write_report
from tests.peers import Peer, free_port
from triage.delivery import courier, lane
from triage.settings import DeliverySettings, Destination, Settings
from triage.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def reports(tmp_path: Path) -> Callable[[int], list[Path]]:
    """Return a factory of report files."""

    def make(count: int) -> list[Path]:
        return [write_report(tmp_path / f"report{n}.dcm", n) for n in range(1, count + 1)]

    return make


@pytest.fixture
def destination() -> Callable[..., Destination]:
    """Return a factory of destinations that lead to a peer."""

    def make(peer: Peer | int, *, ae_title: str = "", name: str = "pacs") -> Destination:
        port = peer if isinstance(peer, int) else getattr(peer, "dicom_port", None) or peer.port
        title = ae_title or getattr(peer, "ae_title", "NOBODY")
        return Destination(name=name, ae_title=title, address="127.0.0.1", port=port)

    return make


@pytest.fixture
def state_folder(tmp_path: Path) -> Path:
    """Return the state folder of a site."""
    return tmp_path / "state"


@pytest.fixture
def store(state_folder: Path) -> Iterator[Store]:
    """Return the store of that folder."""
    with Store.open(state_folder) as opened:
        yield opened


@pytest.fixture
def enqueue(store: Store) -> Callable[..., None]:
    """Return what decides a study, writes its report and puts it into the outbox."""

    def make(number: int, *destinations: str) -> None:
        path = f"reports/{number}.dcm"
        write_report(store.state_folder / path, number)
        enqueue_report(store, number, path, destinations)

    return make


@pytest.fixture
def settings(state_folder: Path) -> Callable[..., Settings]:
    """Return a factory of settings with short delays."""

    def make(*destinations: Destination, delivery: DeliverySettings = QUICK) -> Settings:
        return Settings(state_folder=state_folder, delivery=delivery, destinations=destinations)

    return make


@pytest.fixture
def run_courier(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., threading.Event]]:
    """Return what runs a courier in this process until the test ends; it gives its stop event."""
    monkeypatch.setattr(lane, "IDLE_SECONDS", 0.05)  # delays of tests are that short
    running: list[tuple[threading.Event, threading.Thread]] = []

    def start(settings: Settings, alive: Callable[[], None] = lambda: None) -> threading.Event:
        stop, ready = threading.Event(), threading.Event()
        thread = threading.Thread(target=courier.run, args=(settings, stop, alive, ready.set))
        thread.start()
        running.append((stop, thread))
        assert ready.wait(10)
        return stop

    yield start
    for stop, _ in running:
        stop.set()
    for _, thread in running:
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture
def unused_port() -> int:
    """Return a port that nothing listens on."""
    return free_port()
