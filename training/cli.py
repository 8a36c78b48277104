"""The command `training`: list recipes, run one, certify a bundle anew, export, draw films."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from rich.console import Console

from triage.errors import TriageError

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a sub-command.

    Returns:
        The exit code: 0 when it did what it should, 1 with a sentence on standard error.
    """
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options) or 0)
    except TriageError as error:
        sys.stderr.write(f"training: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("training: stopped\n")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="training",
        description="Train, certify and export the model bundles that `triage` runs.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_list(commands)
    _add_run(commands)
    _add_certify(commands)
    _add_export(commands)
    from training.phantom import command  # noqa: PLC0415 - `list --help` needs no drawing

    command.add_parser(commands)
    return parser


_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - argparse gives its type no public name


def _add_list(commands: _Commands) -> None:
    parser = commands.add_parser("list", help="list the recipes", description="List the recipes.")
    parser.set_defaults(run=_list)


def _add_run(commands: _Commands) -> None:
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
    parser.set_defaults(run=_run)


def _add_certify(commands: _Commands) -> None:
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
    parser.set_defaults(run=_certify)


def _add_export(commands: _Commands) -> None:
    parser = commands.add_parser(
        "export",
        help="write a bundle anew, whole or without its certificate",
        description="Check a bundle and write it anew. Without a certificate it can raise "
        "studies but rules nothing out.",
    )
    parser.add_argument("bundle", type=Path, help="folder of the bundle")
    parser.add_argument("--out", type=Path, required=True, help="folder for the new bundle")
    parser.add_argument(
        "--without-certificate", action="store_true", help="leave rule-out and certificate away"
    )
    parser.set_defaults(run=_export)


def _list(_: argparse.Namespace) -> None:
    from training.recipes import RECIPES  # noqa: PLC0415 - `--help` loads no deep-learning library

    console = Console()
    for name, recipe in RECIPES.items():
        summary = (recipe.__doc__ or "").strip()
        console.print(f"[bold]{name}[/bold]\n{summary}\n", highlight=False)


def _run(options: argparse.Namespace) -> None:
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


def _certify(options: argparse.Namespace) -> None:
    from training.certificate import Aims  # noqa: PLC0415 - as above
    from training.progress import Stages  # noqa: PLC0415 - as above
    from training.recertify import recertify  # noqa: PLC0415 - as above

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


def _export(options: argparse.Namespace) -> None:
    from training.export import read_parts, write_bundle  # noqa: PLC0415 - as above
    from training.recertify import without_certificate  # noqa: PLC0415 - as above

    parts = read_parts(options.bundle)
    if options.without_certificate:
        parts = without_certificate(parts)
    write_bundle(options.out, parts)
