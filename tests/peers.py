"""Real peers for tests: Orthanc, DCMTK's storescp, and a PACS that misbehaves to order.

Plain factories, to be used from any room's fixtures: each starts a process or server on free
ports of the loopback interface, returns when it answers, and is ended by `stop` or by leaving
its ``with`` block. A test whose peer is not installed is skipped, and says so.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import secrets
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import pytest
from pynetdicom import AE, evt
from pynetdicom.events import Event
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.sop_class import Verification

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

START_SECONDS = 30.0
PROBE_SECONDS = 0.02
LOOPBACK = "127.0.0.1"


class Peer:
    """Something that is started, answers, and is stopped."""

    def stop(self) -> None:
        """End it and wait until it is gone."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def program(name: str) -> str:
    """Return the path of an installed program, or skip the test."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def free_port() -> int:
    """Return a TCP port that nothing listens on, and that no outgoing connection is given either.

    Those that the system gives out by itself may be in use again before a server has started.
    """
    while True:
        port = 20_000 + secrets.randbelow(10_000)
        with contextlib.suppress(OSError), socket.create_server((LOOPBACK, port)):
            return port


@dataclass
class Orthanc(Peer):
    """A running Orthanc, asked over its REST interface."""

    ae_title: str
    dicom_port: int
    http_port: int
    process: subprocess.Popen[bytes]
    log: Path

    def instances(self) -> list[str]:
        """Return Orthanc's identifiers of all instances."""
        return self._json("GET", "/instances")

    def studies(self) -> list[str]:
        """Return the Study Instance UIDs of all studies."""
        found = self._json("GET", "/studies?expand")
        return [study["MainDicomTags"]["StudyInstanceUID"] for study in found]

    def find_in_study(self, study_instance_uid: str) -> list[dict[str, Any]]:
        """Return the instances of a study: their tags by keyword, and ``ID``, Orthanc's own."""
        query = {"Level": "Instance", "Query": {"StudyInstanceUID": study_instance_uid}}
        found = self._json("POST", "/tools/find", query)
        return [{**self._json("GET", f"/instances/{i}/simplified-tags"), "ID": i} for i in found]

    def download(self, instance: Mapping[str, Any] | str) -> bytes:
        """Return the file of an instance, given as `find_in_study` or `instances` name it."""
        identifier = instance if isinstance(instance, str) else instance["ID"]
        return self._request("GET", f"/instances/{identifier}/file")

    def stop(self) -> None:
        """Kill Orthanc: an orderly end takes it seconds, and its database survives this."""
        self.process.kill()
        self.process.wait()

    def _json(self, method: str, path: str, body: object = None) -> Any:
        return json.loads(self._request(method, path, json.dumps(body) if body else None))

    def _request(self, method: str, path: str, body: str | None = None) -> bytes:
        connection = http.client.HTTPConnection(LOOPBACK, self.http_port, timeout=START_SECONDS)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise AssertionError(f"Orthanc answered {response.status} to {method} {path}")
        return content


def start_orthanc(
    folder: Path,
    *,
    modalities: Mapping[str, tuple[str, int]] | None = None,
    ae_title: str = "ORTHANC",
    dicom_port: int = 0,
    options: Mapping[str, Any] | None = None,
) -> Orthanc:
    """Start Orthanc and wait until it answers.

    Args:
        folder: Its database goes to ``folder/orthanc``; what lies there is found again.
        modalities: AE title and port, by symbolic name, of the peers that it knows.
        ae_title: Its AE title; associations that call another one are rejected.
        dicom_port: Its DICOM port; 0 takes a free one.
        options: Further keys of its configuration.
    """
    binary = program("Orthanc")
    home = folder / "orthanc"
    home.mkdir(parents=True, exist_ok=True)
    peer_port, http_port = dicom_port or free_port(), free_port()
    configuration = {
        "Name": "Orthanc of a test",
        "StorageDirectory": str(home / "storage"),
        "IndexDirectory": str(home / "storage"),
        "DicomAet": ae_title,
        "DicomPort": peer_port,
        "DicomCheckCalledAet": True,
        "DicomModalities": {
            name: [title, LOOPBACK, port] for name, (title, port) in (modalities or {}).items()
        },
        "HttpPort": http_port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "Plugins": [],
        **(options or {}),
    }
    file = home / "orthanc.json"
    file.write_text(json.dumps(configuration))
    log = home / "orthanc.log"
    with log.open("ab") as output:
        process = subprocess.Popen([binary, str(file)], stdout=output, stderr=output, cwd=home)
    peer = Orthanc(ae_title, peer_port, http_port, process, log)
    wait_for_port(process, http_port, log)
    wait_for_port(process, peer_port, log)
    return peer


