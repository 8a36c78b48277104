"""The contenders of the intake benchmarks: how each is started, watched and ended.

Our listener is started as a site starts it, by ``python -m triage serve --role listener``, with
as many processes as asked for. The peers are what their packages install, with their defaults
but for what a comparison needs: bytes written as received, and every transfer syntax taken.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

ADDRESS = "127.0.0.1"
START_SECONDS = 30.0
TLS_START_SECONDS = 5.0  # beyond the moment at which the port without TLS answers
PROBE_SECONDS = 0.05
SAMPLE_SECONDS = 0.1
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
MEBIBYTE = 1024 * 1024
ASSOCIATIONS = 64  # more than any benchmark opens

OURS = "triage"
TLS = "TLS"
FORKING = "storescp --fork +B"
ORTHANC = "Orthanc"
PYNETDICOM = "pynetdicom storescp"

OPENSSL_CONFIGURATION = """\
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[party]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = IP:127.0.0.1, DNS:localhost
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


class NoAnswerError(Exception):
    """A receiver does not answer, or does not take what it is sent; the message says what."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files of an authority, and of one certificate that both ends show."""

    authority: Path
    certificate: Path
    private_key: Path

    @property
    def dcmtk_options(self) -> tuple[str, ...]:
        """Options of DCMTK's tools for TLS with certificates of both ends."""
        own = (str(self.private_key), str(self.certificate))
        return ("+tls", *own, "+cf", str(self.authority))


@dataclass(frozen=True, slots=True)
class Receiver:
    """A running receiver.

    Attributes:
        process: Its first process.
        port: Where it listens.
        ae_title: What it has to be called.
        sender_options: What storescu needs besides, for TLS.
        address: Likewise.
    """

    process: subprocess.Popen[bytes]
    port: int
    ae_title: str
    sender_options: tuple[str, ...] = ()
    address: str = ADDRESS

    @property
    def tree(self) -> Tree:
        """Its processes."""
        return Tree(self.process.pid)


@dataclass(frozen=True, slots=True)
class Contender:
    """One line of the tables.

    Attributes:
        name: As the tables call it.
        durable: What it has made durable when it answers.
        start: Starts it with its files below a folder, and ends it when left.
        program: What must be installed.
        serial: It serves one association after the other.
        optional: Left out with a word when it does not answer, instead of ending the run.
    """

    name: str
    durable: str
    start: Callable[[Path], AbstractContextManager[Receiver]]
    program: str = sys.executable
    serial: bool = False
    optional: bool = False


def contenders(listeners: Sequence[int], certificates: Certificates | None) -> list[Contender]:
    """Return who takes part: all that are installed.

    Args:
        listeners: Numbers of processes of our listener; each is a contender.
        certificates: With them, our listener and DCMTK's take part with mutual TLS too.
    """
    durable = "file, index"
    ours = [
        Contender(f"{OURS}, {_processes(number)}", durable, partial(start_listener, number=number))
        for number in listeners
    ]
    peers = [
        Contender("storescp +B", "no", start_storescp, "storescp", serial=True),
        Contender(FORKING, "no", partial(start_storescp, options=("--fork",)), "storescp"),
        Contender(ORTHANC, "file", start_orthanc, "Orthanc"),
        Contender(PYNETDICOM, "no", start_pynetdicom),
    ]
    with_tls = []
    if certificates is not None:
        with_tls = [
            Contender(
                f"{OURS}, {TLS}, {_processes(number)}",
                durable,
                partial(start_listener, number=number, certificates=certificates),
                optional=True,
            )
            for number in listeners
        ]
        options = ("--fork", *certificates.dcmtk_options)
        start = partial(start_storescp, options=options, sender=certificates.dcmtk_options)
        with_tls.append(Contender(f"{FORKING}, {TLS}", "no", start, "storescp", optional=True))
    return [one for one in (*ours, *with_tls, *peers) if shutil.which(one.program)]


def _processes(number: int) -> str:
    return "1 process" if number == 1 else f"{number} processes"


