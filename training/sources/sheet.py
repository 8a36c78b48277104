"""The sheet of the Cervical Spine X-ray Atlas: one row a case, wherever its header row stands.

The first row is a row of group headings in the original and the header itself in copies; the
names of columns carry their codes ("Curvature: 1.Lordotic, ...") or not. Columns are known by
how their names begin.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from training.errors import DataError
from training.values import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_COLUMNS: Final = {
    "number": "number",
    "sex": "gender",
    "age": "age",
    "disease": "disease classification",
    "curvature": "curvature",
}
_NEEDED: Final = ("number", "curvature")
_SEARCHED_ROWS: Final = 12
_SEX: Final = {0: "M", 1: "F"}
_DISEASE: Final = {1: True, 2: False}
_CURVATURES: Final = {1: "lordotic", 2: "straight", 3: "sigmoid", 4: "sigmoid", 5: "kyphotic"}
_OLDEST_YEARS: Final = 120


@dataclass(frozen=True, slots=True)
class Case:
    """One row.

    Attributes:
        number: Case number; images and landmarks are joined on it alone.
        sex: ``"M"``, ``"F"`` or empty.
        age_years: Or None.
        symptomatic: Column "Disease classification"; None where the cell is empty.
        curvature: ``"lordotic"``, ``"straight"``, ``"sigmoid"``, ``"kyphotic"`` or empty.
        row: Where it stands in the sheet, from 1.
    """

    number: int
    sex: str
    age_years: float | None
    symptomatic: bool | None
    curvature: str
    row: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """All rows.

    Attributes:
        cases: By case number.
        faults: What was wrong.
    """

    cases: Mapping[int, Case]
    faults: tuple[Fault, ...]


def read_sheet(path: Path) -> Sheet:
    """Read the sheet.

    Args:
        path: The workbook.

    Returns:
        Its cases. A case that stands twice with different content has no labels.

    Raises:
        DataError: It is no workbook, or no header row is in it; the message names the columns.
    """
    for title, rows in _worksheets(path):
        for index, row in enumerate(rows[:_SEARCHED_ROWS]):
            columns = _columns(row)
            if all(name in columns for name in _NEEDED):
                return _cases(f"{path.name}, sheet {title!r}", rows, index, columns)
    raise DataError(
        f"{path}: no header row with the columns Number and Curvature is among the first "
        f"{_SEARCHED_ROWS} rows. Give the sheet of the data set as it was downloaded."
    )


def _worksheets(path: Path) -> list[tuple[str, list[tuple[Any, ...]]]]:
    from openpyxl import load_workbook  # noqa: PLC0415 - other data sets need no spreadsheets
    from openpyxl.utils.exceptions import InvalidFileException  # noqa: PLC0415 - as above

    try:
        book = load_workbook(path, read_only=True, data_only=True)
        found = []
        for sheet in book.worksheets:
            sheet.reset_dimensions()  # some writers state a size that leaves rows out
            found.append((sheet.title, list(sheet.iter_rows(values_only=True))))
        book.close()
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, InvalidFileException) as error:
        raise DataError(f"{path} is no readable workbook ({error}): fetch it again.") from error
    return found


def _columns(row: Sequence[Any]) -> dict[str, int]:
    """Where the known columns stand: the first whose name begins as it should."""
    names = [" ".join(str(cell or "").lower().split()) for cell in row]
    found = {}
    for key, begin in _COLUMNS.items():
        places = [place for place, name in enumerate(names) if name.startswith(begin)]
        if places:
            found[key] = places[0]
    return found


def _cases(
    where: str, rows: Sequence[Sequence[Any]], header: int, columns: Mapping[str, int]
) -> Sheet:
    faults = [
        Fault("", f"{where}: no column {_COLUMNS[name]!r}", "left unknown", "missing-column")
        for name in _COLUMNS
        if name not in columns
    ]
    numbers = _numbers(where, rows, header, columns["number"], faults)
    cases: dict[int, Case] = {}
    for index, number in numbers.items():
        case = _case(where, rows[index], number, index + 1, columns, faults)
        first = cases.setdefault(number, case)
        if first is not case:
            cases[number] = _merged(where, first, case, faults)
    return Sheet(cases, tuple(faults))


def _numbers(
    where: str,
    rows: Sequence[Sequence[Any]],
    header: int,
    column: int,
    faults: list[Fault],
) -> dict[int, int]:
    """The case number of each row; an empty cell between two neighbours is counted on."""
    found: dict[int, int] = {}
    empty = []
    for index in range(header + 1, len(rows)):
        if all(cell is None for cell in rows[index]):
            continue
        number = _whole(_cell(rows[index], column))
        if number is None or number <= 0:
            empty.append(index)
        else:
            found[index] = number
    for index in empty:
        cell = _cell(rows[index], column)
        text = f"{where}, row {index + 1}: Number is {'empty' if cell is None else repr(cell)}"
        before, after = found.get(index - 1), found.get(index + 1)
        if before is not None and after == before + 2:
            found[index] = before + 1
            faults.append(Fault("", text, f"taken as {before + 1}", "empty-number"))
        else:
            faults.append(Fault("", text, "row left out", "empty-number"))
    return dict(sorted(found.items()))


def _case(
    where: str,
    row: Sequence[Any],
    number: int,
    place: int,
    columns: Mapping[str, int],
    faults: list[Fault],
) -> Case:
    def code(name: str, meanings: Mapping[int, Any]) -> Any:  # noqa: ANN401 - of any table
        cell = _cell(row, columns.get(name))
        value = _whole(cell)
        if cell is not None and value not in meanings:
            wrong(name, cell, f"one of {', '.join(map(str, meanings))}")
        return meanings.get(value) if value is not None else None

    def wrong(name: str, cell: object, wanted: str) -> None:
        what = f"{where}, row {place}: {_COLUMNS[name]} is {cell!r}, not {wanted}"
        faults.append(Fault("", what, "left unknown", "unknown-value"))

    age = _cell(row, columns.get("age"))
    years = _number(age)
    if age is not None and (years is None or not 0 <= years <= _OLDEST_YEARS):
        wrong("age", age, "an age in years")
        years = None
    return Case(
        number=number,
        sex=code("sex", _SEX) or "",
        age_years=years,
        symptomatic=code("disease", _DISEASE),
        curvature=code("curvature", _CURVATURES) or "",
        row=place,
    )


def _merged(where: str, first: Case, second: Case, faults: list[Fault]) -> Case:
    what = f"{where}: case {first.number} stands in the rows {first.row} and {second.row}"
    if replace(second, row=first.row) == first:
        faults.append(Fault("", what, "the first taken, they agree", "double-row"))
        return first
    faults.append(Fault("", f"{what}, which differ", "left unlabelled", "contradicting-rows"))
    return Case(first.number, "", None, None, "", first.row)


def _cell(row: Sequence[Any], column: int | None) -> Any:  # noqa: ANN401 - cells are anything
    cell = row[column] if column is not None and column < len(row) else None
    return None if isinstance(cell, str) and not cell.strip() else cell


def _number(cell: object) -> float | None:
    try:
        return float(str(cell))
    except ValueError:
        return None


def _whole(cell: object) -> int | None:
    value = _number(cell)
    return int(value) if value is not None and value.is_integer() else None
