"""`training trial`: try a bundle on fresh phantom films, as they come and under every shift."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from training.commands.numbers import at_least_one

if TYPE_CHECKING:
    import argparse

    from training.commands import Commands


def add_parser(commands: Commands) -> None:
    """Add the sub-command; its ``run`` default is the function of this module."""
    parser = commands.add_parser(
        "trial",
        help="try a bundle on fresh phantom films, as they come and under every shift",
        description="Draw phantom films that nothing was trained on, take them through the "
        "bundle's gates, networks and decision, and print for each shift whether the certificate "
        "holds, the gates stop the films, or neither. Stopped, it goes on where it was.",
    )
    parser.add_argument("bundle", type=Path, help="folder of the bundle")
    parser.add_argument("--out", type=Path, required=True, help="folder of the trial")
    parser.add_argument(
        "--films", type=at_least_one, default=3000, help="films as they come (3000)"
    )
    parser.add_argument(
        "--cell-films", type=at_least_one, default=10_000, help="the most for each shift (10000)"
    )
    parser.add_argument("--seed", type=int, default=1, help="everything random follows from it")
    parser.add_argument("--processes", type=at_least_one, default=2, help="processes at work (2)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    from training.progress import Stages  # noqa: PLC0415 - help must not wait for PyTorch
    from training.trial.campaign import TrialPlan, run_trial  # noqa: PLC0415 - as above
    from training.trial.table import table  # noqa: PLC0415 - as above
    from triage.vision.bundle import Bundle  # noqa: PLC0415 - as above

    console = Console()
    trial = run_trial(
        Bundle.load(options.bundle),
        options.out,
        TrialPlan(options.films, options.cell_films, options.seed),
        Stages(console),
        processes=options.processes,
    )
    for line in table(trial):
        console.print(line, soft_wrap=True)
