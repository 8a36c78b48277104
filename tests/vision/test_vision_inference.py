"""What the networks say becomes gates and scores, and nothing that goes wrong looks normal."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.vision.bundles import bundle_parts
from training.phantom import draw_case, render
from triage.errors import BundleError, TransientError
from triage.vision.bundle import Bundle, default_bundle_folder
from triage.vision.inference import Analyst, choose_device, examine, in_batches, metal_shares
from triage.vision.path import PixelPath
from triage.vision.pixels import prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from triage.values import HeaderFacts
    from triage.vision.pixels import PreparedFilm


@pytest.fixture
def analyst(make_bundle: Callable[..., Bundle]) -> Analyst:
    """A small bundle with random weights, on the CPU."""
    return Analyst(make_bundle(), "cpu")


@pytest.fixture
def films(analyst: Analyst) -> list[PreparedFilm]:
    """Five films that differ."""
    chance = np.random.default_rng(5)
    path = analyst.bundle.manifest.path
    return [prepare(chance.integers(0, 4096, (300, 240)).astype(np.uint16), path) for _ in range(5)]


def test_every_member_scores_every_finding(analyst: Analyst, films: list[PreparedFilm]) -> None:
    (analysis,) = analyst.analyse(films[:1])

    assert {(score.member, score.finding) for score in analysis.scores} == {
        (member, finding)
        for member in ("reader-0", "reader-1")
        for finding in ("abnormal", "spondylosis")
    }
    assert analysis.bundle_digest == analyst.bundle.identity.digest
    assert all(0 < score.probability < 1 for score in analysis.scores)


def test_a_probability_is_the_raw_score_over_the_temperature(analyst, films) -> None:
    score = analyst.analyse(films[:1])[0].scores[0]

    assert score.probability == pytest.approx(1 / (1 + np.exp(-score.raw / 1.5)))


def test_neighbours_in_a_batch_change_nothing(analyst, films) -> None:
    """The same study gives the same result, whatever arrived beside it."""
    together = analyst.analyse(films)
    alone = [analyst.analyse([film])[0] for film in films]

    assert list(together) == alone


def test_analysing_again_gives_the_same_bits(analyst, films) -> None:
    assert analyst.analyse(films) == Analyst(analyst.bundle, "cpu").analyse(films)


def test_no_films_give_no_analyses(analyst) -> None:
    assert analyst.analyse([]) == ()


class Broken(nn.Module):
    """A reader one of whose numbers is not finite."""

    def __init__(self, reader: nn.Module) -> None:
        super().__init__()
        self.reader = reader

    def forward(self, images: Tensor, landmarks: Tensor) -> Tensor:
        logits: Tensor = self.reader(images, landmarks)
        logits[0, 1] = torch.nan
        return logits


def test_a_number_that_is_not_finite_fails_its_gate_and_gives_no_scores(analyst, films) -> None:
    analyst.readers[1] = Broken(analyst.readers[1])

    for analysis in analyst.analyse(films):
        assert [gate.gate for gate in analysis.failed_gates] == ["model.finite"]
        assert analysis.scores == ()


def test_pixels_that_are_not_finite_fail_closed(analyst, films) -> None:
    poisoned = dataclasses.replace(films[0], image=np.full_like(films[0].image, np.nan))

    (analysis,) = analyst.analyse([poisoned])

    assert [gate.gate for gate in analysis.failed_gates] == ["model.finite"]


class Cramped(nn.Module):
    """A locator on a device that has memory for two films only."""

    def __init__(self, locator: nn.Module) -> None:
        super().__init__()
        self.locator, self.tried = locator, []

    def forward(self, images: Tensor) -> Any:
        self.tried.append(len(images))
        if len(images) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.locator(images)

    def unrest(self, images: Tensor, landmarks: Tensor) -> Any:
        return self.locator.unrest(images, landmarks)

    def said(self, images: Tensor, location: Any) -> Tensor:
        return self.locator.said(images, location)


def test_out_of_memory_halves_the_batch_until_it_fits(make_bundle, films) -> None:
    analyst = Analyst(make_bundle(), "cpu", batch_size=8)
    expected = [analyst.analyse([film])[0] for film in films]
    analyst.locator = Cramped(analyst.locator)

    analyses = analyst.analyse(films)

    assert analyst.locator.tried == [5, 2, 2, 1]
    for analysis, alone in zip(analyses, expected, strict=True):
        for one, other in zip(analysis.scores, alone.scores, strict=True):
            assert one.raw == pytest.approx(other.raw, abs=1e-2)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ],
    ids=["host", "device", "allocator"],
)
def test_no_memory_even_for_one_film_is_worth_another_try(error: Exception) -> None:
    def work(_: Sequence[PreparedFilm]) -> list[int]:
        raise error

    with pytest.raises(TransientError, match="memory even for one film"):
        in_batches([None, None], work, 2)  # type: ignore[list-item]  # the work looks at nothing


def test_another_error_is_not_taken_for_memory() -> None:
    def work(_: Sequence[PreparedFilm]) -> list[int]:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes"):
        in_batches([None], work, 1)  # type: ignore[list-item]  # as above


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_named_with_the_setting() -> None:
    with pytest.raises(BundleError, match=r"cuda:7.*worker\.device"):
        choose_device("cuda:7")
    assert choose_device("auto").type == "cpu"


def test_a_device_that_does_not_exist_is_refused() -> None:
    with pytest.raises(BundleError, match="quantum"):
        choose_device("quantum")


def test_a_file_is_examined_with_header_gates_first(
    write_film: Callable[..., Path], film_pixels, lateral_facts: HeaderFacts, analyst: Analyst
) -> None:
    path = write_film(film_pixels, SOPInstanceUID="1.2.3")

    examined = examine(path, dataclasses.replace(lateral_facts, modality="CT"), analyst)

    names = [gate.gate for gate in examined.analysis.gates]
    assert names[0] == "header.body-part"
    assert names[-1] == "model.finite"
    assert [gate.gate for gate in examined.analysis.failed_gates] == ["header.modality"]


@pytest.fixture(scope="module")
def shipped() -> Analyst:
    """The bundle that comes along."""
    return Analyst(Bundle.load(default_bundle_folder()), "cpu")


def seeds(first: int, count: int = 12) -> range:
    """Seeds that the recipe never draws."""
    return range(900_000_000 + first, 900_000_000 + first + count)


def passing(shipped: Analyst, **wishes: Any) -> list[bool]:
    """Whether fresh phantom films of a kind pass every gate of the shipped bundle."""
    films = [
        prepare(render(draw_case(s, **wishes)).pixels, shipped.bundle.manifest.path)
        for s in seeds(0)
    ]
    return [not analysis.failed_gates for analysis in shipped.analyse(films)]


@pytest.mark.parametrize("facing", ["left", "right"])
def test_metal_at_the_spine_is_brighter_than_any_bone(facing: str) -> None:
    """Every film with hardware shows more of it than every film without."""

    def metal(*, hardware: bool) -> list[float]:
        cases = [draw_case(seed, hardware=hardware, facing=facing) for seed in range(900, 912)]
        films = [(prepare(film.pixels, PixelPath()), film.keypoints) for film in map(render, cases)]
        return [
            float(
                metal_shares(
                    torch.from_numpy(film.image)[None, None],
                    torch.from_numpy(film.placement.to_square(points))[None],
                )
            )
            for film, points in films
        ]

    assert max(metal(hardware=False)) < min(metal(hardware=True))


def test_the_shipped_bundle_lets_most_films_in_scope_pass(shipped: Analyst) -> None:
    assert sum(passing(shipped)) >= 9


def test_the_shipped_bundle_tells_abnormal_from_normal_films(shipped: Analyst) -> None:
    path = shipped.bundle.manifest.path
    points = {point.finding: point for point in shipped.bundle.operating_points}
    flagged = {False: 0, True: 0}
    for seed in seeds(100, 24):
        case = draw_case(seed, abnormal=seed % 2 == 0)
        (analysis,) = shipped.analyse([prepare(render(case).pixels, path)])
        raws = [score.raw for score in analysis.scores if score.finding == "abnormal"]
        flagged[case.abnormal] += bool(np.mean(raws) >= points["abnormal"].flag)
    assert flagged[True] >= 8
    assert flagged[False] <= 3


def test_random_weights_are_no_reason_to_pass_a_certificate(make_bundle) -> None:
    """Small bundles of the tests rule out only what their points say."""
    bundle = make_bundle(dataclasses.replace(bundle_parts(), certificate=None))

    assert all(point.rule_out is None for point in bundle.operating_points)
