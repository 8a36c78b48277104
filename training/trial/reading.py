"""Drawing films and taking them through a bundle's own chain, in processes."""

from __future__ import annotations

import multiprocessing
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from copy import copy
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final, Self

import torch
from torch import nn

from training.phantom import PhantomCase, render
from training.phantom.truth import has_finding
from training.trial.films import TrialFilm
from triage.decision import decide
from triage.values import HeaderFacts, ImageEvidence, ImageState, Mode, StudyEvidence
from triage.vision.bundle import Bundle
from triage.vision.gates import header_gates
from triage.vision.inference import Analyst, with_header
from triage.vision.pixels import prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from torch import Tensor

    from training.trial.shifts import Shift
    from triage.values import Analysis, Outcome
    from triage.vision.networks import Location, Locator

_AHEAD: Final = 4  # films for each process that wait for it
_SAID_YEARS: Final = 40.0  # what the header says where it hides a child's age


@dataclass(frozen=True, slots=True)
class Task:
    """One film to be drawn and read.

    Attributes:
        shift: Which kind of film.
        seed: Of its case.
        number: Which film of its cell.
    """

    shift: Shift
    seed: int
    number: int


class TrialReader:
    """Draws films and reads them with a bundle.

    Args:
        bundle: Folder of the bundle.
        processes: How many; 1 works in this process.
        advance: Called after each film.
    """

    def __init__(
        self, bundle: Path, processes: int, advance: Callable[[], None] = lambda: None
    ) -> None:
        self._bundle, self._advance, self._ahead = bundle, advance, _AHEAD * processes
        self._pool = None
        if processes > 1:
            context = multiprocessing.get_context("spawn")  # a fork would copy torch's threads
            self._pool = ProcessPoolExecutor(processes, context, initializer=_one_thread)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def read(self, tasks: Sequence[Task]) -> list[TrialFilm]:
        """Draw and read films; the result has their order."""
        return list(self._each(tasks))

    def _each(self, tasks: Sequence[Task]) -> Iterator[TrialFilm]:
        if self._pool is None:
            for task in tasks:
                yield read_film(self._bundle, task)
                self._advance()
            return
        waiting: deque[Future[TrialFilm]] = deque()
        for task in tasks:
            waiting.append(self._pool.submit(read_film, self._bundle, task))
            if len(waiting) > self._ahead:
                yield waiting.popleft().result()
                self._advance()
        while waiting:
            yield waiting.popleft().result()
            self._advance()


def _one_thread() -> None:
    torch.set_num_threads(1)


@cache
def _analyst(bundle: Path) -> Analyst:
    """The bundle, loaded once in each process."""
    return Analyst(Bundle.load(bundle), "cpu")


def read_film(bundle: Path, task: Task) -> TrialFilm:
    """Draw a film and read it.

    Args:
        bundle: Folder of the bundle.
        task: What to draw.
    """
    analyst = _analyst(bundle)
    case = task.shift.case(task.seed, task.number)
    film = prepare(render(case).pixels, analyst.bundle.manifest.path)
    (analysis,) = displaced(analyst, task.shift.pixel_error, task.seed).analyse([film])
    whole = with_header(analysis, header_gates(_facts(case, task.shift)))
    raw = {(score.member, score.finding): score.raw for score in analysis.scores}
    findings = [finding.name for finding in analyst.bundle.findings]
    return TrialFilm(
        seed=task.seed,
        number=task.number,
        sex=case.sex,
        age_years=case.age_years,
        abnormal=case.abnormal or not task.shift.readable,
        truth=tuple(has_finding(case, name) for name in findings),
        failed=tuple(gate.gate for gate in whole.failed_gates),
        raw=tuple(
            tuple(raw[member, name] for name in findings)
            for member in (analyst.bundle.members if raw else ())
        ),
        outcome=_outcome(whole, analyst.bundle),
    )


def _outcome(analysis: Analysis, bundle: Bundle) -> Outcome:
    """What the decision makes of a study of one film."""
    image = ImageEvidence("1.2.3", ImageState.ANALYSED, analysis)
    study = StudyEvidence("1.2.4", complete=True, images=(image,))
    digest = bundle.identity.digest
    return decide(study, bundle.operating_points, bundle.members, digest, Mode.DEMOTE).outcome


def _facts(case: PhantomCase, shift: Shift) -> HeaderFacts:
    """A header in which nothing is wrong, but a child's age where the shift leaves it there."""
    said = case.age_years if shift.header or not shift.child else _SAID_YEARS
    return HeaderFacts(
        sop_class_uid="1.2.840.10008.5.1.4.1.1.1.1",  # Digital X-Ray Image, For Presentation
        sop_instance_uid="1.2.3",
        study_instance_uid="1.2.4",
        series_instance_uid="1.2.5",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        modality="DX",
        body_part_examined="CSPINE",
        view_position="LL",
        presentation_intent_type="FOR PRESENTATION",
        photometric_interpretation="MONOCHROME2",
        patient_age_years=said,
        has_pixel_data=True,
    )


def displaced(analyst: Analyst, pixels: float, seed: int) -> Analyst:
    """The same bundle with a locator that errs by so many pixels more.

    Args:
        analyst: The bundle.
        pixels: Standard deviation along x and along y; 0 changes nothing.
        seed: The same number errs alike.
    """
    if not pixels:
        return analyst
    other = copy(analyst)
    # Whatever is called like the locator will do.
    other.locator = _Displaced(analyst.locator, pixels, seed)  # type: ignore[assignment]
    return other


class _Displaced(nn.Module):
    """A locator whose landmarks are displaced at random before anything looks at them."""

    def __init__(self, locator: Locator, pixels: float, seed: int) -> None:
        super().__init__()
        self._locator, self._pixels, self._seed = locator, pixels, seed

    def forward(self, image: Tensor) -> Location:
        location: Location = self._locator(image)
        chance = torch.Generator().manual_seed(self._seed)
        error = torch.randn(location.landmarks.shape, generator=chance) * self._pixels
        return location._replace(landmarks=location.landmarks + error.to(image.device))
