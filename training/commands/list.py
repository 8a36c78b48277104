"""`training list`: the recipes with their contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    import argparse

    from training.commands import Commands


def add_parser(commands: Commands) -> None:
    """Add the sub-command; its ``run`` default is the function of this module."""
    parser = commands.add_parser("list", help="list the recipes", description="List the recipes.")
    parser.set_defaults(run=run)


def run(_: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    from training.recipes import RECIPES  # noqa: PLC0415 - `--help` loads no deep-learning library

    console = Console()
    for name, recipe in RECIPES.items():
        summary = (recipe.__doc__ or "").strip()
        console.print(f"[bold]{name}[/bold]\n{summary}\n", highlight=False)
