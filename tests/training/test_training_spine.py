"""Our own networks: truth, targets, augmentation and determinism, on very few films."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import numpy as np
import pytest
import torch

from training.phantom import Degradation, View, draw_case
from training.processes import Crew
from training.spine.augment import (
    Exposure,
    blurred,
    drawn_exposures,
    exposed,
    jittered,
    moved,
    shaded,
    shuttered,
)
from training.spine.films import Films, finding_labels, finding_truth, joined, rendered_films
from training.spine.findings import COMPONENTS, FINDINGS, parts_of
from training.spine.fitting import Fitter, Sizes
from training.spine.tasks import heat_target, known_loss
from triage.vision.geometry import (
    corner_offsets,
    disc_features,
    endplate_frames,
    shifted,
    spine_features,
    vertebra_windows,
)
from triage.vision.path import PixelPath
from triage.vision.readers import Components, SpineReader

ALL = {"abnormal": ("spondylosis", "listhesis", "canal-narrowing", "kyphosis", "swelling")}
SMALL = Sizes(2, 4, 1, 1, 1, 1, 1, 0.5)


@pytest.fixture(scope="module")
def films() -> Films:
    """Six films of a small square: abnormal ones, normal ones, another view."""
    cases = [draw_case(n, abnormal=n % 2 == 0) for n in range(4)]
    cases += [draw_case(4, view=View.AP), draw_case(5, degradations=(Degradation.INVERSION,))]
    with Crew(1) as crew:
        return rendered_films(crew, cases, PixelPath(side=256))


@pytest.fixture
def landmarks(films: Films) -> torch.Tensor:
    """Landmarks of the four good films."""
    return torch.from_numpy(films.landmarks[:4])


def test_films_carry_their_truth(films: Films) -> None:
    assert films.attributes[:4].tolist() == [[1, 0, 0, 0, 0]] * 4
    assert films.attributes[5].tolist() == [1, 1, 0, 0, 0]
    assert films.attributes[4, 0] == 0
    assert np.isnan(films.attributes[4, 3])  # nobody asks how old a chest looks
    assert films.in_scope.tolist() == [True] * 4 + [False] * 2
    assert np.isnan(films.landmarks[4]).all()


def test_labels_follow_the_components() -> None:
    cases = [draw_case(1, findings=("kyphosis",)), draw_case(2, findings=("spondylosis:C5/C6",))]
    wanted = {"bent": ("kyphosis",), "worn": ("spondylosis",), "at": ("spondylosis:C4/C5",)}

    labels = finding_labels(cases, wanted)

    assert labels.tolist() == [[True, False, False], [False, True, False]]


def test_a_component_that_is_none_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="spondylosis:C5/C6"):
        COMPONENTS.chosen(("spondilosis",))


def test_one_part_that_is_there_is_enough_and_all_must_be_known_to_deny_it(films: Films) -> None:
    known = np.full((3, len(COMPONENTS.columns)), np.nan, np.float32)
    known[0, COMPONENTS.columns.index("kyphosis")] = 1
    known[1] = 0
    known[2, COMPONENTS.columns.index("kyphosis")] = 0
    some = dataclasses.replace(films.chosen(np.arange(3)), components=known)

    truth = finding_truth(some, ALL)[:, 0]

    assert truth[:2].tolist() == [1, 0]
    assert np.isnan(truth[2])


def test_what_nobody_knows_teaches_nothing() -> None:
    logits = torch.tensor([[5.0, -3.0]], requires_grad=True)

    known_loss(logits, torch.tensor([[torch.nan, 1.0]])).backward()  # type: ignore[no-untyped-call]

    assert logits.grad is not None
    assert logits.grad[0, 0] == 0
    assert logits.grad[0, 1] < 0


def test_films_of_two_sources_stand_one_behind_the_other(films: Films) -> None:
    both = joined([films.chosen(np.arange(2)), films.chosen(np.arange(3))])

    assert len(both) == 5
    assert both.columns == films.columns
    np.testing.assert_array_equal(both.landmarks[2:4], films.landmarks[:2])


def test_processes_render_what_one_process_renders() -> None:
    cases, path = [draw_case(n) for n in range(3)], PixelPath(side=256)
    with Crew(1) as alone, Crew(2) as together:
        one, other = rendered_films(alone, cases, path), rendered_films(together, cases, path)

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

    def taken(seed: int) -> torch.Tensor:
        chance = torch.Generator().manual_seed(seed)
        return exposed(images, drawn_exposures(3, chance), chance)

    assert torch.equal(taken(1), taken(1))
    assert not torch.equal(taken(1), taken(2))
    assert 0 <= taken(1).min() <= taken(1).max() <= 1


def test_all_windows_of_a_film_are_exposed_alike() -> None:
    """Without noise two equal windows of a film stay equal, and those of another film do not."""
    windows = torch.rand(1, 1, 1, 16, 16).expand(2, 5, 1, 16, 16)
    chance = torch.Generator().manual_seed(4)
    exposure = drawn_exposures(2, chance)
    still = replace(exposure, noise=torch.zeros(2))

    after = exposed(windows, still, chance)

    assert torch.allclose(after[0, 0], after[0, 4])
    assert not torch.allclose(after[0, 0], after[1, 0])
    assert len(Exposure.__slots__) == 5


def test_a_blurred_dot_is_as_wide_as_was_asked_for() -> None:
    dot = torch.zeros(3, 1, 41, 41)
    dot[:, :, 20, 20] = 1
    wanted = torch.tensor([0.5, 1.0, 2.0])

    after = blurred(dot, wanted[:, None, None, None])

    places = torch.arange(41.0) - 20
    found = (after.sum(dim=(1, 2)) * places**2).sum(dim=1).sqrt()
    assert torch.allclose(found, wanted, rtol=0.02)


def test_shadows_keep_the_range() -> None:
    after = shaded(torch.rand(4, 1, 64, 64), torch.Generator().manual_seed(1))

    assert 0 <= after.min() <= after.max() <= 1


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


def test_vertebra_windows_see_the_same_in_a_mirror(films: Films, landmarks: torch.Tensor) -> None:
    image = torch.from_numpy(films.images[:4].astype(np.float32))[:, None]
    mirrored = landmarks * torch.tensor([-1.0, 1.0]) + torch.tensor([255.0, 0.0])

    seen, other = vertebra_windows(image, landmarks), vertebra_windows(image.flip(3), mirrored)

    assert seen.shape == (4, 5, 1, 48, 96)
    assert torch.allclose(seen, other, atol=1e-3)


def test_training_twice_by_one_seed_gives_the_same_weights(films: Films) -> None:
    good = films.chosen(films.in_scope)

    def weights() -> dict[str, torch.Tensor]:
        fitter = Fitter(None, 7)
        locator = fitter.locator(films, good, SMALL)
        fitter.corners(locator, good, good, SMALL)
        return locator.state_dict()

    first, second = weights(), weights()

    assert all(torch.equal(first[key], second[key]) for key in first)


def test_training_the_corners_leaves_the_heat_maps_as_they_are(films: Films) -> None:
    good, fitter = films.chosen(films.in_scope), Fitter(None, 7)
    locator = fitter.locator(films, good, SMALL)
    before = {key: value.clone() for key, value in locator.state_dict().items()}

    fitter.corners(locator, good, good, SMALL)

    changed = {
        key.split(".")[0]
        for key, value in locator.state_dict().items()
        if not torch.equal(value, before[key])
    }
    assert changed == {"corners"}


def test_a_reader_learns_its_few_films_by_heart(films: Films) -> None:
    good, fitter = films.chosen(films.in_scope), Fitter(None, 1)

    fitter.reader(1, good, good, ALL, COMPONENTS, replace(SMALL, reader_epochs=30))

    history = fitter.histories["reader-1"]
    assert history.losses[-1] < 0.8 * history.losses[0]
    assert max(history.figures) == 1.0


def test_a_reader_may_look_for_nothing_in_discs_and_vertebrae(films: Films) -> None:
    good = films.chosen(films.in_scope)
    only = Components((), (), ("kyphosis",))

    reader = Fitter(None, 1).reader(1, good, good, {"kyphosis": ("kyphosis",)}, only, SMALL)

    assert not any(name.startswith(("disc", "vertebra")) for name in reader.state_dict())


def test_a_level_of_a_finding_is_never_above_the_finding() -> None:
    torch.manual_seed(1)
    reader = SpineReader(
        COMPONENTS.disc, COMPONENTS.vertebra, COMPONENTS.spine, parts_of(FINDINGS), 2
    )
    found = reader.combine(torch.randn(20, len(COMPONENTS.columns)))
    columns = {name: found[:, number] for number, name in enumerate(reader.findings)}

    for finding in FINDINGS:
        if set(COMPONENTS.chosen(finding.parts)) <= set(COMPONENTS.chosen(ALL["abnormal"])):
            assert (columns[finding.name] <= columns["abnormal"] + 1e-5).all()
