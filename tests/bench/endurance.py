"""Thousands of small instances in a row into our listener: do waiting and memory stay flat?

    python tests/bench/endurance.py                     # 20,000 instances
    python tests/bench/endurance.py --instances 3000 --listeners 2 --associations 8

Every instance is a DX of 20 to 60 KB with UIDs of its own, a few to a study. They go over a few
associations at once, from this process: each C-STORE-RQ is put together before the clock starts
and goes out in one piece, so that the waits are the listener's. After each thousand a line says
how fast that thousand went, how long the answers took, the resident memory of the listener's
processes and the size of its database. At the end the last thousand is compared with the second
(the first one warms up), the listener is killed as a crash would kill it, and every instance that
was acknowledged is looked up: its row, and its file byte for byte. Exit code 1: some are missing.
"""

from __future__ import annotations

import argparse
import hashlib
import queue
import socket
import sqlite3
import struct
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian
from pynetdicom import build_context
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ, P_DATA_TF
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    MaximumLengthNotification,
)

from tests.bench.films import new_image
from tests.bench.receivers import start_listener

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tests.bench.receivers import Receiver

BLOCK = 1000  # instances a line
COLUMNS = 128
ROWS = (80, 120, 160, 200, 240)  # 20 to 60 KB
FIRST_NUMBER = 1_000_000_000  # every UID is as long as the next
APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
IMPLEMENTATION_CLASS = "1.2.826.0.1.3680043.9.3811.0.9"
CONTEXT_ID = 1
LARGEST_PDU = 131_072  # where the peer names no limit
PDV_HEADER_BYTES = 6  # length, context and message control header (PS3.8, table 9-23)
LAST_COMMAND, DATA, LAST_DATA = 0x03, 0x00, 0x02  # message control headers (PS3.8, annex E.2)
MEDIUM_PRIORITY = 0x0000
HAS_DATA_SET = 0x0001
ANSWER_SECONDS = 120.0


class Instances:
    """Any number of DX instances, each made from its number alone.

    Args:
        per_study: Instances of a study.
    """

    def __init__(self, per_study: int) -> None:
        self._root = f"2.25.{10**30 + uuid4().int % 10**30}"
        self._per_study = per_study
        generator = np.random.default_rng(1)
        self._templates = [self._template(rows, generator) for rows in ROWS]

    def uid(self, number: int) -> str:
        """Return the SOP Instance UID of an instance."""
        return self._uid(3, number)

    def data_set(self, number: int) -> bytes:
        """Return the data set of an instance (Explicit VR Little Endian)."""
        header, pixels = self._templates[number % len(self._templates)]
        study = number // self._per_study
        for kind, which in ((1, study), (2, study), (3, number)):
            header = header.replace(self._uid(kind, 0).encode(), self._uid(kind, which).encode())
        return header + pixels

    def _uid(self, kind: int, number: int) -> str:
        return f"{self._root}.{kind}.{FIRST_NUMBER + number}"

    def _template(self, rows: int, generator: np.random.Generator) -> tuple[bytes, bytes]:
        image = new_image(rows, COLUMNS)
        image.StudyInstanceUID, image.SeriesInstanceUID, image.SOPInstanceUID = (
            self._uid(kind, 0) for kind in (1, 2, 3)
        )
        pixels = generator.integers(0, 4096, (rows, COLUMNS), dtype=np.uint16).tobytes()
        image.PixelData = pixels
        buffer = DicomBytesIO()
        buffer.is_little_endian, buffer.is_implicit_VR = True, False
        write_dataset(buffer, image)
        return buffer.getvalue()[: -len(pixels)], pixels


