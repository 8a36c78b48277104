"""What a folder that a person names holds: a bundle, a run that made one, or a run that did not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from training.errors import RunError
from training.predictions import PREDICTIONS

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST: Final = "bundle.json"
BUNDLE: Final = "bundle"  # in the folder of a run
RUN: Final = "run.json"


def bundle_folder(folder: Path) -> Path | None:
    """The bundle of a folder.

    Args:
        folder: Of a bundle, or of a run.

    Returns:
        Folder of the bundle; None for a run that makes none.

    Raises:
        RunError: It is neither.
    """
    for place in (folder, folder / BUNDLE):
        if (place / MANIFEST).is_file():
            return place
    if not any((folder / name).is_file() for name in (RUN, PREDICTIONS)):
        raise RunError(
            f"{folder} is neither a bundle ({MANIFEST}) nor a run ({RUN}, {PREDICTIONS}): give "
            "the folder that `training run` wrote with --out."
        )
    return None
