"""One film of a trial: drawn, taken through the bundle's own chain, and decided."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import nn

from training.certify.chain import analyst_of, judged
from training.phantom import render
from training.phantom.truth import has_finding
from training.trial.films import TrialFilm
from triage.decision import decide
from triage.values import ImageEvidence, ImageState, Mode, StudyEvidence
from triage.vision.pixels import prepare

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from training.trial.shifts import Shift
    from triage.values import Analysis, Outcome
    from triage.vision.bundle import Bundle
    from triage.vision.inference import Analyst
    from triage.vision.networks import Location, Locator

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


def read_film(task: Task, bundle: Path) -> TrialFilm:
    """Draw a film and read it.

    Args:
        task: What to draw.
        bundle: Folder of the bundle.
    """
    analyst = analyst_of(bundle)
    case = task.shift.case(task.seed, task.number)
    film = prepare(render(case).pixels, analyst.bundle.manifest.path)
    erring = displaced(analyst, task.shift.pixel_error, task.seed)
    hidden = task.shift.child and not task.shift.header
    seen = judged(erring, film, _SAID_YEARS if hidden else case.age_years)
    return TrialFilm(
        seed=task.seed,
        number=task.number,
        sex=case.sex,
        age_years=case.age_years,
        abnormal=case.abnormal or not task.shift.readable,
        truth=tuple(has_finding(case, finding.name) for finding in analyst.bundle.findings),
        failed=seen.failed,
        raw=seen.raw,
        outcome=outcome_of(seen.analysis, analyst.bundle),
    )


def outcome_of(analysis: Analysis, bundle: Bundle) -> Outcome:
    """What the decision makes of a study of one film."""
    image = ImageEvidence("1.2.3", ImageState.ANALYSED, analysis)
    study = StudyEvidence("1.2.4", complete=True, images=(image,))
    digest = bundle.identity.digest
    return decide(study, bundle.operating_points, bundle.members, digest, Mode.DEMOTE).outcome


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

    def unrest(self, image: Tensor, landmarks: Tensor) -> Tensor:
        """The locator's own look at the displaced landmarks."""
        return self._locator.unrest(image, landmarks)

    def said(self, image: Tensor, location: Location) -> Tensor:
        """What the locator says of films, at the displaced landmarks."""
        return self._locator.said(image, location)