def make_certificates(folder: Path) -> Certificates:
    """Make an authority and a certificate of two days with the openssl command.

    Args:
        folder: Where the PEM files go.
    """
    (folder / "openssl.cnf").write_text(OPENSSL_CONFIGURATION)
    new_key = "-config openssl.cnf -newkey rsa:2048 -nodes"
    signer = "-CA ca.pem -CAkey ca.key -CAcreateserial -days 2"
    for command in (
        f"req -x509 {new_key} -keyout ca.key -out ca.pem -extensions authority -subj /CN=bench",
        f"req -new {new_key} -keyout party.key -out party.csr -subj /CN=localhost",
        f"x509 -req -in party.csr {signer} -extfile openssl.cnf -extensions party -out party.pem",
    ):
        words = ["openssl", *command.split()]
        subprocess.run(words, cwd=folder, check=True, capture_output=True)
    return Certificates(folder / "ca.pem", folder / "party.pem", folder / "party.key")


@contextmanager
def start_listener(
    home: Path, *, number: int = 1, certificates: Certificates | None = None
) -> Iterator[Receiver]:
    """Start the listener of this project by its public command.

    Args:
        home: Its settings go here, and its state below.
        number: Processes that share the port.
        certificates: With them, films go to its port with TLS.
    """
    port, tls_port = free_port(), free_port()
    lines = [
        f"state_folder = {json.dumps(str(home / 'state'))}",
        "[listener]",
        f'address = "{ADDRESS}"',
        f"port = {port}",
        f"listeners = {number}",
        f"maximum_associations = {ASSOCIATIONS}",
        f"maximum_associations_per_peer = {ASSOCIATIONS}",
        "minimum_free_megabytes = 1",
    ]
    if certificates is not None:
        lines += [
            f"tls_port = {tls_port}",
            f"tls_certificate = {json.dumps(str(certificates.certificate))}",
            f"tls_private_key = {json.dumps(str(certificates.private_key))}",
            f"tls_authorities = {json.dumps(str(certificates.authority))}",
        ]
    (home / "triage.toml").write_text("\n".join(lines) + "\n")
    command = [sys.executable, "-m", "triage", "serve", "--role", "listener"]
    with _running([*command, "--config", str(home / "triage.toml")], home, port) as process:
        if certificates is None:
            yield Receiver(process, port, "TRIAGE")
        else:
            _wait_for(process, tls_port, TLS_START_SECONDS, home)
            yield Receiver(process, tls_port, "TRIAGE", certificates.dcmtk_options)


@contextmanager
def start_storescp(
    home: Path, *, options: tuple[str, ...] = (), sender: tuple[str, ...] = ()
) -> Iterator[Receiver]:
    """Start DCMTK's storescp: bytes written as received, every transfer syntax taken.

    Args:
        home: Where it writes.
        options: Of storescp, besides.
        sender: What storescu needs to reach it.
    """
    port = free_port()
    command = ["storescp", *options, "+B", "+xa", "--output-directory", str(home), str(port)]
    with _running(command, home, port) as process:
        yield Receiver(process, port, "STORESCP", sender)


@contextmanager
def start_pynetdicom(home: Path) -> Iterator[Receiver]:
    """Start pynetdicom's own storescp, as it is installed.

    Args:
        home: Where it writes.
    """
    port = free_port()
    command = [sys.executable, "-m", "pynetdicom", "storescp", str(port), "-od", str(home)]
    with _running(command, home, port) as process:
        yield Receiver(process, port, "STORESCP")


@contextmanager
def start_orthanc(home: Path) -> Iterator[Receiver]:
    """Start Orthanc with its defaults, without its page and plug-ins.

    Args:
        home: Its settings, its files and its index go here.
    """
    port = free_port()
    configuration = {
        "StorageDirectory": str(home / "storage"),
        "IndexDirectory": str(home / "storage"),
        "DicomAet": "ORTHANC",
        "DicomPort": port,
        "HttpServerEnabled": False,
        "SynchronousCMove": True,
        "Plugins": [],
    }
    (home / "orthanc.json").write_text(json.dumps(configuration))
    with _running(["Orthanc", str(home / "orthanc.json")], home, port) as process:
        yield Receiver(process, port, "ORTHANC")


