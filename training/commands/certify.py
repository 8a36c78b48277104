"""`training certify`: set and certify rule-out thresholds on films that nothing was trained on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from training.commands.numbers import at_least_one, share

if TYPE_CHECKING:
    import argparse

    from training.commands import Commands


def add_parser(commands: Commands) -> None:
    """Add the sub-command; its ``run`` default is the function of this module."""
    parser = commands.add_parser(
        "certify",
        help="set and certify the thresholds of a bundle anew",
        description="Take films that nothing was trained on through a bundle's own chain, set "
        "its rule-out thresholds on them, and write it with the new certificate. Refuses where "
        "the films do not show what is asked for. Of a run that makes no bundle it prints what "
        "its calibration films would show.",
    )
    parser.add_argument("source", type=Path, help="folder of a bundle, or of a run")
    parser.add_argument("--out", type=Path, help="folder for the new bundle")
    parser.add_argument(
        "--data", default="phantom", help="'phantom' draws films; else the folder of a data set"
    )
    parser.add_argument("--table", type=Path, help="CSV with the labels of the data set's films")
    parser.add_argument("--alpha", type=share, default=0.01, help="highest miss rate (0.01)")
    parser.add_argument(
        "--finding-alpha",
        type=share,
        default=0.05,
        help='highest miss rate of each particular finding beside "abnormal" (0.05)',
    )
    parser.add_argument("--delta", type=share, default=0.05, help="risk that it is wrong (0.05)")
    parser.add_argument("--seed", type=int, default=1, help="of the phantom films")
    parser.add_argument(
        "--films", type=at_least_one, default=1400, help="phantom films as they come (1400)"
    )
    parser.add_argument(
        "--rare", type=int, default=100, help="positives of each rarer finding on top (100)"
    )
    parser.add_argument("--processes", type=at_least_one, default=2, help="processes at work (2)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    from training.bundle.source import bundle_folder  # noqa: PLC0415 - help must not wait for it
    from training.certify.certificate import Aims  # noqa: PLC0415 - as above
    from training.certify.command import (  # noqa: PLC0415 - as above
        CalibrationSource,
        certify_bundle,
        would_certify,
    )
    from training.errors import RunError  # noqa: PLC0415 - as above
    from training.progress import Stages  # noqa: PLC0415 - as above

    console = Console()
    aims = Aims(options.alpha, options.finding_alpha, options.delta)
    folder = bundle_folder(options.source)
    if folder is None:
        for text in would_certify(options.source, aims):
            console.print(text, soft_wrap=True, highlight=False)
        return
    if options.out is None:
        raise RunError("Say where the new bundle goes: --out FOLDER.")
    source = CalibrationSource(
        options.data, options.table, options.films, options.rare, options.seed
    )
    stages = Stages(console)
    bundle = certify_bundle(folder, options.out, source, aims, stages, processes=options.processes)
    stages.say(f"bundle {bundle.identity.digest[:12]} in {options.out}, card in card.md")
