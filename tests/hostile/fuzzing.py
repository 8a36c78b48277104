"""Long runs of the fuzz harness: `python tests/hostile/fuzzing.py --conversations 20000 --seed 1`.

Kept conversations (seeds/) are held first. What goes wrong is tried again, conversation by
conversation, each alone against a fresh listener, and that which does it is kept. The last line
says what the listener held at first and in the end.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.hostile.campaign import NOT_SERVED, SETTINGS, Campaign, Fault
from tests.hostile.conversations import Conversation, conversation, read_conversation
from tests.hostile.listening import listening

SEEDS = Path(__file__).resolve().parent / "seeds"
_BATCH = 100
_MOST_FAULTS = 5


def kept() -> list[Conversation]:
    """Return the conversations that are kept."""
    return [read_conversation(path) for path in sorted(SEEDS.glob("*.json"))]


def keep(fault: Fault, found: Conversation) -> Path:
    """Keep a conversation that found something."""
    content = dataclasses.replace(found, about=fault.what).to_json()
    path = SEEDS / f"found-{hashlib.sha256(content.encode()).hexdigest()[:8]}.json"
    path.write_text(content)
    return path


def culprit(folder: Path, fault: Fault) -> Conversation | None:
    """Return the conversation that does wrong alone, None when none of them does."""
    with listening(folder, **SETTINGS) as running:
        campaign = Campaign(running)
        for one in fault.suspects:
            if campaign.batch([one]):
                return one
    return None


def run(folder: Path, conversations: int, seed: int, console: Console) -> int:
    """Hold the conversations, print what came of them, and return the exit code."""
    faults: list[Fault] = []
    with listening(folder / "site", **SETTINGS) as running, _progress(console) as progress:
        campaign = Campaign(running)
        task = progress.add_task("conversations", total=conversations)
        faults += campaign.batch(kept())
        for start in range(0, conversations, _BATCH):
            numbers = range(start, min(start + _BATCH, conversations))
            faults += campaign.batch([conversation(seed, number) for number in numbers])
            progress.update(task, completed=numbers.stop)
            if len(faults) >= _MOST_FAULTS or any(NOT_SERVED in fault.what for fault in faults):
                break
        if running.process.poll() is None:
            console.print(f"before {campaign.before}\nafter  {running.usage()}")
            console.print(f"peak {running.peak_megabytes():.0f} MB")
        console.print(f"slowest good peer {campaign.slowest_seconds * 1000:.0f} ms")
    for number, fault in enumerate(faults):
        _report(folder / f"again-{number}", fault, console)
    console.print(f"{len(faults)} faults")
    return 1 if faults else 0


def _report(folder: Path, fault: Fault, console: Console) -> None:
    console.print(f"[red]fault[/red]: {fault.what}", highlight=False)
    found = culprit(folder, fault)
    if found is None:
        console.print("  none of them alone")
    elif found.about:
        console.print(f"  by one that is kept already: {found.about}")
    else:
        console.print(f"  kept as {keep(fault, found).name}")


def _progress(console: Console) -> Progress:
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console)


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        return run(Path(folder), asked.conversations, asked.seed, Console())


if __name__ == "__main__":
    raise SystemExit(main())
