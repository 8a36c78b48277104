"""A folder of films with a table: DICOM or image files, a line for each, a column a finding.

What the table does not say is taken from the header of the film. A cell that cannot be
understood is an error with its line and column, not a guess; a film that cannot be read is left
out with a fault.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from training.errors import DataError
from training.sources.cells import Row, read_cells
from training.sources.columns import LANDMARKS, Columns, known_columns
from training.sources.headers import VIEWS, FilmHeader, patient_digest, read_header
from training.sources.labelme import read_labelme, without_strays
from training.sources.landmarks import COUNT, put_right
from training.values import SPLITS, Fault, FilmRecord, FilmSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

_YES_NO: Final = {
    **dict.fromkeys(("1", "1.0", "yes", "y", "true", "t", "present", "positive", "+"), True),
    **dict.fromkeys(("0", "0.0", "no", "n", "false", "f", "absent", "negative", "-"), False),
}
_SEXES: Final = {
    **dict.fromkeys(("m", "male", "man"), "M"),
    **dict.fromkeys(("f", "female", "woman", "w"), "F"),
    **dict.fromkeys(("o", "u", "other", "unknown"), ""),
}
_SPLITS: Final = {
    **{name: name for name in SPLITS},
    **dict.fromkeys(("training",), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "development", "tune"), "tuning"),
    **dict.fromkeys(("calib", "cal"), "calibration"),
    **dict.fromkeys(("testing", "held-out", "holdout"), "test"),
}
_SUFFIXES: Final = (".dcm", ".png", ".jpg", ".jpeg", ".tif", ".tiff")
_OLDEST_YEARS: Final = 120
_LISTED: Final = 10  # errors of one table that are named at once


def read_table(
    folder: Path,
    table: Path,
    *,
    columns: Mapping[str, str],
    progress: Callable[[int, int], None],
) -> FilmSet:
    """Read a folder of films with its table.

    Args:
        folder: Where the files of the table are; paths in the table start here.
        table: The CSV file.
        columns: For our names the columns of the table, where they are called otherwise.
        progress: Told how many headers were read, of how many.

    Returns:
        The films, by file. Identifiers of patients are digests.

    Raises:
        DataError: Cells cannot be understood (file, line and column are named), one patient is
            in two splits, one file has two contradicting lines, or no film can be read.
    """
    cells = read_cells(table)
    reading = _Reading(folder, table, known_columns(cells, columns))
    reading.faults += [*cells.faults, *reading.columns.faults]
    drafts = [draft for row in cells.rows if (draft := reading.draft(row))]
    reading.check()
    films = []
    for number, draft in enumerate(reading.distinct(drafts), start=1):
        film = reading.finished(draft)
        films += [film] if film else []
        progress(number, len(drafts))
    reading.check()
    if not films:
        reasons = Counter(fault.kind for fault in reading.faults)
        raise DataError(
            f"{table}: none of its {len(cells.rows)} lines gives a film "
            f"({', '.join(f'{count} {kind}' for kind, count in reasons.items())}). Paths in the "
            f"table start at {folder}: {reading.first_fault()}"
        )
    reading.note_gaps(films)
    reading.check_splits(films)
    return FilmSet(table.stem, tuple(sorted(films, key=lambda f: f.film)), tuple(reading.faults))


@dataclass(frozen=True, slots=True, eq=False)
class _Draft:
    """What a line says, before the file is opened."""

    line: int
    film: str
    path: Path
    facts: Mapping[str, str]
    age_years: float | None
    hardware: bool | None
    labels: Mapping[str, bool | None]
    landmarks: NDArray[np.float32] | None

    def says_as(self, other: _Draft) -> bool:
        """Whether two lines say the same."""
        mine = (self.facts, self.age_years, self.hardware, self.labels)
        theirs = (other.facts, other.age_years, other.hardware, other.labels)
        return mine == theirs and np.array_equal(
            _points(self.landmarks), _points(other.landmarks), equal_nan=True
        )


def _points(landmarks: NDArray[np.float32] | None) -> NDArray[np.float32]:
    return np.full((COUNT, 2), np.nan, np.float32) if landmarks is None else landmarks


@dataclass(slots=True, eq=False)
class _Reading:
    """The reading of one table: what is known, and what has been found wrong so far."""

    folder: Path
    table: Path
    columns: Columns
    faults: list[Fault] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)

    def check(self) -> None:
        """Raise what cannot be understood, many at once.

        Raises:
            DataError: Something could not.
        """
        if self.errors:
            more = len(self.errors) - _LISTED
            listed = self.errors[:_LISTED] + ([f"and {more} more."] if more > 0 else [])
            raise DataError("\n".join(listed))

    def first_fault(self) -> str:
        """The first thing that was wrong with a film, in words."""
        return next((fault.what for fault in self.faults if fault.film), "no line names a file.")

    def draft(self, row: Row) -> _Draft | None:
        """Understand a line; None, and a fault or errors, when its film is not to be had."""
        facts = {name: row.cells[column] for name, column in self.columns.facts.items()}
        for name, meanings in (("sex", _SEXES), ("split", _SPLITS), ("view", VIEWS)):
            facts[name] = self._meaning(row, name, facts.get(name, ""), meanings)
        age = self._number(row, self.columns.facts.get("age_years"))
        if age is not None and not 0 <= age <= _OLDEST_YEARS:
            self._wrong(row, self.columns.facts["age_years"], f"an age of 0 to {_OLDEST_YEARS}")
        draft = _Draft(
            line=row.line,
            film=facts["file"],
            path=self._path(row, facts["file"]),
            facts=facts,
            age_years=age,
            hardware=self._flag(row, self.columns.facts.get("hardware")),
            labels={n: self._flag(row, column) for n, column in self.columns.findings.items()},
            landmarks=self._landmarks(row),
        )
        if not draft.film:
            self._wrong(row, self.columns.facts["file"], "the name of a file")
            return None
        if not draft.path.is_file():
            what = f"{self._place(row)}: there is no file {draft.path}"
            self.faults.append(Fault(draft.film, what, "left out", "missing-film"))
            return None
        return draft

    def distinct(self, drafts: Iterable[_Draft]) -> list[_Draft]:
        """One draft for each file; two lines that contradict each other are an error."""
        first: dict[Path, _Draft] = {}
        for draft in drafts:
            known = first.setdefault(draft.path.resolve(), draft)
            if known is draft:
                continue
            where = f"lines {known.line} and {draft.line} of {self.table.name}"
            if known.says_as(draft):
                what = f"{where} are about the same film"
                self.faults.append(Fault(draft.film, what, "the first taken", "double-row"))
            else:
                self.errors.append(
                    f"{self.table}, {where} say different things about {draft.film}: keep one."
                )
        self.check()
        return list(first.values())

    def finished(self, draft: _Draft) -> FilmRecord | None:
        """Open the file of a draft and add what its header says; None when it is unreadable."""
        try:
            header = read_header(draft.path)
        except DataError as error:
            what = f"{self.table.name}, line {draft.line}: {error}"
            self.faults.append(Fault(draft.film, what, "left out", "unreadable-film"))
            return None
        self._compare(draft, header)
        said = draft.facts.get
        patient = said("patient", "")
        named = patient_digest(patient) if patient else header.patient or draft.film
        age = draft.age_years
        self.lines[draft.film] = draft.line
        return FilmRecord(
            film=draft.film,
            path=draft.path,
            patient=named,
            group=patient_digest(said("group", "")) if said("group") else named,
            labels=draft.labels,
            landmarks=self._checked_landmarks(draft, header.size),
            view=said("view", "") or header.view or "lateral",
            sex=said("sex", "") or header.sex,
            age_years=header.age_years if age is None else age,
            site=said("site", "") or header.site,
            manufacturer=said("manufacturer", "") or header.manufacturer,
            hardware=draft.hardware,
            split=said("split", ""),
        )

    def note_gaps(self, films: list[FilmRecord]) -> None:
        """Say what nobody says: patients, and files that the table does not name."""
        own = sum(film.patient == film.film for film in films)
        if own:
            what = f"{own} films name no patient, neither in the table nor in a header"
            self.faults.append(
                Fault("", what, "each taken as a patient of its own", "unknown-patient")
            )
        named = {film.path.resolve() for film in films}
        others = [
            path.name
            for path in sorted(self.folder.rglob("*"))
            if path.suffix.lower() in _SUFFIXES and path.resolve() not in named
        ]
        if others:
            what = f"{len(others)} files are not in the table or left out, {others[0]} for one"
            self.faults.append(Fault("", what, "not read", "unlisted-film"))

    def check_splits(self, films: Iterable[FilmRecord]) -> None:
        """Refuse one patient or group in two splits.

        Raises:
            DataError: There is one; both films and their lines are named.
        """
        first: dict[tuple[str, str], FilmRecord] = {}
        for film in films:
            if not film.split:
                continue
            for what, name in (("patient", film.patient), ("group", film.group)):
                other = first.setdefault((what, name), film)
                if other.split != film.split:
                    self.errors.append(
                        f"{self.table}: {other.film} (line {self.lines[other.film]}) is in "
                        f"{other.split!r} and {film.film} (line {self.lines[film.film]}) in "
                        f"{film.split!r}, but both are of the {what} {name}: put a {what} into "
                        "one split."
                    )
                    break
        self.check()

    def _place(self, row: Row) -> str:
        return f"{self.table.name}, line {row.line}"

    def _wrong(self, row: Row, column: str, wanted: str) -> None:
        self.errors.append(
            f"{self.table}, line {row.line}, column {column!r}: {row.cells[column]!r} is not "
            f"{wanted}."
        )

    def _meaning(self, row: Row, name: str, text: str, meanings: Mapping[str, str]) -> str:
        if text and text.lower() not in meanings:
            known = ", ".join(sorted(set(filter(None, meanings.values()))))
            self._wrong(row, self.columns.facts[name], f"one of {known} (or empty)")
        return meanings.get(text.lower(), "")

    def _flag(self, row: Row, column: str | None) -> bool | None:
        text = row.cells[column].lower() if column else ""
        if column and text and text not in _YES_NO:
            self._wrong(row, column, "0, 1, yes, no, true, false or empty (not known)")
        return _YES_NO.get(text)

    def _number(self, row: Row, column: str | None) -> float | None:
        text = row.cells[column] if column else ""
        if not column or not text:
            return None
        try:
            value = float(text.replace(",", "."))
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            self._wrong(row, column, "a number (or empty)")
            return None
        return value

    def _path(self, row: Row, name: str) -> Path:
        """The file of a name; with one of the usual suffixes when it has none."""
        path = self.folder / name.replace("\\", "/")
        if path.is_file() or not name:
            return path
        with_suffix = [path.with_name(path.name + suffix) for suffix in _SUFFIXES]
        there = [file for file in with_suffix if file.is_file()]
        if len(there) > 1:
            both = " and ".join(file.name for file in there)
            self._wrong(row, self.columns.facts["file"], f"one file: there are {both}")
        return there[0] if there else path

    def _landmarks(self, row: Row) -> NDArray[np.float32] | None:
        if not self.columns.landmarks:
            return None
        values = [self._number(row, self.columns.landmarks[name]) for name in LANDMARKS]
        points = np.array([math.nan if v is None else v for v in values], np.float32)
        return None if np.isnan(points).all() else points.reshape(COUNT, 2)

    def _checked_landmarks(
        self, draft: _Draft, size: tuple[int, int]
    ) -> NDArray[np.float32] | None:
        """Landmarks of the table, or of a LabelMe file beside the film; put right."""
        if draft.landmarks is not None:
            points = draft.landmarks.copy()
            self.faults += without_strays(points, size, draft.film)
            right, found = put_right(points, draft.film)
            # The table says anterior first: for one who faces right that is no mistake.
            self.faults += [fault for fault in found if fault.kind != "mirrored-labels"]
            return right
        beside = draft.path.with_suffix(".json")
        if not beside.is_file():
            return None
        read = read_labelme(beside, draft.film, size)
        if isinstance(read, Fault):
            self.faults.append(read)
            return None
        right, found = put_right(read.points, draft.film)
        self.faults += [*read.faults, *found]
        return right

    def _compare(self, draft: _Draft, header: FilmHeader) -> None:
        said, age = draft.facts, draft.age_years
        for word, stated, seen, differ in (
            ("sex", said["sex"], header.sex, said["sex"] != header.sex),
            ("view", said["view"], header.view, said["view"] != header.view),
            ("age", age, header.age_years, abs((age or 0) - (header.age_years or 0)) > 1),
        ):
            if stated not in ("", None) and seen not in ("", None) and differ:
                what = f"line {draft.line}: {word} is {stated} in the table, {seen} in the header"
                self.faults.append(Fault(draft.film, what, "the table's taken", f"{word}-differs"))
