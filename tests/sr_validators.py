"""The SR validators that others wrote."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.peers import program

if TYPE_CHECKING:
    from pathlib import Path


def quick_problems(path: Path) -> list[str]:
    """Return what dciodvfy and dsrdump find wrong with an SR; empty when nothing."""
    verify = subprocess.run(
        [program("dciodvfy"), path], capture_output=True, check=False, text=True, errors="replace"
    )
    errors = [
        line for line in (verify.stdout + verify.stderr).splitlines() if line.startswith("Error")
    ]
    dump = subprocess.run(
        [program("dsrdump"), path], capture_output=True, check=False, text=True, errors="replace"
    )
    errors += [line for line in dump.stderr.splitlines() if line.startswith(("E:", "F:"))]
    return errors if dump.returncode == 0 else [*errors, f"dsrdump ended with {dump.returncode}"]
