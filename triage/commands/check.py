"""`triage check`: everything that can be known to be wrong before the daemon starts."""

from __future__ import annotations

import os
import shutil
import socket
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pynetdicom import build_context
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import time
    ModalityWorklistInformationFind,
    Verification,
)

from triage.commands.console import open_console
from triage.commands.repair import compare, repair
from triage.delivery.association import Line, opened
from triage.errors import TriageError
from triage.hl7.mllp import Connection
from triage.hl7.priority import kind_for
from triage.intake.compatibility import changed_parts
from triage.intake.tls import describe_certificate
from triage.modes import check_findings
from triage.presence import last_signs
from triage.receivers.configured import configured_receivers
from triage.receivers.ups import line_to
from triage.roles import roles_of
from triage.store import Store
from triage.vision.bundle import Bundle, default_bundle_folder
from triage.vision.weights import load_networks
from triage.web.access.origin import is_loopback
from triage.web.tls import page_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rich.console import Console

    from triage.settings import (
        Destination,
        Hl7Receiver,
        Hl7Settings,
        ListenerSettings,
        ModalityWorklist,
        Settings,
    )


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check came to; `detail` says what to do when it failed."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Extent:
    """How far a check goes.

    Attributes:
        peers: Also ask every destination by C-ECHO.
        repair: First make spool and index agree where they do not.
        thorough: Also read every file of the spool, and compare its digest.
    """

    peers: bool = True
    repair: bool = False
    thorough: bool = False


def check(settings: Settings, extent: Extent) -> int:
    """Check configuration, store, spool, disk, bundle, ports and destinations, and print each.

    Args:
        settings: The site's settings; that they were read is the first check passed.
        extent: How far to go.

    Returns:
        0 when all is well, else 1.
    """
    console = open_console()
    failed = 0
    for finding in _findings(settings, extent, console):
        mark = "[green]ok[/]  " if finding.passed else "[red]FAIL[/]"
        console.print(f"{mark} {finding.name}: ", end="")
        console.print(finding.detail, markup=False)
        failed += not finding.passed
    return 1 if failed else 0


def _findings(settings: Settings, extent: Extent, console: Console) -> Iterator[Finding]:
    yield Finding("configuration", passed=True, detail=f"mode {settings.decision.mode.value}")
    yield _tried("state folder", lambda: _state_folder(settings.state_folder))
    yield _tried("database", lambda: _database(settings.state_folder, repair=extent.repair))
    yield from _spool_and_index(settings, extent, console)
    yield _tried("disk", lambda: _disk(settings))
    yield _tried("pynetdicom", _library)
    if settings.listener.tls_port:
        yield _tried("certificate", lambda: _certificate(settings.listener))
    if settings.hl7.port and settings.hl7.tls:
        yield _tried("certificate of hl7", lambda: _certificate(settings.hl7, "hl7"))
    yield _tried("model bundle", lambda: _bundle(settings))
    signs = last_signs(settings.state_folder, roles_of(settings))
    running = not all(sign.silent for sign in signs)
    for key, address, port in _ports(settings):
        name = key.replace(".", " ").replace("_", " ")
        yield _tried(name, partial(_port, key, address, port, running=running))
    yield _tried("log-in", lambda: _log_in(settings))
    if not settings.destinations:
        yield Finding("destinations", passed=True, detail="none: reports stay in the state folder")
    for destination in settings.destinations if extent.peers else ():
        yield _tried(f"destination {destination.name}", partial(_echo, settings, destination))
    yield from _receivers(settings) if extent.peers else ()
    for worklist in settings.modality_worklists if extent.peers else ():
        yield _tried(f"modality worklist {worklist.name}", partial(_worklist, settings, worklist))


def _receivers(settings: Settings) -> Iterator[Finding]:
    for receiver in settings.hl7_receivers:
        if kind_for(receiver) is None:
            yield _tried(f"HL7 receiver {receiver.name}", partial(_call, settings, receiver))
    # A store that cannot be opened has its own finding.
    with suppress(TriageError), Store.open(settings.state_folder) as store:
        for one in configured_receivers(settings, store):
            yield _tried(f"receiver {one.name}", one.describe)


def _tried(name: str, attempt: Callable[[], str]) -> Finding:
    try:
        return Finding(name, passed=True, detail=attempt())
    except TriageError as error:
        return Finding(name, passed=False, detail=str(error))


def _state_folder(folder: Path) -> str:
    Store.open(folder).close()
    probe = folder / "incoming" / f".check-{os.getpid()}"
    try:
        with probe.open("wb") as file:
            file.write(b"check")
            os.fsync(file.fileno())
        probe.unlink()
    except OSError as error:
        raise TriageError(
            f"{folder} cannot be written ({error.strerror}); mend its owner"
        ) from error
    return f"{folder} can be written"


def _database(folder: Path, *, repair: bool) -> str:
    with Store.open(folder) as store:
        problems = store.integrity_problems()
        if repair and not problems:
            store.make_kept_tables_anew()
        agrees = bool(problems) or store.kept_tables_agree()
        counts = store.counts()
    if problems:
        raise TriageError(f"damaged: {problems[0]}; stop the service and restore the last backup")
    if not agrees:
        raise TriageError(
            "counts or name words that are kept beside the tables are not what those say; run"
            " `triage check --repair`, which makes them anew"
        )
    return f"whole, {sum(counts.studies.values())} studies"


