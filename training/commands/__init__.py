"""One file a sub-command: what it takes, and what it does.

No module here imports a deep-learning library at its top: `training --help` answers at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import argparse

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - argparse gives its type no public name
