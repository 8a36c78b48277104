"""The pixel path: the same film gives the same tensor, whatever it came in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from training.phantom import draw_case, render
from training.processes import Crew
from training.spine.films import rendered_films
from triage.vision.decode import read_film
from triage.vision.path import PixelPath
from triage.vision.pixels import content_box, prepare

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PATH = PixelPath(side=256)


def test_a_film_in_a_file_gives_the_tensor_that_training_saw(
    write_film: Callable[..., Path],
) -> None:
    """Parity: rendered in training, and written, decoded and prepared in triage."""
    case = draw_case(11)
    with Crew(1) as crew:
        trained_on = rendered_films(crew, [case], PixelPath())
    path = write_film(render(case).pixels, PhotometricInterpretation="MONOCHROME2")

    seen = prepare(read_film(path).pixels, PixelPath())

    np.testing.assert_array_equal(seen.image.astype(np.float16), trained_on.images[0])


def test_every_type_of_number_gives_the_same_tensor(film_pixels) -> None:
    expected = prepare(film_pixels, PATH).image
    for kind in (np.int16, ">u2", np.float32, np.float64, np.int32):
        np.testing.assert_array_equal(prepare(film_pixels.astype(kind), PATH).image, expected)


def test_preparing_twice_gives_the_same_bits(film_pixels) -> None:
    first, second = prepare(film_pixels, PATH), prepare(film_pixels.copy(), PATH)

    np.testing.assert_array_equal(first.image, second.image)
    assert first.statistics == second.statistics


def test_window_and_level_do_not_count(film_pixels) -> None:
    plain = prepare(film_pixels, PATH).image
    shifted = prepare(film_pixels.astype(np.float32) * 3.5 - 900, PATH).image

    np.testing.assert_allclose(shifted, plain, atol=1e-5)


def test_the_square_holds_the_film_in_the_middle_between_black_margins(film_pixels) -> None:
    image = prepare(film_pixels, PATH).image

    assert image.shape == (256, 256)
    assert image.dtype == np.float32
    margin = (256 - round(240 * 256 / 300)) // 2
    assert not image[:, : margin - 1].any()
    assert image[:, margin + 1 : -margin - 1].any(axis=0).all()
    assert 0 <= image.min() <= image.max() <= 1


@pytest.mark.parametrize("value", [0, 4095])
def test_borders_of_one_grey_value_are_cut_off(value: int, film_pixels) -> None:
    bordered = np.full((500, 420), value, np.uint16)
    bordered[120:420, 90:330] = film_pixels

    top, bottom, left, right = content_box(bordered, PATH.border_spread)

    assert (top, left) == pytest.approx((120, 90), abs=3)
    assert (bottom, right) == pytest.approx((420, 330), abs=3)


def test_landmarks_find_their_place_in_the_square_and_back(film_pixels) -> None:
    placement = prepare(film_pixels, PATH).placement
    points = np.array([[0.0, 0.0], [120.0, 30.0], [239.0, 299.0]], np.float32)

    square = placement.to_square(points)

    np.testing.assert_allclose(placement.to_film(square), points, atol=1e-3)
    assert square[:, 1].min() >= -0.5
    assert square[:, 1].max() <= 255.5


def test_a_bright_dot_lies_where_the_placement_says() -> None:
    pixels = np.random.default_rng(1).integers(0, 100, (400, 300)).astype(np.float32)
    pixels[250:256, 100:106] = 5000
    prepared = prepare(pixels, PixelPath(side=256, high_percentile=100))

    row, column = np.unravel_index(prepared.image.argmax(), prepared.image.shape)

    expected = prepared.placement.to_square(np.array([102.5, 252.5], np.float32))
    assert (column, row) == pytest.approx(tuple(expected), abs=1.5)


def test_detail_finer_than_the_square_averages_out() -> None:
    rows, columns = np.mgrid[0:1000, 0:1000]
    pattern = ((rows + columns) % 2 * 600 + rows).astype(np.uint16)

    image = prepare(pattern, PATH).image

    assert np.abs(np.diff(image[5:-5, 5:-5], axis=1)).max() < 0.02


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (3, 2), (2000, 7)])
def test_strange_shapes_give_a_square_without_noise_about_it(shape: tuple[int, int]) -> None:
    prepared = prepare(np.zeros(shape, np.uint16), PATH)

    assert prepared.image.shape == (256, 256)
    assert not prepared.image.any()


def test_blur_lowers_sharpness_and_noise_raises_the_noise() -> None:
    film = render(draw_case(12)).pixels.astype(np.float32)
    blurred = uniform_filter(film, 9)
    noisy = film + np.random.default_rng(2).normal(0, 200, film.shape)
    path = PixelPath()

    plain = prepare(film, path).statistics
    left = prepare(blurred, path).statistics.sharpness - 1  # of a film without fine edges: 0
    assert left < 0.4 * (plain.sharpness - 1)
    assert prepare(noisy, path).statistics.noise > 3 * plain.noise
