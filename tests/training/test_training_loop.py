"""Training loops: targets, augmentation and determinism, on very few films."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training.phantom import Degradation, View, draw_case
from training.spine.augment import exposed, jittered, moved, shuttered
from training.spine.films import Films, Renderer, finding_labels
from training.spine.fitting import (
    LoopSettings,
    heat_target,
    train_corners,
    train_locator,
    train_reader,
)
from triage.vision.geometry import (
    corner_offsets,
    disc_features,
    endplate_frames,
    shifted,
    spine_features,
)
from triage.vision.path import PixelPath

FINDINGS = {"abnormal": ("spondylosis", "listhesis", "kyphosis", "swelling")}


@pytest.fixture(scope="module")
def films() -> Films:
    """Six films of a small square: abnormal ones, normal ones, another view."""
    cases = [draw_case(n, abnormal=n % 2 == 0) for n in range(4)]
    cases += [draw_case(4, view=View.AP), draw_case(5, degradations=(Degradation.INVERSION,))]
    with Renderer(1) as renderer:
        return renderer.films(cases, PixelPath(side=256))


@pytest.fixture
def landmarks(films: Films) -> torch.Tensor:
    """Landmarks of the four good films."""
    return torch.from_numpy(films.landmarks[:4])


def test_films_carry_their_truth(films: Films) -> None:
    assert films.attributes.tolist() == [[1, 0, 0]] * 4 + [[0, 0, 0], [1, 1, 0]]
    assert films.readable.tolist() == [True] * 4 + [False] * 2
    assert np.isnan(films.landmarks[4]).all()


def test_labels_follow_the_components() -> None:
    cases = [draw_case(1, findings=("kyphosis",)), draw_case(2, findings=("spondylosis:C5/C6",))]

    labels = finding_labels(cases, {"bent": ("kyphosis",), "worn": ("spondylosis", "x")})

    assert labels.tolist() == [[True, False], [False, True]]


def test_processes_render_what_one_process_renders() -> None:
    cases, path = [draw_case(n) for n in range(3)], PixelPath(side=256)
    with Renderer(1) as alone, Renderer(2) as together:
        one, other = alone.films(cases, path), together.films(cases, path)

    np.testing.assert_array_equal(one.images, other.images)
    np.testing.assert_array_equal(one.landmarks, other.landmarks)


def test_a_heat_target_lies_at_its_landmark_or_in_the_last_bin(landmarks: torch.Tensor) -> None:
    points = landmarks[:1] / 2
    points[0, 3] = torch.nan
    points[0, 4] = -20.0

    target = heat_target(points, 128)

    assert target.shape == (1, 23, 32 * 32 + 1)
    assert torch.allclose(target.sum(dim=2), torch.ones(1, 23))
    assert target[0, 3, -1] == 1
    assert target[0, 4, -1] == 1
    peak = int(target[0, 10].argmax())
    place = torch.tensor([peak % 32, peak // 32]) * 4 + 1.5
    assert (place - points[0, 10]).abs().max() <= 2.5


def test_moving_a_film_moves_its_landmarks_along() -> None:
    """A bright dot stays under its landmark through turns, zooms and mirrors."""
    chance = torch.Generator().manual_seed(1)
    images = torch.zeros(8, 1, 128, 128)
    images[:, :, 58:63, 68:73] = 1
    points = torch.tensor([70.0, 60.0]).expand(8, 23, 2)

    after, places = moved(images, points, chance)

    for image, place in zip(after[:, 0], places[:, 0], strict=True):
        rows, columns = torch.nonzero(image > 0.5, as_tuple=True)
        centre = torch.stack([columns.float().mean(), rows.float().mean()])
        assert (centre - place).norm() < 1.0


def test_shutters_take_landmarks_away_with_the_pixels(landmarks: torch.Tensor) -> None:
    chance = torch.Generator().manual_seed(3)
    images = torch.ones(40, 1, 256, 256)

    after, places = shuttered(images, landmarks[:1].expand(40, -1, -1), chance)

    closed = (after == 0).flatten(1).any(dim=1)
    assert 2 <= int(closed.sum()) <= 20
    seen = ~torch.isnan(places).any(dim=2)
    for image, points, visible in zip(after[:, 0], places, seen, strict=True):
        at = points[visible].round().long().clamp(0, 255)
        assert (image[at[:, 1], at[:, 0]] > 0).float().mean() > 0.9


def test_exposure_keeps_grey_values_in_range_and_the_generator_decides() -> None:
    images = torch.rand(3, 1, 32, 32)

    one = exposed(images, torch.Generator().manual_seed(1))

    assert torch.equal(one, exposed(images, torch.Generator().manual_seed(1)))
    assert not torch.equal(one, exposed(images, torch.Generator().manual_seed(2)))
    assert 0 <= one.min() <= one.max() <= 1


def test_corners_shifted_by_their_offsets_are_where_they_should_be(landmarks: torch.Tensor) -> None:
    misplaced = jittered(landmarks, 2.0, torch.Generator().manual_seed(1))
    frames = endplate_frames(misplaced)

    mended = shifted(frames, misplaced, corner_offsets(frames, misplaced, landmarks))

    assert torch.allclose(mended[:, 1:], landmarks[:, 1:], atol=1e-3)


def test_measures_do_not_know_which_way_the_patient_faces(landmarks: torch.Tensor) -> None:
    mirrored = landmarks * torch.tensor([-1.0, 1.0]) + torch.tensor([255.0, 0.0])

    assert torch.allclose(disc_features(mirrored), disc_features(landmarks), atol=1e-3)
    assert torch.allclose(spine_features(mirrored), spine_features(landmarks), atol=1e-3)


def test_measures_do_not_know_the_magnification(landmarks: torch.Tensor) -> None:
    assert torch.allclose(disc_features(landmarks * 1.7), disc_features(landmarks), atol=1e-3)
    assert torch.allclose(spine_features(landmarks * 1.7), spine_features(landmarks), atol=1e-3)


def test_training_twice_by_one_seed_gives_the_same_weights(films: Films) -> None:
    settings = LoopSettings(epochs=1, batch=3)

    def weights() -> dict[str, torch.Tensor]:
        locator, _ = train_locator(films, films.chosen(films.readable), 2, settings, 7)
        train_corners(
            locator, films.chosen(films.readable), films.chosen(films.readable), settings, 7
        )
        return locator.state_dict()

    first, second = weights(), weights()

    assert all(torch.equal(first[key], second[key]) for key in first)


def test_training_the_corners_leaves_the_heat_maps_as_they_are(films: Films) -> None:
    settings, good = LoopSettings(epochs=1, batch=4), films.chosen(films.readable)
    locator, _ = train_locator(films, good, 2, LoopSettings(epochs=1, batch=3), 7)
    before = {key: value.clone() for key, value in locator.state_dict().items()}

    train_corners(locator, good, good, settings, 7)

    changed = {
        key.split(".")[0]
        for key, value in locator.state_dict().items()
        if not torch.equal(value, before[key])
    }
    assert changed == {"corners"}


def test_a_reader_learns_its_few_films_by_heart(films: Films) -> None:
    good = films.chosen(films.readable)

    _, history = train_reader(good, good, FINDINGS, 4, 0.5, LoopSettings(30, 4, patience=30), 1)

    assert history.losses[-1] < 0.8 * history.losses[0]
    assert max(history.figures) == 1.0


def test_training_stops_when_nothing_is_gained(films: Films) -> None:
    good = films.chosen(films.readable)
    settings = LoopSettings(epochs=40, batch=4, patience=2, learning_rate=1e-9)

    _, history = train_reader(good, good, FINDINGS, 2, 0.5, settings, 1)

    assert len(history.losses) < 40
