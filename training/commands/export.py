"""`training export`: write a bundle."""

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
        "export",
        help="write the bundle of a run or a bundle, whole or without its certificate",
        description="Check the bundle of a run, or a bundle, and write it with its card. Without "
        "a certificate it can raise studies but rules nothing out.",
    )
    parser.add_argument("source", type=Path, help="folder of a run, or of a bundle")
    parser.add_argument("--out", type=Path, required=True, help="folder for the new bundle")
    parser.add_argument(
        "--without-certificate", action="store_true", help="leave rule-out and certificate away"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    from training.bundle.export import read_parts, write_bundle  # noqa: PLC0415 - help is quick
    from training.bundle.source import bundle_folder  # noqa: PLC0415 - as above
    from training.certify.anew import without_certificate  # noqa: PLC0415 - as above
    from training.errors import RefusedError  # noqa: PLC0415 - as above

    folder = bundle_folder(options.source)
    if folder is None:
        raise RefusedError(
            f"{options.source} is a run that makes no bundle: it reproduces a paper and has "
            "neither gates nor landmarks, so that nothing would keep out films it was not made "
            "for. `training run cspine` makes a bundle from the same data."
        )
    parts = read_parts(folder)
    if options.without_certificate:
        parts = without_certificate(parts)
    bundle = write_bundle(options.out, parts)
    Console().print(
        f"bundle {bundle.identity.digest[:12]} in {options.out}, "
        + ("certified" if bundle.certificate else "without a certificate: it rules nothing out"),
        highlight=False,
    )
