"""Factories for the intake room: settings, running listeners, radiographs, scripted bytes."""

from __future__ import annotations

import dataclasses
import io
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import (
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    generate_uid,
)
from pynetdicom import AE, build_context
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE

from triage.delivery.reactor import HELD_REACTOR
from triage.intake import listener
from triage.settings import Settings, default_settings
from triage.store import InstanceRecord, Store

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from pynetdicom.association import Association

WAIT_SECONDS = 20.0


@dataclass
class RunningListener:
    """A listener that runs in a thread of the test."""

    settings: Settings
    port: int
    stop: threading.Event
    thread: threading.Thread
    errors: list[BaseException] = field(default_factory=list)

    def store(self) -> Store:
        """Open the listener's store from the side."""
        return Store.open(self.settings.state_folder)

    def instances(self, study_instance_uid: str) -> tuple[InstanceRecord, ...]:
        """Return what is recorded of a study."""
        with self.store() as store:
            study = store.study(study_instance_uid)
        return () if study is None else study.instances

    def spooled(self) -> list[Path]:
        """Return the files in the spool."""
        return sorted((self.settings.state_folder / "spool").rglob("*.dcm"))

    def unfinished(self) -> list[Path]:
        """Return the files that are still being received."""
        return sorted((self.settings.state_folder / "incoming").iterdir())

    def end(self) -> None:
        """Stop it and wait until it is gone."""
        self.stop.set()
        self.thread.join(WAIT_SECONDS)
        assert not self.thread.is_alive()


@pytest.fixture
def settings_for(tmp_path: Path) -> Callable[..., Settings]:
    """Return a function that makes settings; keywords replace those of the listener."""

    def make(**listening: Any) -> Settings:
        settings = default_settings(tmp_path / "state")
        chosen = {"address": "127.0.0.1", "port": 0, "minimum_free_megabytes": 1, **listening}
        return dataclasses.replace(
            settings, listener=dataclasses.replace(settings.listener, **chosen)
        )

    return make


@pytest.fixture
def start_listener(settings_for: Callable[..., Settings]) -> Iterator[Callable[..., Any]]:
    """Return a function that starts a listener on a free port and returns when it listens."""
    running: list[RunningListener] = []

    def start(
        settings: Settings | None = None, *, options: dict[str, Any] | None = None, **listening: Any
    ) -> RunningListener:
        settings = settings or settings_for(**listening)
        stop, opened = threading.Event(), threading.Event()
        started = RunningListener(settings, 0, stop, threading.Thread())

        def ready(port: int) -> None:
            started.port = port
            opened.set()

        def serve() -> None:
            try:
                listener.run(settings, stop, lambda: None, ready=ready, **(options or {}))
            except BaseException as error:
                started.errors.append(error)
                opened.set()
                raise

        started.thread = threading.Thread(target=serve, name="listener under test")
        started.thread.start()
        assert opened.wait(WAIT_SECONDS)
        assert not started.errors
        running.append(started)
        return started

    yield start
    for one in running:
        one.end()


@pytest.fixture
def associate() -> Iterator[Callable[..., Association]]:
    """Return a function that associates as a modality would."""
    open_ones: list[tuple[Association, socket.socket | None]] = []

    def request(
        port: int,
        *sop_classes: str,
        syntaxes: tuple[str, ...] = (ExplicitVRLittleEndian,),
        called: str = "TRIAGE",
        calling: str = "MODALITY",
    ) -> Association:
        entity = AE(calling)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = WAIT_SECONDS
        contexts = [build_context(uid, list(syntaxes)) for uid in sop_classes]
        asked = {"ae_title": called, "evt_handlers": [HELD_REACTOR]}
        association = entity.associate("127.0.0.1", port, contexts, **asked)
        if association.is_aborted:
            # The library's requestor takes a rejection for an abort now and then, when the
            # connection closes behind it.
            association = entity.associate("127.0.0.1", port, contexts, **asked)
        connection = association.dul.socket
        open_ones.append((association, connection and connection.socket))
        return association

    yield request
    for association, connection in open_ones:
        if association.is_established:
            association.release()
        if connection is not None:
            connection.close()  # the library leaves it open when the other end was first


