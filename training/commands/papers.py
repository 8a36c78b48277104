"""`training papers`: the printed tables of the papers, checked by their arithmetic."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    import argparse

    from training.commands import Commands


def add_parser(commands: Commands) -> None:
    """Add the sub-command; its ``run`` default is the function of this module."""
    parser = commands.add_parser(
        "papers",
        help="check the printed tables of the papers",
        description="Search every confusion matrix that prints the tables of the papers, say "
        "under which reading of the columns it does, and what follows.",
    )
    parser.add_argument("--paper", help="one paper only: csm, normal, csxa or foraminal")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    from training.tables.check import check  # noqa: PLC0415 - `--help` loads no statistics
    from training.tables.printed import TABLES, find_table  # noqa: PLC0415 - as above
    from training.tables.show import as_json, show  # noqa: PLC0415 - as above

    tables = [find_table(options.paper)] if options.paper else list(TABLES.values())
    checks = [check(table) for table in tables]
    if options.json:
        sys.stdout.write(json.dumps([as_json(one) for one in checks], indent=2) + "\n")
        return
    console = Console()
    for one in checks:
        show(console, one)
