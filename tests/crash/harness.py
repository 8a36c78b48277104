"""Kills listeners at random instants and at chosen calls, under load, and counts what is left.

    python tests/crash/harness.py [--kills 300] [--seed 0] [--listeners 2] [--power-cuts]

Senders store studies over several associations at once and know to the byte what was
acknowledged. After each kill, while nobody runs, the state folder is held against that:
everything acknowledged is there, whole and once. The listeners are forked from a process that
has imported everything, and some die at a call of their own that is drawn beforehand;
``--spawn`` starts the real command each time, which takes a second or two. With ``--power-cuts``
a kill also takes what was written but not flushed. The seed draws what is sent and when to kill;
how the processes interleave is different each time. 300 kills take some minutes, and up to 10 GB
of disk for as long.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.crash.campaign import AT_START, UNDER_LOAD, Outcome, Plan, run
from tests.crash.deaths import CALLS, Breakage, Moment

SHOWN_FAULTS = 20


def main() -> int:
    """Run a campaign and print what it came to; 1 when anything was wrong."""
    arguments = _arguments()
    plan = Plan(
        arguments.kills,
        arguments.seed,
        arguments.listeners,
        arguments.associations,
        arguments.spawn,
        arguments.power_cuts,
        arguments.breakage,
    )
    with _folder(arguments.folder) as folder, Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("kills", total=plan.kills)
        outcome = run(plan, folder, note=lambda kills: progress.update(task, completed=kills))
    console = Console(highlight=False, soft_wrap=True)
    console.print(_instants(outcome))
    console.print(_counts(outcome))
    for fault in outcome.faults[:SHOWN_FAULTS]:
        console.print(f"{fault.trouble}: {fault.where}", style="red")
    if len(outcome.faults) > SHOWN_FAULTS:
        console.print(f"... and {len(outcome.faults) - SHOWN_FAULTS} more", style="red")
    return 1 if outcome.faults else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--listeners", type=int, default=1, help="processes that share the port")
    parser.add_argument("--associations", type=int, default=5, help="senders at the same time")
    parser.add_argument("--spawn", action="store_true", help="start the real command each time")
    parser.add_argument("--power-cuts", action="store_true", help="lose what was not flushed, too")
    parser.add_argument("--breakage", type=Breakage, choices=list(Breakage), help="be wrong")
    parser.add_argument("--folder", type=Path, help="an empty folder to work in, and to keep")
    return parser.parse_args()


@contextlib.contextmanager
def _folder(chosen: Path | None):
    if chosen is None:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
    else:
        chosen.mkdir(parents=True)
        yield chosen.resolve()


def _instants(outcome: Outcome) -> Table:
    """Return how many kills there were, by the kind of instant."""
    plan = outcome.plan
    table = Table("kill", *(f"{moment} it" for moment in Moment), "at random")
    table.title = f"{outcome.killed} kills, seed {plan.seed}, listeners {plan.listeners}"
    for instant in (AT_START, UNDER_LOAD):
        table.add_row(instant, *("" for _ in Moment), str(outcome.kills[instant]))
    for call in CALLS:
        found = [outcome.kills[f"{call}, {moment}"] for moment in Moment]
        if any(found):
            table.add_row(f"at a call: {call}", *(str(count or "") for count in found), "")
    return table


def _counts(outcome: Outcome) -> Table:
    """Return what was sent, and what came of it."""
    table = Table(show_header=False)
    for name, value in (
        ("contents sent", outcome.sent),
        ("... in transfers", f"{outcome.transfers} ({outcome.megabytes:.0f} MB)"),
        ("acknowledged", outcome.acknowledged),
        ("present", outcome.present),
        ("missing", outcome.missing),
        ("unfinished files swept", outcome.swept),
        ("files without a row adopted", outcome.adopted),
        ("... removed, being recorded already", outcome.spared),
        ("... left", outcome.loose),
        ("taken by power cuts", outcome.lost),
        ("faults", len(outcome.faults)),
        ("seconds", f"{outcome.seconds:.0f}"),
    ):
        table.add_row(name, str(value))
    return table


if __name__ == "__main__":
    sys.exit(main())