def _spool_and_index(settings: Settings, extent: Extent, console: Console) -> Iterator[Finding]:
    if extent.repair:
        yield _tried("repair", lambda: repair(settings, console, thorough=extent.thorough))
    # What was read for the repair is not read once more.
    thorough = extent.thorough and not extent.repair
    yield _tried(
        "spool and index",
        lambda: compare(settings, thorough=thorough, repaired=extent.repair),
    )


def _disk(settings: Settings) -> str:
    free = shutil.disk_usage(settings.state_folder).free // 2**20
    least = settings.listener.minimum_free_megabytes
    if free < least:
        raise TriageError(
            f"{free} MB free, below listener.minimum_free_megabytes = {least}: C-STORE is refused"
            " with A700; free space or lower the limit"
        )
    return f"{free} MB free"


def _library() -> str:
    if changed := changed_parts():
        return (
            f"not as it was known ({', '.join(changed)}): the listener works, but slower; a newer"
            " release of this program may know it"
        )
    return "as it was known: the listener receives at full speed"


def _certificate(settings: ListenerSettings | Hl7Settings, table: str = "listener") -> str:
    found = describe_certificate(settings, table=table)
    if found.problem:
        raise TriageError(found.problem)
    return f"{found.name}, {found.days_left} more days"


def _bundle(settings: Settings) -> str:
    bundle = Bundle.load(settings.worker.bundle or default_bundle_folder())
    check_findings(settings.decision, bundle.operating_points)
    load_networks(bundle)
    identity = bundle.identity
    certified = [p.finding for p in bundle.operating_points if p.rule_out is not None]
    scope = ", ".join(certified) or "nothing: no study will be lowered"
    return f"{identity.name} {identity.version} ({identity.digest[:12]}), certified for {scope}"


def _ports(settings: Settings) -> Iterator[tuple[str, str, int]]:
    """Return the ports that are listened on, each with its key and address."""
    listener = settings.listener
    if listener.accept_without_tls:
        yield "listener.port", listener.address, listener.port
    if listener.tls_port:
        yield "listener.tls_port", listener.address, listener.tls_port
    if settings.hl7.port:
        yield "hl7.port", settings.hl7.address, settings.hl7.port
    yield "web.port", settings.web.address, settings.web.port


def _port(key: str, address: str, port: int, *, running: bool) -> str:
    if port == 0:
        return "any free port"
    try:
        with socket.create_server((address, port)):
            return f"{address}:{port} is free"
    except OSError as error:
        if running:
            return f"{address}:{port} is in use, and the service is running"
        raise TriageError(
            f"{address}:{port} cannot be listened on ({error.strerror}); stop what uses it or"
            f" change {key}"
        ) from error


def _log_in(settings: Settings) -> str:
    web = settings.web
    with Store.open(settings.state_folder) as store:
        users = [user for user in store.users() if not user.disabled]
    if web.tls_certificate is not None and web.tls_private_key is not None:
        page_context(web)
    if web.proxy_user_header:
        return f"users of the proxy, by {web.proxy_user_header}, and {len(users)} of our own"
    here = is_loopback(web.address)
    if not users and not here:
        raise TriageError(
            f"the page listens on {web.address} and nobody can log in: triage user add NAME"
            " --role reader adds the first user"
        )
    if not users:
        return (
            "no user yet: the page answers this machine alone, and only to look at; triage user"
            " add NAME --role reader adds the first user"
        )
    clear = web.tls_certificate is None and not web.trusted_proxies and not here
    unsafe = "; passwords travel unencrypted: set web.tls_certificate or web.trusted_proxies"
    return f"{len(users)} users{unsafe * clear}"


def _call(settings: Settings, receiver: Hl7Receiver) -> str:
    """Open a connection, with TLS where that is asked for; MLLP has no echo."""
    with Connection(receiver, settings.delivery.timeout_seconds):
        return f"{receiver.address}:{receiver.port} takes connections"


def _worklist(settings: Settings, worklist: ModalityWorklist) -> str:
    timeout_seconds = settings.delivery.timeout_seconds
    line = line_to(worklist, settings.listener.ae_title, timeout_seconds)
    with opened(line, [build_context(ModalityWorklistInformationFind)]) as association:
        if not association.accepted_contexts:
            raise TriageError(f"{line.peer} serves no Modality Worklist; check its configuration")
    return f"{worklist.ae_title} at {worklist.address}:{worklist.port} serves a worklist"


def _echo(settings: Settings, destination: Destination) -> str:
    line = Line(
        destination,
        destination.calling_ae_title or settings.listener.ae_title,
        settings.delivery.timeout_seconds,
    )
    where = f"{destination.ae_title} at {destination.address}:{destination.port}"
    with opened(line, [build_context(Verification)]) as association:
        if association.is_established and "Status" not in association.send_c_echo():
            raise TriageError(f"{where} accepts associations but does not answer C-ECHO")
    return f"{where} answers"
