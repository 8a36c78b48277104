"""One film on the CPU: what the daemon does with it, stage by stage, beside a ResNet50.

    python tests/bench/film.py                          # about a minute
    python tests/bench/film.py --folder FILMS --rounds 30 --threads 1

Each film goes the daemon's way with the bundle that comes along (`--bundle` takes another): it is
decoded, its thumbnail is written, it is prepared, the locator and the readers look at it, gates
and scores are made, and its study is decided. Films are the CR and DX files below `--folder`, or
below TRIAGE_TEST_DATA where that is set; else the phantom draws some. After each film one picture
of 224 x 224 pixels goes through torchvision's ResNet50, the smallest network that any of the
papers used: the peer, on the same threads, in the same minute.

The first round warms up and is not counted. Printed are median and 95th percentile over films and
rounds: processor time of all threads, and time that went by. Threads that wait for each other
count as busy. Then the same films go as the worker takes them from its queue: threads decode the
next batch while the networks look at the present one; printed is the time that went by, divided
by the films. Read the ratios: another machine has other milliseconds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torchvision.models import resnet50

from triage.decision import decide
from triage.errors import TriageError
from triage.intake.header import read_header
from triage.values import ImageEvidence, ImageState, Mode, StudyEvidence
from triage.vision.bundle import Bundle, default_bundle_folder
from triage.vision.decode import read_film
from triage.vision.gates import header_gates, polarity_gate
from triage.vision.inference import Analyst, with_header
from triage.vision.thumbnail import FOLDER as THUMBNAILS
from triage.vision.thumbnail import write_thumbnail
from triage.vision.worker import DECODERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from triage.values import HeaderFacts, Outcome
    from triage.vision.pixels import PreparedFilm

MODALITIES = {"CR", "DX"}
PHANTOM_FILMS = 12
PEER_SIDE = 224
NETWORKS = ("locator", "readers")
ANALYSIS = "distance, gates, scores"
STAGES = ("decode", "thumbnail", "prepare", *NETWORKS, ANALYSIS, "decision")
EVERYTHING, PEER = "everything", "ResNet50 at 224"
GOAL_MS = 150.0
BATCH = 8  # the worker's own


@dataclass(frozen=True)
class Film:
    """A film to measure with, and what its header says."""

    path: Path
    facts: HeaderFacts


@dataclass(frozen=True)
class Spent:
    """Milliseconds: of the processor, and those that went by."""

    cpu: float
    wall: float

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.cpu + other.cpu, self.wall + other.wall)

    def __sub__(self, other: Spent) -> Spent:
        return Spent(self.cpu - other.cpu, self.wall - other.wall)


@dataclass
class Meter:
    """What each stage took of one film."""

    spent: dict[str, Spent] = field(default_factory=lambda: defaultdict(lambda: Spent(0, 0)))

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        begun = now()
        yield
        self.spent[name] += now() - begun


def now() -> Spent:
    return Spent(time.process_time_ns() / 1e6, time.perf_counter_ns() / 1e6)


class Way:
    """The daemon's way with a film, each stage with a meter beside it."""

    def __init__(self, bundle: Path, folder: Path) -> None:
        self.analyst = Analyst(Bundle.load(bundle), "cpu")
        self.folder = folder
        self.meter = Meter()
        (folder / THUMBNAILS).mkdir()
        watched = ("locator", [self.analyst.locator]), ("readers", self.analyst.readers)
        for name, networks in watched:
            for network in networks:
                self._watch(name, network)

    def _watch(self, name: str, network: torch.nn.Module) -> None:
        """Measure a network wherever it is called."""
        begun: list[Spent] = []

        def before(*_: object) -> None:
            begun.append(now())

        def after(*_: object) -> None:
            self.meter.spent[name] += now() - begun.pop()

        network.register_forward_pre_hook(before)
        network.register_forward_hook(after)

    def go(self, film: Film) -> tuple[Meter, Outcome]:
        meter = self.meter = Meter()
        with meter.stage("decode"):
            decoded = read_film(film.path, film.facts)
        with meter.stage("thumbnail"):
            write_thumbnail(self.folder, film.facts.sop_instance_uid, decoded.pixels)
        with meter.stage("prepare"):
            prepared = self.analyst.prepare(decoded)
        with meter.stage(ANALYSIS):
            (analysis,) = self.analyst.analyse([prepared])
            header = (*header_gates(film.facts), polarity_gate(known=decoded.polarity_known))
            analysis = with_header(analysis, header)
        for network in NETWORKS:  # they were called in between
            meter.spent[ANALYSIS] -= meter.spent[network]
        with meter.stage("decision"):
            uid = film.facts.sop_instance_uid
            image = ImageEvidence(uid, ImageState.ANALYSED, analysis)
            study = StudyEvidence(film.facts.study_instance_uid, complete=True, images=(image,))
            bundle = self.analyst.bundle
            points, digest = bundle.operating_points, bundle.identity.digest
            decision = decide(study, points, bundle.members, digest, Mode.DEMOTE)
        meter.spent[EVERYTHING] = sum((meter.spent[name] for name in STAGES), Spent(0, 0))
        return meter, decision.outcome

    def queue(self, films: Sequence[Film]) -> Spent:
        """Take films batch by batch, as the worker does; milliseconds a film."""
        batches = [films[first : first + BATCH] for first in range(0, len(films), BATCH)]
        begun = now()
        with ThreadPoolExecutor(DECODERS) as decoders:
            decoding = [decoders.submit(self._prepared, film) for film in batches[0]]
            for following in [*batches[1:], []]:
                present = decoding
                decoding = [decoders.submit(self._prepared, film) for film in following]
                self.analyst.analyse([one.result() for one in present])
        spent = now() - begun
        return Spent(spent.cpu / len(films), spent.wall / len(films))

    def _prepared(self, film: Film) -> PreparedFilm:
        decoded = read_film(film.path, film.facts)
        write_thumbnail(self.folder, film.facts.sop_instance_uid, decoded.pixels)
        return self.analyst.prepare(decoded)


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--folder", type=Path, help="films (default: TRIAGE_TEST_DATA, or phantom)")
    words.add_argument("--bundle", type=Path, default=default_bundle_folder())
    words.add_argument("--rounds", type=int, default=10, help="measured rounds over all films")
    words.add_argument("--threads", type=int, default=2, help="of PyTorch (default: 2)")
    chosen = words.parse_args()
    torch.set_num_threads(chosen.threads)
    with tempfile.TemporaryDirectory(prefix="bench-film-") as name:
        folder = Path(name)
        films = films_of(chosen.folder or real_films() or drawn(folder / "films"))
        if not films:
            sys.exit("No CR or DX file that can be decoded is there.")
        way, peer = Way(chosen.bundle, folder), Peer()
        meters: list[Meter] = []
        outcomes: dict[Path, Outcome] = {}
        for round_number in track(range(chosen.rounds + 1), "rounds", transient=True):
            for film in films:
                meter, outcomes[film.path] = way.go(film)
                peer.go(meter)
                if round_number:
                    meters.append(meter)
        queued = way.queue(films * chosen.rounds)
        report(films, list(outcomes.values()), meters, chosen.threads)
        report_queue(queued, meters)
    return 0


