"""The whole way, measured: from a film's answer to its report in the PACS and its place.

    python tests/bench/way.py [--films 40] [--folder FILMS]

Prints, for a burst of films of one image each, with a real Orthanc as PACS: seconds from the
answer to the last C-STORE of a study until its place on the list is decided, and until its
report is stored, both beyond the quiet time; images a second of the worker; peak memory of
each process. Without Orthanc the PACS is our own loopback PACS, and the output says so.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rich.console import Console
from rich.table import Table

from tests.bench.memory import peak_megabytes
from tests.peers import start_orthanc
from tests.waiting import until
from triage.demo.morning import Item, send
from triage.demo.stage import demonstration_settings, running_daemon
from triage.loopback import LoopbackPacs
from triage.presence import last_signs
from triage.roles import roles_of
from triage.store import Store
from triage.values import StudyState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from triage.demo.stage import Daemon


ALONE = 5  # films that are sent one by one before the burst


@dataclass(frozen=True)
class Times:
    """When things happened to one study."""

    answered: datetime
    decided: datetime
    stored: datetime


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--films", type=int, default=40)
    words.add_argument("--folder", type=Path, help="DICOM films, one study each")
    chosen = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-way-") as name:
        folder = Path(name)
        films = chosen.folder or drawn(folder / "films", chosen.films)
        paths = sorted(films.rglob("*.dcm"))[: chosen.films]
        for pacs_name, (ae_title, port) in pacs(folder):
            settings = demonstration_settings(folder / pacs_name, ae_title, port, 0)
            with running_daemon(folder / pacs_name, settings) as daemon:
                daemon.wait_until_ready()
                alone = [one for path in paths[:ALONE] for one in measure(daemon, [path])]
                report(f"{ALONE} studies one by one, reports to {pacs_name}", daemon, alone)
                burst = measure(daemon, paths[ALONE:])
                report(f"{len(burst)} studies in a burst, reports to {pacs_name}", daemon, burst)
                report_processes(daemon)
    return 0


def drawn(folder: Path, films: int) -> Path:
    words = ["phantom", "--out", str(folder), "--count", str(films), "--format", "dicom"]
    subprocess.run([sys.executable, "-m", "training", *words], check=True)
    return folder


def pacs(folder: Path) -> Iterator[tuple[str, tuple[str, int]]]:
    if shutil.which("Orthanc"):
        with start_orthanc(folder / "orthanc") as orthanc:
            yield "Orthanc", (orthanc.ae_title, orthanc.dicom_port)
    own = LoopbackPacs(folder / "loopback").start()
    yield "own loopback PACS", (own.ae_title, own.port)
    own.stop()


def measure(daemon: Daemon, paths: Sequence[Path]) -> list[Times]:
    items = [
        Item(path, path.name, path.name, number // 8, False, "", (), "")
        for number, path in enumerate(paths)
    ]
    with Store.open(daemon.settings.state_folder) as store:
        before = {one.study_instance_uid for one in store.worklist_entries()}
    statuses = [status for _, status in send(daemon.settings, items)]
    assert not any(statuses)
    with Store.open(daemon.settings.state_folder) as store:
        until(lambda: finished(store), "every report", 600)
        uids = [one.study_instance_uid for one in store.worklist_entries()]
        return [times_of(store, uid) for uid in uids if uid not in before]


def finished(store: Store) -> bool:
    entries = store.worklist_entries()
    sent = [row for one in entries for row in store.study(one.study_instance_uid).deliveries]
    decided = all(one.study_state is StudyState.DECIDED for one in entries)
    return decided and all(row.stored_at for row in sent) and len(sent) >= len(entries)


def times_of(store: Store, uid: str) -> Times:
    record = store.study(uid)
    answered = max(one.received_at for one in record.instances)
    return Times(
        answered=answered,
        decided=record.decisions[-1].decided_at,
        stored=max(row.stored_at for row in record.deliveries),
    )


def report(title: str, daemon: Daemon, times: Sequence[Times]) -> None:
    quiet = daemon.settings.studies.quiet_seconds
    console = Console(width=100)
    console.rule(title)
    table = Table("from the answer, beyond the quiet time", "p50 s", "p95 s", "max s")
    for milestone, spans in (
        ("until the place on the list", [one.decided - one.answered for one in times]),
        ("until the report is stored", [one.stored - one.answered for one in times]),
    ):
        beyond = sorted(span.total_seconds() - quiet for span in spans)
        at = [statistics.median(beyond), beyond[int(0.95 * (len(beyond) - 1))], beyond[-1]]
        table.add_row(milestone, *(f"{value:.2f}" for value in at))
    console.print(table)


def report_processes(daemon: Daemon) -> None:
    console = Console(width=100)
    images, busy = worker_batches(daemon)
    console.print(f"worker: {images / busy:.1f} images/s while it works ({images} in {busy:.1f} s)")
    table = Table("process", "peak resident MB")
    for sign in last_signs(daemon.settings.state_folder, roles_of(daemon.settings)):
        table.add_row(sign.role, f"{peak_megabytes(sign.pid):.0f}")
    table.add_row("supervisor", f"{peak_megabytes(daemon.process.pid):.0f}")
    console.print(table)


def worker_batches(daemon: Daemon) -> tuple[int, float]:
    """Return how many images the worker's batches held, and the seconds that they took."""
    lines = [json.loads(line) for line in daemon.log.read_text().splitlines() if line[:1] == "{"]
    batches = [line for line in lines if line.get("action") == "batch_done"]
    return sum(one["images"] for one in batches), sum(one["seconds"] for one in batches)


if __name__ == "__main__":
    raise SystemExit(main())
