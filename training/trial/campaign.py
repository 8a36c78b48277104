"""The trial itself: cell after cell, each kept on disk, so that a stopped trial goes on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from training.errors import RunError
from training.files import write_whole
from training.phantom.sites import origin_of_seed
from training.predictions import PREDICTIONS, Prediction, write_predictions
from training.processes import Crew
from training.trial.films import TrialFilm, read_back, written
from training.trial.looks import MANY_FILMS, Claim, Looks, clearly_stopped, settled
from training.trial.reading import Task, read_film
from training.trial.shifts import Shift, every_shift
from training.trial.verdicts import Line, line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from training.progress import Stages
    from triage.vision.bundle import Bundle

TRIAL: Final = "trial.json"
_SCHEMA: Final = "cspine-triage-trial/2"

# Seeds of a trial lie far beyond those that recipes draw from, each cell in a span of its own.
_FIRST_SEED: Final = 10**12
_SEEDS_SPAN: Final = 10**9
_CELL_SPAN: Final = 10**6

_BATCH: Final = 60  # films between two questions whether a cell needs more


@dataclass(frozen=True, slots=True)
class TrialPlan:
    """How much is drawn.

    Attributes:
        films: Films as they come.
        cell_films: The most for each shift; fewer where they already show what there is, see
            `training.trial.looks`.
        seed: Everything random follows from it.
    """

    films: int = 3000
    cell_films: int = 10_000
    seed: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A finished trial.

    Attributes:
        bundle_digest: Of the bundle that was tried.
        findings: Names of its findings.
        claim: What its certificate says; None where it has none.
        plan: How much was drawn.
        lines: The table, films as they come first.
        cells: The films of each shift, in the order of the lines.
    """

    bundle_digest: str
    findings: tuple[str, ...]
    claim: Claim | None
    plan: TrialPlan
    lines: tuple[Line, ...]
    cells: tuple[tuple[Shift, tuple[TrialFilm, ...]], ...]

    @property
    def films(self) -> tuple[TrialFilm, ...]:
        """The films as they come."""
        return next((films for shift, films in self.cells if shift.as_they_come), ())


def run_trial(
    bundle: Bundle,
    out: Path,
    plan: TrialPlan,
    stages: Stages,
    *,
    processes: int,
    shifts: Sequence[Shift] = every_shift(),
) -> Trial:
    """Try a bundle; cells that are on disk already are not drawn again.

    Args:
        bundle: What is tried.
        out: Folder of the trial.
        plan: How much is drawn.
        stages: Shows what goes on.
        processes: Processes that draw and read.
        shifts: Which cells.

    Returns:
        What came out; it lies in the folder too, with ``predictions.csv`` of the films as
        they come.

    Raises:
        RunError: A file of the folder is damaged.
        DiskError: Something could not be written.
    """
    claim = claim_of(bundle)
    most = [plan.films if shift.as_they_come else plan.cell_films for shift in shifts]
    cells = {}
    looks = None if claim is None else Looks.planned(claim)
    work = partial(read_film, bundle=bundle.folder)
    with (
        Crew(processes, stages.advance) as crew,
        stages.stage("trial", sum(most)),
    ):
        for number, (shift, films) in enumerate(zip(shifts, most, strict=True)):
            place = out / "cells" / f"{_slug(shift)}.json"
            key = _key(bundle, plan, shift)
            cells[shift], drawn = _kept(place, key), 0
            if not cells[shift]:
                cells[shift] = _read_cell(
                    partial(crew.each, work), shift, (number, plan.seed), films, looks
                )
                _keep(place, key, cells[shift])
                drawn = len(cells[shift])
            for _ in range(films - drawn):  # what the cell could do without
                stages.advance()
    trial = Trial(
        bundle.identity.digest,
        tuple(finding.name for finding in bundle.findings),
        claim,
        plan,
        _lines(cells, claim, looks, bundle),
        tuple((shift, tuple(films)) for shift, films in cells.items()),
    )
    write_predictions(out / PREDICTIONS, predictions(trial))
    write_whole(out / TRIAL, _trial_content(trial))
    return trial


