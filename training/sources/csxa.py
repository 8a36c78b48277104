"""The Cervical Spine X-ray Atlas as it is downloaded: 4963 screenshots, landmarks and a sheet.

Ran et al., Sci Data 11:625 (2024), doi 10.57760/sciencedb.15391, CC BY 4.0. Files are called
``NNNNGAA``: case number, sex (0 man, 1 woman) and age. Names, sheet and landmarks are joined on
the case number alone. What the data set has wrong is put right where that is certain, and every
time a fault says so.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from training.errors import DataError
from training.sources.duplicates import grouped
from training.sources.labelme import read_labelme
from training.sources.landmarks import put_right
from training.sources.sheet import Case, Sheet, read_sheet
from training.sources.survey import Survey, looks_inverted, survey_all
from training.values import Fault, FilmRecord, FilmSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

IMAGES: Final = "datasets-PNG"
LANDMARKS: Final = "datasets-JSON"
SHEETS: Final = ("datasets.xlsx", "dataset.xlsx")
_SUFFIXES: Final = (".png", ".jpg", ".jpeg")
_NAME: Final = re.compile(r"(\d{4})([01])(\d{2})")
_SEX: Final = {"0": "M", "1": "F"}


@dataclass(frozen=True, slots=True)
class _Layout:
    images: Path
    landmarks: Path | None
    sheet: Path | None


def find_images(folder: Path) -> Path | None:
    """The folder of images of a download somewhere below a folder, or None."""
    return next(iter(_named(folder, (IMAGES,), directory=True)), None)


def read_csxa(folder: Path, progress: Callable[[int, int], None]) -> FilmSet:
    """Read a download, whole or in part, also when it was unpacked into a folder too many.

    Args:
        folder: Somewhere above ``datasets-PNG``, ``datasets-JSON`` and ``datasets.xlsx``.
        progress: Told how many films were looked at, of how many.

    Returns:
        The films, by name. Landmarks are anterior first; toolbars and the like are masked.

    Raises:
        DataError: There are no images, or the sheet cannot be read.
    """
    faults: list[Fault] = []
    layout = _layout(folder, faults)
    images = _images(layout, faults)
    annotations = _annotations(layout, images, faults)
    sheet = read_sheet(layout.sheet) if layout.sheet else Sheet({}, ())
    faults.extend(sheet.faults)
    surveys = survey_all(list(images.values()), progress)
    films = []
    for (film, path), seen in zip(images.items(), surveys, strict=True):
        if isinstance(seen, str):
            faults.append(Fault(film, seen, "left out", "unreadable-film"))
            continue
        points = _landmarks(film, annotations.get(film), seen, faults)
        case = sheet.cases.get(int(film[:4]))
        if case is None and layout.sheet:
            what = f"no row for case {film[:4]} in the sheet"
            faults.append(Fault(film, what, "read without labels", "missing-row"))
        films.append(_record(film, path, seen, points, case, faults))
    faults.extend(_without_image(sheet, images))
    return FilmSet("csxa", *grouped(films, [s for s in surveys if isinstance(s, Survey)], faults))


def _layout(folder: Path, faults: list[Fault]) -> _Layout:
    images = find_images(folder)
    if images is None:
        raise DataError(f"{folder} holds no folder {IMAGES}: unpack {IMAGES}.zip into it.")
    found = {}
    for names, directory in (((LANDMARKS,), True), (SHEETS, False)):
        places = _named(folder, names, directory=directory)
        found[names[0]] = places[0] if places else None
        if len(places) > 1:
            what = f"{len(places)} of the name {names[0]}"
            faults.append(Fault("", what, f"{places[0]} taken", "several-copies"))
        if not places:
            done = "read without landmarks" if directory else "read without labels"
            faults.append(Fault("", f"no {names[0]} below {folder}", done, "missing-part"))
    return _Layout(images, found[LANDMARKS], found[SHEETS[0]])


def _named(folder: Path, names: Iterable[str], *, directory: bool) -> list[Path]:
    """Files or folders of a name below a folder, the highest first; whatever case it has."""
    wanted = {name.lower() for name in names}
    found = [
        path
        for path in [folder, *folder.rglob("*")]
        if path.name.lower() in wanted and path.is_dir() == directory and not _is_litter(path)
    ]
    return sorted(found, key=lambda path: (len(path.parts), path))


def _is_litter(path: Path) -> bool:
    """Whether an archiver of macOS or a running spreadsheet program left it there."""
    return path.name.startswith(("._", "~$")) or "__MACOSX" in path.parts


def _images(layout: _Layout, faults: list[Fault]) -> dict[str, Path]:
    """The images by name; those whose name says nothing are left out."""
    found: dict[str, Path] = {}
    for path in sorted(layout.images.rglob("*")):
        if _is_litter(path) or not path.is_file():
            continue
        if path.suffix.lower() not in _SUFFIXES:
            what = f"{path.name} is no image by its name"
            faults.append(Fault("", what, "left out", "other-file"))
        elif not _NAME.fullmatch(path.stem):
            what = f"{path.name} is not named by case number, sex and age"
            faults.append(Fault("", what, "left out", "odd-name"))
        elif path.stem in found:
            what = f"{path.name} stands twice, also in {found[path.stem].parent.name}"
            faults.append(Fault(path.stem, what, "the first taken", "double-image"))
        else:
            found[path.stem] = path
    if not found:
        raise DataError(
            f"{layout.images} holds no image named by case number, sex and age, such as "
            "0001035.png: unpack the archive of images again."
        )
    return found


def _annotations(layout: _Layout, images: dict[str, Path], faults: list[Fault]) -> dict[str, Path]:
    """The landmark file of each image: of the same name, or of the same case number."""
    if layout.landmarks is None:
        return {}
    files = {
        path.stem: path
        for path in sorted(layout.landmarks.rglob("*.json"), reverse=True)
        if not _is_litter(path)
    }
    by_case: dict[str, list[str]] = defaultdict(list)
    for stem in files:
        by_case[stem[:4]].append(stem)
    found = {}
    for film in images:
        if film in files:
            found[film] = files.pop(film)
        elif len(by_case[film[:4]]) == 1 and by_case[film[:4]][0] in files:
            found[film] = files.pop(by_case[film[:4]][0])
            what = f"the landmarks of the case are called {found[film].name}"
            faults.append(Fault(film, what, "joined by case number", "name-differs"))
        else:
            faults.append(Fault(film, "no landmark file", "read without landmarks", "missing-json"))
    faults.extend(
        Fault("", f"{stem}.json has no image", "left out", "json-without-image")
        for stem in sorted(files)
    )
    return found


def _landmarks(
    film: str, path: Path | None, seen: Survey, faults: list[Fault]
) -> NDArray[np.float32] | None:
    if path is None:
        return None
    read = read_labelme(path, film, seen.size)
    if isinstance(read, Fault):
        faults.append(read)
        return None
    faults.extend(read.faults)
    points, found = put_right(read.points, film)
    faults.extend(found)
    return points


def _record(
    film: str,
    path: Path,
    seen: Survey,
    points: NDArray[np.float32] | None,
    case: Case | None,
    faults: list[Fault],
) -> FilmRecord:
    number, sex, age = film[:4], film[4], film[5:]
    named = Case(int(number), _SEX[sex], float(age), None, "", 0)
    known = case or named
    for word, stated, by_name in (
        ("sex", known.sex, named.sex),
        ("age", known.age_years, named.age_years),
    ):
        if stated not in ("", None, by_name):
            what = f"{word} is {by_name} in the name and {stated} in the sheet"
            faults.append(Fault(film, what, "the sheet's taken", f"{word}-differs"))
    inverted = points is not None and looks_inverted(seen, points)
    if inverted:
        what = "bone is dark in this picture"
        faults.append(Fault(film, what, "grey levels turned over", "inverted"))
    if seen.masked:
        what = f"{len(seen.masked)} parts show the screen that it was taken from"
        faults.append(Fault(film, what, "masked", "screenshot"))
    return FilmRecord(
        film=film,
        path=path,
        patient=number,
        group=number,
        labels=_labels(known),
        landmarks=points,
        sex=known.sex or named.sex,
        age_years=named.age_years if known.age_years is None else known.age_years,
        inverted=inverted,
        masked=seen.masked,
        frame=seen.frame,
    )


def _labels(case: Case) -> dict[str, bool | None]:
    """What the sheet says; nobody says whether a film is abnormal."""
    curve = case.curvature
    return {
        "abnormal": None,
        "symptomatic": case.symptomatic,
        "kyphosis": curve == "kyphotic" if curve else None,
        "lost-lordosis": curve == "straight" if curve else None,
        "sigmoid": curve == "sigmoid" if curve else None,
    }


def _without_image(sheet: Sheet, images: Iterable[str]) -> list[Fault]:
    there = {int(film[:4]) for film in images}
    return [
        Fault("", f"case {number:04d} of row {case.row} has no image", "left out", "no-image")
        for number, case in sorted(sheet.cases.items())
        if number not in there
    ]
