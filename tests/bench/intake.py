"""C-STORE into our listener and into its peers, side by side: rates, cost, waiting, memory.

    python tests/bench/intake.py            # about nine minutes
    python tests/bench/intake.py --quick    # about two minutes: one round, 1 and 8 associations
    python tests/bench/intake.py --tls      # also with mutual TLS (makes its own certificates)
    python tests/bench/intake.py --file FILM --associations 4 --receivers triage fork

Sent are a DX film of 12.9 MB, one in lossless JPEG, and a small image of 0.5 MB, over 1, 4 and 8
associations at once. The sender is DCMTK's storescu, which gives every film a new SOP Instance
UID; each association is a storescu of its own. Receivers are our listener with one process and
with two, DCMTK's storescp (one process; one a connection), Orthanc, and pynetdicom's storescp.

A round is one burst to each of them in turn. For its burst a receiver is started afresh. Each
association first sends one film that is not measured, then as many as take about `--seconds`: a
slow receiver gets fewer. A burst that took less than half of that is repeated with more. Then the
receiver is killed, its files are counted and removed, and the disk is synchronised: what one
receiver left in the page cache is not written at the cost of the next.

What is measured:
- films a second while all associations are in use; films in progress at the edges of that time
  count with their share. Ratios and goals are of these: pynetdicom's storescp takes up to seconds
  to open eight associations, and how much that weighs depends on the length of a burst. Where
  associations are never in use together, as with one process of storescp, all the time from the
  first film to the last counts. "With opening" is the whole burst, from the first request for an
  association to the last answer;
- CPU time of all processes of the receiver, with what opening the associations costs;
- the time from storescu's "Sending Store Request" to its "Received Store Response", by
  storescu's own clock;
- the largest resident peak of one process (VmHWM), and the most memory that all processes had
  at a time of what no file backs (RssAnon and RssShmem, sampled).
Figures are medians over the rounds, of memory the largest. Ratios are taken within a round, then
their median. Sender and receivers share the machine: read the ratios.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tests.bench.films import MEGABYTE, NotServedError, Sent, film_of, make_films, send
from tests.bench.receivers import (
    FORKING,
    ORTHANC,
    OURS,
    PYNETDICOM,
    TLS,
    NoAnswerError,
    Watch,
    contenders,
    make_certificates,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.films import Film
    from tests.bench.receivers import Contender

TOOLS = ("storescu", "storescp", "dcmcjpeg")
ATTEMPTS = 3  # until a burst is long enough, while the pace of a receiver is not known
LEAST_FILMS = 2  # measured films of an association, however slow the receiver
WIDTH = 140

LEGEND = f"""
films/s: while all associations are in use; with opening: from the first request for one to the
last answer. CPU: of the receiver, for the whole burst. p50, p95: from request to answer. MiB one:
the largest resident peak of one process; MiB all: the most that all processes had at a time,
without what files back. {OURS} N / this: how many times as fast as this receiver our listener of
N processes is. films: measured, in all rounds.
"""


@dataclass(frozen=True, slots=True)
class Goal:
    """What our listener is to reach: a multiple of a peer's films a second.

    Attributes:
        peer: The contender's name.
        ratio: At least this.
        associations: Where it is to be reached; empty: everywhere.
    """

    peer: str
    ratio: float
    associations: tuple[int, ...] = ()

    @property
    def text(self) -> str:
        """The goal as a column's title."""
        where = f" at {', '.join(map(str, self.associations))}" if self.associations else ""
        return f"{self.ratio:g} or more{where}"

    def applies(self, associations: int) -> bool:
        """Say whether it is a goal at so many associations."""
        return not self.associations or associations in self.associations


GOALS = (Goal(FORKING, 1.0), Goal(ORTHANC, 2.0), Goal(PYNETDICOM, 8.0, (8,)))


