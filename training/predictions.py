"""What a model said of each film: one table that every report, comparison and certificate reads."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

from training.errors import DataError
from training.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

PREDICTIONS: Final = "predictions.csv"


@dataclass(frozen=True, slots=True)
class Prediction:
    """One film, one finding.

    Attributes:
        film: Name of the film.
        patient: Whose film it is.
        split: Which part of the data the film belongs to, for instance ``"test"``.
        finding: Name of the finding.
        truth: Whether it is there.
        score: The mean logit of the members; higher means more suspicious.
        highest: The highest logit of the members: what rule-out looks at.
        gate: Name of the first gate that the film failed; empty when it passed all of them.
        sex: ``"M"``, ``"F"`` or empty.
        age_years: Or None.
        site: May be empty.
        manufacturer: May be empty.
    """

    film: str
    patient: str
    split: str
    finding: str
    truth: bool
    score: float
    highest: float
    gate: str = ""
    sex: str = ""
    age_years: float | None = None
    site: str = ""
    manufacturer: str = ""


COLUMNS: Final = tuple(field.name for field in fields(Prediction))


def write_predictions(path: Path, predictions: Iterable[Prediction]) -> None:
    """Write the table, whole or not at all.

    Raises:
        DiskError: It could not be written.
    """
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(COLUMNS)
    for one in predictions:
        table.writerow([_cell(getattr(one, name)) for name in COLUMNS])
    write_whole(path, text.getvalue().encode())


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return repr(value)  # the shortest text that gives the same number again
    return "" if value is None else str(value)


def read_predictions(path: Path) -> list[Prediction]:
    """Read the table.

    Args:
        path: The file, or the folder of the run that holds it.

    Raises:
        DataError: It is missing, or a line is wrong; the message names the line.
    """
    file = path / PREDICTIONS if path.is_dir() else path
    try:
        with file.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{file} cannot be read ({error}): give the folder of a finished run."
        ) from error
    missing = [name for name in COLUMNS if rows and name not in rows[0]]
    if missing or not rows:
        what = f"lacks the column {missing[0]!r}" if missing else "holds no predictions"
        raise DataError(f"{file} {what}: run the recipe again.")
    return [_read_row(row, f"{file}, line {number}") for number, row in enumerate(rows, start=2)]


def _read_row(row: dict[str, str], where: str) -> Prediction:
    try:
        return Prediction(
            film=row["film"],
            patient=row["patient"],
            split=row["split"],
            finding=row["finding"],
            truth={"0": False, "1": True}[row["truth"]],
            score=_number(row["score"]),
            highest=_number(row["highest"]),
            gate=row["gate"],
            sex=row["sex"],
            age_years=_number(row["age_years"]) if row["age_years"] else None,
            site=row["site"],
            manufacturer=row["manufacturer"],
        )
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(f"{where}: {error} is not what belongs there.") from error


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def of_finding(
    predictions: Sequence[Prediction], finding: str, split: str | None = None
) -> list[Prediction]:
    """The lines of one finding, of one split or of all."""
    return [
        one
        for one in predictions
        if one.finding == finding and (split is None or one.split == split)
    ]
