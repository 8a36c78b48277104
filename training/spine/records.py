"""Films of a data set for our own recipe: as arrays, with what the data say of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from training.certify.seen import film_digest
from training.sources.pixels import landmarks_in_frame, read_grey
from training.spine.films import Films, child_label, stacked
from training.spine.findings import COMPONENTS, FINDINGS, Finding
from triage.codes import private_code
from triage.vision.geometry import BODIES, DISCS, LANDMARKS
from triage.vision.networks import ATTRIBUTES
from triage.vision.pixels import prepare
from triage.vision.readers import Components

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from training.processes import Crew
    from training.spine.films import Row
    from training.values import FilmRecord
    from triage.vision.path import PixelPath
    from triage.vision.pixels import PreparedFilm

_LONGEST_CODE: Final = 16  # Code Value is an SH, PS3.5 6.2
_LEVELS: Final = frozenset((*DISCS, *BODIES))


def labelled_findings(
    records: Sequence[FilmRecord],
) -> tuple[tuple[Finding, ...], dict[str, str]]:
    """What can be learnt from the labels of training films.

    Args:
        records: The training films.

    Returns:
        The findings of which there are films with and without, in the order of the data, and
        for every other name why it is left out.
    """
    names = dict.fromkeys(name for record in records for name in record.labels)
    chosen, left_out = [], {}
    for name in names:
        known = {record.labels.get(name) for record in records} - {None}
        if len(known) == 2:  # noqa: PLR2004 - films with it and films without
            chosen.append(name)
        else:
            which = "every film has it" if True in known else "no film has it"
            left_out[name] = which if known else "no film is labelled"
    return tuple(_finding(name, chosen) for name in chosen if _stands(name, chosen)), left_out


def _stands(name: str, chosen: Sequence[str]) -> bool:
    """Whether a finding has an entry of its own: a level has one where its kind has one."""
    kind, _, level = name.partition(":")
    return not level or (kind in chosen and level in _LEVELS)


def _finding(name: str, chosen: Sequence[str]) -> Finding:
    """The entry of a finding: the phantom's, where it knows it."""
    known = next((one for one in FINDINGS if one.name == name), None)
    if known is None:
        title = name.replace("-", " ").capitalize()
        code = private_code(name.upper()[:_LONGEST_CODE], title)
        return Finding(name, title, code, (name,), of=name.partition(":")[0] * (":" in name))
    of = known.of if known.of in chosen else ""
    return Finding(name, known.title, known.code, (name,), known.site, of)


def components_of(findings: Sequence[Finding]) -> Components:
    """What a reader must look for, window by window; what belongs to no window is in the spine."""
    kinds = dict.fromkeys(finding.name.partition(":")[0] for finding in findings)
    return Components(
        disc=tuple(kind for kind in kinds if kind in COMPONENTS.disc),
        vertebra=tuple(kind for kind in kinds if kind in COMPONENTS.vertebra),
        spine=tuple(kind for kind in kinds if kind not in (*COMPONENTS.disc, *COMPONENTS.vertebra)),
    )


def known_truth(records: Sequence[FilmRecord], findings: Sequence[Finding]) -> NDArray[np.float32]:
    """What the data say of each finding (n, findings): 1 or 0, NaN where nothing."""
    rows = [[_number(record.labels.get(one.name)) for one in findings] for record in records]
    return np.array(rows, np.float32).reshape(len(records), len(findings))


def _number(label: bool | None) -> float:
    return np.nan if label is None else float(label)


def record_films(
    crew: Crew, records: Sequence[FilmRecord], path: PixelPath, columns: tuple[str, ...]
) -> Films:
    """Read films, take them through the pixel path and add what the data say; in their order."""
    rows = list(crew.each(partial(_row, path=path, columns=columns), records))
    films = stacked(rows)
    return Films(films.images, films.landmarks, films.attributes, films.components, columns)


def prepared_record(record: FilmRecord, path: PixelPath) -> PreparedFilm:
    """A film through the pixel path."""
    return prepare(read_grey(record), path)


def record_digest(record: FilmRecord) -> str:
    """The digest of a film's grey values."""
    return film_digest(read_grey(record))


def placed_landmarks(record: FilmRecord, film: PreparedFilm) -> NDArray[np.float32]:
    """The landmarks (23, 2) that the data give, in pixels of the square; NaN where none are."""
    points = landmarks_in_frame(record)
    if points is None:
        return np.full((LANDMARKS, 2), np.nan, np.float32)
    return film.placement.to_square(points)


def _row(record: FilmRecord, path: PixelPath, columns: tuple[str, ...]) -> Row:
    film = prepared_record(record, path)
    lateral = record.view == "lateral"
    said = {
        "lateral": float(lateral),
        "inverted": 0.0,  # whatever the file held has been turned over
        "hardware": _number(record.hardware),
        "child": np.nan if record.age_years is None else child_label(record.age_years),
        "text": np.nan,
    }
    return (
        film.image.astype(np.float16),
        placed_landmarks(record, film),
        np.array([said[name] for name in ATTRIBUTES], np.float32),
        np.array([_number(record.labels.get(name)) for name in columns], np.float32),
    )
