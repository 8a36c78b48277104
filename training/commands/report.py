"""`training report`: one page about a run or a bundle."""

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
        "report",
        help="write one page about a run or a bundle",
        description="Write one HTML file that needs nothing else: figures with intervals, "
        "curves, certificate, behaviour under shift, failures, waiting times. For a bundle it "
        "holds the trial first, unless one lies in the folder of --trial already.",
    )
    parser.add_argument("source", type=Path, help="folder of a run, or of a bundle")
    parser.add_argument("--out", type=Path, default=Path("report.html"), help="the file to write")
    parser.add_argument("--trial", type=Path, help="folder of the trial (default: beside --out)")
    parser.add_argument("--no-trial", action="store_true", help="hold no trial")
    parser.add_argument(
        "--outlines",
        type=Path,
        help="real outlines to compare the phantom with: a CSV, or a data set with landmarks",
    )
    parser.add_argument(
        "--films", type=at_least_one, default=3000, help="of the trial, as they come (3000)"
    )
    parser.add_argument(
        "--cell-films",
        type=at_least_one,
        default=10_000,
        help="of the trial, for each shift (10000)",
    )
    parser.add_argument("--seed", type=int, default=1, help="of the trial")
    parser.add_argument("--processes", type=at_least_one, default=2, help="processes at work (2)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    from training.bundle.source import bundle_folder  # noqa: PLC0415 - help must not wait for it
    from training.progress import Stages  # noqa: PLC0415 - as above
    from training.report.build import write_report  # noqa: PLC0415 - as above
    from training.report.outlines import real_outlines  # noqa: PLC0415 - as above
    from training.trial.campaign import TrialPlan, plan_of, run_trial  # noqa: PLC0415 - as above
    from triage.vision.bundle import Bundle  # noqa: PLC0415 - as above

    stages = Stages(Console())
    # Before the trial, which takes an hour: what is wrong with it shall be said at once.
    real = None if options.outlines is None else real_outlines(options.outlines)
    place = bundle_folder(options.source)
    trial = None
    if place is not None and not options.no_trial:
        bundle = Bundle.load(place)
        folder = options.trial or options.out.with_name(f"{options.out.stem}-trial")
        asked = TrialPlan(options.films, options.cell_films, options.seed)
        plan = plan_of(folder, bundle) or asked
        trial = run_trial(bundle, folder, plan, stages, processes=options.processes)
    with stages.stage("writing the report"):
        write_report(options.source, options.out, trial, real)
    stages.say(f"report in {options.out}")
