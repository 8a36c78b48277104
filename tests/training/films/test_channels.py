"""Grey values on known pixel grids: bits, equalisation, borders, channels and their order."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageOps

from training.films.channels import (
    Channels,
    Fit,
    as_picture,
    channels_of,
    eight_bit,
    equalised,
    resized,
    white_bordered,
)

RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)


def test_a_film_of_8_bits_is_left_as_it_is() -> None:
    assert np.array_equal(eight_bit(RAMP.astype(np.uint16)), RAMP)
    assert np.array_equal(eight_bit(RAMP.astype(np.float32)), RAMP)


def test_a_deeper_film_is_stretched_between_its_percentiles() -> None:
    film = np.arange(10_000, dtype=np.uint16).reshape(100, 100)
    film[0, 0] = 65_535  # one hot pixel moves nothing

    grey = eight_bit(film)

    assert (grey[0, 1], grey[99, 99], grey[0, 0]) == (0, 255, 255)
    assert abs(int(grey[50, 0]) - 128) <= 2


def test_histograms_are_equalised_as_pillow_does() -> None:
    film = np.random.default_rng(1).normal(90, 12, (40, 30)).clip(0, 255).astype(np.uint8)

    expected = np.asarray(ImageOps.equalize(Image.fromarray(film)))

    assert np.array_equal(equalised(film), expected)


def test_a_tall_film_gets_white_to_its_left_and_right_and_the_odd_pixel_to_the_right() -> None:
    padded = white_bordered(np.zeros((4, 1), np.uint8))

    assert padded.tolist() == [[255, 0, 255, 255]] * 4


def test_a_wide_film_gets_white_above_and_below() -> None:
    padded = white_bordered(np.full((1, 3), 7, np.uint8))

    assert padded.tolist() == [[255] * 3, [7] * 3, [255] * 3]


def test_the_colour_picture_is_grey_inverted_equalised_and_the_other_order_the_reverse() -> None:
    film = np.array([[10, 20], [30, 200]], np.uint8)

    colour = channels_of(film, Channels.COLOUR)

    assert colour[0].tolist() == [[10, 20], [30, 200]]
    assert colour[1].tolist() == [[245, 235], [225, 55]]
    assert np.array_equal(colour[2], equalised(film))
    assert np.array_equal(channels_of(film, Channels.COLOUR_REVERSED), colour[::-1])


def test_an_equalised_picture_has_one_channel() -> None:
    assert np.array_equal(channels_of(RAMP, Channels.EQUALISED), equalised(RAMP)[None])


def test_borders_stay_white_in_every_channel() -> None:
    """They are added behind inversion and equalisation, so no histogram counts them."""
    picture = as_picture(RAMP[:, :8], Channels.COLOUR, Fit.WHITE_BORDERS, 16)

    assert (picture[:, :, :4] == 255).all()
    assert (picture[:, :, 12:] == 255).all()
    assert np.array_equal(picture[2, :, 4:12], equalised(np.ascontiguousarray(RAMP[:, :8])))


def test_stretching_fills_the_square_whatever_the_shape() -> None:
    picture = as_picture(RAMP[:, :8], Channels.GREY, Fit.STRETCHED, 8)

    assert picture.shape == (1, 8, 8)
    assert picture.max() < 255


def test_a_picture_of_one_value_stays_so_when_it_is_reduced() -> None:
    assert (resized(np.full((1, 37, 53), 200, np.uint8), 16) == 200).all()
