"""The reading list at 1,000 and at 100,000 open studies, measured in one run.

    python tests/bench/worklist.py [--only store page find rs] [--folder STATE] [--studies 100000]
        [--tries 15] [--limit-ms 50]

Prints what each verb of the store takes, and each request over the real sockets of `triage serve`:
the page and its changes (HTTP), C-FIND (DIMSE) and UPS-RS; at both sizes, with their ratio. Wall
is what a client waits, its own reading of the answer included; CPU is what the serving process
spends on it, and tells what the wall would be on a machine that nobody else uses. A C-FIND is timed
to its first item, to fifty of them, and to the end of an answer of fifty. At the end, what
the waiting cap does to the longest wait on a simulated day. Ends with 1 when something takes longer
than the limit at the larger size.

The lists are filled in transactions of some thousand studies, each durable when it ends: a fill
that is cut off goes on where it stopped when the same folder is named again.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import random
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select

from tests.bench.worklist_clients import Served, find_requests, page_requests, rs_requests
from tests.worklist.lists import NOW, Line, append, count
from tests.worklist.reading_day import Room, a_day, read_at, readings, waits
from triage.store import Days, Moments, Position, Selection, Sort, Store
from triage.store.schema import instances, work_items
from triage.uids import work_item_uid
from triage.values import Analysis, GateResult, ImageState, ReadingClass, Score, StepState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CAP = 4 * 3600.0
OLDEST_SECONDS = 6 * 24 * 3600.0  # a cap that lets lists of this age look new can be configured
SMALL = 1_000
AT_ONCE = 5_000
SPREAD_SECONDS = 8 * 3600.0  # arrivals lie in these hours: the cap has raised half of what is low
PAGE = 50
WARM_UP = 2  # tries that fill caches and do not count
KINDS = ("store", "page", "find", "rs")
NAMES = ("Doe", "Nguyen", "Yamada", "Mueller", "Silva", "Okafor", "Larsen", "Rossi")
PLACES = ("", "", "", "ER", "WARD 3", "WARD 4")
URGENT = 30  # open orders of that kind, however long the list is: they are read at once
CLASSES = (
    [ReadingClass.SUSPECTED_ABNORMAL] * 18
    + [ReadingClass.ROUTINE] * 56
    + [ReadingClass.LIKELY_NORMAL] * 26
)
LOOKED_AT = 1_000  # the newest films, of which the operators' page counts what the gates did
ANALYSIS = Analysis(
    "0" * 64,
    tuple(
        GateResult(f"pixels.gate-{number}", number != 7, "it is so", 0.5, 0.9)
        for number in range(20)
    ),
    tuple(
        Score(f"finding-{number}", f"member-{member}", -3.5, 0.03)
        for number in range(5)
        for member in range(4)
    ),
)


@dataclass(frozen=True)
class Timed:
    """What something took, in milliseconds: wall time, and CPU time of whoever serves it."""

    median: float
    high: float  # the 95th of a hundred
    cpu: float


@dataclass(frozen=True)
class OpenList:
    """A filled list, and the moment as of which it is read."""

    store: Store
    folder: Path
    size: int
    now: datetime


def main() -> int:
    """Fill two lists, measure both, print what came out."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--only", nargs="+", choices=KINDS, default=KINDS)
    words.add_argument("--studies", type=int, default=100_000)
    words.add_argument("--folder", type=Path, help="keep the filled lists here")
    words.add_argument("--tries", type=int, default=15)
    words.add_argument("--limit-ms", type=float, default=50.0)
    chosen = words.parse_args()
    console = Console()
    console.print(f"load of the machine at the beginning: {os.getloadavg()[0]:.1f}")
    with ExitStack() as stack:
        folder = chosen.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        measured: list[dict[str, Timed]] = []
        for size in (SMALL, chosen.studies):
            filled = fill(folder / str(size), size, console)
            with filled.store:
                measured.append({})
                for name, one in measure(filled, chosen.only, chosen.tries):
                    measured[-1][name] = one
                    console.print(f"{size} {name}: {one.median:.1f} ms, CPU {one.cpu:.1f} ms")
    console.print(f"load of the machine at the end: {os.getloadavg()[0]:.1f}")
    show_times(console, *measured, chosen.studies)
    if "store" in chosen.only:
        show_waits(console)
    slow = [name for name, one in measured[1].items() if one.median > chosen.limit_ms]
    if slow:
        console.print(f"slower than {chosen.limit_ms:g} ms: {', '.join(slow)}")
    return 1 if slow else 0


