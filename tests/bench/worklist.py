"""The reading list at 1,000 and at 100,000 open studies, measured in one run.

    python tests/bench/worklist.py [--studies 100000] [--folder STATE] [--limit-ms 50]

Prints the median and the worst time of each verb that the page, C-FIND, UPS-RS and the terminal
stand on, at both sizes, and their ratio; and what the waiting cap does to the longest wait on a
simulated day. Ends with 1 when a reading verb takes longer than the limit at the larger size.

The lists are filled in transactions of some thousand studies, each durable when it ends: a fill
that is cut off goes on where it stopped when the same folder is named again.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rich.console import Console
from rich.table import Table

from tests.worklist.lists import NOW, Line, append, count
from tests.worklist.reading_day import Room, a_day, read_at, readings, waits
from triage.store import Position, Selection, Store
from triage.uids import work_item_uid
from triage.values import ReadingClass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CAP = 4 * 3600.0
SMALL = 1_000
AT_ONCE = 5_000
SPREAD_SECONDS = 8 * 3600.0  # arrivals lie in these hours: the cap has raised half of what is low
PAGE = 50
TRIES = 21
NAMES = ("Doe", "Nguyen", "Yamada", "Mueller", "Silva", "Okafor", "Larsen", "Rossi")
CLASSES = (
    [ReadingClass.URGENT_ORDER] * 3
    + [ReadingClass.SUSPECTED_ABNORMAL] * 17
    + [ReadingClass.ROUTINE] * 55
    + [ReadingClass.LIKELY_NORMAL] * 25
)


@dataclass(frozen=True)
class Timed:
    """What a verb took, in milliseconds."""

    median: float
    worst: float


def main() -> int:
    """Fill two lists, measure both, print what came out."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--studies", type=int, default=100_000)
    words.add_argument("--folder", type=Path, help="keep the filled lists here")
    words.add_argument("--limit-ms", type=float, default=50.0)
    chosen = words.parse_args()
    console = Console()
    with ExitStack() as stack:
        folder = chosen.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        measured = {}
        for size in (SMALL, chosen.studies):
            store = stack.enter_context(Store.open(folder / str(size), lambda: NOW))
            fill(store, size, console)
            measured[size] = {name: timed(verb) for name, verb in verbs(store, size)}
    show_times(console, measured[SMALL], measured[chosen.studies], chosen.studies)
    show_waits(console)
    slow = [
        name
        for name, one in measured[chosen.studies].items()
        if name in READING and one.median > chosen.limit_ms
    ]
    if slow:
        console.print(f"slower than {chosen.limit_ms:g} ms: {', '.join(slow)}")
    return 1 if slow else 0


def fill(store: Store, size: int, console: Console) -> None:
    """Bring a list to its size; what is there already is kept."""
    begin = time.perf_counter()
    there = count(store)
    for start in range(there, size, AT_ONCE):
        append(store, [a_line(number, size) for number in range(start, min(start + AT_ONCE, size))])
    seconds = time.perf_counter() - begin
    console.print(f"{size} open studies: {there} were there, the rest filled in {seconds:.1f} s")


def a_line(number: int, size: int) -> Line:
    """Return one study of a list; the same number is always the same study."""
    chance = random.Random(number)  # noqa: S311 - a benchmark
    claimed = chance.random() < 20 / size
    waited = SPREAD_SECONDS * (size - number) / size
    return Line(
        number,
        chance.choice(CLASSES),
        waited,
        claimed_after_seconds=waited / 2 if claimed else None,
        held=chance.random() < 0.001,
        patient_id=f"P{number // 2:07d}",
        patient_name=f"{chance.choice(NAMES)}{number % 5_000}^Jo",
        accession_number=f"A{number:08d}",
    )


# What must answer within the limit; the rest is printed for its ratio only.
READING = {
    "first window": lambda store, _size: store.reading_window(NOW, CAP, limit=PAGE),
    "window in the middle": lambda store, _size: store.reading_window(
        NOW, CAP, limit=PAGE, after=Position(ReadingClass.ROUTINE, NOW, "")
    ),
    "window of one class": lambda store, _size: store.reading_window(
        NOW, CAP, limit=PAGE, chosen=Selection(classes=(ReadingClass.LIKELY_NORMAL,))
    ),
    "search by patient ID": lambda store, size: store.search(
        Selection(patient_ids=(f"P{size // 4:07d}",)), NOW, CAP, limit=PAGE
    ),
    "search by accession number": lambda store, size: store.search(
        Selection(accession_numbers=(f"A{size // 3:08d}",)), NOW, CAP, limit=PAGE
    ),
    "search by beginning of the name": lambda store, _size: store.search(
        Selection(patient_names=("yamada77*",)), NOW, CAP, limit=PAGE
    ),
    "search by a frequent beginning": lambda store, _size: store.search(
        Selection(patient_names=("YAM*",)), NOW, CAP, limit=PAGE
    ),
    "search by study UID": lambda store, size: store.search(
        Selection(study_instance_uids=(f"1.2.{size // 2}",)), NOW, CAP, limit=PAGE
    ),
    "search without keys": lambda store, _size: store.search(Selection(), NOW, CAP, limit=PAGE),
    "filtered window with positions": lambda store, _size: store.reading_window(
        NOW, CAP, limit=PAGE, chosen=Selection(patient_names=("yamada77*",))
    ),
    "position of one item": lambda store, size: store.ranked_entry(
        work_item_uid(f"1.2.{size // 2}"), NOW, CAP
    ),
    "one line": lambda store, size: store.worklist_entry(work_item_uid(f"1.2.{size // 2}")),
}


def verbs(store: Store, size: int) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield what is measured, by name."""
    for name, verb in READING.items():
        yield name, lambda verb=verb: verb(store, size)
    yield (
        "search by end of the name",
        lambda: store.search(Selection(patient_names=("*77^jo",)), NOW, CAP, limit=PAGE),
    )
    yield "one placement, durable", lambda: place_one(store, size)


def place_one(store: Store, size: int) -> None:
    """Set the priority of one study by hand."""
    uid = work_item_uid(f"1.2.{random.randrange(size)}")  # noqa: S311 - a benchmark
    step = store.step(uid)
    assert step is not None
    other = (
        ReadingClass.ROUTINE
        if step.reading_class is not ReadingClass.ROUTINE
        else ReadingClass.SUSPECTED_ABNORMAL
    )
    assert store.hold_priority(uid, other, "bench", step.version)


def timed(verb: Callable[[], object]) -> Timed:
    """Run a verb several times; the first, which fills caches, does not count."""
    verb()
    found = []
    for _ in range(TRIES):
        begin = time.perf_counter()
        verb()
        found.append(1_000 * (time.perf_counter() - begin))
    return Timed(statistics.median(found), max(found))


def show_times(
    console: Console, small: dict[str, Timed], large: dict[str, Timed], studies: int
) -> None:
    """Print both lists' times side by side."""
    table = Table(title="milliseconds: median (worst)")
    table.add_column("verb")
    for heading in (f"{SMALL} studies", f"{studies} studies", "ratio"):
        table.add_column(heading, justify="right")
    for name, few in small.items():
        many = large[name]
        table.add_row(
            name,
            f"{few.median:.1f} ({few.worst:.1f})",
            f"{many.median:.1f} ({many.worst:.1f})",
            f"{many.median / few.median:.1f}",
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
