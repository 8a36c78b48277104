"""A folder of phantom films with their truth: PNG or DICOM, truth.csv, a contact sheet."""

from __future__ import annotations

import csv
import io
import multiprocessing
import os
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from training.errors import DiskError
from training.files import write_whole
from training.phantom.degrade import severity_of
from training.phantom.films import PIXEL_SPACING_MM, render
from training.phantom.morning import FIRST_FILM_AT
from training.phantom.people import draw_patient
from training.phantom.sites import origin_of
from training.phantom.studies import StudyPlan, image_dataset
from training.phantom.values import DISCS, KEYPOINT_COUNT, Degradation, Film, PhantomCase
from training.processes import end_with_parent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

TRUTH_FILE: Final = "truth.csv"
SHEET_FILE: Final = "contact-sheet.png"
COLUMNS: Final = (
    "file", "patient", "seed", "view", "sex", "age_years", "site", "manufacturer", "abnormal",
    "findings", "levels", "facing", "hardware", "degradations", "severity", "split",
    "pixel_spacing_mm",
)  # fmt: skip

_SHEET_FILMS: Final = 48
_SHEET_COLUMNS: Final = 8
_THUMBNAIL: Final = (168, 204)  # columns, rows of the picture; a line of text comes below
_CAPTION_ROWS: Final = 16
_AHEAD: Final = 8  # films handed out before they are asked for, for each process


@dataclass(frozen=True, slots=True)
class Order:
    """How films are to be written.

    Attributes:
        folder: Where to; exists and is empty.
        seed: Of the whole set; patients follow from it.
        dicom: Whether as DICOM studies, one for each film, or as 16-bit PNG.
        pixel_spacing_mm: None for what is usual: 0.5 as PNG, as DICOM the machine's own.
        processes: How many draw at the same time.
    """

    folder: Path
    seed: int
    dicom: bool = False
    pixel_spacing_mm: float | None = None
    processes: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """A film that is on the disk.

    Attributes:
        row: Its line of the truth.
        thumbnail: uint8 (rows, columns).
    """

    row: tuple[str, ...]
    thumbnail: NDArray[np.uint8]


