"""Severity: one quantity for each degradation, which grows steadily and is what the film shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from training.phantom import Degradation, draw_case, render
from training.phantom.degrade import SCALES, SHOWN_SEVERITIES, severity_of, shift_levels
from training.phantom.skeleton import build_chain, keypoints_mm

STEPS = (0.0, 0.3, 0.6, 1.0)


def spoilt(degradation: Degradation, severity: float | None, seed: int = 44):
    case = draw_case(seed, abnormal=False, degradations=(degradation,))
    return render(replace(case, severity=severity))


def grain(film) -> float:
    flat = film.pixels[150:350, 100:250].astype(float)
    return float(np.median(np.abs(flat[1:-1] - (flat[:-2] + flat[2:]) / 2)))


def edges(film) -> float:
    return float(np.abs(np.diff(film.pixels[100:380, 80:300].astype(float), axis=0)).mean())


@pytest.mark.parametrize("degradation", [each for each in Degradation if each in SCALES])
def test_every_quantity_changes_steadily_from_end_to_end(degradation):
    scale = SCALES[degradation]
    values = [scale.at(severity) for severity in np.linspace(0, 1, 11)]
    assert values[0] == pytest.approx(scale.least)
    assert values[-1] == pytest.approx(scale.greatest)
    assert len({bool(step > 0) for step in np.diff(values)}) == 1
    assert 0 <= scale.heavy[0] < scale.heavy[1] <= 1


def test_the_table_of_levels_names_every_degradation_but_inversion():
    levels = shift_levels()
    assert set(levels) == set(Degradation) - {Degradation.INVERSION}
    assert all(tuple(row) == SHOWN_SEVERITIES for row in levels.values())
    assert levels[Degradation.ROTATION] == pytest.approx({0: 4.0, 0.25: 14.25, 0.5: 24.5, 1: 45.0})


def test_chance_chooses_from_the_heavy_range_and_always_the_same():
    for degradation, scale in SCALES.items():
        cases = [draw_case(seed, degradations=(degradation,)) for seed in range(40)]
        drawn = [severity_of(case, degradation) for case in cases]
        assert scale.heavy[0] <= min(drawn) < max(drawn) <= scale.heavy[1]
        assert drawn == [severity_of(case, degradation) for case in cases]
        assert severity_of(replace(cases[0], severity=0.2), degradation) == 0.2


@pytest.mark.parametrize(
    ("degradation", "measure", "direction"),
    [
        (Degradation.UNDEREXPOSED, grain, 1),
        (Degradation.NOISE, grain, 1),
        (Degradation.BLUR, edges, -1),
        (Degradation.OVEREXPOSED, lambda film: float(film.pixels.mean()), -1),
        (Degradation.COLLIMATION, lambda film: float((film.pixels == 0).mean()), 1),
    ],
)
def test_more_severity_is_measurably_more_on_the_film(degradation, measure, direction):
    sound = measure(render(draw_case(44, abnormal=False)))
    measured = [sound, *(measure(spoilt(degradation, severity)) for severity in STEPS)]
    assert (np.diff(measured) * direction > 0).all(), measured


def test_rotation_turns_by_the_degrees_that_severity_says():
    sound = render(draw_case(44, abnormal=False)).keypoints
    for severity in STEPS:
        turned = spoilt(Degradation.ROTATION, severity).keypoints
        ways = [points[20] - points[0] for points in (sound, turned)]
        angles = [np.degrees(np.arctan2(way[0], way[1])) for way in ways]
        wanted = SCALES[Degradation.ROTATION].at(severity)
        assert abs(abs(angles[1] - angles[0]) - wanted) <= 3.0  # ordinary films are turned a little


def test_an_ordinary_film_is_turned_by_less_than_severity_nought():
    """What a film adds to the drawn spine is at most 3 degrees, as the way from C2 to C7 shows."""
    for seed in range(12):
        case = draw_case(seed, abnormal=False)
        drawn = keypoints_mm(build_chain(case.spine))
        seen = render(case, 2.0).keypoints
        ways = [drawn[20] - drawn[0], seen[20] - seen[0]]
        angles = [np.degrees(np.arctan2(way[0], way[1])) for way in ways]
        assert abs(angles[1] - angles[0]) < 3.1 < SCALES[Degradation.ROTATION].least


def test_cropping_cuts_off_as_many_millimetres_as_severity_says():
    for severity in STEPS:
        film = spoilt(Degradation.CROPPED, severity)
        below = (film.keypoints[:, 1].max() + 0.5) * film.pixel_spacing_mm - 256.0
        assert below == pytest.approx(SCALES[Degradation.CROPPED].at(severity), abs=3.5)


def test_what_is_burned_in_leaves_the_rest_of_the_film_alone_and_only_grows():
    sound = render(draw_case(44, abnormal=False)).pixels
    earlier = np.zeros(sound.shape, bool)
    for severity in STEPS:
        marked = spoilt(Degradation.BURNED_IN, severity).pixels
        written = marked != sound
        assert (earlier & ~written).sum() <= 0.01 * written.sum()
        assert written.sum() >= earlier.sum()
        earlier = written
    assert 0.03 < earlier.mean() < 0.2


def test_shutters_change_no_pixel_that_they_do_not_cover():
    sound = render(draw_case(44, abnormal=False)).pixels
    collimated = spoilt(Degradation.COLLIMATION, 0.5).pixels
    uncovered = collimated > 0
    assert np.array_equal(collimated[uncovered], sound[uncovered])


def test_inversion_knows_no_severity():
    assert np.array_equal(
        spoilt(Degradation.INVERSION, 0.1).pixels, spoilt(Degradation.INVERSION, 0.9).pixels
    )
