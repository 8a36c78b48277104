"""Writing files whole or not at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from training.errors import DiskError

if TYPE_CHECKING:
    from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name, flush it, and put it in its place.

    Args:
        path: Where to; its folder is made when it is missing.
        content: All of it.

    Raises:
        DiskError: The disk is full or refuses; what was at the path before is untouched.
    """
    fresh = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with fresh.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise DiskError(
            f"{path} could not be written ({error.strerror}): free some space, or choose "
            "another folder with --out; an earlier file of that name is untouched."
        ) from error