def plan_of(out: Path, bundle: Bundle) -> TrialPlan | None:
    """How much was drawn in a trial of a bundle that lies in a folder; None where none does.

    Raises:
        RunError: Its table is damaged.
    """
    place = out / TRIAL
    if not place.is_file():
        return None
    try:
        content = json.loads(place.read_text())
        if content["bundle"] != bundle.identity.digest:
            return None
        return TrialPlan(**content["plan"])
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{place} is damaged ({error}): delete it and try again.") from error


def claim_of(bundle: Bundle) -> Claim | None:
    """What a bundle's certificate says; None where it rules nothing out."""
    shown = bundle.certificate
    return None if shown is None else Claim(shown.alpha, shown.delta)


def _slug(shift: Shift) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in shift.name)


def _key(bundle: Bundle, plan: TrialPlan, shift: Shift) -> str:
    """What a cell on disk must have been made with to be used again."""
    most = plan.films if shift.as_they_come else plan.cell_films
    text = f"{_SCHEMA} {bundle.identity.digest} {plan.seed} {most} {shift}"
    return hashlib.sha256(text.encode()).hexdigest()


def _kept(place: Path, key: str) -> list[TrialFilm]:
    """The films of a cell that is on disk; none where it was made with something else."""
    if not place.is_file():
        return []
    try:
        content = json.loads(place.read_text())
        if content["key"] != key:
            return []
        films = content["films"]
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{place} is damaged ({error}): delete it and try again.") from error
    return [read_back(film, str(place)) for film in films]


def _keep(place: Path, key: str, films: Sequence[TrialFilm]) -> None:
    content = {"key": key, "films": [written(film) for film in films]}
    write_whole(place, json.dumps(content).encode())


def _read_cell(
    read: Callable[[Sequence[Task]], Iterable[TrialFilm]],
    shift: Shift,
    place: tuple[int, int],
    most: int,
    looks: Looks | None,
) -> list[TrialFilm]:
    """Draw and read the films of a cell, batch by batch, until they show what there is."""
    cell, seed = place
    first = _FIRST_SEED + seed * _SEEDS_SPAN + cell * _CELL_SPAN
    films: list[TrialFilm] = []
    done = False
    while len(films) < most and not done:
        known = len(films)
        numbers = range(known, min(known + _BATCH, most))
        films += read([Task(shift, first + number, number) for number in numbers])
        done = not shift.as_they_come and _is_enough(films, known, looks)
    return films


def _is_enough(films: Sequence[TrialFilm], known: int, looks: Looks | None) -> bool:
    """Whether a cell needs no more films; without a claim only the gates have to be seen."""
    if looks is None:
        return clearly_stopped(films) or len(films) >= MANY_FILMS
    return settled(films, known, looks)


def _lines(
    cells: dict[Shift, list[TrialFilm]], claim: Claim | None, looks: Looks | None, bundle: Bundle
) -> tuple[Line, ...]:
    shared = None if looks is None else looks.claim
    names = [finding.name for finding in bundle.findings]
    column = names.index("abnormal") if "abnormal" in names else None
    return tuple(
        line((shift.kind, shift.level), films, claim if shift.as_they_come else shared, column)
        for shift, films in cells.items()
    )


def predictions(trial: Trial) -> list[Prediction]:
    """The films as they come, one line for each finding."""
    return [
        Prediction(
            film=f"phantom-{film.seed}",
            patient=f"phantom-{film.seed}",
            split="test",
            finding=name,
            truth=film.truth[column],
            score=sum(row[column] for row in film.raw) / len(film.raw),
            highest=max(row[column] for row in film.raw),
            gate=film.failed[0] if film.failed else "",
            sex=film.sex,
            age_years=film.age_years,
            site=origin_of_seed(film.seed).site.name,
            manufacturer=origin_of_seed(film.seed).machine.manufacturer,
        )
        for film in trial.films
        if film.raw
        for column, name in enumerate(trial.findings)
    ]


def _trial_content(trial: Trial) -> bytes:
    content: dict[str, Any] = {
        "schema": _SCHEMA,
        "bundle": trial.bundle_digest,
        "claim": None if trial.claim is None else asdict(trial.claim),
        "plan": asdict(trial.plan),
        "lines": [asdict(line) | {"verdict": line.verdict.value} for line in trial.lines],
    }
    return (json.dumps(content, indent=1) + "\n").encode()
