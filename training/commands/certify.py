"""`training certify`: set and certify rule-out thresholds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    import argparse

    from training.commands import Commands


def add_parser(commands: Commands) -> None:
    """Add the sub-command; its ``run`` default is the function of this module."""
    parser = commands.add_parser(
        "certify",
        help="set and certify the thresholds of a bundle anew",
        description="Draw fresh phantom films, set the rule-out thresholds of a bundle on them, "
        "and write it with the new certificate.",
    )
    parser.add_argument("bundle", type=Path, help="folder of the bundle")
    parser.add_argument("--out", type=Path, required=True, help="folder for the new bundle")
    parser.add_argument("--alpha", type=float, default=0.05, help="highest miss rate")
    parser.add_argument("--delta", type=float, default=0.05, help="risk that it does not hold")
    parser.add_argument("--seed", type=int, default=2, help="of the films; never the training's")
    parser.add_argument("--films", type=int, default=320, help="films as they come")
    parser.add_argument("--rare", type=int, default=100, help="films of each rare finding on top")
    parser.add_argument("--processes", type=int, default=2, help="processes that render films")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    from training.certify.certificate import Aims  # noqa: PLC0415 - as above
    from training.certify.recertify import recertify  # noqa: PLC0415 - as above
    from training.progress import Stages  # noqa: PLC0415 - as above

    stages = Stages(Console())
    bundle = recertify(
        options.bundle,
        options.out,
        Aims(options.alpha, options.delta),
        (options.films, options.rare, options.seed),
        stages,
        processes=options.processes,
    )
    stages.say(f"bundle {bundle.identity.digest[:12]} in {options.out}")