class Sender:
    """An association whose C-STORE requests go out as ready bytes.

    Args:
        receiver: Where to.
    """

    def __init__(self, receiver: Receiver) -> None:
        where = (receiver.address, receiver.port)
        self._connection = socket.create_connection(where, timeout=ANSWER_SECONDS)
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection.sendall(_association_request(receiver.ae_title))
        accepted = A_ASSOCIATE_AC()
        accepted.decode(self._read_pdu())
        (context,) = accepted.presentation_context
        if context.result != 0:
            raise SystemExit("the listener takes no DX")
        longest = accepted.user_information.maximum_length or LARGEST_PDU
        self._chunk = min(longest, LARGEST_PDU) - PDV_HEADER_BYTES

    def store(self, sop_instance_uid: str, data_set: bytes, message_id: int) -> float:
        """Send an instance and wait for its success; return the seconds that this took."""
        request = b"".join(self._pdus(_store_command(sop_instance_uid, message_id), data_set))
        began = time.perf_counter()
        self._connection.sendall(request)
        status = _status(self._read_command())
        seconds = time.perf_counter() - began
        if status != 0:
            raise SystemExit(f"the listener answered {status:04X}")
        return seconds

    def release(self) -> None:
        """End the association in order."""
        self._connection.sendall(struct.pack(">BBL4x", 0x05, 0, 4))  # A-RELEASE-RQ
        self._read_pdu()
        self._connection.close()

    def _pdus(self, command: bytes, data_set: bytes) -> Iterator[bytes]:
        yield _data_pdu(LAST_COMMAND, command)
        for start in range(0, len(data_set), self._chunk):
            chunk = data_set[start : start + self._chunk]
            yield _data_pdu(DATA if start + self._chunk < len(data_set) else LAST_DATA, chunk)

    def _read_command(self) -> bytes:
        command = b""
        while True:
            pdu = P_DATA_TF()
            pdu.decode(self._read_pdu())
            for item in pdu.presentation_data_value_items:
                command += item.presentation_data_value[1:]
                if item.presentation_data_value[0] == LAST_COMMAND:
                    return command

    def _read_pdu(self) -> bytes:
        header = self._read(6)
        return header + self._read(int.from_bytes(header[2:], "big"))

    def _read(self, length: int) -> bytes:
        received = b""
        while len(received) < length:
            more = self._connection.recv(length - len(received))
            if not more:
                raise SystemExit("the listener closed the connection")
            received += more
        return received


def _association_request(ae_title: str) -> bytes:
    request = A_ASSOCIATE()
    request.application_context_name = APPLICATION_CONTEXT
    request.calling_ae_title, request.called_ae_title = "ENDURANCE", ae_title
    request.presentation_context_definition_list = [
        build_context(DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian)
    ]
    request.presentation_context_definition_list[0].context_id = CONTEXT_ID
    longest, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    longest.maximum_length_received = LARGEST_PDU
    implementation.implementation_class_uid = IMPLEMENTATION_CLASS
    request.user_information = [longest, implementation]
    return A_ASSOCIATE_RQ(request).encode()


def _store_command(sop_instance_uid: str, message_id: int) -> bytes:
    """Return the command set of a C-STORE-RQ (PS3.7, section 9.3.1.1)."""
    elements = (
        _element(0x0002, _padded(DigitalXRayImageStorageForPresentation)),
        _element(0x0100, struct.pack("<H", 0x0001)),  # C-STORE-RQ
        _element(0x0110, struct.pack("<H", message_id)),
        _element(0x0700, struct.pack("<H", MEDIUM_PRIORITY)),
        _element(0x0800, struct.pack("<H", HAS_DATA_SET)),
        _element(0x1000, _padded(sop_instance_uid)),
    )
    command = b"".join(elements)
    return _element(0x0000, struct.pack("<L", len(command))) + command


def _element(number: int, value: bytes) -> bytes:
    """Return an element of group 0000 (Implicit VR Little Endian)."""
    return struct.pack("<HHL", 0x0000, number, len(value)) + value


def _padded(uid: str) -> bytes:
    return uid.encode() + b"\0" * (len(uid) % 2)


def _data_pdu(control: int, fragment: bytes) -> bytes:
    """Return a P-DATA-TF PDU with one fragment (PS3.8, section 9.3.5)."""
    item = struct.pack(">LBB", len(fragment) + 2, CONTEXT_ID, control) + fragment
    return struct.pack(">BBL", 0x04, 0, len(item)) + item


def _status(command: bytes) -> int:
    """Return Status (0000,0900) of a command set."""
    start = 0
    while start < len(command):
        _, number, length = struct.unpack_from("<HHL", command, start)
        if number == 0x0900:
            return int.from_bytes(command[start + 8 : start + 8 + length], "little")
        start += 8 + length
    raise SystemExit("an answer has no status")


@dataclass(frozen=True, slots=True)
class Block:
    """What one thousand of instances showed.

    Attributes:
        rate: Instances a second.
        waits: Milliseconds until each answer, in order of size.
        resident: MiB of the listener's processes together.
        database: MiB of the database with its log.
    """

    rate: float
    waits: tuple[float, ...]
    resident: float
    database: float

    def wait(self, share: float) -> float:
        """Return the milliseconds that this share of the answers did not exceed."""
        return self.waits[min(int(share * len(self.waits)), len(self.waits) - 1)]

    def line(self, done: int) -> str:
        """Return the block as a line of the table."""
        waits = (self.wait(0.5), self.wait(0.95), self.waits[-1])
        figures = (self.rate, *waits, self.resident, self.database)
        return f"{done:9}" + "".join(f"{figure:12.1f}" for figure in figures)


