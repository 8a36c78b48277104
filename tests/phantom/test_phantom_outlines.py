"""Outlines: what is measured on them, and that the phantom lies near the real ones."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from training.errors import DataError
from training.phantom.outlines import (
    CURVATURES,
    POINTS,
    READ_SHARES,
    curvatures,
    distances,
    figure,
    halves,
    measures,
    outlines_of_cases,
    outlines_of_films,
    read_outlines,
)
from training.values import FilmRecord

# Largest distances to the held-out real outlines that are allowed: Wasserstein-1 in the unit of
# the measure, Kolmogorov-Smirnov as a share.
ALLOWED = {"degrees": (2.0, 0.10), "share": (0.035, 0.16)}


@pytest.fixture(scope="module")
def drawn(many_cases) -> np.ndarray:
    return outlines_of_cases(many_cases)


@pytest.fixture(scope="module")
def real(test_data) -> np.ndarray:
    return read_outlines(test_data / "csxa" / "keypoints" / "csxa_keypoints_anterior18.csv")


def written(path, outlines, columns=None) -> object:
    """Write outlines as a table."""
    names = [f"{point} {axis}" for point in POINTS for axis in "xy"]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns or names)
        writer.writerows(outlines.reshape(len(outlines), -1))
    return path


def test_a_straight_column_bends_nowhere():
    outline = np.zeros((1, 17, 2))
    outline[0, :6] = [(0.0, 20.0 * level) for level in range(6)]
    outline[0, 6] = (-9.0, 5.0)
    outline[0, 7:] = [(-9.0, 20.0 * level + end) for level in range(1, 6) for end in (-7, 7)]
    found = measures(outline)
    assert found["C2-C7 curve"][0] == pytest.approx(0)
    assert found["C2-C7 inclination"][0] == pytest.approx(0)
    assert found["C5 body height / depth"][0] == pytest.approx(14 / 18)
    assert found["C4/C5 disc / body height"][0] == pytest.approx(6 / 14)
    assert curvatures(outline) == {"lordotic": 0, "straight": 1, "sigmoid": 0, "kyphotic": 0}


def test_measures_do_not_change_with_scale(drawn):
    small, large = measures(drawn[:50]), measures(drawn[:50] * 7 + 100)
    for name, values in small.items():
        assert large[name] == pytest.approx(values), name


def test_the_two_halves_share_no_outline_and_leave_none_out(drawn):
    shaping, held_out = halves(drawn)
    assert len(shaping) + len(held_out) == len(drawn)
    assert not {tuple(row.ravel()) for row in shaping} & {tuple(row.ravel()) for row in held_out}


def test_a_table_is_read_back_without_its_faulty_rows(tmp_path, drawn):
    faulty = drawn[:40].copy()
    faulty[3, 5] = np.nan
    faulty[4, 8] = faulty[4, 7]
    read = read_outlines(written(tmp_path / "outlines.csv", faulty))
    assert read == pytest.approx(np.delete(drawn[:40], [3, 4], axis=0))


def test_a_table_without_a_column_is_refused_by_its_name(tmp_path, drawn):
    columns = [f"{point} {axis}" for point in POINTS for axis in "xy"]
    columns[4] = "something else"
    path = written(tmp_path / "outlines.csv", drawn[:40], columns)
    with pytest.raises(DataError, match="no column 'C4 centroid x'"):
        read_outlines(path)
    with pytest.raises(DataError, match="at least 20"):
        read_outlines(written(tmp_path / "few.csv", drawn[:5]))
    with pytest.raises(DataError, match="cannot be read"):
        read_outlines(tmp_path / "absent.csv")


def test_films_that_face_right_give_the_outlines_of_those_that_face_left(many_cases, tmp_path):
    from training.phantom.skeleton import build_chain, keypoints_mm  # noqa: PLC0415 - only here

    points = [keypoints_mm(build_chain(case.spine)) for case in many_cases[:30]]

    def films(facing):
        return [
            FilmRecord(str(number), tmp_path, "", "", {}, landmarks=point * (facing, 1))
            for number, point in enumerate(points)
        ]

    left, right = outlines_of_films(films(1)), outlines_of_films(films(-1))
    assert right == pytest.approx(left, abs=1e-4)


def test_every_class_of_curvature_occurs_among_normal_films(many_cases):
    normal = curvatures(outlines_of_cases([case for case in many_cases if not case.abnormal]))
    assert sum(normal.values()) == pytest.approx(1)
    assert min(normal[name] for name in ("lordotic", "straight", "sigmoid")) > 0.1


def test_the_phantom_is_near_the_held_out_real_outlines(real, drawn):
    for distance in distances(real, drawn):
        wasserstein, smirnov = ALLOWED[distance.unit]
        assert distance.wasserstein < wasserstein, distance
        assert distance.kolmogorov_smirnov < smirnov, distance
        assert distance.wasserstein_floor < distance.wasserstein * 2 + 0.5, distance


def test_curvatures_are_as_common_as_readers_found_them(real, drawn):
    for outlines in (real, drawn):
        shares = curvatures(outlines)
        for name in CURVATURES:
            assert shares[name] == pytest.approx(READ_SHARES[name], abs=0.08), name


def test_the_figure_has_a_panel_for_each_measure(drawn):
    sheet = figure(drawn[:400], drawn[400:])
    titles = [axes.get_title().partition("\n")[0] for axes in sheet.axes]
    assert set(measures(drawn[:40])) <= set(titles)
