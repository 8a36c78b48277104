"""Whether a spine still grows is seen at the front corners of its endplates."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from training.phantom import draw_case
from training.processes import Crew
from training.spine.films import Films, rendered_films
from training.spine.fitting import Fitter, Sizes
from training.spine.rings import RingTask
from training.spine.tasks import Pace
from triage.vision.geometry import ring_windows
from triage.vision.networks import ATTRIBUTES, Locator
from triage.vision.path import PixelPath

COUNT = 6
BY_HEART = Sizes(locator_width=4, ring_epochs=40)


@pytest.fixture(scope="module")
def adults_and_children() -> tuple[Films, Films]:
    """Normal spines: of those who are 40, and of those who are 13 and have ring apophyses."""
    with Crew(1) as crew:
        adults, children = (
            rendered_films(
                crew,
                [draw_case(n, abnormal=False, age_years=age) for n in range(COUNT)],
                PixelPath(),
            )
            for age in (40.0, 13.0)
        )
    return adults, children


def images_and_landmarks(films: Films) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.from_numpy(films.images.astype(np.float32))[:, None]
    return images, torch.from_numpy(films.landmarks)


def test_ring_windows_see_the_same_in_a_mirror(adults_and_children) -> None:
    image, landmarks = images_and_landmarks(adults_and_children[0])
    mirrored = landmarks * torch.tensor([-1.0, 1.0]) + torch.tensor([511.0, 0.0])

    seen, other = ring_windows(image, landmarks), ring_windows(image.flip(3), mirrored)

    assert seen.shape == (COUNT * 11, 1, 24, 32)
    assert torch.allclose(seen, other, atol=1e-3)


def test_ring_windows_have_the_front_corner_in_them_and_the_bone_above() -> None:
    """A picture of which each pixel says where it lies."""
    columns, rows = torch.meshgrid(torch.arange(512.0), torch.arange(512.0), indexing="xy")
    heights = torch.arange(11).repeat_interleave(2) * 30.0 + 90.0
    corners = torch.stack([torch.tensor([200.0, 240.0]).repeat(11), heights], dim=1)
    landmarks = torch.cat([torch.tensor([[220.0, 60.0]]), corners])[None]

    across = ring_windows(columns[None, None], landmarks)[:, 0].mean(dim=1)
    down = ring_windows(rows[None, None], landmarks)[:, 0].mean(dim=2)

    depth, plates = 40.0, landmarks[0, 1::2, 1]
    assert (across[:, 0] < 200).all()  # the front corner, and what lies before it
    assert (across[:, -1] > 200).all()
    assert torch.allclose(across.mean(dim=1), torch.tensor(220.0 - 0.35 * depth))
    assert torch.allclose(down.mean(dim=1), plates, atol=1e-3)
    lower = torch.arange(11) % 2 == 0  # endplates that have their bone above them on the film
    assert (down[lower, 0] < down[lower, -1]).all()
    assert (down[~lower, 0] > down[~lower, -1]).all()


def test_who_grows_is_learnt_by_heart_whatever_part_the_films_come_in(adults_and_children) -> None:
    locator = Locator(BY_HEART.locator_width)
    landmarks_before = {
        key: value.clone() for key, value in locator.state_dict().items() if "rings" not in key
    }
    fitter = Fitter(None, 1)

    fitter.rings(locator, adults_and_children, BY_HEART)

    locator.eval()
    with torch.inference_mode():
        adults, children = (
            locator.growth(*images_and_landmarks(films)) for films in adults_and_children
        )
    assert (children[:, None] > adults).float().mean() > 0.9
    assert fitter.histories["rings"].losses[-1] < 0.6 * fitter.histories["rings"].losses[0]
    after = locator.state_dict()
    assert all(torch.equal(after[key], value) for key, value in landmarks_before.items())
    assert all(weight.requires_grad for weight in locator.parameters())


def test_growth_is_said_of_the_child_alone(adults_and_children) -> None:
    locator = Locator(4)
    torch.nn.init.zeros_(locator.rings[-1].weight)
    torch.nn.init.constant_(locator.rings[-1].bias, 3.0)
    image, _ = images_and_landmarks(adults_and_children[1])
    locator.eval()

    with torch.inference_mode():
        location = locator(image)
        more = locator.said(image, location) - location.attributes

    wanted = torch.tensor([3.0 * (name == "child") for name in ATTRIBUTES])
    assert torch.allclose(more, wanted.expand(COUNT, -1), atol=1e-5)


def test_films_of_unknown_age_teach_nothing_and_films_of_one_kind_have_no_figure(
    adults_and_children,
) -> None:
    adults, _ = adults_and_children
    unknown = adults.attributes.copy()
    unknown[:, ATTRIBUTES.index("child")] = np.nan
    task = RingTask(Locator(4), (dataclasses.replace(adults, attributes=unknown),), Pace())

    loss = task.loss(np.arange(4), torch.Generator().manual_seed(0))

    assert loss.item() == 0.0
    assert task.figure() == 0.0


def test_a_child_is_out_of_scope_but_of_any_age(adults_and_children) -> None:
    adults, children = adults_and_children
    written_over = children.attributes.copy()
    written_over[0, ATTRIBUTES.index("text")] = 1
    children = dataclasses.replace(children, attributes=written_over)

    assert adults.in_scope.all()
    assert not children.in_scope.any()
    assert adults.of_any_age.all()
    assert children.of_any_age.tolist() == [False, *[True] * (COUNT - 1)]
