"""`training data`: what a data set holds, before anything is trained on it."""

from __future__ import annotations

import argparse
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from training.errors import DataError
from training.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from training.commands import Commands
    from training.sources.summary import Summary
    from training.values import FilmSet

_DESCRIPTION: Final = """\
Report on a data set: films by finding, sex, age, site, manufacturer, view and size, what is
missing, the split that a recipe would make, films that repeat each other, findings that age and
sex alone give away, everything that was wrong with it and what was done, and a contact sheet.

DIR is a download of the Cervical Spine X-ray Atlas (datasets-PNG, datasets-JSON,
datasets.xlsx), a folder that `training phantom` wrote, or a folder of DICOM or image files with
a table. The table is CSV with a column "file" and a column for each finding (abnormal,
spondylosis, spondylosis:C5/C6, listhesis, kyphosis, lost-lordosis, canal-narrowing, swelling,
symptomatic, myelopathy, foraminal-stenosis, or finding:NAME): 1, 0, yes, no or empty for not
known. Columns that it may have: patient, group, sex, age, site, manufacturer, view, hardware,
split (train, tuning, calibration, test), and landmarks x0, y0 ... x22, y22, anterior first; or
LabelMe files beside the films. What it does not say is taken from the DICOM header.
"""
_SHARES: Final = {"train": 0.6, "tuning": 0.1, "calibration": 0.15, "test": 0.15}
_SHOWN: Final = 60


def add_parser(commands: Commands) -> None:
    """Add the sub-command; its ``run`` default is the function of this module."""
    parser = commands.add_parser(
        "data",
        help="report on a data set before training on it",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder of the data set")
    parser.add_argument(
        "--table",
        type=Path,
        metavar="CSV",
        help="table of a folder of films (default: the only CSV file in DIR)",
    )
    parser.add_argument(
        "--columns",
        type=_pair,
        action="append",
        default=[],
        metavar="OURS=THEIRS",
        help="a column of the table that is called otherwise, for instance file=Dateiname; "
        "may be given several times",
    )
    parser.add_argument(
        "--finding", metavar="NAME", help="stratify the split by it (default: the first that can)"
    )
    parser.add_argument(
        "--shares",
        type=_shares,
        default=_SHARES,
        metavar="NAME=SHARE,...",
        help="parts of the split, as shares or counts "
        "(default: train=0.6,tuning=0.1,calibration=0.15,test=0.15)",
    )
    parser.add_argument("--seed", type=int, default=1, help="of the split (default: 1)")
    parser.add_argument(
        "--out", type=Path, metavar="HTML", help="write the whole report to this file as well"
    )
    parser.add_argument(
        "--films",
        type=int,
        default=_SHOWN,
        help=f"most films on the contact sheet of the file (default: {_SHOWN})",
    )
    parser.set_defaults(run=run)


def _pair(text: str) -> tuple[str, str]:
    ours, equals, theirs = text.partition("=")
    if not (ours and equals and theirs):
        raise argparse.ArgumentTypeError(f"{text!r} is not OURS=THEIRS")
    return ours.strip(), theirs.strip()


def _shares(text: str) -> dict[str, float]:
    try:
        return {name: float(share) for name, share in map(_pair, text.split(","))}
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=SHARE,NAME=SHARE") from error


def run(options: argparse.Namespace) -> None:
    """Do what the command line asks for.

    Raises:
        DataError: The data set cannot be read.
        DiskError: The report could not be written.
    """
    from training.sources import open_set  # noqa: PLC0415 - `--help` loads no array library
    from training.sources.looks import look_at_all  # noqa: PLC0415 - as above
    from training.sources.summary import summarise  # noqa: PLC0415 - as above

    if options.seed < 0:
        raise DataError(f"--seed must be 0 or more, not {options.seed}.")
    console = Console()
    with _bar("reading") as progress:
        data = open_set(
            options.folder,
            table=options.table,
            columns=dict(options.columns),
            progress=progress,
        )
    with _bar("looking at films") as progress:
        looks = look_at_all(data.films, progress)
    summary = summarise(
        data, looks, shares=options.shares, seed=options.seed, finding=options.finding
    )
    _show(console, data, summary)
    if options.out:
        from training.sources.contact_sheet import chosen_films, draw_sheet  # noqa: PLC0415
        from training.sources.page import report_page  # noqa: PLC0415 - as above

        chosen = chosen_films(data.films, max(options.films, 0))
        films = [data.films[number] for number in chosen]
        sheet = draw_sheet(films, [looks[number] for number in chosen])
        page = report_page(data, summary, sheet, [film.film for film in films])
        write_whole(options.out, page.encode())
        console.print(f"report in {options.out}", highlight=False)


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show how many films are done, on the error stream."""
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, of: progress.update(task, completed=done, total=of)


def _show(console: Console, data: FilmSet, summary: Summary) -> None:
    """Print the summary."""
    from training.sources.page import warnings  # noqa: PLC0415 - `--help` loads no report

    console.print(
        f"{data.name}: {summary.films} films of {summary.patients} patients in "
        f"{summary.groups} groups, digest {data.digest()[:12]}",
        highlight=False,
        markup=False,
    )
    findings = Table("finding", "with", "without", "not labelled", "AUC of age and sex")
    for one in summary.findings:
        value = "" if one.by_age_and_sex is None else f"{one.by_age_and_sex:.2f}"
        findings.add_row(
            escape(one.finding), *map(str, (one.present, one.absent, one.unknown)), value
        )
    console.print(findings)
    counts = Table("", "films")
    for kind, values in {**summary.strata, "landmarks": summary.landmarks}.items():
        listed = ", ".join(f"{name.strip()} {count}" for name, count in values.items())
        counts.add_row(kind, escape(listed))
    console.print(counts)
    if summary.splits:
        splits = Table("split", "films", "groups", "with", "without", title=escape(summary.finding))
        for part in summary.splits:
            counted = (part.films, part.groups, part.present, part.absent)
            splits.add_row(escape(part.name), *map(str, counted))
        console.print(splits)
    if summary.faults:
        faults = Table("fault", "times", "for instance", "done")
        for kind, count in summary.faults.items():
            first = next(fault for fault in data.faults if fault.kind == kind)
            example = f"{first.film}: {first.what}" if first.film else first.what
            faults.add_row(kind, str(count), escape(example), first.done)
        console.print(faults)
    for leak in summary.leaks[:10]:
        where = "in different groups" if leak.apart else "kept together"
        line = f"{leak.one} and {leak.other}: {leak.why}, {where}"
        console.print(line, highlight=False, markup=False)
    for film, problem in list(summary.problems.items())[:10]:
        console.print(f"{film} cannot be read: {problem}", highlight=False, markup=False)
    for line in warnings(summary):
        console.print(f"[yellow]warning:[/yellow] {escape(line)}", highlight=False)