class Peer:
    """torchvision's ResNet50, as everybody calls it."""

    def __init__(self) -> None:
        self.network = resnet50(weights=None).eval()
        self.picture = torch.rand(1, 3, PEER_SIDE, PEER_SIDE)

    def go(self, meter: Meter) -> None:
        with meter.stage(PEER), torch.inference_mode():
            self.network(self.picture)


def real_films() -> Path | None:
    folder = os.environ.get("TRIAGE_TEST_DATA")
    return Path(folder) if folder else None


def drawn(folder: Path) -> Path:
    words = ["phantom", "--out", str(folder), "--count", str(PHANTOM_FILMS), "--format", "dicom"]
    subprocess.run([sys.executable, "-m", "training", *words], check=True)
    return folder


def films_of(folder: Path) -> list[Film]:
    found = []
    for path in sorted(folder.rglob("*.dcm")):
        try:
            facts = read_header(path)
            if facts.modality in MODALITIES:
                read_film(path, facts)
                found.append(Film(path, facts))
        except TriageError:
            continue  # damaged, or without pixels
    return found


def report(
    films: Sequence[Film], outcomes: Sequence[Outcome], meters: Sequence[Meter], threads: int
) -> None:
    console = Console(width=100)
    sizes = sorted(film.path.stat().st_size / 1e6 for film in films)
    console.rule(f"{len(films)} films, {len(meters) // len(films)} rounds, {threads} threads")
    console.print(
        f"files of {sizes[0]:.1f} to {sizes[-1]:.1f} MB, median {statistics.median(sizes):.1f} MB"
    )
    table = Table("milliseconds a film", "CPU p50", "CPU p95", "elapsed p50", "elapsed p95")
    for name in (*STAGES, EVERYTHING, PEER):
        if name in {EVERYTHING, PEER}:
            table.add_section()
        cpu = [meter.spent[name].cpu for meter in meters]
        wall = [meter.spent[name].wall for meter in meters]
        cells = (middle(cpu), high(cpu), middle(wall), high(wall))
        table.add_row(name, *(f"{value:.1f}" for value in cells))
    console.print(table)
    cpu_ratio, wall_ratio = (
        middle([kind(meter.spent[EVERYTHING]) / kind(meter.spent[PEER]) for meter in meters])
        for kind in (lambda spent: spent.cpu, lambda spent: spent.wall)
    )
    console.print(f"everything / ResNet50: CPU {cpu_ratio:.2f}, elapsed {wall_ratio:.2f}")
    counted = {one.value: list(outcomes).count(one) for one in dict.fromkeys(outcomes)}
    console.print("outcomes: " + ", ".join(f"{name} {count}" for name, count in counted.items()))


def report_queue(queued: Spent, meters: Sequence[Meter]) -> None:
    console = Console(width=100)
    peer = middle([meter.spent[PEER].wall for meter in meters])
    console.print(
        f"from a queue: {queued.wall:.1f} ms elapsed a film, {queued.cpu:.1f} of CPU; "
        f"elapsed / ResNet50 alone: {queued.wall / peer:.2f}"
    )
    verdict = "kept" if queued.wall <= GOAL_MS else "not kept"
    console.print(f"goal of {GOAL_MS:.0f} ms a film for everything: {verdict}")


def middle(values: Sequence[float]) -> float:
    return statistics.median(values)


def high(values: Sequence[float]) -> float:
    return sorted(values)[int(0.95 * (len(values) - 1))]


if __name__ == "__main__":
    raise SystemExit(main())
