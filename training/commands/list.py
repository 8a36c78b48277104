"""`training list`: the recipes with their contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    import argparse

    from training.commands import Commands


def add_parser(commands: Commands) -> None:
    """Add the sub-command; its ``run`` default is the function of this module."""
    parser = commands.add_parser(
        "list",
        help="list the recipes",
        description="List the recipes, or show the whole contract of one of them.",
    )
    parser.add_argument("recipe", nargs="?", help="show all that the contract of this one says")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    from training.recipes import RECIPES, contract  # noqa: PLC0415 - `--help` answers at once

    console = Console()
    if options.recipe:
        console.print(contract(options.recipe), highlight=False, markup=False)
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("recipe", style="bold", no_wrap=True)
    table.add_column("what it is")
    for name in RECIPES:
        first = contract(name).partition("\n")[0]
        table.add_row(name, first.partition(": ")[2])
    console.print(table)
    console.print("\nThe whole contract of one of them: training list RECIPE")
