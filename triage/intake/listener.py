"""The listener: Verification, Storage and UPS on one port, or on one more with TLS."""

from __future__ import annotations

import os
import threading
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from pynetdicom import AE, evt

from triage.errors import TransientError, TriageError
from triage.intake.adoption import adopt_orphans
from triage.intake.compatibility import changed_parts
from triage.intake.gate import Gate
from triage.intake.group_commit import GroupCommit
from triage.intake.places import Places
from triage.intake.ports import open_ports
from triage.intake.reception import Reception
from triage.intake.services import Services
from triage.intake.spool import Spool, free_bytes
from triage.intake.stock import StockReception
from triage.intake.storing import StorageProvider
from triage.intake.tls import server_context
from triage.log import get_logger
from triage.store import Store
from triage.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from triage.ups.dimse import StepProvider
from triage.ups.service import StepService

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from pynetdicom.events import Event

    from triage.intake.ports import Ports
    from triage.settings import ListenerSettings, Settings

_MEGABYTE = 1024 * 1024
_HEARTBEAT_SECONDS = 1.0
_DRAIN_SECONDS = 10.0
_NO_LIMIT = 1_000_000  # the library's own count knows this process alone; `Gate` counts

_log = get_logger("listener")


def _nobody(_port: int) -> None:
    """Tell nobody that the port is open."""


def run(
    settings: Settings,
    stop: threading.Event,
    alive: Callable[[], None],
    *,
    ready: Callable[[int], None] = _nobody,
    free: Callable[[Path], int] = free_bytes,
    drain_seconds: float = _DRAIN_SECONDS,
    environment: Mapping[str, str] = os.environ,
) -> None:
    """Serve associations until told to stop.

    When `stop` is set the port closes, and associations that are open get a bounded time to
    end; then they are aborted. What was acknowledged is durable, what was not, the sender has.

    Args:
        settings: The site's settings.
        stop: Set by whoever wants the listener to end.
        alive: Called at least every few seconds.
        ready: Called once with the port, when it is open.
        free: Returns the free bytes on the disk of a folder.
        drain_seconds: How long open associations may take to end.
        environment: Names the ports where the supervisor has opened them.

    Raises:
        TransientError: A port cannot be opened.
        StoreError: The state folder or its database cannot be used.
        SettingsError: A certificate or key cannot be used.
    """
    where = settings.listener
    tls = server_context(where) if where.tls_port else None
    ports = open_ports(where, environment)
    with (
        closing(ports),
        Store.open(settings.state_folder) as store,
        closing(Places(settings.state_folder / "roles")) as places,
    ):
        spool = Spool(
            settings.state_folder,
            minimum_free_bytes=where.minimum_free_megabytes * _MEGABYTE,
            maximum_object_bytes=where.maximum_object_megabytes * _MEGABYTE,
            free=free,
        )
        swept = spool.sweep()
        adopt_orphans(store, settings.eligibility, step=alive)
        gate = Gate(where, places)
        storing = StorageProvider(GroupCommit(spool, store), settings.eligibility)
        steps = StepProvider(StepService(store, settings))
        services = Services(
            spool,
            storing,
            partial(_released, settings, store),
            [(evt.EVT_REQUESTED, gate.decide), (evt.EVT_ABORTED, _log_aborted), *steps.handlers],
            steps.find_encoded,
        )
        reception = _reception(where, ports, tls, services, gate)
        _serve(reception, stop, alive, lambda: _announce(ports, swept, ready))
        opened, cut_off = reception.drain(alive, drain_seconds)
        _log.info("stopped", action="stopped", associations=opened, count=cut_off)


def _application_entity(settings: ListenerSettings) -> AE:
    entity = AE(settings.ae_title)
    entity.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    entity.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    entity.maximum_pdu_size = settings.maximum_pdu_bytes
    entity.maximum_associations = _NO_LIMIT
    entity.network_timeout = settings.network_timeout_seconds
    entity.dimse_timeout = settings.network_timeout_seconds
    entity.acse_timeout = settings.network_timeout_seconds
    return entity


def _reception(
    settings: ListenerSettings,
    ports: Ports,
    tls: ssl.SSLContext | None,
    services: Services,
    gate: Gate,
) -> Reception | StockReception:
    """Return what accepts associations: the hot path, or the stock one where that is unknown."""
    entity = _application_entity(settings)
    if changed := changed_parts():
        _log.warning(
            "pynetdicom is not as it was known: the stock path is taken, which is slower",
            action="stock_path_taken",
            problem=", ".join(changed),
        )
        return StockReception(ports, entity, tls, services, gate.left)
    # Not before it is known that all of what it imports is there.
    from triage.intake.associations import Associations  # noqa: PLC0415

    associations = Associations(entity, settings, services, gate.left)
    return Reception(ports, associations, tls, settings.network_timeout_seconds)


def _announce(ports: Ports, swept: int, ready: Callable[[int], None]) -> None:
    _log.info("listening", action="listening", port=ports.number, count=swept)
    ready(ports.number)


def _serve(
    reception: Reception | StockReception,
    stop: threading.Event,
    alive: Callable[[], None],
    announce: Callable[[], None],
) -> None:
    """Accept connections until told to stop, then close the port."""
    accepting = threading.Thread(target=reception.run, name="accepting", daemon=True)
    accepting.start()
    try:
        announce()
        alive()
        while not stop.wait(_HEARTBEAT_SECONDS):
            if not accepting.is_alive():
                raise TransientError("the listener stopped accepting connections; it starts anew")
            alive()
    finally:
        reception.stop()
        accepting.join()


def _log_aborted(event: Event) -> None:
    _log.warning(
        "association aborted",
        action="association_aborted",
        peer=event.assoc.requestor.ae_title.strip(),
        address=event.assoc.requestor.address,
    )


def _released(settings: Settings, store: Store, studies: AbstractSet[str]) -> None:
    """Take the studies of a released association as complete, where the site trusts that."""
    if not settings.studies.complete_on_release:
        return
    try:
        store.association_released(sorted(studies))
    except TriageError:
        # The quiet time completes them instead.
        _log.exception("studies not completed", action="studies_not_completed")
