"""`training phantom`: draw films with known truth into a folder."""

from __future__ import annotations

import argparse
import os
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress

from training.errors import DataError, DiskError
from training.phantom.degrade import SCALES, SHOWN_SEVERITIES, shift_levels
from training.phantom.folder import SHEET_FILE, TRUTH_FILE, Order, usual_processes, write_films
from training.phantom.mixture import FINDING_LEVELS, Wishes, draw_cases
from training.phantom.morning import FEWEST_STUDIES, write_morning
from training.phantom.sites import SITES
from training.phantom.values import Degradation, View

if TYPE_CHECKING:
    from collections.abc import Callable

_DESCRIPTION = (
    "Draw cervical spine films with known truth: 16-bit PNG files or DICOM studies with "
    f"{TRUTH_FILE} (what each film shows, and its keypoints) and {SHEET_FILE}; or a whole "
    "morning of studies as the demonstration sends them."
)
_FINDINGS_HELP = (
    "these findings on every film, separated by commas: "
    + ", ".join(
        f"{kind}:{levels[-1]}" if levels else kind for kind, levels in FINDING_LEVELS.items()
    )
    + " (default: by chance, as --abnormal-share says)"
)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the sub-command ``phantom``; its ``run`` default is the function of this module."""
    parser = subparsers.add_parser(
        "phantom",
        help="draw films with known truth",
        description=textwrap.fill(_DESCRIPTION, 79),
        epilog=_severities(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--out", type=Path, required=True, help="an empty or missing folder")
    add("--count", type=int, default=40, help="how many films (default 40)")
    add("--seed", type=int, default=1, help="another seed, other films (default 1)")
    add("--format", choices=("png", "dicom"), default="png", help="what to write (default png)")
    add(
        "--processes", type=int, metavar="N",
        help="how many processes draw (default: one for few films, else one for each core)",
    )  # fmt: skip
    add(
        "--pixel-spacing", type=float, metavar="MM",
        help="millimetres per pixel (default 0.5 for PNG, for DICOM that of the machine)",
    )  # fmt: skip
    add("--morning", action="store_true", help="a morning of DICOM studies with morning.json")
    _add_choices(parser.add_argument_group("which films"))
    parser.set_defaults(run=run)


def _severities() -> str:
    """Return a table of what severities amount to."""
    shown = "".join(f"{severity:>8g}" for severity in SHOWN_SEVERITIES)
    lines = [f"what --severity means{'':10}{shown}"]
    for degradation, levels in shift_levels().items():
        amounts = "".join(f"{amount:>8.2g}" for amount in levels.values())
        lines.append(f"  {degradation.value:<29}{amounts}  {SCALES[degradation].quantity}")
    return "\n".join(lines)


def _add_choices(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--mix", action="store_true",
        help="a natural mixture: mostly ordinary laterals, some other views, hardware, children, "
        "spoilt films",
    )  # fmt: skip
    add("--abnormal-share", type=float, default=0.5, metavar="F", help="0 to 1 (default 0.5)")
    add("--view", choices=[view.value for view in View], help="projection (default lateral)")
    add("--findings", metavar="LIST", help=_FINDINGS_HELP)
    add(
        "--degradation", action="append", default=[], choices=[each.value for each in Degradation],
        help="spoil every film in this way; may be given several times",
    )  # fmt: skip
    add(
        "--severity", type=float, metavar="F",
        help="how much the films are spoilt: 0 is just beyond ordinary, 1 is gross (default: by "
        "chance, heavily)",
    )  # fmt: skip
    add("--age", metavar="YEARS", help="an age, or a range as 4-12 (default: adults as they come)")
    add(
        "--hardware", action="store_true", help="plates, screws, cages, rods or wires on every film"
    )
    add(
        "--sites", type=int, default=len(SITES), metavar="N",
        help=f"how many hospitals the films come from, 1 to {len(SITES)} (default {len(SITES)})",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Draw what the command line asks for.

    Args:
        args: From the parser of ``add_parser``.

    Returns:
        0; whatever is wrong is an error.

    Raises:
        DataError: A number is out of range, or the folder cannot be used.
        DiskError: The disk is full or refuses.
    """
    _check_numbers(args)
    _check_choices(args)
    wishes = _wishes(args)
    folder = _usable(args.out)
    console = Console(stderr=True)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("drawing films", total=args.count)
        written = _write(folder, args, wishes, lambda: progress.advance(task))
    console.print(written, highlight=False)
    return 0


