"""`training compare`: two runs on the same films."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from training.commands.numbers import at_least_one, share

if TYPE_CHECKING:
    from training.commands import Commands


def add_parser(commands: Commands) -> None:
    """Add the sub-command; its ``run`` default is the function of this module."""
    parser = commands.add_parser(
        "compare",
        help="compare two runs on the same films",
        description="Compare two runs on the same test films: areas by DeLong's paired test and "
        "by a bootstrap of patients, calls by McNemar's test at each run's own threshold, and "
        "what each may rule out.",
    )
    parser.add_argument("first", metavar="A", type=Path, help="folder of a run")
    parser.add_argument("second", metavar="B", type=Path, help="folder of another run")
    parser.add_argument("--split", default="test", help="which films (default: test)")
    parser.add_argument(
        "--finding", action="append", default=[], help="one finding only; may be given repeatedly"
    )
    parser.add_argument(
        "--at",
        type=_operating_point,
        default=None,
        metavar="POINT",
        help="threshold of each run, set on its tuning films: youden (default) or sensitivity=.95",
    )
    parser.add_argument("--alpha", type=share, default=0.05, help="highest miss rate of rule-out")
    parser.add_argument("--delta", type=share, default=0.05, help="risk that it does not hold")
    parser.add_argument("--resamples", type=at_least_one, default=2000, help="of the bootstrap")
    parser.add_argument("--seed", type=int, default=1, help="of the bootstrap")
    parser.add_argument("--out", type=Path, help="write one HTML file here")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.set_defaults(run=run)


def _operating_point(text: str) -> float | None:
    if text == "youden":
        return None
    name, _, value = text.partition("=")
    if name != "sensitivity":
        raise argparse.ArgumentTypeError(f"{text!r} is neither youden nor sensitivity=SHARE")
    return share(value)


def run(options: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    from training.comparison.figures import Aims, compare  # noqa: PLC0415 - `--help` loads none
    from training.comparison.page import page  # noqa: PLC0415 - as above
    from training.comparison.pairs import pair_runs  # noqa: PLC0415 - as above
    from training.comparison.show import as_json, show  # noqa: PLC0415 - as above
    from training.files import write_whole  # noqa: PLC0415 - as above
    from training.progress import Stages  # noqa: PLC0415 - as above

    pairing = pair_runs(options.first, options.second, options.split, options.finding)
    aims = Aims(
        sensitivity=options.at,
        alpha=options.alpha,
        delta=options.delta,
        resamples=options.resamples,
        seed=options.seed,
    )
    stages = Stages(Console(stderr=True))
    with stages.stage("comparing findings", len(pairing.findings)):
        done = compare(pairing, aims, stages.advance)
    if options.json:
        sys.stdout.write(json.dumps(as_json(pairing, done), indent=2) + "\n")
    else:
        show(Console(), pairing, done)
    if options.out:
        write_whole(options.out, page(pairing, done, aims).encode())