def fill(folder: Path, size: int, console: Console) -> OpenList:
    """Bring a list to its size; what is there already is kept."""
    begin = time.perf_counter()
    store = Store.open(folder / "state")
    there = count(store)
    now = _newest(store) or datetime.now(UTC)
    age = (datetime.now(UTC) - now).total_seconds()
    if age > OLDEST_SECONDS:
        sys.exit(f"the lists in {folder} are {age / 86_400:.0f} days old; name another folder")
    for start in range(there, size, AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, size))
        append(store, [a_line(number, size, now) for number in numbers])
        _look_at(store, [number for number in numbers if number >= size - LOOKED_AT])
    seconds = time.perf_counter() - begin
    console.print(f"{size} open studies: {there} were there, the rest filled in {seconds:.1f} s")
    return OpenList(store, folder, size, now)


def _newest(store: Store) -> datetime | None:
    with store.reading() as connection:
        return connection.execute(select(func.max(work_items.c.arrived_at))).scalar_one()


def _look_at(store: Store, numbers: list[int]) -> None:
    """Let the worker have looked at the films of some studies."""
    looked_at = {"state": ImageState.ANALYSED, "analysis": dataclasses.asdict(ANALYSIS)}
    with store.writing() as connection:
        for number in numbers:
            own = instances.c.study_instance_uid == f"1.2.{number}"
            connection.execute(instances.update().where(own).values(**looked_at))


def a_line(number: int, size: int, now: datetime) -> Line:
    """Return one study of a list; the same number is always the same study."""
    chance = random.Random(number)  # noqa: S311 - a benchmark
    claimed = chance.random() < 20 / size
    waited = SPREAD_SECONDS * (size - number - 1) / size
    urgent = chance.random() < URGENT / size
    return Line(
        number,
        ReadingClass.URGENT_ORDER if urgent else chance.choice(CLASSES),
        waited - (now - NOW).total_seconds(),
        claimed_after_seconds=waited / 2 if claimed else None,
        held=chance.random() < 0.001,
        patient_id=f"P{number // 2:07d}",
        patient_name=f"{chance.choice(NAMES)}{number % 5_000}^Jo",
        patient_birth_date=f"{1930 + number % 80}{1 + number % 12:02d}{1 + number % 28:02d}",
        patient_location=PLACES[number % len(PLACES)],
        accession_number=f"A{number:08d}",
    )


def measure(filled: OpenList, kinds: list[str], tries: int) -> Iterator[tuple[str, Timed]]:
    """Yield what was measured of one list, by name."""
    if "store" in kinds:
        for name, verb in store_verbs(filled):
            yield f"store: {name}", timed(verb, tries, time.process_time)
    age = (datetime.now(UTC) - filled.now).total_seconds()
    served = Served(filled.folder, filled.now, waiting_cap_minutes=(CAP + age) / 60)
    for kind, role, requests in (
        ("page", "web", page_requests),
        ("rs", "web", rs_requests),
        ("find", "listener", find_requests),
    ):
        if kind in kinds:
            with served.running(role) as process:
                for name, prepare, verb in requests(served, filled.size, lambda: place_one(filled)):
                    yield f"{kind}: {name}", timed(verb, tries, process.cpu_seconds, prepare)


def window(filled: OpenList, after: Position | None = None, **chosen: object) -> object:
    """Read a window of the list."""
    return filled.store.reading_window(
        filled.now, CAP, limit=PAGE, after=after, chosen=Selection(**chosen)
    )


def page_of(filled: OpenList, sort: Sort) -> object:
    """Read what a page shows, sorted by something else than the reading order."""
    return filled.store.shown_window(filled.now, CAP, limit=PAGE, sort=sort)


def search(filled: OpenList, **chosen: object) -> object:
    """Search the list."""
    return filled.store.search(Selection(**chosen), filled.now, CAP, limit=PAGE)


def place_one(filled: OpenList) -> None:
    """Set the priority of one study by hand."""
    uid = work_item_uid(f"1.2.{random.randrange(filled.size)}")  # noqa: S311 - a benchmark
    step = filled.store.step(uid)
    assert step is not None
    other = (
        ReadingClass.ROUTINE
        if step.reading_class is not ReadingClass.ROUTINE
        else ReadingClass.SUSPECTED_ABNORMAL
    )
    assert filled.store.hold_priority(uid, other, "bench", step.version)