def main() -> int:
    """Send, print a line a thousand, compare, and verify."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="bench-endurance-", dir=arguments.folder) as name:
        instances = Instances(arguments.per_study)
        with start_listener(Path(name), number=arguments.listeners) as receiver:
            blocks = _send(instances, receiver, Path(name) / "state", arguments)
        _compare(blocks)
        missing = _missing(instances, arguments.instances, Path(name) / "state")
    print(f"{arguments.instances} acknowledged, then killed; missing or damaged: {len(missing)}")
    for sentence in missing[:10]:
        print(f"    {sentence}")
    return 1 if missing else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--instances", type=int, default=20_000)
    parser.add_argument("--associations", type=int, default=4)
    parser.add_argument("--listeners", type=int, default=1, help="processes of the listener")
    parser.add_argument("--per-study", type=int, default=3, help="instances of a study")
    parser.add_argument("--folder", type=Path, help="where the listener writes (default: TMPDIR)")
    return parser.parse_args()


def _send(
    instances: Instances, receiver: Receiver, state: Path, arguments: argparse.Namespace
) -> list[Block]:
    """Send all instances; print a line for each thousand that is acknowledged."""
    answered: queue.SimpleQueue[float | BaseException] = queue.SimpleQueue()
    numbers = iter(range(arguments.instances))
    senders = [
        threading.Thread(target=_sender, args=(receiver, instances, numbers, answered), daemon=True)
        for _ in range(arguments.associations)
    ]
    columns = ("instances/s", "p50 ms", "p95 ms", "max ms", "RSS MiB", "db MiB")
    print("     done" + "".join(f"{column:>12}" for column in columns))
    began = time.perf_counter()
    for sender in senders:
        sender.start()
    blocks = []
    for done in range(0, arguments.instances, BLOCK):
        waits = _take(answered, min(BLOCK, arguments.instances - done))
        now = time.perf_counter()
        resident = receiver.tree.resident_megabytes()
        blocks.append(Block(len(waits) / (now - began), waits, resident, _database_size(state)))
        print(blocks[-1].line(done + len(waits)), flush=True)
        began = now
    for sender in senders:
        sender.join()
    return blocks


def _sender(
    receiver: Receiver,
    instances: Instances,
    numbers: Iterator[int],
    answered: queue.SimpleQueue[float | BaseException],
) -> None:
    """Be one association: send instances for as long as there are numbers left."""
    try:
        sender = Sender(receiver)
        for sent, number in enumerate(numbers):
            data_set = instances.data_set(number)
            answered.put(sender.store(instances.uid(number), data_set, sent % 0xFFFF + 1))
        sender.release()
    except (OSError, SystemExit) as error:
        answered.put(error)


def _take(answered: queue.SimpleQueue[float | BaseException], number: int) -> tuple[float, ...]:
    """Wait for so many answers; return their milliseconds in order of size."""
    waits = []
    for _ in range(number):
        answer = answered.get()
        if isinstance(answer, BaseException):
            raise SystemExit(f"an association failed: {answer}")
        waits.append(answer * 1000)
    return tuple(sorted(waits))


def _database_size(state: Path) -> float:
    files = [path for path in state.glob("triage.db*") if path.is_file()]
    return sum(path.stat().st_size for path in files) / 1024**2


def _compare(blocks: Sequence[Block]) -> None:
    """Print the last full thousand as a multiple of the second."""
    full = [block for block in blocks if len(block.waits) == BLOCK]
    if len(full) < 3:
        print(f"fewer than {3 * BLOCK} instances: nothing to compare")
        return
    second, last = full[1], full[-1]
    for what, ratio in (
        ("median wait", last.wait(0.5) / second.wait(0.5)),
        ("95th percentile of the wait", last.wait(0.95) / second.wait(0.95)),
        ("instances a second", last.rate / second.rate),
        ("resident memory", last.resident / second.resident),
    ):
        print(f"last thousand / second thousand, {what}: {ratio:.2f}")


def _missing(instances: Instances, number: int, state: Path) -> list[str]:
    """Return a sentence for each instance whose row or file is not as it should be."""
    database = sqlite3.connect(f"file:{state / 'triage.db'}?mode=ro", uri=True)
    try:
        rows = database.execute(
            "SELECT sop_instance_uid, path, size_bytes, sha256 FROM instances WHERE NOT superseded"
        )
        recorded = {uid: (state / path, size, digest) for uid, path, size, digest in rows}
    finally:
        database.close()
    return list(_faults(instances, range(number), recorded))


def _faults(
    instances: Instances, numbers: Iterable[int], recorded: dict[str, tuple[Path, int, str]]
) -> Iterator[str]:
    for number in numbers:
        uid = instances.uid(number)
        if uid not in recorded:
            yield f"{uid} has no row"
            continue
        path, size, digest = recorded[uid]
        content = path.read_bytes() if path.is_file() else b""
        if len(content) != size or hashlib.sha256(content).hexdigest() != digest:
            yield f"the file of {uid} is not the one that is recorded"
        elif not content.endswith(instances.data_set(number)):
            yield f"the file of {uid} does not hold what was sent"


if __name__ == "__main__":
    sys.exit(main())