def _check_numbers(args: argparse.Namespace) -> None:
    least = FEWEST_STUDIES if args.morning else 1
    if args.count < least:
        raise DataError(f"--count must be at least {least}, not {args.count}.")
    if args.seed < 0:
        raise DataError(f"--seed must be 0 or more, not {args.seed}.")
    if not 0 <= args.abnormal_share <= 1:
        raise DataError(
            f"--abnormal-share must be between 0 and 1, not {args.abnormal_share:g}: "
            "0.5 makes every second film abnormal."
        )
    if args.severity is not None and not 0 <= args.severity <= 1:
        raise DataError(
            f"--severity must be between 0 and 1, not {args.severity:g}: 1 spoils a film grossly."
        )
    if not 1 <= args.sites <= len(SITES):
        raise DataError(f"--sites must be between 1 and {len(SITES)}, not {args.sites}.")
    if args.processes is not None and args.processes < 1:
        raise DataError(f"--processes must be at least 1, not {args.processes}.")
    if args.pixel_spacing is not None and not 0.1 <= args.pixel_spacing <= 2:  # noqa: PLR2004 - sizes that can be drawn
        raise DataError(
            f"--pixel-spacing must be between 0.1 and 2 mm, not {args.pixel_spacing:g}: "
            "0.2 is that of a detector."
        )


def _check_choices(args: argparse.Namespace) -> None:
    """Refuse options that contradict each other."""
    chosen = [
        name
        for name, given in (
            ("--view", args.view), ("--degradation", args.degradation),
            ("--severity", args.severity is not None), ("--age", args.age),
            ("--hardware", args.hardware),
        )
        if given
    ]  # fmt: skip
    if args.morning and (chosen or args.mix or args.findings):
        raise DataError("--morning decides on every film itself: leave out the other choices.")
    if args.mix and chosen:
        raise DataError(f"--mix decides on {chosen[0]} itself: leave one of the two out.")
    if args.severity is not None and not args.degradation:
        raise DataError("--severity needs a --degradation whose severity it is.")


def _wishes(args: argparse.Namespace) -> Wishes:
    return Wishes(
        count=args.count,
        seed=args.seed,
        abnormal_share=args.abnormal_share,
        mixture=args.mix,
        view=View(args.view or View.LATERAL.value),
        findings=None if args.findings is None else _findings(args.findings),
        degradations=tuple(Degradation(name) for name in dict.fromkeys(args.degradation)),
        severity=args.severity,
        ages_years=None if args.age is None else _ages(args.age),
        hardware=args.hardware,
        sites=args.sites,
    )


def _findings(text: str) -> tuple[str, ...]:
    """Read findings as they are written on the command line."""
    found = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in found:
        kind, _, level = name.partition(":")
        if kind not in FINDING_LEVELS:
            raise DataError(
                f"--findings does not know {kind!r}: it knows {', '.join(FINDING_LEVELS)}."
            )
        levels = FINDING_LEVELS[kind]
        if level not in (levels or ("",)):
            wanted = f"needs a level, one of {', '.join(levels)}" if levels else "has no level"
            raise DataError(f"--findings {name!r}: {kind} {wanted}.")
    return found


def _ages(text: str) -> tuple[float, float]:
    first, _, second = text.partition("-")
    try:
        youngest, oldest = float(first), float(second or first)
    except ValueError as error:
        raise DataError(f"--age {text!r} is neither an age nor a range as 4-12.") from error
    if not 1 <= youngest <= oldest <= 100:  # noqa: PLR2004 - ages that the phantom knows
        raise DataError(f"--age {text!r} must lie between 1 and 100, the younger age first.")
    return youngest, oldest


def _usable(folder: Path) -> Path:
    """Make the folder when it is missing; refuse one that holds anything."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        holds_something = any(folder.iterdir())
    except OSError as error:
        raise DataError(
            f"The folder {folder} cannot be made or read ({error.strerror}): give another --out."
        ) from error
    if holds_something:
        raise DataError(f"The folder {folder} is not empty: give a new one with --out.")
    if not os.access(folder, os.W_OK):
        raise DataError(f"The folder {folder} cannot be written to: give another --out.")
    return folder


def _write(
    folder: Path, args: argparse.Namespace, wishes: Wishes, advance: Callable[[], None]
) -> str:
    """Write the films, and return a sentence that says what was written."""
    if args.morning:
        try:
            plan = write_morning(folder, seed=args.seed, studies=args.count, advance=advance)
        except OSError as error:
            raise DiskError(
                f"Writing to {folder} failed ({error.strerror}): free some space or give "
                "another --out."
            ) from error
        return f"{plan.studies} studies, {len(plan.items)} items to send, in {folder}"
    order = Order(
        folder=folder,
        seed=args.seed,
        dicom=args.format == "dicom",
        pixel_spacing_mm=args.pixel_spacing,
        processes=args.processes or usual_processes(args.count),
    )
    files = write_films(order, draw_cases(wishes), advance)
    return f"{len(files)} films with {TRUTH_FILE} and {SHEET_FILE} in {folder}"
