"""C-STORE into the listener, DCMTK's storescp and Orthanc, in turn within each round.

    python tests/bench/intake.py [--films 24] [--rounds 3] [--associations 1 4] [--file FILM]

The sender is DCMTK's storescu, which gives every film a new SOP Instance UID. The film is a DX
of 12.9 MB (2800 by 2304, 12 bits of noise in 16) made on the fly, or the one that is named.
Figures are medians over the rounds; on a shared machine, read the ratios.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS, COLUMNS = 2800, 2304
MEGABYTE = 1_000_000
START_SECONDS = 30.0
PROBE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Receiver:
    """A running receiver: its process, port and AE title."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    ae_title: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What one receiver did with one burst."""

    seconds: float
    cpu_seconds: float
    peak_megabytes: float


def main() -> int:
    """Run the benchmark and print its table."""
    arguments = _arguments()
    if arguments.serve is not None:
        _serve(arguments.serve)
        return 0
    if missing := [name for name in ("storescu", "storescp") if shutil.which(name) is None]:
        print(f"missing: {', '.join(missing)}; install DCMTK", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        film = arguments.file or make_film(Path(folder) / "film.dcm")
        for associations in arguments.associations:
            found = _rounds(Path(folder), film, associations, arguments)
            _print_table(found, film, associations, arguments.films)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--films", type=int, default=24, help="films in a burst")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--associations", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--file", type=Path, help="the film to send")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def make_film(path: Path) -> Path:
    """Write a DX film of 12.9 MB."""
    film = Dataset()
    film.file_meta = FileMetaDataset()
    film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film.SOPClassUID = DigitalXRayImageStorageForPresentation
    film.SOPInstanceUID, film.StudyInstanceUID, film.SeriesInstanceUID = (
        generate_uid() for _ in range(3)
    )
    film.Modality, film.BodyPartExamined = "DX", "CSPINE"
    film.StudyID = film.SeriesNumber = film.InstanceNumber = "1"
    film.PatientName, film.PatientID = "Bench^Intake", "BENCH"
    film.Rows, film.Columns, film.SamplesPerPixel = ROWS, COLUMNS, 1
    film.BitsAllocated, film.BitsStored, film.HighBit, film.PixelRepresentation = 16, 12, 11, 0
    film.PhotometricInterpretation = "MONOCHROME2"
    noise = np.random.default_rng(1).integers(0, 4096, (ROWS, COLUMNS), dtype=np.uint16)
    film.PixelData = noise.tobytes()
    film.save_as(path, enforce_file_format=True)
    return path


def _rounds(
    folder: Path, film: Path, associations: int, arguments: argparse.Namespace
) -> dict[str, list[Measured]]:
    found: dict[str, list[Measured]] = {}
    for _ in range(arguments.rounds):
        for start in (start_listener, start_storescp, start_orthanc):
            with tempfile.TemporaryDirectory(dir=folder) as home, start(Path(home)) as receiver:
                if receiver is not None:
                    measured = _burst(receiver, film, associations, arguments.films)
                    found.setdefault(receiver.name, []).append(measured)
    return found


def _burst(receiver: Receiver, film: Path, associations: int, films: int) -> Measured:
    """Send a burst and wait until all of it is acknowledged."""
    command = ["storescu", "-aec", receiver.ae_title, "+II", "--repeat", str(films // associations)]
    command += ["localhost", str(receiver.port), str(film)]
    with _watching(receiver.process.pid) as watched:
        began = time.perf_counter()
        senders = [subprocess.Popen(command) for _ in range(associations)]
        failed = [sender.args for sender in senders if sender.wait() != 0]
        seconds = time.perf_counter() - began
    if failed:
        raise SystemExit(f"{receiver.name} refused: {failed[0]}")
    return Measured(seconds, watched.cpu_seconds, watched.peak_megabytes)


@contextmanager
def start_listener(home: Path) -> Iterator[Receiver | None]:
    """Start the listener of this project in a process of its own."""
    port = _free_port()
    (home / "bench.json").write_text(json.dumps({"port": port}))
    command = [sys.executable, __file__, "--serve", str(home)]
    with _running("triage", command, port, "TRIAGE", home) as receiver:
        yield receiver


def _serve(home: Path) -> None:
    """Be the listener: the child process of `start_listener`."""
    from triage.intake.listener import run  # noqa: PLC0415 - the other contenders need it not
    from triage.log import configure  # noqa: PLC0415 - likewise
    from triage.settings import default_settings  # noqa: PLC0415 - likewise

    settings = default_settings(home)
    port = json.loads((home / "bench.json").read_text())["port"]
    listening = dataclasses.replace(settings.listener, port=port, address="127.0.0.1")
    configure("listener", settings.log)
    run(dataclasses.replace(settings, listener=listening), threading.Event(), lambda: None)


@contextmanager
def start_storescp(home: Path) -> Iterator[Receiver | None]:
    """Start DCMTK's storescp: a process for each association, bytes written as received."""
    port = _free_port()
    command = ["storescp", "--fork", "+B", "--output-directory", str(home), str(port)]
    with _running("storescp --fork +B", command, port, "STORESCP", home) as receiver:
        yield receiver


@contextmanager
def start_orthanc(home: Path) -> Iterator[Receiver | None]:
    """Start Orthanc, when it is installed."""
    if shutil.which("Orthanc") is None:
        yield None
        return
    port = _free_port()
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
    command = ["Orthanc", str(home / "orthanc.json")]
    with _running("Orthanc", command, port, "ORTHANC", home) as receiver:
        yield receiver


@contextmanager
def _running(
    name: str, command: list[str], port: int, ae_title: str, home: Path
) -> Iterator[Receiver]:
    with (home / "log").open("wb") as log:
        # The project is found from here, whether it is installed or not.
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=home, env=environment)
        try:
            if not _answers_in_time(process, port):
                raise SystemExit(f"{name} does not answer:\n{(home / 'log').read_text()[-2000:]}")
            yield Receiver(name, process, port, ae_title)
        finally:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers_in_time(process: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            threading.Event().wait(PROBE_SECONDS)
        else:
            return True
    return False


class _Watched:
    """Peak memory and CPU of a process and its children, sampled while they live."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._peaks: dict[str, float] = {}
        self._cpu: dict[str, float] = {}
        self._before = 0.0
        self.sample()
        self._before = sum(self._cpu.values())

    @property
    def peak_megabytes(self) -> float:
        """The largest peak of any one process."""
        return max(self._peaks.values(), default=0.0)

    @property
    def cpu_seconds(self) -> float:
        """CPU time of all of them since watching began."""
        return sum(self._cpu.values()) - self._before

    def sample(self) -> None:
        """Look once."""
        for pid in (str(self._pid), *_children(self._pid)):
            try:
                status = Path(f"/proc/{pid}/status").read_text()
                ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            peak = next((line for line in status.splitlines() if line.startswith("VmHWM")), "")
            if peak:
                self._peaks[pid] = float(peak.split()[1]) / 1024
            self._cpu[pid] = (int(ticks[11]) + int(ticks[12])) / 100


def _children(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []


@contextmanager
def _watching(pid: int) -> Iterator[_Watched]:
    watched, ended = _Watched(pid), threading.Event()

    def watch() -> None:
        while not ended.wait(PROBE_SECONDS):
            watched.sample()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield watched
        watched.sample()
    finally:
        ended.set()
        thread.join()


def _print_table(
    found: dict[str, list[Measured]], film: Path, associations: int, films: int
) -> None:
    sent = films // associations * associations
    size = film.stat().st_size / MEGABYTE
    print(f"\n{associations} association(s), {sent} films of {size:.1f} MB")
    columns = ("films/s", "MB/s", "CPU ms/film", "peak MB", "ratio")
    print(f"{'receiver':20}" + "".join(f"{column:>12}" for column in columns))
    own = statistics.median(one.seconds for one in found["triage"])
    for name, measured in found.items():
        seconds = statistics.median(one.seconds for one in measured)
        cpu = statistics.median(one.cpu_seconds for one in measured) / sent * 1000
        peak = max(one.peak_megabytes for one in measured)
        rate = sent / seconds
        figures = f"{rate:12.1f}{rate * size:12.0f}{cpu:12.0f}{peak:12.0f}{seconds / own:12.2f}"
        print(f"{name:20}{figures}")
    print("ratio: how many times faster the listener is than this receiver")


if __name__ == "__main__":
    sys.exit(main())
