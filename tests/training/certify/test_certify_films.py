"""Calibration films: drawn, read from a data set, and refused where they may not be used."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from tests.vision.bundles import bundle_parts
from training.bundle.export import write_bundle
from training.certify.films import (
    CalibrationFilm,
    calibration_of,
    phantom_cases,
    read_phantom,
    read_set,
)
from training.certify.seen import KEY, MadeWith, film_digest
from training.errors import DataError, RefusedError
from training.phantom.truth import has_finding
from training.processes import Crew
from training.values import FilmRecord, FilmSet

if TYPE_CHECKING:
    from triage.vision.bundle import Bundle

FINDINGS = ("abnormal", "spondylosis")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A small bundle with random weights whose gates let everything pass."""
    return write_bundle(tmp_path_factory.mktemp("certify") / "bundle", bundle_parts())


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> FilmSet:
    """Four films as images, two of them abnormal, from two sites."""
    folder = tmp_path_factory.mktemp("films")
    chance = np.random.default_rng(1)
    records = []
    for number in range(4):
        place = folder / f"{number}.png"
        Image.fromarray(chance.integers(0, 255, (300, 240), np.uint8)).save(place)
        sick = number % 2 == 0
        records.append(
            FilmRecord(
                film=f"film {number}",
                path=place,
                patient=f"patient {number}",
                group=f"patient {number}",
                labels={"abnormal": sick, "spondylosis": sick},
                sex="F" if number < 2 else "M",
                age_years=None if number == 3 else 30.0 + 20 * number,
                site="north" if number < 2 else "",
                manufacturer="maker",
            )
        )
    return FilmSet("four", tuple(records))


def changed(films: FilmSet, number: int, **values: object) -> FilmSet:
    """The set with one film changed."""
    fields = {name: getattr(films.films[number], name) for name in FilmRecord.__slots__}
    other = FilmRecord(**(fields | values))
    return FilmSet(films.name, (*films.films[:number], other, *films.films[number + 1 :]))


def test_cases_come_as_they_come_and_rare_ones_until_they_have_the_finding() -> None:
    drawn = phantom_cases(("abnormal", "swelling"), 20, 5, seed=1)

    natural = [one for one in drawn if not one.wanted]
    rare = [one for one in drawn if one.wanted]
    assert (len(natural), len(rare)) == (20, 5)
    assert {one.wanted for one in rare} == {"swelling"}
    assert all(has_finding(one.case, "swelling") for one in rare)
    assert len({one.case.seed for one in drawn}) == 25
    assert {one.spacing_mm for one in natural} == {0.2, 0.5}


def test_the_same_seed_draws_the_same_cases_and_another_one_others() -> None:
    one, same, other = (phantom_cases(FINDINGS, 6, 2, seed) for seed in (1, 1, 2))

    assert one == same
    assert not {drawn.case.seed for drawn in one} & {drawn.case.seed for drawn in other}


def test_a_finding_that_the_phantom_never_draws_is_refused() -> None:
    with pytest.raises(DataError, match="knows no finding 'fracture'"):
        phantom_cases(("abnormal", "fracture"), 1, 1, seed=1)


def test_phantom_films_that_made_the_bundle_are_refused(tmp_path: Path) -> None:
    cases = phantom_cases(("abnormal",), 1, 0, seed=1)
    seed = cases[0].case.seed
    provenance = {KEY: MadeWith(seeds=((seed - 3, seed),)).content()}
    made = write_bundle(tmp_path / "bundle", bundle_parts(provenance=provenance))

    with Crew(1) as crew, pytest.raises(RefusedError, match="choose another --seed"):
        read_phantom(made.folder, cases, crew)


def test_films_that_made_the_bundle_are_refused_by_name(films: FilmSet, tmp_path: Path) -> None:
    pixels = np.asarray(Image.open(films.films[2].path))
    made_with = MadeWith(films=frozenset({film_digest(pixels)}))
    provenance = {KEY: made_with.content()}
    made = write_bundle(tmp_path / "bundle", bundle_parts(provenance=provenance))

    assert MadeWith.of(made) == made_with
    with Crew(1) as crew, pytest.raises(RefusedError, match="the first is film 2"):
        read_set(made.folder, films, crew)


def test_a_film_without_a_label_is_refused_by_name(bundle: Bundle, films: FilmSet) -> None:
    wrong = changed(films, 1, labels={"abnormal": True, "spondylosis": None})

    with Crew(1) as crew, pytest.raises(RefusedError, match=r"1 of 4 .* 'spondylosis' .* film 1"):
        read_set(bundle.folder, wrong, crew)


def test_a_film_that_cannot_be_read_is_named(bundle: Bundle, films: FilmSet) -> None:
    wrong = changed(films, 1, path=Path("/nowhere/at-all.png"))

    with Crew(1) as crew, pytest.raises(DataError, match=r"at-all\.png"):
        read_set(bundle.folder, wrong, crew)


def test_films_of_a_data_set_bring_their_groups(bundle: Bundle, films: FilmSet) -> None:
    with Crew(1) as crew:
        read, digest = read_set(bundle.folder, films, crew)
    calibration = calibration_of(read, FINDINGS, digest)

    assert digest == films.digest()
    assert calibration.raw.shape == (4, 2, 2)
    assert calibration.strata["sex: women"].tolist() == [True, True, False, False]
    assert calibration.strata["site: north"].tolist() == [True, True, False, False]
    assert calibration.strata["site: not known"].tolist() == [False, False, True, True]
    assert calibration.strata["age: not known"].tolist() == [False, False, False, True]
    assert calibration.strata["manufacturer: maker"].all()


def test_a_child_and_another_view_are_stopped_by_the_header(bundle: Bundle, films: FilmSet) -> None:
    other = changed(changed(films, 0, age_years=9.0), 1, view="ap")

    with Crew(1) as crew:
        read, _ = read_set(bundle.folder, other, crew)

    assert [film.failed[:1] for film in read] == [("header.age",), ("header.view",), (), ()]


def film(**values: object) -> CalibrationFilm:
    """A film that passed every gate; keyword arguments change it."""
    usual: dict[str, object] = {
        "truth": (True,), "counted": (True,), "natural": True, "failed": (),
        "raw": ((1.0,), (2.0,)), "strata": {"sex": "women"},
    }  # fmt: skip
    return CalibrationFilm(**(usual | values))  # type: ignore[arg-type]


def test_films_that_a_gate_stopped_or_without_numbers_do_not_count() -> None:
    films = [film(), film(failed=("pixels.blur",)), film(raw=())]

    assert len(calibration_of(films, ("abnormal",), "").truth) == 1
    with pytest.raises(RefusedError, match="None of 2"):
        calibration_of(films[1:], ("abnormal",), "")


def test_prevalence_is_that_of_films_as_they_come() -> None:
    films = [film(), *[film(truth=(False,))] * 3, *[film(natural=False)] * 40]

    calibration = calibration_of(films, ("swelling",), "")

    assert calibration.prevalence(0) == 0.25
    assert calibration.positives(0).sum() == 41


def test_the_digest_of_a_film_is_that_of_its_grey_values_and_its_shape() -> None:
    pixels = np.arange(6, dtype=np.uint16).reshape(2, 3)

    assert film_digest(pixels) == film_digest(pixels.astype(np.float32))
    assert film_digest(pixels) != film_digest(pixels.reshape(3, 2))
    assert film_digest(pixels) != film_digest(pixels + 1)
    assert len(set(islice(map(film_digest, (pixels, pixels.T, pixels * 2)), 3))) == 3
