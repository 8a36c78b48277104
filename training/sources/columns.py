"""Which column of a table is what: by our names, by usual other names, or as the user says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from training.errors import DataError
from training.phantom.values import DISCS, VERTEBRAE
from training.sources.landmarks import COUNT
from training.values import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from training.sources.cells import Cells

FINDINGS: Final = (
    "abnormal",
    "spondylosis",
    *(f"spondylosis:{disc}" for disc in DISCS),
    "listhesis",
    *(f"listhesis:{disc}" for disc in DISCS),
    "kyphosis",
    "lost-lordosis",
    "sigmoid",
    "canal-narrowing",
    *(f"canal-narrowing:{vertebra}" for vertebra in VERTEBRAE),
    "swelling",
    "symptomatic",
    "myelopathy",
    "foraminal-stenosis",
)
FACTS: Final = {
    "file": ("file", "filename", "file name", "path", "file path", "image", "image path", "film"),
    "patient": ("patient", "patient id", "patientid", "subject", "subject id"),
    "group": ("group",),
    "sex": ("sex", "gender", "patient sex"),
    "age_years": ("age years", "age", "patient age"),
    "site": ("site", "hospital", "institution", "centre", "center"),
    "manufacturer": ("manufacturer", "vendor"),
    "view": ("view", "projection", "view position"),
    "hardware": ("hardware", "implant", "metal"),
    "split": ("split", "subset", "set", "partition"),
}
LANDMARKS: Final = tuple(f"{axis}{index}" for index in range(COUNT) for axis in "xy")
OWN_FINDING: Final = "finding:"  # begins the header of a finding that the list does not have


@dataclass(frozen=True, slots=True)
class Columns:
    """Where things stand.

    Attributes:
        facts: For names of `FACTS` the column of the file.
        findings: For findings the column of the file.
        landmarks: For x0, y0 ... y22 the column of the file; all of them or none.
        faults: Columns that nobody reads.
    """

    facts: Mapping[str, str]
    findings: Mapping[str, str]
    landmarks: Mapping[str, str]
    faults: tuple[Fault, ...]


def known_columns(cells: Cells, chosen: Mapping[str, str]) -> Columns:
    """Find the columns of a table.

    Args:
        cells: The table.
        chosen: For our names the columns of the file, where they are called otherwise.

    Raises:
        DataError: There is no column of files or of findings, a column is chosen that there is
            not, two columns are the same thing, or some landmarks have a column and others not.
    """
    usual = {name: meaning for meaning, names in FACTS.items() for name in names}
    usual |= {_plain(name): name for name in (*FINDINGS, *LANDMARKS)}
    found: dict[str, str] = {}
    faults = []
    for ours, theirs in chosen.items():
        _check_choice(cells, ours, theirs)
        found[ours] = theirs
    for name in cells.names:
        if not name or name in found.values():
            continue
        own = name[len(OWN_FINDING) :].strip() if name.lower().startswith(OWN_FINDING) else ""
        meaning = own or usual.get(_plain(name), "")
        if not meaning:
            faults.append(_unused(cells, name, list(usual)))
        elif meaning in found and meaning not in chosen:
            raise DataError(
                f"{cells.path}, line 1: the columns {found[meaning]!r} and {name!r} are both "
                f"{meaning!r}: say which with --columns {meaning}=NAME, or rename one."
            )
        elif meaning not in chosen:
            found[meaning] = name
    return _checked(cells, found, tuple(faults))


def _plain(name: str) -> str:
    """A name without case, and with one space for whatever separates its words."""
    return " ".join(re.split(r"[\s_\-.:/]+", name.lower())).strip()


def _check_choice(cells: Cells, ours: str, theirs: str) -> None:
    if theirs not in cells.names:
        raise DataError(
            f"{cells.path} has no column {theirs!r} for {ours!r}; it has: "
            f"{', '.join(filter(None, cells.names))}."
        )


def _unused(cells: Cells, name: str, usual: list[str]) -> Fault:
    near = get_close_matches(_plain(name), usual, n=1)
    hint = f": is it {near[0]!r}?" if near else ""
    what = f"{cells.path.name}, line 1: the column {name!r} is none that is known{hint}"
    return Fault("", what, "not read", "unused-column")


def _checked(cells: Cells, found: dict[str, str], faults: tuple[Fault, ...]) -> Columns:
    names = ", ".join(filter(None, cells.names))
    landmarks = {name: found[name] for name in LANDMARKS if name in found}
    findings = {
        name: column
        for name, column in found.items()
        if name not in FACTS and name not in LANDMARKS
    }
    if "file" not in found:
        raise DataError(
            f"{cells.path}, line 1: no column names the files; there are: {names}. Call one of "
            "them file, or say which with --columns file=NAME."
        )
    if not findings:
        raise DataError(
            f"{cells.path}, line 1: no column is a finding; there are: {names}. Call one of them "
            "abnormal (or another finding, or finding:NAME), or use --columns abnormal=NAME."
        )
    if landmarks and len(landmarks) < len(LANDMARKS):
        lacks = next(name for name in LANDMARKS if name not in landmarks)
        raise DataError(
            f"{cells.path}, line 1: there are columns of landmarks, but none called {lacks!r}: "
            f"all of x0, y0 to x{COUNT - 1}, y{COUNT - 1} are needed, or none."
        )
    facts = {name: column for name, column in found.items() if name in FACTS}
    return Columns(facts, findings, landmarks, faults)