# What the page, C-FIND, UPS-RS and the terminal stand on.
READING = {
    "first window": window,
    "window in the middle": lambda one: window(
        one, after=Position(ReadingClass.ROUTINE, one.now, "")
    ),
    "window of one class": lambda one: window(one, classes=(ReadingClass.LIKELY_NORMAL,)),
    "search without keys": search,
    "search by patient ID": lambda one: search(one, patient_ids=(f"P{one.size // 4:07d}",)),
    "search by accession number": lambda one: search(
        one, accession_numbers=(f"A{one.size // 3:08d}",)
    ),
    "search by beginning of the name": lambda one: search(one, patient_names=("yamada77*",)),
    "search by a frequent beginning": lambda one: search(one, patient_names=("YAM*",)),
    "search by given name": lambda one: search(one, patient_names=("*^jo*",)),
    "search by study UID": lambda one: search(one, study_instance_uids=(f"1.2.{one.size // 2}",)),
    "search what is in progress": lambda one: search(one, step_states=(StepState.IN_PROGRESS,)),
    "filtered window with positions": lambda one: window(one, patient_names=("yamada77*",)),
    "search by birth date": lambda one: search(one, birth_dates=(Days("19500911", "19500911"),)),
    "search by a minute of arrival": lambda one: search(
        one, starts=(Moments(one.now - timedelta(hours=2), one.now - timedelta(minutes=119)),)
    ),
    "search by a minute of change": lambda one: search(
        one, changes=(Moments(one.now - timedelta(hours=2), one.now - timedelta(minutes=119)),)
    ),
    "search what somebody has told of": lambda one: search(one, told_of=True),
    "search behind half of the list": lambda one: one.store.search(
        Selection(), one.now, CAP, limit=PAGE, offset=one.size // 2
    ),
    "page by arrival": lambda one: page_of(one, Sort.ARRIVAL),
    "page by name": lambda one: page_of(one, Sort.PATIENT),
    "page by location": lambda one: page_of(one, Sort.LOCATION),
    "window of one place": lambda one: window(one, patient_locations=("ER",)),
    "window of what one reader has": lambda one: window(one, claimed_by=("READER",)),
    "window of what waited an hour": lambda one: window(
        one, arrived_until=one.now - timedelta(hours=1)
    ),
    "position of one item": lambda one: one.store.ranked_entry(
        work_item_uid(f"1.2.{one.size // 2}"), one.now, CAP
    ),
    "one line": lambda one: one.store.worklist_entry(work_item_uid(f"1.2.{one.size // 2}")),
    "places of patients": lambda one: one.store.patient_locations(),
    "queues": lambda one: one.store.counts(),
    "search by end of the name": lambda one: search(one, patient_names=("*77^jo",)),
    "one placement, durable": place_one,
}


def store_verbs(filled: OpenList) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield what is asked of the store, by name."""
    for name, verb in READING.items():
        yield name, lambda verb=verb: verb(filled)


def timed(
    verb: Callable[[], object],
    tries: int,
    cpu_seconds: Callable[[], float],
    prepare: Callable[[], object] = lambda: None,
) -> Timed:
    """Run a verb several times; the first, which fill caches, do not count."""
    wall, cpu = [], []
    for _ in range(WARM_UP + tries):
        prepare()
        spent, begin = cpu_seconds(), time.perf_counter()
        verb()
        wall.append(1_000 * (time.perf_counter() - begin))
        cpu.append(1_000 * (cpu_seconds() - spent))
    counted = sorted(wall[WARM_UP:])
    high = counted[min(len(counted) - 1, round(0.95 * len(counted)))]
    return Timed(statistics.median(counted), high, statistics.median(cpu[WARM_UP:]))


def show_times(
    console: Console, small: dict[str, Timed], large: dict[str, Timed], studies: int
) -> None:
    """Print both lists' times side by side."""
    table = Table(title="milliseconds: median, 95th percentile, CPU")
    table.add_column("verb")
    for heading in (f"{SMALL} studies", f"{studies} studies", "ratio", "ratio of CPU"):
        table.add_column(heading, justify="right")
    for name, few in small.items():
        many = large[name]
        table.add_row(
            name,
            *(f"{one.median:.1f}  {one.high:.1f}  {one.cpu:.1f}" for one in (few, many)),
            f"{many.median / few.median:.1f}",
            f"{many.cpu / few.cpu:.1f}" if few.cpu else "",
        )
    console.print(table)


def show_waits(console: Console) -> None:
    """Print what results and the cap do to the waiting times of a simulated day."""
    room = Room()
    arrivals, abnormal = a_day(room, seed=4)
    times = readings(room, seed=4)
    never = 1e9
    ways = {
        "without results": (never, False),
        "results, no cap": (never, True),
        "results, cap 2 h": (7_200.0, True),
        "results, cap 1 h": (3_600.0, True),
    }
    waited = {
        name: waits(arrivals, read_at(arrivals, times, cap, with_results=with_results))
        for name, (cap, with_results) in ways.items()
    }
    served = waited["without results"]
    table = Table(title=f"minutes of waiting, {len(arrivals)} studies of a simulated day")
    for heading in ("", "mean", "mean of the abnormal", "longest", "most that results cost"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, one in waited.items():
        cost = max(one[number] - served[number] for number in served)
        table.add_row(
            name,
            f"{statistics.fmean(one.values()) / 60:.0f}",
            f"{statistics.fmean(one[number] for number in abnormal) / 60:.0f}",
            f"{max(one.values()) / 60:.0f}",
            f"{cost / 60:.0f}",
        )
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
