"""The command `training`: from data to a certified bundle, and every figure on the way."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from training.commands import (
    certify,
    compare,
    data,
    export,
    papers,
    phantom,
    report,
    trial,
)
from training.commands import (
    list as list_recipes,
)
from training.commands import (
    run as run_recipe,
)
from training.errors import StoppedError
from triage.errors import TriageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_COMMANDS = (
    list_recipes,
    data,
    phantom,
    run_recipe,
    certify,
    compare,
    trial,
    report,
    export,
    papers,
)

# What `pip install` brings with the extra "training" alone.
_EXTRA = frozenset({"imblearn", "openpyxl", "sklearn", "tensorboard", "torchvision"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a sub-command.

    Returns:
        The exit code: 0 when it did what it should; with a sentence on standard error 1 when it
        could not, 130 after Ctrl-C and 143 after SIGTERM.
    """
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options) or 0)
    except TriageError as error:
        sys.stderr.write(f"training: {error}\n")
        return 1
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        sys.stderr.write(
            f"training: {error.name} is not installed: pip install 'cspine-triage[training]', "
            "or -e '.[training]' in a clone.\n"
        )
        return 1
    except StoppedError as stop:
        sys.stderr.write(f"training: {str(stop) or 'stopped'}\n")
        return stop.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("training: stopped\n")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="training",
        description="Train, certify and export the model bundles that `triage` runs.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in _COMMANDS:
        command.add_parser(commands)
    return parser