def free_port() -> int:
    """Return a port that nothing listens on, and that no outgoing connection is given either."""
    while True:
        port = 20_000 + secrets.randbelow(10_000)
        with contextlib.suppress(OSError), socket.create_server((ADDRESS, port)):
            return port


@contextmanager
def _running(command: list[str], home: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    # The project is found from here, whether it is installed or not.
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=home, env=environment, start_new_session=True
        )
    try:
        _wait_for(process, port, START_SECONDS, home)
        yield process
    finally:
        Tree(process.pid).kill()
        process.wait()


def _wait_for(process: subprocess.Popen[bytes], port: int, seconds: float, home: Path) -> None:
    """Wait until a port answers."""
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection((ADDRESS, port), timeout=1).close()
        except OSError:
            select.select([], [], [], PROBE_SECONDS)
        else:
            return
    said = (home / "log").read_text(errors="replace")[-2000:].strip()
    raise NoAnswerError(f"nothing answers on port {port} within {seconds:g} s\n{said}")


@dataclass(frozen=True, slots=True)
class Tree:
    """A process and all that descend from it, as /proc shows them."""

    root: int

    def pids(self) -> list[int]:
        """Return the root and its living descendants, and those that nobody waited for yet."""
        found = [self.root]
        for pid in found:  # grows while it is read
            found.extend(_children(pid))
        return found

    def cpu_seconds(self) -> float:
        """Return the CPU time of all of them, and of every child that ended and was waited for."""
        ticks = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                # utime, stime, cutime, cstime: fields 14 to 17 of proc(5).
                ticks += sum(int(field) for field in fields[11:15])
        return ticks / TICKS_PER_SECOND

    def resident_megabytes(self) -> float:
        """Return the resident memory (VmRSS) of all of them; shared pages count for each."""
        return sum(_memory(pid).get("VmRSS", 0.0) for pid in self.pids())

    def kill(self) -> None:
        """Kill all of them, with nothing tidied up."""
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _children(pid: int) -> list[int]:
    children: list[int] = []
    with contextlib.suppress(OSError):  # it ended meanwhile
        for thread in Path(f"/proc/{pid}/task").iterdir():
            children += map(int, (thread / "children").read_text().split())
    return children


def _memory(pid: int) -> dict[str, float]:
    """Return the sizes in /proc/PID/status in MiB."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    sizes = (line.split() for line in lines if line.endswith(" kB"))
    return {name.rstrip(":"): int(kilobytes) / 1024 for name, kilobytes, _ in sizes}


class Watch:
    """CPU time and peak memory of a receiver while the ``with`` block runs.

    CPU time is read at both ends from the kernel's counts, which hold ended children too.
    Memory is looked at ten times a second.

    Attributes:
        cpu_seconds: CPU time of all its processes.
        largest_megabytes: The largest resident peak (VmHWM) of any one process.
        together_megabytes: The most that all of them had at a time of memory that no file backs
            (RssAnon and RssShmem); what forked children share with their parent counts again.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watch")
        self.cpu_seconds = self.largest_megabytes = self.together_megabytes = 0.0

    def __enter__(self) -> Self:
        self.cpu_seconds = -self._tree.cpu_seconds()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self.cpu_seconds += self._settled_cpu_seconds()

    def _watch(self) -> None:
        self._look()
        while not self._ended.wait(SAMPLE_SECONDS):
            self._look()
        self._look()

    def _look(self) -> None:
        seen = [_memory(pid) for pid in self._tree.pids()]
        largest = max((one.get("VmHWM", 0.0) for one in seen), default=0.0)
        together = sum(one.get("RssAnon", 0.0) + one.get("RssShmem", 0.0) for one in seen)
        self.largest_megabytes = max(self.largest_megabytes, largest)
        self.together_megabytes = max(self.together_megabytes, together)

    def _settled_cpu_seconds(self) -> float:
        """Return the CPU time when the receiver is quiet: work after the answer counts."""
        before, now = -1.0, self._tree.cpu_seconds()
        deadline = time.monotonic() + 1.0
        while now > before and time.monotonic() < deadline:
            select.select([], [], [], SAMPLE_SECONDS)
            before, now = now, self._tree.cpu_seconds()
        return now