@pytest.fixture
def radiograph() -> Callable[..., Dataset]:
    """Return a function that makes a small cervical spine DX; keywords replace attributes."""

    def make(**values: Any) -> Dataset:
        image = Dataset()
        image.SOPClassUID = DigitalXRayImageStorageForPresentation
        image.SOPInstanceUID = generate_uid()
        image.StudyInstanceUID = generate_uid()
        image.SeriesInstanceUID = generate_uid()
        image.Modality = "DX"
        image.BodyPartExamined = "CSPINE"
        image.PatientName = "Nobody^Any"
        image.PatientID = "P1"
        image.PresentationIntentType = "FOR PRESENTATION"
        image.PhotometricInterpretation = "MONOCHROME2"
        image.SamplesPerPixel = 1
        image.Rows = image.Columns = 32
        image.BitsAllocated = image.BitsStored = 16
        image.HighBit = 15
        image.PixelRepresentation = 0
        image.PixelData = bytes(32 * 32 * 2)
        image.file_meta = FileMetaDataset()
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        for keyword, value in values.items():
            setattr(image, keyword, value)
        return image

    return make


@dataclass
class ListenerProcess:
    """A listener in a process of its own."""

    port: int
    process: subprocess.Popen[str]
    log: Path

    def kill(self) -> None:
        """Kill it as a crash would, with nothing tidied up."""
        self.process.kill()
        self.process.wait()

    def peak_megabytes(self) -> float:
        """Return the most memory that it ever had resident."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024


@pytest.fixture
def spawn_listener(root: Path, tmp_path: Path) -> Iterator[Callable[[Path], ListenerProcess]]:
    """Return a function that starts a listener process over a state folder."""
    spawned: list[ListenerProcess] = []

    def spawn(state_folder: Path) -> ListenerProcess:
        log = tmp_path / f"listener-{len(spawned)}.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [
                    sys.executable,
                    str(Path(__file__).with_name("listener_process.py")),
                    state_folder,
                ],
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
                env={**os.environ, "PYTHONPATH": str(root)},
            )
        assert process.stdout is not None
        with process.stdout as told:
            port = int(told.readline() or pytest.fail(log.read_text()))
        spawned.append(ListenerProcess(port, process, log))
        return spawned[-1]

    yield spawn
    for one in spawned:
        one.kill()


def begin_store(
    association: Association, sop_class_uid: str, sop_instance_uid: str, encoded: bytes
) -> list[Any]:
    """Return the P-DATA primitives of a C-STORE of bytes as they are, ready to be sent."""
    request = C_STORE()
    request.MessageID = 1
    request.AffectedSOPClassUID = sop_class_uid
    request.AffectedSOPInstanceUID = sop_instance_uid
    request.Priority = 2
    request.DataSet = io.BytesIO(encoded)
    message = C_STORE_RQ()
    message.primitive_to_message(request)
    (context,) = [
        one for one in association.accepted_contexts if one.abstract_syntax == sop_class_uid
    ]
    return list(message.encode_msg(context.context_id, association.dimse.maximum_pdu_size))


@pytest.fixture
def send_raw() -> Callable[..., Any]:
    """Return a function that stores bytes as they are and returns the response, or None."""

    def send(
        association: Association, sop_class_uid: str, sop_instance_uid: str, encoded: bytes
    ) -> Any:
        # As the library's own senders do: the reactor must not take the answer from us.
        association._reactor_checkpoint.clear()
        while not association._is_paused:
            threading.Event().wait(0.001)
        for primitive in begin_store(association, sop_class_uid, sop_instance_uid, encoded):
            association.dul.send_pdu(primitive)
        _, answer = association.dimse.get_msg(block=True)
        association._reactor_checkpoint.set()
        return answer

    return send


@pytest.fixture
def send_half() -> Callable[..., None]:
    """Return a function that sends the beginning of an object and leaves it at that."""

    def send(
        association: Association, sop_class_uid: str, sop_instance_uid: str, encoded: bytes
    ) -> None:
        primitives = begin_store(association, sop_class_uid, sop_instance_uid, encoded)
        assert len(primitives) > 3
        for primitive in primitives[:-1]:
            association.dul.send_pdu(primitive)

    return send


@pytest.fixture
def encode_dataset() -> Callable[[Dataset], bytes]:
    """Return a function that encodes a data set in explicit little endian, without a header."""

    def encode(dataset: Dataset) -> bytes:
        stream = DicomBytesIO()
        stream.is_little_endian, stream.is_implicit_VR = True, False
        write_dataset(stream, dataset)
        return bytes(stream.getvalue())

    return encode
