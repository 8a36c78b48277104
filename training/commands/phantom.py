"""`training phantom`: draw films with known truth into a folder."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import Progress

from training.phantom.cases import draw_case
from training.phantom.films import render
from training.phantom.morning import FEWEST_STUDIES, FIRST_FILM_AT, write_morning
from training.phantom.people import draw_patient
from training.phantom.studies import StudyPlan, write_study
from training.phantom.values import Film, PhantomCase, View
from triage.errors import PermanentError

if TYPE_CHECKING:
    import argparse

TRUTH_FILE = "truth.csv"

_DESCRIPTION = (
    "Draw cervical spine films with known truth: PNG files (16 bit) with keypoints, DICOM "
    "studies, or a whole morning of studies as the demonstration sends them."
)
_COLUMNS = (
    "file",
    "seed",
    "view",
    "sex",
    "age_years",
    "abnormal",
    "findings",
    "facing",
    "hardware",
)

Advance = Callable[[], None]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the sub-command ``phantom``; its ``run`` default is the function of this module."""
    parser = subparsers.add_parser(
        "phantom", help="draw films with known truth", description=_DESCRIPTION
    )
    parser.add_argument("--out", type=Path, required=True, help="an empty or missing folder")
    parser.add_argument("--count", type=int, default=40, help="how many films (default 40)")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other films (default 1)")
    parser.add_argument(
        "--abnormal-share", type=float, default=0.5, metavar="F", help="0 to 1 (default 0.5)"
    )
    parser.add_argument(
        "--view",
        choices=[view.value for view in View],
        default=View.LATERAL.value,
        help="projection",
    )
    parser.add_argument(
        "--format", choices=("png", "dicom"), default="png", help="what to write (default png)"
    )
    parser.add_argument(
        "--morning", action="store_true", help="a morning of DICOM studies with morning.json"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Draw what the command line asks for.

    Args:
        args: From the parser of ``add_parser``.

    Returns:
        0; whatever is wrong is an error.

    Raises:
        PermanentError: A number is out of range, or the folder cannot be used.
    """
    _check_numbers(args)
    folder = _usable(args.out)
    console = Console(stderr=True)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("drawing films", total=args.count)
        written = _write(folder, args, lambda: progress.advance(task))
    console.print(written)
    return 0


def _check_numbers(args: argparse.Namespace) -> None:
    least = FEWEST_STUDIES if args.morning else 1
    if args.count < least:
        raise PermanentError(f"--count must be at least {least}, not {args.count}.")
    if args.seed < 0:
        raise PermanentError(f"--seed must be 0 or more, not {args.seed}.")
    if not 0 <= args.abnormal_share <= 1:
        raise PermanentError(
            f"--abnormal-share must be between 0 and 1, not {args.abnormal_share:g}: "
            "0.5 makes every second film abnormal."
        )


def _usable(folder: Path) -> Path:
    """Make the folder when it is missing; refuse one that holds anything."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        holds_something = any(folder.iterdir())
    except OSError as error:
        raise PermanentError(
            f"The folder {folder} cannot be made or read ({error.strerror}): give another --out."
        ) from error
    if holds_something:
        raise PermanentError(f"The folder {folder} is not empty: give a new one with --out.")
    if not os.access(folder, os.W_OK):
        raise PermanentError(f"The folder {folder} cannot be written to: give another --out.")
    return folder


def _write(folder: Path, args: argparse.Namespace, advance: Advance) -> str:
    """Write the films, and return a sentence that says what was written."""
    try:
        if args.morning:
            plan = write_morning(folder, seed=args.seed, studies=args.count, advance=advance)
            return f"{plan.studies} studies, {len(plan.items)} items to send, in {folder}"
        cases = _cases(args)
        if args.format == "dicom":
            files = _write_dicom(folder, cases, args.seed, advance)
        else:
            files = _write_png(folder, cases, advance)
    except OSError as error:
        raise PermanentError(
            f"Writing to {folder} failed ({error.strerror}): free some space or give another --out."
        ) from error
    return f"{len(files)} films with {TRUTH_FILE} in {folder}"


def _cases(args: argparse.Namespace) -> list[PhantomCase]:
    """Draw as many abnormal cases as the share asks for, in random order."""
    rng = np.random.default_rng((args.seed, 200))
    abnormal = np.arange(args.count) < round(args.count * args.abnormal_share)
    rng.shuffle(abnormal)
    seeds = rng.integers(0, 2**31, args.count)
    return [
        draw_case(int(seed), abnormal=bool(flag), view=View(args.view))
        for seed, flag in zip(seeds, abnormal, strict=True)
    ]


def _write_png(folder: Path, cases: list[PhantomCase], advance: Advance) -> list[str]:
    """Write 16-bit PNG files, and the truth with the keypoints."""
    files, points = [], []
    for number, case in enumerate(cases):
        film = render(case)
        files.append(f"{number:05d}.png")
        points.append(_flat_keypoints(film))
        Image.fromarray(film.pixels * np.uint16(16)).save(folder / files[-1])
        advance()
    _write_truth(folder, files, cases, points)
    return files


def _write_dicom(folder: Path, cases: list[PhantomCase], seed: int, advance: Advance) -> list[str]:
    """Write one DICOM study for each case, and the truth."""
    files = []
    for number, case in enumerate(cases):
        at = FIRST_FILM_AT + timedelta(minutes=4 * number)
        patient = draw_patient(seed, number, case, at.date())
        study = StudyPlan(case.seed, patient, at, f"PX{seed % 10_000:04d}{number:06d}")
        files += [path.name for path in write_study(folder, (case,), study=study)]
        advance()
    _write_truth(folder, files, cases, [[] for _ in cases])
    return files


def _flat_keypoints(film: Film) -> list[str]:
    return [f"{value:.2f}" for value in film.keypoints.ravel()]


def _write_truth(
    folder: Path, files: list[str], cases: list[PhantomCase], points: list[list[str]]
) -> None:
    """Write one line for each film: what it shows, then x and y of the keypoints if known."""
    places = [f"{axis}{index}" for index in range(len(points[0]) // 2) for axis in "xy"]
    with (folder / TRUTH_FILE).open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow([*_COLUMNS, *places])
        for file, case, keypoints in zip(files, cases, points, strict=True):
            table.writerow([file, *_truth(case), *keypoints])


def _truth(case: PhantomCase) -> list[str]:
    """Return the columns of a case after its file, in the order of the header."""
    return [
        str(case.seed),
        case.view.value,
        case.sex,
        f"{case.age_years:g}",
        str(int(case.abnormal)),
        " ".join(case.findings),
        case.facing,
        str(int(case.hardware)),
    ]
