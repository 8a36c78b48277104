"""Where the papers looked: boxes on films whose landmarks are known."""

from __future__ import annotations

import numpy as np
import pytest

from training.errors import DataError
from training.films.crops import Crop, centre_box, crop_box, cut


def upright_spine(*, left: float = 100.0, top: float = 200.0, facing_left: bool = True):
    """Landmarks of square bodies, 20 pixels deep and high, one every 30 pixels from C2 to C7.

    C2's lower edge lies at ``top``; the bodies of C3 to C7 begin 10 pixels below the one above.
    """
    front, back = (left, left + 20.0) if facing_left else (left + 20.0, left)
    points = [((front + back) / 2, top - 10.0), (front, top), (back, top)]
    for level in range(5):
        upper = top + 10.0 + 30.0 * level
        points += [(front, upper), (back, upper), (front, upper + 20), (back, upper + 20)]
    return np.array(points, np.float32)


SIZE = (600, 400)  # rows, columns


def test_the_whole_film_is_the_whole_film() -> None:
    assert crop_box(Crop.WHOLE, SIZE, None) == (0, 0, 400, 600)


def test_the_centre_crop_is_500_pixels_and_reaches_beyond_a_smaller_film() -> None:
    assert centre_box((741, 565)) == (32, 120, 532, 620)
    assert centre_box((600, 400)) == (-50, 50, 450, 550)


def test_what_lies_beyond_a_film_is_black() -> None:
    film = np.full((4, 3), 9, np.uint8)

    part = cut(film, (-1, 1, 4, 5))

    assert part.tolist() == [[0, 9, 9, 9, 0]] * 3 + [[0, 0, 0, 0, 0]]


def test_the_box_of_the_landmarks_holds_every_one_of_them() -> None:
    assert crop_box(Crop.KEYPOINTS, SIZE, upright_spine()) == (100, 190, 121, 351)


def test_the_wide_box_is_200_pixels_higher_and_100_wider_to_each_side_as_far_as_there_is_film() -> (
    None
):
    assert crop_box(Crop.WIDE, (900, 900), upright_spine(left=300, top=300)) == (200, 90, 421, 651)
    assert crop_box(Crop.WIDE, SIZE, upright_spine()) == (0, 0, 221, 551)


def test_c1_is_reached_above_c2_and_the_spinous_processes_behind() -> None:
    """One depth is 20 pixels, one pitch 30: 20 in front, 55 behind, 75 above C2's lower edge."""
    assert crop_box(Crop.C1_TO_C7, SIZE, upright_spine()) == (80, 125, 176, 359)
    mirrored = upright_spine(facing_left=False)
    assert crop_box(Crop.C1_TO_C7, SIZE, mirrored) == (45, 125, 141, 359)


def test_foramina_are_sought_behind_the_bodies() -> None:
    assert crop_box(Crop.FORAMINA, SIZE, upright_spine()) == (100, 175, 141, 366)
    mirrored = upright_spine(facing_left=False)
    assert crop_box(Crop.FORAMINA, SIZE, mirrored) == (80, 175, 121, 366)


@pytest.mark.parametrize("crop", [crop for crop in Crop if crop.needs_landmarks])
def test_a_crop_that_needs_landmarks_says_so(crop: Crop) -> None:
    with pytest.raises(DataError, match="no landmarks"):
        crop_box(crop, SIZE, None)
    partly = upright_spine()
    partly[[3, 7]] = np.nan
    with pytest.raises(DataError, match="2 of its 23 landmarks are missing"):
        crop_box(crop, SIZE, partly)


def test_landmarks_outside_the_film_are_no_crop() -> None:
    with pytest.raises(DataError, match="0 x 161 pixels within a film of 400 x 600"):
        crop_box(Crop.KEYPOINTS, SIZE, upright_spine(left=700))
