"""Augmentation, moments and SMOTE: what follows from chance, and what does not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training.errors import DataError
from training.films.augmentation import Augmentation, augmented
from training.films.balance import balanced
from training.films.moments import moments_of

MARKED = torch.zeros(3, 1, 33, 33)
MARKED[:, 0, 4:9, 20:25] = 1.0  # above and to the right of the middle


def chance(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def middle_of_mass(picture: torch.Tensor) -> tuple[float, float]:
    """Row and column, from the middle of the picture."""
    rows, columns = torch.meshgrid(torch.arange(33.0), torch.arange(33.0), indexing="ij")
    mass = picture[0] / picture[0].sum()
    return float((rows * mass).sum()) - 16, float((columns * mass).sum()) - 16


def test_without_a_plan_nothing_happens() -> None:
    assert torch.equal(augmented(MARKED, Augmentation(), chance()), MARKED)


def test_certain_flips_mirror_and_turn_upside_down() -> None:
    plan = Augmentation(flip_horizontal=1.0, flip_vertical=1.0)

    assert torch.equal(augmented(MARKED, plan, chance()), MARKED.flip(2, 3))


def test_a_flip_of_one_half_befalls_about_half_of_the_pictures() -> None:
    many = MARKED[:1].expand(400, -1, -1, -1)

    flipped = augmented(many, Augmentation(flip_horizontal=0.5), chance())

    assert 160 < sum(not torch.equal(one, MARKED[0]) for one in flipped) < 240


def test_two_rotations_follow_one_another() -> None:
    """The angle is up to 80 degrees, and not more; one rotation alone reaches 20."""
    many = MARKED[:1].expand(60, -1, -1, -1)

    def angles(*rotations: float) -> np.ndarray:
        turned = augmented(many, Augmentation(rotations=rotations), chance())
        places = np.array([middle_of_mass(one) for one in turned])
        begin = np.arctan2(*middle_of_mass(MARKED[0]))
        turn = np.arctan2(places[:, 0], places[:, 1]) - begin
        return np.abs(np.degrees((turn + np.pi) % (2 * np.pi) - np.pi))

    assert 15 < angles(20.0).max() < 21
    assert 50 < angles(20.0, 60.0).max() < 81


def test_pictures_shift_sideways_only() -> None:
    many = MARKED[:1].expand(40, -1, -1, -1)

    moved = augmented(many, Augmentation(shift_width=0.1), chance())
    shifts = np.array([middle_of_mass(one) for one in moved]) - middle_of_mass(MARKED[0])

    assert np.abs(shifts[:, 0]).max() < 1e-3
    assert 2 <= np.abs(shifts[:, 1]).max() <= 3.01


def test_shear_and_zoom_change_a_picture_about_its_middle() -> None:
    middle = torch.zeros(1, 1, 33, 33)
    middle[0, 0, 12:21, 12:21] = 1.0

    sheared = augmented(middle, Augmentation(shear_degrees=10.0), chance(2))[0]
    zoomed = augmented(middle.expand(30, -1, -1, -1), Augmentation(zoom=0.1), chance())

    assert not torch.equal(sheared, middle[0])
    assert middle_of_mass(sheared) == pytest.approx((0, 0), abs=0.1)
    areas = zoomed.sum((1, 2, 3)) / middle.sum()
    assert 0.8 < float(areas.min()) < 0.95
    assert 1.05 < float(areas.max()) < 1.25


def test_the_same_generator_gives_the_same_chance() -> None:
    plan = Augmentation(0.5, 0.5, (20.0, 60.0), 10.0, 0.1, 0.1)

    assert torch.equal(augmented(MARKED, plan, chance()), augmented(MARKED, plan, chance()))
    assert not torch.equal(augmented(MARKED, plan, chance()), augmented(MARKED, plan, chance(2)))


def test_moments_computed_online_are_those_of_all_pixels_at_once() -> None:
    films = np.random.default_rng(1).integers(0, 256, (7, 3, 20, 11)).astype(np.uint8)
    films[3:, 1] //= 2

    found = moments_of(iter(films))

    values = films.astype(np.float64) / 255
    assert found.mean == pytest.approx(values.mean(axis=(0, 2, 3)), rel=1e-12)
    assert found.deviation == pytest.approx(values.std(axis=(0, 2, 3)), rel=1e-12)


def test_smote_balances_and_leaves_real_films_alone() -> None:
    rng = np.random.default_rng(1)
    films = rng.integers(0, 256, (24, 1, 6, 6)).astype(np.uint8)
    present = np.arange(24) >= 7

    grown = balanced(films, present, seed=1)

    assert grown.made == 10
    assert grown.present.sum() == (~grown.present).sum() == 17
    assert np.array_equal(grown.pictures[:24], films)
    assert not grown.present[24:].any()


def test_a_made_film_lies_between_two_real_ones_of_its_class() -> None:
    """Differences of 8 bits would wrap round, and leave that line."""
    films = np.zeros((10, 1, 1, 2), np.uint8)
    films[:3, 0, 0] = [[0, 250], [250, 0], [125, 125]]
    films[3:] = 40
    present = np.arange(10) < 3

    made = balanced(films, present, seed=4).pictures[10:, 0, 0].astype(int)

    assert len(made) == 4
    assert np.abs(made.sum(axis=1) - 250).max() <= 1
    assert len(np.unique(made, axis=0)) > 1


def test_with_few_films_smote_takes_fewer_neighbours_and_says_so() -> None:
    said: list[str] = []

    grown = balanced(np.zeros((9, 1, 2, 2), np.uint8), np.arange(9) < 3, 1, said.append)

    assert grown.neighbours == 2
    assert "2 neighbours, not 5: 3 films only" in said[0]


def test_one_film_is_too_few_for_smote() -> None:
    with pytest.raises(DataError, match="needs at least 2 films of the rarer class"):
        balanced(np.zeros((9, 1, 2, 2), np.uint8), np.arange(9) < 1, 1)


def test_balanced_films_need_no_smote() -> None:
    films = np.zeros((4, 1, 2, 2), np.uint8)

    assert balanced(films, np.arange(4) < 2, 1).pictures is films
