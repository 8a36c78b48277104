"""The folder that ``training phantom --out`` writes: films with a truth for each."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Final

import numpy as np

from training.errors import DataError
from training.phantom.values import DISCS, VERTEBRAE
from training.sources.landmarks import COUNT
from training.values import Fault, FilmRecord, FilmSet

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

NAME: Final = "phantom"
TRUTH_FILE: Final = "truth.csv"
KINDS: Final = (
    "spondylosis",
    "listhesis",
    "kyphosis",
    "lost-lordosis",
    "canal-narrowing",
    "swelling",
)
_LEVELS: Final = {"spondylosis": DISCS, "listhesis": DISCS, "canal-narrowing": VERTEBRAE}
_NEEDED: Final = ("file", "abnormal", "findings")
_FLAGS: Final = {"0": False, "1": True}


def read_phantom(folder: Path) -> FilmSet:
    """Read a folder of phantom films.

    Args:
        folder: Holds ``truth.csv`` and the films that it names.

    Returns:
        The films. Columns that older folders lack are left unknown; each phantom is a patient
        of its own unless the table says otherwise.

    Raises:
        DataError: The table is damaged; the message names the line and the column.
    """
    file = folder / TRUTH_FILE
    try:
        with file.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file} cannot be read ({error}): draw the films again.") from error
    missing = [name for name in _NEEDED if not rows or name not in rows[0]]
    if missing:
        what = f"lacks the column {missing[0]!r}" if rows else "names no film"
        raise DataError(f"{file} {what}: draw the films again with `training phantom`.")
    kinds = _kinds(rows)
    films, faults = [], []
    for number, row in enumerate(rows, start=2):
        record = _record(folder, row, kinds, f"{file}, line {number}")
        if record.path.is_file():
            films.append(record)
        else:
            what = f"{record.path.name} of line {number} is missing"
            faults.append(Fault(record.film, what, "left out", "missing-film"))
    return FilmSet(NAME, tuple(films), tuple(faults))


def _kinds(rows: list[dict[str, str]]) -> tuple[str, ...]:
    """Findings that the drawing could have given: a folder of an older one may know fewer."""
    named = {found.partition(":")[0] for row in rows for found in (row["findings"] or "").split()}
    return (*KINDS, *sorted(named - set(KINDS)))


def _record(folder: Path, row: dict[str, str], kinds: tuple[str, ...], where: str) -> FilmRecord:
    def cell(name: str) -> str:
        return (row.get(name) or "").strip()

    def fault(name: str, wanted: str) -> DataError:
        return DataError(f"{where}, column {name!r}: {cell(name)!r} is not {wanted}.")

    def flag(name: str) -> bool | None:
        if cell(name) and cell(name) not in _FLAGS:
            raise fault(name, "0 or 1")
        return _FLAGS.get(cell(name))

    def number(name: str) -> float | None:
        try:
            return float(cell(name)) if cell(name) else None
        except ValueError as error:
            raise fault(name, "a number") from error

    if not cell("file"):
        raise fault("file", "the name of a film")
    film = cell("file")
    patient = cell("patient") or (f"seed-{cell('seed')}" if cell("seed") else film)
    return FilmRecord(
        film=film,
        path=folder / film,
        patient=patient,
        group=patient,
        labels={"abnormal": flag("abnormal"), **_labels(cell("findings"), kinds)},
        landmarks=_landmarks([number(f"{axis}{i}") for i in range(COUNT) for axis in "xy"]),
        view=cell("view") or "lateral",
        sex=cell("sex") if cell("sex") in ("M", "F") else "",
        age_years=number("age_years"),
        site=cell("site"),
        manufacturer=cell("manufacturer"),
        hardware=flag("hardware"),
        inverted="inversion" in cell("degradations").split(),
    )


def _labels(findings: str, kinds: tuple[str, ...]) -> dict[str, bool | None]:
    """Every finding that there is, present or not, and each of its levels."""
    found = set(findings.split())
    present = {name.partition(":")[0] for name in found}
    labels: dict[str, bool | None] = {}
    for kind in kinds:
        labels[kind] = kind in present
        for level in _LEVELS.get(kind, ()):
            labels[f"{kind}:{level}"] = f"{kind}:{level}" in found
    return labels


def _landmarks(values: list[float | None]) -> NDArray[np.float32] | None:
    points = np.array([np.nan if value is None else value for value in values], np.float32)
    return None if np.isnan(points).all() else points.reshape(COUNT, 2)
