"""A site with a UPS service in processes of its own, and readers, pushers and watchers for it."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import subprocess
import sys
import threading
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    UnifiedProcedureStepEvent,
    UnifiedProcedureStepPull,
    UnifiedProcedureStepPush,
    UnifiedProcedureStepWatch,
)

from tests.factories import make_facts, record
from tests.peers import LOOPBACK, Peer, end, free_port
from tests.ups.steps import data
from tests.waiting import until
from triage import settings as configuration
from triage.delivery.reactor import HELD_REACTOR
from triage.settings import default_settings, render_toml
from triage.store import Store
from triage.uids import work_item_uid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydicom.dataset import Dataset
    from pynetdicom.association import Association
    from pynetdicom.events import Event

    from triage.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
WAIT_SECONDS = 60.0
START_SECONDS = 180.0
PULL, PUSH, WATCH = (
    UnifiedProcedureStepPull,
    UnifiedProcedureStepPush,
    UnifiedProcedureStepWatch,
)


@dataclass
class Site:
    """A state folder, its configuration, and those of its roles that run."""

    folder: Path
    settings: Settings
    roles: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def port(self) -> int:
        """The listener's port."""
        return self.settings.listener.port

    def start(self, role: str) -> None:
        """Run a role, and wait until it works."""
        log = self.folder / f"{role}.log"
        command = [sys.executable, "-m", "triage", "serve", "--role", role]
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*command, "--config", str(self.folder / "triage.toml")],
                stdout=output,
                stderr=output,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        self.roles[role] = process
        until(lambda: b"role_ready" in log.read_bytes(), f"the {role} is ready", START_SECONDS)

    def kill(self, role: str) -> None:
        """Kill a role as a crash would."""
        process = self.roles.pop(role)
        process.kill()
        process.wait()
        (self.folder / f"{role}.log").write_bytes(b"")

    def stop(self) -> None:
        """End every role."""
        for process in self.roles.values():
            end(process)
        self.roles.clear()

    def store(self) -> Store:
        """Open the site's store from the side."""
        return Store.open(self.settings.state_folder)

    def receive_study(self, study: str = "", **facts: Any) -> str:
        """Record a study of one image and return the UID of its work item."""
        study = study or f"1.2.826.{uuid.uuid4().int % 10**18}"
        with self.store() as store:
            record(store, make_facts(study, **facts), content=study)
        return work_item_uid(study)

    @contextlib.contextmanager
    def associated(self, *sop_classes: str, ae_title: str = "READER") -> Iterator[Association]:
        """Associate as a reader would, for as long as the block lasts."""
        entity = AE(ae_title)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = WAIT_SECONDS
        for sop_class in sop_classes or (PULL, PUSH, WATCH):
            entity.add_requested_context(sop_class)
        association = entity.associate(
            LOOPBACK, self.port, ae_title="TRIAGE", evt_handlers=[HELD_REACTOR]
        )
        connection = association.dul.socket
        assert association.is_established
        try:
            yield association
        finally:
            if association.is_established:
                association.release()
            if connection is not None and connection.socket is not None:
                connection.socket.close()  # the library leaves it open now and then


def make_site(folder: Path, *watchers: Watcher, **delivery: Any) -> Site:
    """Write the configuration of a site; nothing runs yet.

    Args:
        folder: Everything goes there.
        watchers: The peers that may subscribe.
        delivery: Keys of the [delivery] table.
    """
    found = default_settings(folder / "state")
    listening = {"address": LOOPBACK, "port": free_port(), "minimum_free_megabytes": 1}
    retrying = {"first_retry_seconds": 0.1, "maximum_retry_seconds": 0.2, **delivery}
    settings = dataclasses.replace(
        found,
        listener=dataclasses.replace(found.listener, **listening),
        delivery=dataclasses.replace(found.delivery, **retrying),
        peers=tuple(
            configuration.Peer(one.ae_title.lower(), one.ae_title, LOOPBACK, one.port)
            for one in watchers
        ),
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "triage.toml").write_text(render_toml(settings))
    return Site(folder, settings)


