"""`training run`: train by a recipe."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from training.commands.numbers import at_least_one, share_or_all
from training.recipes.options import IMAGENET, PHANTOM, RunOptions

if TYPE_CHECKING:
    import argparse

    from training.commands import Commands


def add_parser(commands: Commands) -> None:
    """Add the sub-command; its ``run`` default is the function of this module."""
    parser = commands.add_parser(
        "run",
        help="train by a recipe",
        description=(
            "Train by a recipe and measure what came out. `training list` names the recipes; "
            "what an option leaves out, the recipe decides."
        ),
    )
    parser.add_argument("recipe", help="name of the recipe, for instance csm or cspine")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--seed", type=int, default=1, help="everything random follows from it")
    _add_data(parser)
    _add_training(parser)
    parser.add_argument(
        "--resume", action="store_true", help="go on with a run of that folder that was stopped"
    )
    parser.add_argument(
        "--created",
        default=dt.datetime.now(tz=dt.UTC).date().isoformat(),
        help="date on the bundle (default: today)",
    )
    parser.set_defaults(run=run)


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        default=PHANTOM,
        metavar="DIR",
        help="folder of the films: CSXA's own layout, phantom films, or films with --table; "
        f"{PHANTOM!r} lets cspine draw its own (default)",
    )
    parser.add_argument("--table", type=Path, metavar="CSV", help="table of the films' labels")
    parser.add_argument(
        "--target", metavar="FINDING", help="learn this finding and not the recipe's own"
    )
    parser.add_argument(
        "--landmarks-from",
        type=Path,
        metavar="BUNDLE",
        help="bundle whose locator finds landmarks in films that come without, where a crop "
        "needs them",
    )
    parser.add_argument(
        "--limit-films", type=at_least_one, metavar="N", help="use so many films at most"
    )
    parser.add_argument(
        "--share",
        type=share_or_all,
        default=1.0,
        help="share of the films that cspine draws, below 1 for a quick try (default: 1)",
    )
    parser.add_argument(
        "--processes",
        type=at_least_one,
        default=2,
        help="films that are drawn or read at the same time (default: 2)",
    )


def _add_training(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--epochs", type=at_least_one, help="passes over the training films")
    parser.add_argument("--batch", type=at_least_one, help="films a step")
    parser.add_argument(
        "--image-side", type=at_least_one, metavar="PIXELS", help="side of the pictures"
    )
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument(
        "--weights",
        default=IMAGENET,
        metavar="FILE",
        help="a state_dict of torchvision's network (.pth, .pt, .safetensors) to begin with; "
        f"{IMAGENET!r} takes torchvision's own, from its cache or its server (default)",
    )
    begin.add_argument("--from-scratch", action="store_true", help="begin with weights by chance")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 ...")
    parser.add_argument(
        "--reversed-channels",
        action="store_true",
        help="the three channels of csxa-colour the other way round",
    )


def run(options: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    from training.loop import leads  # noqa: PLC0415 - `--help` answers at once
    from training.progress import Stages  # noqa: PLC0415 - as above
    from training.recipes import find_recipe  # noqa: PLC0415 - as above

    console = Console(quiet=not leads())  # of several processes one speaks for all
    find_recipe(options.recipe).run(_asked(options), Stages(console))


def _asked(options: argparse.Namespace) -> RunOptions:
    return RunOptions(
        out=options.out,
        data=options.data,
        table=options.table,
        seed=options.seed,
        epochs=options.epochs,
        batch=options.batch,
        image_side=options.image_side,
        weights="" if options.from_scratch else options.weights,
        device=options.device,
        processes=options.processes,
        resume=options.resume,
        limit_films=options.limit_films,
        target=options.target,
        landmarks_from=options.landmarks_from,
        reversed_channels=options.reversed_channels,
        share=options.share,
        created=options.created,
    )