@dataclass(frozen=True, slots=True)
class Burst:
    """One burst into one receiver; memory in MiB."""

    contender: Contender
    sent: Sent
    cpu_seconds: float
    largest: float
    together: float

    def rate(self, *, opening: bool) -> float:
        """Return films a second, with or without the time in which associations are opened."""
        return self.sent.rate_with_opening if opening else self.sent.rate

    @property
    def cpu_milliseconds_a_film(self) -> float:
        """CPU time of the receiver for one film."""
        return self.cpu_seconds / len(self.sent.films) * 1000

    def wait_milliseconds(self, share: float) -> float:
        """Return the wait that this share of the films did not exceed."""
        waits = sorted(answered - asked for asked, answered in self.sent.films)
        return waits[min(int(share * len(waits)), len(waits) - 1)] * 1000


@dataclass(frozen=True, slots=True)
class Case:
    """One table: a film over a number of associations, and the bursts of each contender."""

    film: Film
    associations: int
    bursts: dict[str, list[Burst]]

    @property
    def title(self) -> str:
        """Film and associations."""
        plural = "" if self.associations == 1 else "s"
        return f"{self.film.title}, {self.associations} association{plural}"

    def ours(self) -> list[str]:
        """Return the names under which our listener took part without TLS."""
        return [name for name in self.bursts if name.startswith(OURS) and TLS not in name]

    def ratio(self, name: str, other: str, *, opening: bool = False) -> float | None:
        """Return how many times as fast the first is, None where one did not take part.

        Args:
            name: A contender.
            other: Another.
            opening: Take the time in as well in which associations are opened.
        """
        pairs = zip(self.bursts.get(name, ()), self.bursts.get(other, ()), strict=False)
        ratios = [one.rate(opening=opening) / two.rate(opening=opening) for one, two in pairs]
        return statistics.median(ratios) if ratios else None


def main() -> int:
    """Run the benchmark and print its tables."""
    arguments = _arguments()
    if missing := [name for name in TOOLS if shutil.which(name) is None]:
        print(f"missing: {', '.join(missing)}; install DCMTK", file=sys.stderr)
        return 1
    cases: list[Case] = []
    ended = ""
    with tempfile.TemporaryDirectory(prefix="bench-intake-", dir=arguments.folder) as name:
        try:
            _run(Path(name), arguments, cases)
        except (NoAnswerError, KeyboardInterrupt) as error:
            ended = f"ended before its time: {str(error) or 'interrupted'}"
    console = Console(width=WIDTH, highlight=False)
    console.print(
        f"{os.cpu_count()} cores, {platform.platform()}, Python {platform.python_version()},"
        f" files on {_file_system(arguments.folder)}"
    )
    console.print(LEGEND)
    for case in cases:
        console.print(_table(case))
    _summarise(console, cases)
    if ended:
        console.print(ended, markup=False)
    return 1 if ended else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--films", nargs="+", choices=["dx", "jpeg", "small"], help="default: all")
    parser.add_argument("--file", type=Path, help="a film of your own instead")
    parser.add_argument("--associations", type=int, nargs="+", help="default: 1 4 8")
    parser.add_argument("--listeners", type=int, nargs="+", default=[1, 2], help="our processes")
    parser.add_argument("--receivers", nargs="+", help="only those whose name holds one of these")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="how long a burst shall take")
    parser.add_argument("--quick", action="store_true", help="1 round of 0.5 s, not 3 of 1 s")
    parser.add_argument("--tls", action="store_true", help="also with mutual TLS")
    parser.add_argument("--folder", type=Path, help="where the receivers write (TMPDIR)")
    arguments = parser.parse_args()
    arguments.rounds = arguments.rounds or (1 if arguments.quick else 3)
    arguments.seconds = arguments.seconds or (0.5 if arguments.quick else 1.0)
    arguments.associations = arguments.associations or ([1, 8] if arguments.quick else [1, 4, 8])
    arguments.folder = arguments.folder or Path(tempfile.gettempdir())
    return arguments


