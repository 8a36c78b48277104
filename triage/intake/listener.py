"""The listener: Verification, Storage and the UPS query on one port."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, cast

from pynetdicom import AE, evt
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # made at import time

from triage.errors import TransientError, TriageError
from triage.intake.admission import Call, choose_contexts, refusal
from triage.intake.provider import IntakeServer
from triage.intake.reading_list import ReadingListProvider
from triage.intake.spool import Spool, free_bytes
from triage.intake.storing import StorageProvider
from triage.log import get_logger
from triage.store import Store
from triage.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pynetdicom.events import Event, EventHandlerType
    from pynetdicom.pdu_primitives import A_ASSOCIATE

    from triage.intake.provider import IntakeAssociation
    from triage.settings import ListenerSettings, Settings

_MEGABYTE = 1024 * 1024
_HEARTBEAT_SECONDS = 1.0
_ACCEPT_POLL_SECONDS = 0.2
_DRAIN_SECONDS = 10.0
_DRAIN_POLL_SECONDS = 0.05
_ABORT_SECONDS = 2.0

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

    Raises:
        TransientError: The port cannot be opened.
        StoreError: The state folder or its database cannot be used.
    """
    with Store.open(settings.state_folder) as store:
        spool = Spool(
            settings.state_folder,
            minimum_free_bytes=settings.listener.minimum_free_megabytes * _MEGABYTE,
            maximum_object_bytes=settings.listener.maximum_object_megabytes * _MEGABYTE,
            free=free,
        )
        swept = spool.sweep()
        server = _open_port(settings, store, spool)
        _serve(server, stop, alive, lambda: _announce(server, swept, ready))
        _drain(server, alive, drain_seconds)


def _open_port(settings: Settings, store: Store, spool: Spool) -> IntakeServer:
    where = settings.listener
    try:
        server = _application_entity(where).make_server(
            (where.address, where.port),
            evt_handlers=_handlers(settings, store),
            server_class=IntakeServer,
            spool=spool,
            store=StorageProvider(store, spool, settings.eligibility),
        )
    except OSError as error:
        raise TransientError(
            f"the listener cannot open {where.address}:{where.port}: {error.strerror}; stop the"
            " program that holds the port, or set listener.address and listener.port"
        ) from error
    # Kept apart from the library's list: the server is shut down here, in order.
    server.ae._servers.append(server)  # noqa: SLF001 - its shutdown() removes it from there
    return cast("IntakeServer", server)


def _application_entity(settings: ListenerSettings) -> AE:
    entity = AE(settings.ae_title)
    entity.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    entity.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    entity.maximum_pdu_size = settings.maximum_pdu_bytes
    entity.maximum_associations = settings.maximum_associations
    entity.network_timeout = settings.network_timeout_seconds
    entity.dimse_timeout = settings.network_timeout_seconds
    entity.acse_timeout = settings.network_timeout_seconds
    # The library wants one; what an association may use follows from its request.
    entity.add_supported_context(Verification)
    return entity


def _handlers(settings: Settings, store: Store) -> list[EventHandlerType]:
    reading_list = ReadingListProvider(store, settings.worklist)
    handlers: list[EventHandlerType] = [
        (evt.EVT_REQUESTED, _negotiate, [settings.listener]),
        (evt.EVT_C_FIND, reading_list.find),
        (evt.EVT_N_GET, reading_list.get),
        (evt.EVT_ABORTED, _log_aborted),
    ]
    if settings.studies.complete_on_release:
        handlers.append((evt.EVT_RELEASED, _complete_studies, [store]))
    return handlers


def _announce(server: IntakeServer, swept: int, ready: Callable[[int], None]) -> None:
    port = int(server.server_address[1])
    _log.info("listening", action="listening", port=port, count=swept)
    ready(port)


def _serve(
    server: IntakeServer,
    stop: threading.Event,
    alive: Callable[[], None],
    announce: Callable[[], None],
) -> None:
    """Accept connections until told to stop, then close the port."""
    accepting = threading.Thread(
        target=server.serve_forever, args=(_ACCEPT_POLL_SECONDS,), name="accepting", daemon=True
    )
    accepting.start()
    try:
        announce()
        alive()
        while not stop.wait(_HEARTBEAT_SECONDS):
            if not accepting.is_alive():
                raise TransientError("the listener stopped accepting connections; it starts anew")
            alive()
    finally:
        server.shutdown()
        accepting.join()


def _drain(server: IntakeServer, alive: Callable[[], None], drain_seconds: float) -> None:
    """Let open associations end, and abort those that do not in time."""
    open_at_first = len(server.active_associations)
    _wait_for_end(server, alive, drain_seconds)
    cut_off = server.active_associations
    for association in cut_off:
        association.abort(block=False)
    _wait_for_end(server, alive, _ABORT_SECONDS)
    for association in server.active_associations:
        connection = association.dul.socket
        if connection is not None:
            connection._shutdown_socket()  # noqa: SLF001 - wakes a thread that waits for bytes
    _wait_for_end(server, alive, _ABORT_SECONDS)
    _log.info("stopped", action="stopped", associations=open_at_first, count=len(cut_off))


def _wait_for_end(server: IntakeServer, alive: Callable[[], None], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while server.active_associations and time.monotonic() < deadline:
        alive()
        server.active_associations[0].join(_DRAIN_POLL_SECONDS)


def _negotiate(event: Event, settings: ListenerSettings) -> None:
    """Refuse an association, or say which contexts it may use (EVT_REQUESTED)."""
    association = event.assoc
    request = cast("A_ASSOCIATE", association.requestor.primitive)
    address = association.requestor.address
    call = Call(request.called_ae_title, request.calling_ae_title, address)
    refused = refusal(call, settings, len(association.ae.active_associations))
    if refused is None:
        association.acceptor.supported_contexts = choose_contexts(
            request.presentation_context_definition_list, settings.unknown_sop_classes
        )
        return
    _log.warning(
        "association refused",
        action="association_refused",
        reason=refused.reason,
        peer=call.calling_ae_title,
        called=call.called_ae_title,
        address=address,
    )
    association.acse.send_reject(refused.result, refused.source, refused.diagnostic)
    association.kill()


def _log_aborted(event: Event) -> None:
    _log.warning(
        "association aborted",
        action="association_aborted",
        peer=event.assoc.requestor.ae_title.strip(),
        address=event.assoc.requestor.address,
    )


def _complete_studies(event: Event, store: Store) -> None:
    """Take the studies of a released association as complete (EVT_RELEASED)."""
    association = cast("IntakeAssociation", event.assoc)
    try:
        store.association_released(sorted(association.studies))
    except TriageError:
        # The quiet time completes them instead.
        _log.exception("studies not completed", action="studies_not_completed")
