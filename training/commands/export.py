"""`training export`: write a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from training.commands import Commands


def add_parser(commands: Commands) -> None:
    """Add the sub-command; its ``run`` default is the function of this module."""
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
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    from training.bundle.export import read_parts, write_bundle  # noqa: PLC0415 - as above
    from training.certify.anew import without_certificate  # noqa: PLC0415 - as above

    parts = read_parts(options.bundle)
    if options.without_certificate:
        parts = without_certificate(parts)
    write_bundle(options.out, parts)
