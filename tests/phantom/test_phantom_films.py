"""Films against their truth: what the keypoints and labels say is there to be seen."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from training.phantom import DISCS, Degradation, disc_labels, draw_case, render
from training.phantom.films import HEIGHT_MM, WIDTH_MM


def corners(film, vertebra: int) -> np.ndarray:
    """Return the corners of C3 (0) to C7 (4): top front, top rear, bottom front, bottom rear."""
    return film.keypoints[3 + 4 * vertebra : 7 + 4 * vertebra]


def disc_corners(film, disc: int) -> np.ndarray:
    """Return lower front and rear of the upper body, upper front and rear of the lower one."""
    upper = film.keypoints[1:3] if disc == 0 else corners(film, disc - 1)[2:]
    return np.concatenate([upper, corners(film, disc)[:2]])


def test_a_film_is_twelve_bit_and_of_the_size_that_training_uses(film):
    drawn = film()
    assert drawn.pixels.dtype == np.uint16
    assert drawn.pixels.shape == (512, 420)
    assert 1000 < drawn.pixels.max() <= 4095
    assert drawn.keypoints.dtype == np.float32
    assert drawn.keypoints.shape == (23, 2)
    assert drawn.disc_labels.shape == (5,)


def test_the_same_case_gives_the_same_film_in_another_process(film):
    program = (
        "import hashlib; from training.phantom import draw_case, render;"
        "print(hashlib.sha256(render(draw_case(11)).pixels.tobytes()).hexdigest())"
    )
    other = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert hashlib.sha256(film(11).pixels.tobytes()).hexdigest() == other.stdout.strip()
    assert np.array_equal(film(11).pixels, film(11).pixels)
    assert not np.array_equal(film(11).pixels, film(12).pixels)


def test_global_random_state_is_neither_used_nor_changed(film):
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the state that must stay untouched
    film()
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002 - as above


def test_bodies_are_brighter_than_the_discs_between_them(cases, brightness):
    seen = []
    for case in cases(16, abnormal=False):
        film = render(case)
        bodies = brightness(film, np.array([corners(film, k).mean(axis=0) for k in range(5)]), 3)
        discs = brightness(film, np.array([disc_corners(film, k).mean(axis=0) for k in range(5)]))
        seen.append((bodies > discs) & (np.roll(bodies, 1)[1:].min() > discs.min()))
    assert np.mean(seen) > 0.97


def test_keypoints_lie_on_the_edge_of_bone(cases, brightness):
    """Within a front corner there is bone, without it soft tissue; behind lie the pillars."""
    inner, outer = [], []
    for case in cases(14, abnormal=False):
        film = render(case)
        for vertebra in range(5):
            points = corners(film, vertebra)[[0, 2]]
            away = points - corners(film, vertebra).mean(axis=0)
            away *= 4 / np.linalg.norm(away, axis=1, keepdims=True)
            inner.append(brightness(film, points - away))
            outer.append(brightness(film, points + away))
    assert (np.array(inner) > np.array(outer)).mean() > 0.97


def test_c2_is_marked_in_the_dens_above_its_endplate(film):
    for seed in range(10):
        centre, front, rear = film(seed).keypoints[:3]
        assert front[0] < rear[0]
        assert centre[1] < min(front[1], rear[1])


def test_a_patient_who_faces_right_keeps_anatomical_keypoints(film, brightness):
    left, right = film(4), film(4, facing="right")
    front, rear = right.keypoints[21], right.keypoints[22]
    assert front[0] > rear[0]
    mirrored = WIDTH_MM / right.pixel_spacing_mm - 1 - right.keypoints[:, 0]
    assert mirrored == pytest.approx(left.keypoints[:, 0], abs=0.01)
    bodies = np.array([corners(right, k).mean(axis=0) for k in range(5)])
    discs = np.array([disc_corners(right, k).mean(axis=0) for k in range(5)])
    assert (brightness(right, bodies, 3) > brightness(right, discs)).mean() >= 0.8


def test_a_finer_film_shows_the_same_patient(film):
    coarse, fine = film(6), film(6, spacing=0.25)
    assert fine.pixels.shape == (1024, 840)
    in_mm = [(f.keypoints + 0.5) * f.pixel_spacing_mm for f in (coarse, fine)]
    assert in_mm[0] == pytest.approx(in_mm[1], abs=0.01)
    reduced = fine.pixels.reshape(512, 2, 420, 2).mean(axis=(1, 3))
    assert np.corrcoef(reduced.ravel(), coarse.pixels.ravel())[0, 1] > 0.99


def test_every_keypoint_of_an_ordinary_film_is_on_it(cases):
    for case in cases(20):
        film = render(case)
        inside = (film.keypoints > 0) & (
            film.keypoints < (film.pixels.shape[1], film.pixels.shape[0])
        )
        assert inside.all()
        places = np.rint(film.keypoints).astype(int)
        assert (film.pixels[places[:, 1], places[:, 0]] > 0).all()


def gap_mm(film, disc: int) -> float:
    """Measure a disc: how much of the way between two bodies is darker than half way to bone."""
    points = disc_corners(film, disc)
    upper, lower = points[:2].mean(axis=0), points[2:].mean(axis=0)
    along = (lower - upper) / max(np.linalg.norm(lower - upper), 1e-6)
    steps = np.arange(-10, 10.01, 0.25)
    places = (upper + lower) / 2 + steps[:, None] * along
    profile = np.mean(
        [
            film.pixels[
                np.rint(places[:, 1]).astype(int), np.rint(places[:, 0] + shift).astype(int)
            ].astype(float)
            for shift in range(-6, 7)
        ],
        axis=0,
    )
    bone = np.percentile(profile, 80)
    dark = profile < (bone + profile.min()) / 2
    return float(dark.sum() * 0.25 * film.pixel_spacing_mm)


def test_a_worn_disc_is_measurably_narrower_on_the_film():
    worn, sound = [], []
    for seed in range(20):
        with_it = render(draw_case(seed, findings=("spondylosis:C5/C6",)))
        without = render(draw_case(seed, findings=()))
        worn.append(gap_mm(with_it, 3))
        sound.append(gap_mm(without, 3))
    order = np.array(worn)[:, None] < np.array(sound)[None, :]
    assert order.mean() > 0.85  # the area under the curve of this one measurement
    assert np.median(worn) < 0.75 * np.median(sound)


def test_a_narrow_canal_shows_the_lamina_close_to_the_body(brightness):
    """Just behind the joints of a wide canal there is soft tissue, of a narrow one the lamina."""
    narrow, wide = [], []
    for seed in range(12):
        for findings, values in ((("canal-narrowing:C5",), narrow), ((), wide)):
            film = render(draw_case(seed, findings=findings))
            c5 = corners(film, 2)
            wall, plate = c5[[1, 3]].mean(axis=0), c5[1] - c5[0]
            values.append(brightness(film, wall + np.array([[0.72], [0.80]]) * plate, 1).mean())
    assert np.mean(np.array(narrow) > np.array(wide)) > 0.8


def test_a_swelling_moves_the_airway_away_from_the_spine(brightness):
    """Where normal films show air before C3, a film with swelling shows soft tissue."""
    normal, swollen = [], []
    for seed in range(12):
        for findings, values in (((), normal), (("swelling",), swollen)):
            film = render(draw_case(seed, findings=findings))
            front = corners(film, 0)[[0, 2]].mean(axis=0)
            values.append(brightness(film, front - [[16.0, 0.0]], 2)[0])
    assert np.mean(np.array(swollen) > np.array(normal)) > 0.8


def test_disc_labels_follow_the_findings():
    case = draw_case(1, findings=("kyphosis", "spondylosis:C4/C5", "listhesis:C6/C7"))
    assert list(disc_labels(case)) == [False, False, True, False, True]
    assert not disc_labels(draw_case(1, findings=("kyphosis",))).any()
    assert len(DISCS) == 5


def test_hardware_of_every_kind_is_brighter_than_the_bone_it_sits_in(cases):
    """Around the spine a film with hardware has a bright patch that the same film without lacks."""
    for case in cases(12, first_seed=60, abnormal=False, hardware=True):
        fixed, plain = render(case), render(replace(case, hardware=False))
        low, high = (
            plain.keypoints.min(axis=0) - 12,
            plain.keypoints.max(axis=0) + np.array([50, 0]),
        )
        window = np.s_[int(low[1]) : int(high[1]), int(low[0]) : int(high[0])]
        brighter = fixed.pixels[window].astype(int) - plain.pixels[window]
        assert (brighter > 350).sum() > 40


def sharpness(film) -> float:
    return float(np.abs(np.diff(film.pixels[60:400, 60:360].astype(float), axis=0)).mean())


def noise(film) -> float:
    flat = film.pixels[200:420, 100:300].astype(float)
    return float(np.median(np.abs(flat[1:-1] - (flat[:-2] + flat[2:]) / 2)))


def test_blur_takes_the_edges_and_underexposure_adds_noise(film):
    for seed in range(5):
        plain = film(seed)
        assert sharpness(film(seed, degradations=(Degradation.BLUR,))) < 0.8 * sharpness(plain)
        assert noise(film(seed, degradations=(Degradation.UNDEREXPOSED,))) > 3 * noise(plain)


def test_overexposure_drives_the_neck_into_black(film):
    plain, dark = film(2), film(2, degradations=(Degradation.OVEREXPOSED,))
    assert np.median(dark.pixels) < 0.5 * np.median(plain.pixels)


def test_inversion_turns_the_grey_scale_over(film):
    plain, inverted = film(2), film(2, degradations=(Degradation.INVERSION,))
    assert np.array_equal(inverted.pixels, 4095 - plain.pixels)


def test_rotation_turns_the_keypoints_with_the_bones(cases, brightness):
    turned = []
    for case in cases(12, abnormal=False, degradations=(Degradation.ROTATION,)):
        film = render(case)
        upright = render(draw_case(case.seed, abnormal=False))
        assert np.abs(film.keypoints - upright.keypoints).max() > 15
        bodies = np.array([corners(film, k).mean(axis=0) for k in range(1, 4)])
        discs = np.array([disc_corners(film, k).mean(axis=0) for k in range(1, 4)])
        turned.append(brightness(film, bodies, 2) > brightness(film, discs))
    assert np.mean(turned) > 0.9


def test_collimation_hides_a_part_of_the_spine(cases):
    for case in cases(12, degradations=(Degradation.COLLIMATION,)):
        film = render(case)
        places = np.rint(film.keypoints).astype(int)
        hidden = film.pixels[places[:, 1], places[:, 0]] == 0
        assert 0 < hidden.sum() < 23


def test_a_cropped_film_leaves_out_c7(cases):
    for case in cases(10, degradations=(Degradation.CROPPED,)):
        film = render(case)
        assert (film.keypoints[19:, 1] * film.pixel_spacing_mm > HEIGHT_MM).all()
        assert film.keypoints[0, 1] * film.pixel_spacing_mm < HEIGHT_MM