@dataclass
class StoreScp(Peer):
    """A running storescp of DCMTK."""

    ae_title: str
    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    def files(self) -> list[Path]:
        """Return the files that it has received."""
        return sorted(self.folder.iterdir())

    def stop(self) -> None:
        """End it."""
        end(self.process)


def start_storescp(
    folder: Path,
    *,
    ae_title: str = "STORESCP",
    port: int = 0,
    sop_classes: Sequence[str] = (),
    arguments: Sequence[str] = (),
) -> StoreScp:
    """Start DCMTK's storescp and wait until it answers.

    Args:
        folder: Where it works; received files go to ``folder/storescp``.
        ae_title: Its AE title (it takes any called AE title all the same).
        port: Its port; 0 takes a free one.
        sop_classes: UIDs of the only SOP classes that it accepts; empty for all.
        arguments: Further options.
    """
    binary = program("storescp")
    received = folder / "storescp"
    received.mkdir(parents=True, exist_ok=True)
    profile: list[str] = []
    if sop_classes:
        file = folder / "storescp.cfg"
        file.write_text(_profile(sop_classes))
        profile = ["--config-file", str(file), "Only"]
    chosen = port or free_port()
    command = [binary, "--aetitle", ae_title, "--output-directory", str(received)]
    log = folder / "storescp.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*command, *profile, *arguments, str(chosen)], stdout=output, stderr=output
        )
    wait_for_port(process, chosen, log)
    return StoreScp(ae_title, chosen, received, process)


def _profile(sop_classes: Sequence[str]) -> str:
    """Return an association configuration of DCMTK (asconfig.txt) for some SOP classes."""
    contexts = "".join(
        f"PresentationContext{number} = {uid}\\Plain\n"
        for number, uid in enumerate(sop_classes, start=1)
    )
    return (
        "[[TransferSyntaxes]]\n[Plain]\n"
        "TransferSyntax1 = LittleEndianExplicit\nTransferSyntax2 = LittleEndianImplicit\n"
        f"[[PresentationContexts]]\n[Some]\n{contexts}"
        "[[Profiles]]\n[Only]\nPresentationContexts = Some\n"
    )


Behaviour = Callable[[Event], int]


@dataclass
class ScriptedPacs(Peer):
    """A storage SCP that answers each C-STORE as it was told, and counts.

    Attributes:
        received: SOP Instance UIDs of all requests, in order, repeated ones included.
        stored: Those that were answered with success or a warning.
        associations: How many associations it has accepted.
    """

    ae_title: str
    port: int
    entity: AE
    server: Any
    received: list[str] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)
    associations: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def wait_until(self, condition: Callable[[Self], bool], seconds: float = 20.0) -> None:
        """Wait until the PACS is as the condition says."""
        with self.changed:
            assert self.changed.wait_for(lambda: condition(self), seconds)

    def note(self, uid: str, *, stored: bool) -> None:
        """Count a request."""
        with self.changed:
            (self.stored if stored else self.received).append(uid)
            self.changed.notify_all()

    def stop(self) -> None:
        """Abort what is open, and stop listening."""
        self.server.shutdown()
        for association in self.entity.active_associations:
            association.abort()


