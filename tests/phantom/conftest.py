"""Factories for phantom tests."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest

from training.phantom import Film, PhantomCase, draw_case, render
from training.phantom.morning import MorningPlan, write_morning
from training.phantom.people import draw_patient
from training.phantom.studies import StudyPlan

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def cases():
    """Return a function that draws many cases of one kind."""

    def draw(count: int, first_seed: int = 0, **wishes) -> list[PhantomCase]:
        return [draw_case(first_seed + index, **wishes) for index in range(count)]

    return draw


@pytest.fixture(scope="session")
def many_cases() -> list[PhantomCase]:
    """Return enough cases, as they come, for a distribution."""
    return [draw_case(seed) for seed in range(900)]


@pytest.fixture(scope="session")
def normal_cases(many_cases) -> list[PhantomCase]:
    """Return the normal ones of them."""
    return [case for case in many_cases if not case.abnormal]


@pytest.fixture
def brightness():
    """Return a function that gives the mean grey level around points of a film."""

    def around(film: Film, points: np.ndarray, reach: int = 1) -> np.ndarray:
        places = np.rint(points).astype(int)
        return np.array(
            [
                film.pixels[y - reach : y + reach + 1, x - reach : x + reach + 1].mean()
                for x, y in places
            ]
        )

    return around


@pytest.fixture
def film():
    """Return a function that draws and renders a case."""

    def make(seed: int = 1, spacing: float = 0.5, **wishes) -> Film:
        return render(draw_case(seed, **wishes), spacing)

    return make


@pytest.fixture
def study_plan():
    """Return a function that plans a study with a patient of its own."""

    def plan(case: PhantomCase, **wishes) -> StudyPlan:
        taken_at = datetime(2026, 3, 2, 8, 15)  # noqa: DTZ001 - DICOM times are local
        patient = draw_patient(1, case.seed, case, taken_at.date())
        content = {"seed": case.seed, "patient": patient, "taken_at": taken_at}
        return StudyPlan(**{**content, "accession_number": f"PX{case.seed:06d}", **wishes})

    return plan


@pytest.fixture(scope="session")
def morning(tmp_path_factory) -> MorningPlan:
    """Return a small morning with every part in it."""
    folder: Path = tmp_path_factory.mktemp("morning")
    return write_morning(folder, seed=3, studies=14)
