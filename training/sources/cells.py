"""A table of text as spreadsheet programs write it: any separator, any of three encodings."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from training.errors import DataError
from training.values import Fault

if TYPE_CHECKING:
    from pathlib import Path

_SEPARATORS: Final = (",", ";", "\t", "|")
_MARKED: Final = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table.

    Attributes:
        line: Its number in the file, from 1.
        cells: By the name of the column as it stands in the file.
    """

    line: int
    cells: dict[str, str]


@dataclass(frozen=True, slots=True)
class Cells:
    """A table.

    Attributes:
        path: The file.
        names: The columns, as they stand in the file.
        rows: The lines below the header that hold anything.
        faults: What was read by a guess.
    """

    path: Path
    names: tuple[str, ...]
    rows: tuple[Row, ...]
    faults: tuple[Fault, ...]


def read_cells(path: Path) -> Cells:
    """Read a table.

    Args:
        path: The file.

    Raises:
        DataError: It is missing, is no text, or a line does not have the columns of the header.
    """
    text, faults = _text(path)
    separator = _separator(text)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}: check its quotes.") from error
    lines = [(line, cells) for line, cells in lines if any(cells)]
    if not lines:
        raise DataError(f"{path} is empty: it needs a header line and a line for each film.")
    names = _names(path, *lines[0])
    rows = tuple(_row(path, line, cells, names) for line, cells in lines[1:])
    if not rows:
        raise DataError(f"{path} names no film: it needs a line for each below the header.")
    return Cells(path, names, rows, faults)


def _text(path: Path) -> tuple[str, tuple[Fault, ...]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): check --table.") from error
    for mark, encoding in _MARKED:
        if content.startswith(mark):
            return _decoded(path, content, encoding), ()
    if b"\0" in content:
        raise DataError(f"{path} is no table of text: save it as CSV, UTF-8, and give that.")
    try:
        return content.decode("utf-8"), ()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        what = f"{path.name}, line {line}: a byte that is no UTF-8"
        fault = Fault("", what, "the table read as Windows-1252", "encoding")
        return content.decode("cp1252", errors="replace"), (fault,)


def _decoded(path: Path, content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(f"{path} begins as {encoding} but is not: save it as UTF-8.") from error


def _separator(text: str) -> str:
    """The separator that the header line has most of."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    return max(_SEPARATORS, key=header.count)


def _names(path: Path, line: int, cells: list[str]) -> tuple[str, ...]:
    while cells and not cells[-1]:
        cells.pop()  # spreadsheets end lines with separators of empty columns
    twice = [name for name, count in Counter(map(str.lower, cells)).items() if count > 1 and name]
    if twice:
        raise DataError(f"{path}, line {line}: two columns are called {twice[0]!r}: rename one.")
    return tuple(cells)


def _row(path: Path, line: int, cells: list[str], names: tuple[str, ...]) -> Row:
    while len(cells) > len(names) and not cells[-1]:
        cells.pop()
    if len(cells) != len(names):
        raise DataError(
            f"{path}, line {line}: {len(cells)} cells under {len(names)} columns: a cell that "
            "holds the separator needs quotes."
        )
    return Row(line, {name: cell for name, cell in zip(names, cells, strict=True) if name})
