"""The gates' limits: just beyond what films in scope show, and closer where a margin would leak."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from training.certify.limits import failures, fitted_limits, open_limits
from training.phantom import draw_case, render
from triage.vision.gates import FilmMeasures
from triage.vision.inference import Reading
from triage.vision.pixels import FilmStatistics

EVEN = np.linspace(0.0, 1.0, 1001)  # of 1001 films each measure lies evenly between 0 and 1
STATISTICS = FilmStatistics(600.0, 1.0, 1.3, 0.1, 1.5, 0.01, 0.3)
LANDMARKS = render(draw_case(3, abnormal=False)).keypoints


def reading(value: float) -> Reading:
    """A film of which noise, sharpness and what the locator says are all one value."""
    return Reading(
        FilmMeasures(
            replace(STATISTICS, noise=value, sharpness=value),
            lateral=0.99,
            inverted=0.01,
            hardware=value,
            child=value,
            text=value,
            landmarks=LANDMARKS,
            confidence=np.full(23, 0.9, np.float32),
            unrest=0.005,
            metal=0.0,
            distance=value,
        ),
        np.zeros((2, 1), np.float32),
    )


@pytest.fixture(scope="module")
def readings() -> list[Reading]:
    return [reading(float(value)) for value in EVEN]


def test_a_limit_lies_a_margin_beyond_the_outermost_hundredth(readings: list[Reading]) -> None:
    limits = fitted_limits(readings)

    assert limits.maximum_hardware == pytest.approx(0.99 + 0.25 * (0.99 - 0.5))
    assert limits.minimum_sharpness == pytest.approx(0.01 - 0.25 * (0.5 - 0.01))


def test_where_a_margin_would_leak_there_is_none(readings: list[Reading]) -> None:
    limits = fitted_limits(readings)

    assert limits.maximum_noise == limits.maximum_distance == pytest.approx(0.99)
    assert limits.maximum_child == pytest.approx(0.99)
    assert limits.maximum_text > 1.0


def test_a_gate_that_asks_a_network_asks_for_evens_however_sure_it_was() -> None:
    limits = fitted_limits([reading(0.001)] * 50)

    assert limits.maximum_inverted == 0.5
    assert limits.minimum_lateral == 0.5


def test_a_tenth_of_doubt_whether_it_is_a_child_is_borne_however_sure_it_was() -> None:
    assert fitted_limits([reading(0.001)] * 50).maximum_child == 0.1


def test_films_that_limits_were_set_on_pass_them_and_open_limits_stop_nothing() -> None:
    film = reading(0.4)

    assert failures(film, fitted_limits([film] * 50)) == ()
    assert failures(reading(0.9), open_limits()) == ()
    assert failures(reading(0.9), fitted_limits([film] * 50)) != ()