@dataclass
class Watcher(Peer):
    """A UPS Event SCU: it is told of events, and answers as it was told to.

    Attributes:
        told: Work item, Event Type ID and event information of each event, in order.
        statuses: What it answers to the next events; then success.
        answers: While this is not set, it takes events and leaves them without an answer.
        heard: Set as soon as an event has come.
    """

    ae_title: str
    port: int = field(default_factory=free_port)
    told: list[tuple[str, int, Dataset]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    answers: threading.Event = field(default_factory=threading.Event)
    heard: threading.Event = field(default_factory=threading.Event)
    server: Any = None
    entity: AE | None = None
    changed: threading.Condition = field(default_factory=threading.Condition)

    def __post_init__(self) -> None:
        self.answers.set()

    def start(self) -> Self:
        """Listen for events."""
        self.entity = AE(self.ae_title)
        self.entity.require_called_aet = True
        self.entity.add_supported_context(UnifiedProcedureStepEvent, scu_role=False, scp_role=True)
        handlers = [(evt.EVT_N_EVENT_REPORT, self._hear)]
        self.server = self.entity.start_server(
            (LOOPBACK, self.port), block=False, evt_handlers=handlers
        )
        return self

    def stop(self) -> None:
        """Be away."""
        if self.server is not None and self.entity is not None:
            self.server.shutdown()
            for association in self.entity.active_associations:
                association.abort()
            self.server = None

    def of(self, work_item: str) -> list[tuple[int, str]]:
        """Return type and state (or who asks) of the events of a work item."""
        with self.changed:
            return [(kind, _gist(info)) for uid, kind, info in self.told if uid == work_item]

    def wait_for(self, condition: Callable[[Self], object], what: str) -> None:
        """Wait until what it was told is as the condition says."""
        with self.changed:
            if not self.changed.wait_for(lambda: condition(self), WAIT_SECONDS):
                raise AssertionError(f"{what}: {[one[:2] for one in self.told]}")

    def _hear(self, event: Event) -> tuple[int, None]:
        request = event.request
        self.heard.set()
        self.answers.wait(WAIT_SECONDS)
        with self.changed:
            status = self.statuses.pop(0) if self.statuses else 0
            if status == 0:
                uid = str(request.AffectedSOPInstanceUID)
                self.told.append((uid, int(request.EventTypeID), event.event_information))
            self.changed.notify_all()
        return status, None


def _gist(information: Dataset) -> str:
    return str(
        information.get("ProcedureStepState")
        or information.get("RequestingAE")
        or information.get("SCPStatus")
        or ""
    )


def find(association: Association, model: str = PULL, **keys: Any) -> list[Dataset]:
    """Return the work items that match."""
    found = [item for _, item in association.send_c_find(data(**{"PatientID": "", **keys}), model)]
    return [item for item in found if item is not None]


def get(association: Association, uid: str, model: str = PULL) -> Dataset:
    """Return a work item."""
    _, item = association.send_n_get([], PUSH, uid, meta_uid=model)
    return item


def change_state(association: Association, uid: str, state: str, transaction_uid: str) -> int:
    """Ask for another state and return the status."""
    asked = data(ProcedureStepState=state)
    if transaction_uid:
        asked.TransactionUID = transaction_uid
    status, _ = association.send_n_action(asked, 1, PUSH, uid, meta_uid=PULL)
    return int(status.Status)


def claim(association: Association, uid: str, transaction_uid: str) -> int:
    """Claim a work item and return the status."""
    return change_state(association, uid, "IN PROGRESS", transaction_uid)


def set_attributes(
    association: Association, uid: str, modifications: Dataset, transaction_uid: str = ""
) -> int:
    """Set attributes and return the status."""
    if transaction_uid:
        modifications.TransactionUID = transaction_uid
    status, _ = association.send_n_set(modifications, PUSH, uid, meta_uid=PULL)
    return int(status.Status)


def act(association: Association, action: int, uid: str, model: str = WATCH, **keys: Any) -> int:
    """Send an N-ACTION and return the status."""
    # The library announces an empty data set, and does not send it.
    asked = data(**keys) if keys else None
    status, _ = association.send_n_action(asked, action, PUSH, uid, meta_uid=model)
    return int(status.Status)