def _file_system(folder: Path) -> str:
    """Return the kind of file system of a folder: what fsync costs depends on it."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    around = [(place, kind) for place, kind in mounts if folder.resolve().is_relative_to(place)]
    return max(around, key=lambda mount: len(mount[0]))[1]


def _run(folder: Path, arguments: argparse.Namespace, cases: list[Case]) -> None:
    """Send every film over every number of associations; a case is kept as soon as it begins."""
    certificates = make_certificates(folder) if arguments.tls else None
    taking_part = [
        contender
        for contender in contenders(arguments.listeners, certificates)
        if not arguments.receivers or any(word in contender.name for word in arguments.receivers)
    ]
    films = _films(folder, arguments)
    rounds = len(films) * len(arguments.associations) * arguments.rounds
    with _progress(rounds * len(taking_part)) as progress:
        for film in films:
            bench = Bench(folder, film, arguments.seconds, progress)
            for associations in arguments.associations:
                cases.append(Case(film, associations, {}))
                for _ in range(arguments.rounds):
                    bench.round(cases[-1], taking_part)


def _films(folder: Path, arguments: argparse.Namespace) -> list[Film]:
    if arguments.file:
        return [film_of(arguments.file.resolve(), arguments.file.name)]
    films = make_films(folder)
    return [film for film in films if not arguments.films or film.path.stem in arguments.films]


def _progress(bursts: int) -> Progress:
    progress = Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
        console=Console(stderr=True),
        auto_refresh=False,  # a thread that draws would take part in the measurement
        redirect_stdout=False,
    )
    progress.add_task("", total=bursts)
    return progress


@dataclass(frozen=True, slots=True)
class Bench:
    """Bursts of one film.

    Attributes:
        folder: Where the receivers write, and the senders log.
        film: What is sent.
        seconds: How long a burst shall take.
        progress: Shows how far it is.
        latest: What the senders saw last of a receiver, at a number of associations.
    """

    folder: Path
    film: Film
    seconds: float
    progress: Progress
    latest: dict[tuple[str, int], Sent] = field(default_factory=dict)

    def round(self, case: Case, taking_part: list[Contender]) -> None:
        """Give every contender one burst; what is optional and does not answer is left out."""
        for contender in tuple(taking_part):
            (task,) = self.progress.task_ids
            self.progress.update(task, description=f"{case.title}: {contender.name}", refresh=True)
            try:
                burst = self._burst(contender, case.associations)
            except (NoAnswerError, NotServedError) as error:
                if not contender.optional:
                    raise NoAnswerError(f"{contender.name}: {error}") from error
                taking_part.remove(contender)
                said = str(error).splitlines()[0]
                self.progress.console.print(f"left out: {contender.name}: {said}", markup=False)
            else:
                case.bursts.setdefault(contender.name, []).append(burst)
            self.progress.advance(task)

    def _burst(self, contender: Contender, associations: int) -> Burst:
        """Start a receiver, warm it, send it a burst, and leave nothing behind."""
        known = self.latest.get((contender.name, associations))
        together = known.together if known else not contender.serial
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            home = Path(name)
            with contender.start(home) as receiver:
                sent = Sent(send(self.film, receiver, associations, 1), together)
                films, each = associations, 0
                for _ in range(ATTEMPTS):
                    each = max(2 * each, self._each(known or sent))
                    with Watch(receiver.tree) as watch:
                        seen = send(self.film, receiver, associations, each)
                    known = sent = Sent(seen, together)
                    films += len(sent.films)
                    if sent.seconds > self.seconds / 2:
                        break
                else:
                    sent = Sent(seen, together=False)
            self._check_stored(home, films)
        os.sync()
        self.latest[contender.name, associations] = sent
        used = (watch.cpu_seconds, watch.largest_megabytes, watch.together_megabytes)
        return Burst(contender, sent, *used)

    def _each(self, sent: Sent) -> int:
        """Return how many films of each association make a burst, after what was seen."""
        if sent.together:
            each = (self.seconds + sent.opening_seconds) / sent.wait_seconds
        else:
            each = self.seconds * sent.rate / len(sent.associations)
        return max(LEAST_FILMS, round(each))

    def _check_stored(self, home: Path, films: int) -> None:
        """Make sure that the receiver did what it said."""
        stored = sum(self._holds_film(path) for path in home.rglob("*") if path.is_file())
        if stored != films:
            raise NoAnswerError(f"answered success to {films} films and stored {stored}")

    def _holds_film(self, path: Path) -> bool:
        # Some leave out or add elements: the pixel data must be there.
        if path.stat().st_size < 0.95 * self.film.size_bytes:
            return False
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"  # PS3.10, section 7.1


def _table(case: Case) -> Table:
    """Return the figures of one film over one number of associations."""
    ours = case.ours()
    table = Table(title=case.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    table.add_column("receiver", no_wrap=True)
    table.add_column("durable when\nit answers", no_wrap=True)
    rates = ("films/s", "with\nopening", "MB/s", "CPU ms\na film", "p50 ms", "p95 ms")
    columns = (*rates, "MiB\none", "MiB\nall")
    ratios = (f"{OURS} {name.split()[1]}\n/ this" for name in ours)
    for column in (*columns, *ratios, "films"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, bursts in case.bursts.items():
        rate = statistics.median(burst.sent.rate for burst in bursts)
        table.add_row(
            name,
            bursts[0].contender.durable,
            f"{rate:.1f}",
            f"{statistics.median(burst.rate(opening=True) for burst in bursts):.1f}",
            f"{rate * case.film.size_bytes / MEGABYTE:.0f}",
            f"{statistics.median(burst.cpu_milliseconds_a_film for burst in bursts):.1f}",
            *(
                f"{statistics.median(burst.wait_milliseconds(share) for burst in bursts):.1f}"
                for share in (0.5, 0.95)
            ),
            f"{max(burst.largest for burst in bursts):.0f}",
            f"{max(burst.together for burst in bursts):.0f}",
            *(_times(case.ratio(own, name)) for own in ours),
            str(sum(len(burst.sent.films) for burst in bursts)),
        )
    return table


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def _summarise(console: Console, cases: Sequence[Case]) -> None:
    """Print how our listener compares with its goals, and what TLS costs."""
    table = Table("film", "associations", "listener", box=box.SIMPLE_HEAD)
    table.title = "Our films a second as a multiple of each peer's (with opening associations)"
    for goal in GOALS:
        table.add_column(f"{goal.peer}\ngoal: {goal.text}", justify="right")
    table.add_column("goals")
    shortfalls: dict[str, list[str]] = {}
    for case in cases:
        for own in case.ours():
            ratios = [case.ratio(own, goal.peer) for goal in GOALS]
            opening = [case.ratio(own, goal.peer, opening=True) for goal in GOALS]
            missed = _missed(case, ratios)
            if any(ratios):
                shortfalls.setdefault(own, []).extend(missed)
            met = "missed" if missed else "met" if any(ratios) else "not measured"
            words = (case.film.name, str(case.associations), own)
            cells = [
                "" if ratio is None else f"{ratio:.2f} ({other:.2f})"
                for ratio, other in zip(ratios, opening, strict=True)
            ]
            table.add_row(*words, *cells, met)
    console.print(table)
    for own, missed in shortfalls.items():
        console.print(f"{own}: goals missed, of what was measured in this run: {len(missed)}")
        for miss in missed:
            console.print(f"    {miss}")
    _summarise_tls(console, cases)


def _missed(case: Case, ratios: Sequence[float | None]) -> list[str]:
    return [
        f"{ratio:.2f} x {goal.peer} ({case.title})"
        for goal, ratio in zip(GOALS, ratios, strict=True)
        if ratio is not None and goal.applies(case.associations) and ratio < goal.ratio
    ]


def _summarise_tls(console: Console, cases: Sequence[Case]) -> None:
    for case in cases:
        for own in case.ours():
            secure = f"{OURS}, {TLS}{own.removeprefix(OURS)}"
            share, peer = case.ratio(secure, own), case.ratio(secure, f"{FORKING}, {TLS}")
            if share is not None:
                beside = "" if peer is None else f", {peer:.2f} x {FORKING} with TLS"
                console.print(f"{secure}: {share:.2f} x without{beside} ({case.title})")


if __name__ == "__main__":
    sys.exit(main())
