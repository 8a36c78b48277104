"""`training run`: train by a recipe."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    import argparse

    from training.commands import Commands


def add_parser(commands: Commands) -> None:
    """Add the sub-command; its ``run`` default is the function of this module."""
    parser = commands.add_parser(
        "run",
        help="train a bundle by a recipe",
        description="Train, certify, measure and export a bundle; `training list` names recipes.",
    )
    parser.add_argument("recipe", help="name of the recipe, for instance cspine-first")
    parser.add_argument("--out", type=Path, required=True, help="folder for the bundle")
    parser.add_argument("--seed", type=int, default=1, help="everything random follows from it")
    parser.add_argument(
        "--share",
        type=float,
        default=1.0,
        help="share of the recipe's films, below 1 for a quick try (default: 1)",
    )
    parser.add_argument(
        "--processes", type=int, default=2, help="processes that render films (default: 2)"
    )
    parser.add_argument(
        "--created",
        default=dt.datetime.now(tz=dt.UTC).date().isoformat(),
        help="date on the bundle (default: today)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    import torch  # noqa: PLC0415 - as above

    from training.progress import Stages  # noqa: PLC0415 - as above
    from training.recipes import find_recipe  # noqa: PLC0415 - as above

    recipe = find_recipe(options.recipe)
    torch.use_deterministic_algorithms(mode=True)
    torch.set_num_threads(2)  # the figures of the recipe are for two cores
    stages = Stages(Console())
    plan = recipe.Plan() if options.share >= 1 else recipe.Plan().scaled(options.share)
    bundle = recipe.run(
        options.out,
        options.seed,
        plan,
        stages,
        processes=options.processes,
        created=options.created,
    )
    stages.say(f"bundle {bundle.identity.digest[:12]} in {options.out}, card in card.md")