def write_films(
    order: Order, cases: Sequence[PhantomCase], advance: Callable[[], None] = lambda: None
) -> tuple[str, ...]:
    """Draw cases and write them, then their truth and a contact sheet.

    The truth is written last, and whole: a folder without it was not finished.

    Args:
        order: How.
        cases: What.
        advance: Called after each film.

    Returns:
        The names of the films' files, in the order of the cases.

    Raises:
        DiskError: The disk is full or refuses.
    """
    rows, shown = [], []
    step = max(1, -(-len(cases) // _SHEET_FILMS))
    for number, written in enumerate(_each(order, cases)):
        rows.append(written.row)
        if number % step == 0:
            caption = f"{cases[number].view.value} {' '.join(cases[number].findings)}"
            shown.append((written.thumbnail, caption))
        advance()
    write_whole(order.folder / SHEET_FILE, _contact_sheet(shown))
    write_whole(order.folder / TRUTH_FILE, _table(rows))
    return tuple(row[0] for row in rows)


def _each(order: Order, cases: Sequence[PhantomCase]) -> Iterator[Written]:
    """Write films in this process or in several, and return them in the order of the cases."""
    numbered = list(enumerate(cases))
    if order.processes == 1:
        yield from (_write_one(order, *each) for each in numbered)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(order.processes, context, initializer=end_with_parent) as pool:
        coming = iter(numbered)
        waiting: dict[int, Future[Written]] = {}
        try:
            for number in range(len(numbered)):
                room = order.processes * _AHEAD - len(waiting)
                for each in islice(coming, room):
                    waiting[each[0]] = pool.submit(_write_one, order, *each)
                yield waiting.pop(number).result()
        finally:
            for future in waiting.values():
                future.cancel()


def _write_one(order: Order, number: int, case: PhantomCase) -> Written:
    machine = origin_of(case).machine
    spacing = order.pixel_spacing_mm or (machine.spacing_mm if order.dicom else PIXEL_SPACING_MM)
    film = render(case, spacing)
    at = FIRST_FILM_AT + timedelta(minutes=4 * number)
    patient = draw_patient(order.seed, number, case, at.date())
    content = io.BytesIO()
    if order.dicom:
        name = f"PX{order.seed % 10_000:04d}{number:06d}"
        study = StudyPlan(
            case.seed, patient, at, name, modality=machine.modality, pixel_spacing_mm=spacing
        )
        image_dataset(film, study).save_as(content, enforce_file_format=True)
        file = f"{name}-1.dcm"
    else:
        picture = Image.fromarray(film.pixels * np.uint16(16))
        picture.save(content, "PNG", compress_level=1)
        file = f"{number:05d}.png"
    _put(order.folder / file, content.getvalue())
    return Written((file, patient.identifier, *_truth(film)), _thumbnail(film))


def _put(path: Path, content: bytes) -> None:
    """Write a film; one that does not fit on the disk leaves nothing behind."""
    try:
        path.write_bytes(content)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise DiskError(
            f"{path} could not be written ({error.strerror}): free some space, or choose "
            "another folder with --out; the films before it are whole, the truth is missing."
        ) from error


def _truth(film: Film) -> tuple[str, ...]:
    """Return what is known of a film, in the order of the columns after file and patient."""
    case, origin = film.case, origin_of(film.case)
    levels = [disc for disc, found in zip(DISCS, film.disc_labels, strict=True) if found]
    return (
        str(case.seed),
        case.view.value,
        case.sex,
        f"{case.age_years:g}",
        origin.site.name,
        origin.machine.manufacturer,
        str(int(case.abnormal)),
        " ".join(case.findings),
        " ".join(levels),
        case.facing,
        str(int(case.hardware)),
        " ".join(degradation.value for degradation in case.degradations),
        _severity(case),
        "",
        f"{film.pixel_spacing_mm:.6g}",
        *(f"{value:.2f}" for value in film.keypoints.ravel()),
    )


def _severity(case: PhantomCase) -> str:
    """Return the worst severity of what spoils a film; empty where there is none to speak of."""
    measured = [each for each in case.degradations if each is not Degradation.INVERSION]
    if not measured:
        return ""
    return f"{max(severity_of(case, each) for each in measured):.3f}"


def _table(rows: Sequence[Sequence[str]]) -> bytes:
    stream = io.StringIO(newline="")
    table = csv.writer(stream)
    table.writerow([*COLUMNS, *(f"{axis}{i}" for i in range(KEYPOINT_COUNT) for axis in "xy")])
    table.writerows(rows)
    return stream.getvalue().encode()


def _thumbnail(film: Film) -> NDArray[np.uint8]:
    picture = Image.fromarray((film.pixels >> 4).astype(np.uint8))
    return np.asarray(picture.resize(_THUMBNAIL, Image.Resampling.BOX))


def _contact_sheet(shown: Sequence[tuple[NDArray[np.uint8], str]]) -> bytes:
    """Put thumbnails with a line of text each on one sheet."""
    columns = min(_SHEET_COLUMNS, len(shown))
    wide, high = _THUMBNAIL[0] + 4, _THUMBNAIL[1] + _CAPTION_ROWS
    sheet = Image.new("L", (columns * wide, -(-len(shown) // columns) * high), 30)
    drawing, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=10)
    for number, (thumbnail, caption) in enumerate(shown):
        left, top = number % columns * wide, number // columns * high
        sheet.paste(Image.fromarray(thumbnail), (left, top))
        drawing.text((left + 2, top + _THUMBNAIL[1] + 1), caption[:30], fill=230, font=font)
    content = io.BytesIO()
    sheet.save(content, "PNG")
    return content.getvalue()


def usual_processes(count: int) -> int:
    """Return how many processes to draw so many films with: starting one costs a second."""
    return 1 if count < 60 else len(os.sched_getaffinity(0))  # noqa: PLR2004 - some three seconds of drawing
