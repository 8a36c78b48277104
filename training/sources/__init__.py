"""Data sets as they lie on disk, read into films that are alike: one way in for every recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.errors import DataError
from training.sources.csxa import IMAGES, find_images, read_csxa
from training.sources.phantom_folder import TRUTH_FILE, read_phantom
from training.sources.table import read_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from training.values import FilmSet

__all__ = ["open_set"]


def open_set(
    path: Path,
    *,
    table: Path | None = None,
    columns: Mapping[str, str] | None = None,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> FilmSet:
    """Read a data set, whichever it is.

    Args:
        path: Its folder: a download of the Cervical Spine X-ray Atlas, a folder that
            `training phantom` wrote, or a folder of films with a table.
        table: The table of a folder of films; a folder that holds one CSV file needs none.
        columns: For our names the columns of the table, where they are called otherwise.
        progress: Told how many films were looked at, of how many, where that takes its time.

    Returns:
        Its films, and what is wrong with it.

    Raises:
        DataError: The folder is none of these, or it cannot be trained on as it is.
    """
    if not path.is_dir():
        raise DataError(f"{path} is no folder: give the folder of a data set.")
    if table is not None:
        return read_table(path, table, columns=columns or {}, progress=progress)
    if (path / TRUTH_FILE).is_file():
        return read_phantom(path)
    if find_images(path):
        return read_csxa(path, progress)
    tables = sorted(path.glob("*.csv"))
    if len(tables) == 1:
        return read_table(path, tables[0], columns=columns or {}, progress=progress)
    raise DataError(
        f"{path} is no data set: it holds neither the folder {IMAGES} (the Cervical Spine X-ray "
        f"Atlas; are its archives unpacked?) nor {TRUTH_FILE} (drawn by `training phantom`), and "
        f"{len(tables) or 'no'} CSV files: give the table of a folder of films with --table."
    )