def start_scripted(
    behave: Behaviour,
    sop_classes: Sequence[str],
    *,
    ae_title: str = "SCRIPTED",
    port: int = 0,
    require_called: bool = False,
    require_calling: Sequence[str] = (),
    maximum_associations: int = 10,
    echo: Callable[[Event], int] | None = None,
) -> ScriptedPacs:
    """Start a storage SCP that does as it is told.

    Args:
        behave: Called for each C-STORE; returns the status, or does something worse.
        sop_classes: UIDs of the SOP classes that it accepts.
        ae_title: Its AE title.
        port: Its port; 0 takes a free one.
        require_called: Reject associations that call another AE title.
        require_calling: AE titles that may call; empty for any.
        maximum_associations: More are rejected for now.
        echo: Called for each C-ECHO; returns the status.
    """
    entity = AE(ae_title=ae_title)
    entity.require_called_aet = require_called
    entity.require_calling_aet = list(require_calling)
    entity.maximum_associations = maximum_associations
    entity.add_supported_context(Verification)
    for uid in sop_classes:
        entity.add_supported_context(uid)
    peer = ScriptedPacs(ae_title, port, entity, None)

    def on_store(event: Event) -> int:
        uid = str(event.request.AffectedSOPInstanceUID)
        peer.note(uid, stored=False)
        status = behave(event)
        if status == 0 or 0xB000 <= status <= 0xBFFF:
            peer.note(uid, stored=True)
        return status

    def on_association(_: Event) -> None:
        peer.associations += 1

    handlers: list[Any] = [(evt.EVT_C_STORE, on_store), (evt.EVT_ESTABLISHED, on_association)]
    if echo is not None:
        handlers.append((evt.EVT_C_ECHO, echo))
    peer.server = entity.start_server((LOOPBACK, port), block=False, evt_handlers=handlers)
    peer.port = int(peer.server.server_address[1])
    return peer


class DeafPeer(Peer):
    """A peer that accepts associations and presentation contexts, and reads nothing after that."""

    def __init__(self) -> None:
        self._listening = socket.create_server((LOOPBACK, 0))
        self.port = int(self._listening.getsockname()[1])
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def stop(self) -> None:
        """Close everything."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        for connection in (*self._open, self._listening):
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:  # stopped
                return
            self._open.append(connection)
            connection.sendall(_acceptance(_read_pdu(connection)))


def _read_pdu(connection: socket.socket) -> bytes:
    """Read one PDU: type, reserved byte, length, content (PS3.8 9.3.1)."""
    header = connection.recv(6, socket.MSG_WAITALL)
    return header + connection.recv(int.from_bytes(header[2:]), socket.MSG_WAITALL)


def _acceptance(request: bytes) -> bytes:
    """Return an A-ASSOCIATE-AC that accepts every context of a request."""
    pdu = A_ASSOCIATE_RQ()
    pdu.decode(request)
    primitive = pdu.to_primitive()
    contexts = primitive.presentation_context_definition_list
    for context in contexts:
        context.transfer_syntax = context.transfer_syntax[:1]
        context.result = 0
    primitive.presentation_context_definition_list = []
    primitive.presentation_context_definition_results_list = contexts
    primitive.result, primitive.result_source = 0, 1
    answer = A_ASSOCIATE_AC()
    answer.from_primitive(primitive)
    return answer.encode()


def wait_for_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until a process listens, and fail with its log when it ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection((LOOPBACK, port), timeout=1).close()
        except OSError:
            if _ended(process):
                break
        else:
            return
    end(process)
    pytest.fail(f"{process.args!r} does not listen on {port}:\n{log.read_text()[-2000:]}")


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process, by force if it takes more than a few seconds."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _ended(process: subprocess.Popen[bytes]) -> bool:
    """Wait a moment for the end of a process: the pause between two probes."""
    try:
        process.wait(PROBE_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return True
