"""Other views: each is drawn, none has keypoints, and none is taken for a lateral of the neck."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from training.phantom import View, draw_case, render
from training.phantom.films import FILM_SCALES

OTHERS = [view for view in View if view is not View.LATERAL]


@pytest.mark.parametrize("view", OTHERS)
def test_a_view_has_no_keypoints_and_looks_unlike_a_lateral(film, view):
    other, lateral = film(3, view=view, abnormal=False), film(3, abnormal=False)
    assert np.isnan(other.keypoints).all()
    assert other.pixels.shape == lateral.pixels.shape
    assert other.pixel_spacing_mm == pytest.approx(0.5 * FILM_SCALES.get(view, 1.0))
    assert abs(np.corrcoef(other.pixels.ravel(), lateral.pixels.ravel())[0, 1]) < 0.8
    assert np.ptp(np.percentile(other.pixels, (2, 98))) > 1200


@pytest.mark.parametrize("view", OTHERS)
def test_a_finer_film_of_a_view_shows_the_same_patient(film, view):
    coarse, fine = film(6, 1.0, view=view), film(6, 0.5, view=view)
    reduced = fine.pixels.reshape(256, 2, 210, 2).mean(axis=(1, 3))
    assert np.corrcoef(reduced.ravel(), coarse.pixels.ravel())[0, 1] > 0.98


def test_a_narrow_foramen_is_filled_at_its_level_and_nowhere_else():
    """The narrowed film is brighter where the open foramen was dark, in one small place."""
    open_case = replace(draw_case(8, abnormal=False, view=View.OBLIQUE), marker="")
    places = []
    for level in ("C3/C4", "C5/C6"):
        narrow_case = replace(open_case, findings=(f"foraminal-stenosis:{level}",))
        change = render(narrow_case).pixels.astype(int) - render(open_case).pixels
        rows, columns = np.nonzero(change > 150)
        assert len(rows) > 15
        assert np.ptp(rows) * 0.5 < 22
        assert np.ptp(columns) * 0.5 < 22
        places.append(rows.mean())
    assert places[1] - places[0] > 40  # two levels further down


def test_a_patient_who_faces_right_is_the_mirror_image_but_for_the_marker():
    left = replace(draw_case(5, view=View.SKULL), marker="")
    right = replace(left, facing="right")
    films = [render(case, 1.0).pixels.astype(float) for case in (left, right)]
    assert np.corrcoef(films[0].ravel(), films[1][:, ::-1].ravel())[0, 1] > 0.95
